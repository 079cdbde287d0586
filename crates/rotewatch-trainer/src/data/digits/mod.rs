//! `digits`: ten classes of digits that look handwritten, rendered here, so that a training needs no download.
//!
//! Each image is drawn at random: one of several forms of the digit, points moved by an unsteady hand, then size, width, slant,
//! rotation, position, pen and ink. How unsteady the hand is differs from image to image, so that most digits are easy and some are
//! hard even for people. A network has to memorize the hard ones to get every label right.

mod forms;
mod ink;

use std::f32::consts::TAU;

use forms::{FORMS, Point};
use ink::Paper;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::images::{Images, PICTURE_PIXELS, SIDE};

/// Height of an average digit, in pixels; MNIST fits its digits into 20.
const HEIGHT: f32 = 19.0;
/// Width of an average digit, in pixels.
const WIDTH: f32 = 14.0;

/// Renders this many digits; their classes are drawn uniformly.
///
/// The same generator in the same state gives the same bytes on every machine with IEEE arithmetic and the same `libm`.
#[must_use]
pub fn render(rows: usize, random: &mut ChaCha8Rng) -> Images {
    let mut images = Images { pixels: Vec::with_capacity(rows * PICTURE_PIXELS), labels: Vec::with_capacity(rows) };
    for _ in 0..rows {
        let digit: u8 = random.random_range(0..10);
        write_digit(digit, random, &mut images.pixels);
        images.labels.push(digit);
    }
    images
}

/// Appends the 784 pixels of one digit.
#[expect(clippy::float_cmp, reason = "a corner is the same point written twice")]
#[expect(
    clippy::indexing_slicing,
    reason = "ten digits have forms, each at least one; a hand moves as many points as the stroke has"
)]
fn write_digit(digit: u8, random: &mut ChaCha8Rng, pixels: &mut Vec<u8>) {
    let forms = FORMS[usize::from(digit)];
    // The commonest form about half of the time.
    let form = if random.random_bool(0.4) { forms[0] } else { forms[random.random_range(0..forms.len())] };
    let hand = Hand::draw(random);
    let radius = (1.15 + 0.38 * normal(random)).clamp(0.55, 2.3);
    let mut paper = Paper::blank();
    let (mut points, mut polyline) = (Vec::<Point>::new(), Vec::new());
    for stroke in form {
        points.clear();
        points.extend(stroke.iter().map(|&point| hand.moved(point, random)));
        // A corner stays a corner: both copies of its point must move together.
        for index in 1..points.len() {
            if stroke[index] == stroke[index - 1] {
                points[index] = points[index - 1];
            }
        }
        ink::curve(&points, &mut polyline);
        for [from, to] in polyline.array_windows() {
            paper.draw(hand.placed(*from), hand.placed(*to), radius);
        }
    }
    let ink = random.random_range(0.7..1.0_f32);
    let grain = random.random_range(0.02..0.1_f32);
    pixels.extend(paper.darkness.iter().map(|&darkness| {
        // Ink is grainy, paper is clean, as in MNIST's scans.
        let grainy = if darkness > 0.0 { darkness * ink + grain * normal(random) } else { 0.0 };
        to_byte(grainy)
    }));
}

/// 0 to 1 as 0 to 255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn to_byte(darkness: f32) -> u8 {
    (darkness.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// What one hand does to one digit.
struct Hand {
    unsteady: f32,
    /// Half a wave across the digit that bends it sideways and upwards, by this share of its size.
    bend: [f32; 2],
    phase: [f32; 2],
    /// From the unit square, its middle at 0, to pixels.
    turn: [[f32; 2]; 2],
    place: Point,
}

impl Hand {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let unsteady = 0.028 * (0.45 * normal(random)).exp();
        let height = HEIGHT * (1.0 + 0.08 * normal(random)).clamp(0.7, 1.25);
        let width = WIDTH * (1.0 + 0.16 * normal(random)).clamp(0.55, 1.45);
        // Most people lean to the right.
        let slant = 0.14 + 0.2 * normal(random);
        let (sin, cos) = (0.1 * normal(random)).sin_cos();
        let turn = [[cos * width, -(cos * slant + sin) * height], [sin * width, (cos - sin * slant) * height]];
        let middle = SIDE as f32 / 2.0;
        Hand {
            unsteady,
            bend: [0.05 * normal(random), 0.05 * normal(random)],
            phase: [TAU * random.random::<f32>(), TAU * random.random::<f32>()],
            turn,
            place: [middle + 1.1 * normal(random), middle + 1.1 * normal(random)],
        }
    }

    /// Where the hand puts a point of the form, still in the unit square.
    fn moved(&self, [x, y]: Point, random: &mut ChaCha8Rng) -> Point {
        let bent_x = x + self.bend[0] * (TAU * 0.5 * y + self.phase[0]).sin();
        let bent_y = y + self.bend[1] * (TAU * 0.5 * x + self.phase[1]).sin();
        [bent_x + self.unsteady * normal(random), bent_y + self.unsteady * normal(random)]
    }

    /// Where a point of the unit square lies on the paper, in pixels.
    fn placed(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let [left, top] = self.place;
        let [[across_x, across_y], [down_x, down_y]] = self.turn;
        [left + across_x * x + across_y * y, top + down_x * x + down_y * y]
    }
}

/// A number near 0 with unit variance: the sum of four uniform ones (Irwin-Hall), which never strays beyond 3.5.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let sum: f32 = (0..4).map(|_| random.random::<f32>()).sum();
    // Four uniform numbers have variance 4 / 12.
    (sum - 2.0) * 3.0_f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn seeded(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        assert_eq!(render(50, &mut seeded(1)), render(50, &mut seeded(1)));
        assert_ne!(render(50, &mut seeded(1)), render(50, &mut seeded(2)));
    }

    #[test]
    fn every_class_comes_and_no_two_pictures_are_alike() {
        let images = render(500, &mut seeded(3));
        let mut seen: Vec<&[u8]> = (0..500).map(|row| images.picture(row)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 500);
        for digit in 0..10 {
            let count = images.labels.iter().map(|&label| usize::from(label == digit)).sum::<usize>();
            assert!((25..=80).contains(&count), "{count} of 500 show a {digit}");
        }
    }

    #[test]
    fn digits_are_of_a_middling_darkness_and_keep_to_the_paper() {
        let images = render(500, &mut seeded(4));
        for row in 0..500 {
            let picture = images.picture(row);
            let inked = picture.iter().filter(|&&pixel| pixel > 64).count();
            assert!((15..=330).contains(&inked), "row {row}: {inked} pixels of ink");
            let rim = (0..SIDE).flat_map(|i| [picture[i], picture[27 * SIDE + i], picture[i * SIDE], picture[i * SIDE + 27]]);
            let dark_rim = rim.filter(|&pixel| pixel > 128).count();
            assert!(dark_rim <= 12, "row {row}: cut off at the edge in {dark_rim} pixels");
        }
    }

    #[test]
    fn a_drawn_number_has_unit_variance() {
        let mut random = seeded(5);
        let numbers: Vec<f32> = (0..10_000).map(|_| normal(&mut random)).collect();
        let mean = numbers.iter().sum::<f32>() / 1e4;
        let variance = numbers.iter().map(|number| number * number).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
