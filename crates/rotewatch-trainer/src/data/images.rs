//! Grey images of digits with their labels, before a task changes them.

/// Pixels along each edge of an image, as in MNIST.
pub const SIDE: usize = 28;

/// Pixels of an image.
pub const PICTURE_PIXELS: usize = SIDE * SIDE;

/// Images and their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Rows x 784, row by row from the top left; 0 is paper, 255 is ink.
    pub pixels: Vec<u8>,
    /// Rows; 0 to 9.
    pub labels: Vec<u8>,
}

impl Images {
    /// The number of images.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The pixels of one image.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a row that is not there is the caller's mistake, and documented as a panic")]
    pub fn picture(&self, row: usize) -> &[u8] {
        &self.pixels[row * PICTURE_PIXELS..(row + 1) * PICTURE_PIXELS]
    }

    /// The images at these rows, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a row that is not there is the caller's mistake, and documented as a panic")]
    pub fn select(&self, rows: &[usize]) -> Images {
        let mut pixels = Vec::with_capacity(rows.len() * PICTURE_PIXELS);
        for &row in rows {
            pixels.extend_from_slice(self.picture(row));
        }
        Images { pixels, labels: rows.iter().map(|&row| self.labels[row]).collect() }
    }
}
