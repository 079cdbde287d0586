//! Turns images into the input tensors of networks: 14 x 14 pixels, coloured and shifted if the task says so.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::images::{Images, SIDE};

/// Pixels along each edge of a network's input; each is the mean of 2 x 2 pixels of the image.
pub const INPUT_SIDE: usize = SIDE / 2;
const INPUT_PIXELS: usize = INPUT_SIDE * INPUT_SIDE;

/// The maximum shift of augmentation, in pixels of 28.
const SHIFT_MAX: i32 = 2;

/// Labelled examples, as tensors.
#[derive(Debug)]
pub struct Split {
    /// Rows x the task's input shape, f32.
    pub inputs: Tensor,
    /// Rows, i64; 0 to classes - 1.
    pub labels: Tensor,
}

impl Split {
    /// The number of examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.numel()
    }

    /// The first `rows` examples.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub(super) fn first(&self, rows: usize) -> Split {
        let narrowed = |tensor: &Tensor| tensor.narrow(0, 0, rows as i64);
        Split { inputs: narrowed(&self.inputs), labels: narrowed(&self.labels) }
    }
}

/// The shift of an image, to the right and downwards, in pixels of 28.
pub(super) type Shift = [isize; 2];

/// One shift per row; all 25 are equally likely.
pub(super) fn random_shifts(rows: usize, random: &mut ChaCha8Rng) -> Vec<Shift> {
    let mut one = || random.random_range(-SHIFT_MAX..=SHIFT_MAX) as isize;
    (0..rows).map(|_| [one(), one()]).collect()
}

/// Images as network inputs, from 0 to 1 (ink is 1).
///
/// # Shape
/// Rows x channels x 14 x 14. Without `colors` there is one channel. With `colors` there are two: an image is in the channel of its
/// colour (0 or 1), and the other channel is empty.
///
/// # Panics
/// If there is not exactly one colour or one shift per row.
#[expect(clippy::indexing_slicing, reason = "one colour and one shift a row are asserted, and a colour is 0 or 1")]
pub(super) fn pictures(images: &Images, colors: Option<&[u8]>, shifts: Option<&[Shift]>) -> Tensor {
    assert!(colors.is_none_or(|colors| colors.len() == images.rows()), "one colour a row");
    assert!(shifts.is_none_or(|shifts| shifts.len() == images.rows()), "one shift a row");
    let channels = if colors.is_some() { 2 } else { 1 };
    let row_values = channels * INPUT_PIXELS;
    let mut values = vec![0.0_f32; images.rows() * row_values];
    for (row, input) in values.chunks_exact_mut(row_values).enumerate() {
        let channel = colors.map_or(0, |colors| usize::from(colors[row]));
        let shift = shifts.map_or([0, 0], |shifts| shifts[row]);
        halve(images.picture(row), shift, &mut input[channel * INPUT_PIXELS..][..INPUT_PIXELS]);
    }
    Tensor::from_slice(&values).view([-1, if colors.is_some() { 2 } else { 1 }, 14, 14])
}

/// The means of 2 x 2 pixels of a shifted image, with 255 becoming 1. Pixels that move in from outside are 0 (paper).
#[expect(clippy::indexing_slicing, reason = "what is moved off the picture is filtered out before")]
fn halve(picture: &[u8], [right, down]: Shift, halved: &mut [f32]) {
    let pixel = |y: usize, x: usize| {
        let moved = |at: usize, by: isize| at.checked_add_signed(-by).filter(|&at| at < SIDE);
        match (moved(y, down), moved(x, right)) {
            (Some(y), Some(x)) => u32::from(picture[y * SIDE + x]),
            _ => 0,
        }
    };
    for (index, mean) in halved.iter_mut().enumerate() {
        let (y, x) = (index / INPUT_SIDE * 2, index % INPUT_SIDE * 2);
        let sum = pixel(y, x) + pixel(y, x + 1) + pixel(y + 1, x) + pixel(y + 1, x + 1);
        *mean = sum as f32 / (4.0 * 255.0);
    }
}

/// Labels in the format of cross-entropy: rows, i64.
pub(super) fn label_tensor(labels: &[u8]) -> Tensor {
    let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    Tensor::from_slice(&labels)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "means of a few whole numbers are exact")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Two pictures: ink in the pixel at row 2, column 4; and one all ink.
    fn images() -> Images {
        let mut pixels = vec![0; SIDE * SIDE];
        pixels[2 * SIDE + 4] = 255;
        pixels.extend(vec![255; SIDE * SIDE]);
        Images { pixels, labels: vec![0, 1] }
    }

    fn at(inputs: &Tensor, index: [i64; 4]) -> f64 {
        inputs.double_value(&index)
    }

    #[test]
    fn four_pixels_become_their_mean() {
        let inputs = pictures(&images(), None, None);
        assert_eq!(inputs.size(), [2, 1, 14, 14]);
        assert_eq!(at(&inputs, [0, 0, 1, 2]), 0.25);
        assert_eq!(inputs.get(0).sum(tch::Kind::Float).double_value(&[]), 0.25);
        assert_eq!(inputs.get(1).min().double_value(&[]), 1.0);
    }

    #[test]
    fn a_colour_is_the_channel_that_holds_the_picture() {
        let inputs = pictures(&images(), Some(&[1, 0]), None);
        assert_eq!(inputs.size(), [2, 2, 14, 14]);
        assert_eq!((at(&inputs, [0, 0, 1, 2]), at(&inputs, [0, 1, 1, 2])), (0.0, 0.25));
        assert_eq!((at(&inputs, [1, 0, 0, 0]), at(&inputs, [1, 1, 0, 0])), (1.0, 0.0));
    }

    #[test]
    fn a_shift_moves_ink_and_brings_in_paper() {
        let inputs = pictures(&images(), None, Some(&[[2, -2], [1, 0]]));
        assert_eq!((at(&inputs, [0, 0, 1, 2]), at(&inputs, [0, 0, 0, 3])), (0.0, 0.25));
        assert_eq!((at(&inputs, [1, 0, 5, 0]), at(&inputs, [1, 0, 5, 13])), (0.5, 1.0));
    }

    #[test]
    fn all_shifts_come() {
        let mut shifts = random_shifts(1_000, &mut ChaCha8Rng::seed_from_u64(1));
        shifts.sort_unstable();
        shifts.dedup();
        assert_eq!((shifts.len(), shifts[0], shifts[24]), (25, [-2, -2], [2, 2]));
    }
}
