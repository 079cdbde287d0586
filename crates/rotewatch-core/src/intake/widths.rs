//! The width of each layer of a run. The first frame decides it; this is the one place that checks it afterwards.

use thiserror::Error;

/// A layer's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerWidth {
    /// Number of neurons in the layer.
    pub offered: usize,
    /// Number of them that are sampled.
    pub sampled: usize,
}

/// A layer came with another width than in its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it has {got} neurons, but had {expected} in its first frame")]
pub struct WidthChanged {
    /// The width in its first frame.
    pub expected: usize,
    /// The width now.
    pub got: usize,
}

/// The widths of a run's layers, in declared order; `None` for a layer that no frame had yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerWidths(Vec<Option<LayerWidth>>);

impl LayerWidths {
    /// No frame came yet.
    #[must_use]
    pub fn new(layers: usize) -> Self {
        LayerWidths(vec![None; layers])
    }

    /// Checks a layer's width, and records that of a layer that is new.
    ///
    /// # Errors
    /// If the layer had another width before.
    ///
    /// # Panics
    /// If the run has no such layer.
    #[expect(clippy::indexing_slicing, reason = "an index that was not declared is a bug of the caller; the panic is documented")]
    pub fn check(&mut self, index: usize, got: LayerWidth) -> Result<(), WidthChanged> {
        let expected = *self.0[index].get_or_insert(got);
        if got == expected {
            return Ok(());
        }
        Err(WidthChanged { expected: expected.offered, got: got.offered })
    }

    /// Records the widths that `other` knows and this one does not.
    pub fn learn(&mut self, other: &LayerWidths) {
        for (width, learnt) in self.0.iter_mut().zip(&other.0) {
            *width = width.or(*learnt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_width_stays_and_others_are_refused() {
        let width = |offered| LayerWidth { offered, sampled: offered.min(4) };
        let mut widths = LayerWidths::new(2);
        assert_eq!(widths.check(1, width(8)), Ok(()));
        assert_eq!(widths.check(1, width(8)), Ok(()));
        let changed = widths.check(1, width(9)).unwrap_err();
        assert_eq!(changed.to_string(), "it has 9 neurons, but had 8 in its first frame");
        assert_eq!(widths.check(1, width(8)), Ok(()), "the first one stays");
        let mut others = LayerWidths::new(2);
        others.check(0, width(3)).unwrap();
        others.check(1, width(5)).unwrap();
        widths.learn(&others);
        assert!(widths.check(0, width(3)).is_ok() && widths.check(1, width(8)).is_ok());
    }
}
