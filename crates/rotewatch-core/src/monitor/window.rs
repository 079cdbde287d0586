//! The rows that an epoch's measures are computed from: which rows are added, replaced and removed.
//!
//! Each epoch keeps a uniform sample of its rows (reservoir sampling, so the number of rows need not be known in advance).
//! The window joins the samples of the newest epochs. Rows stay aligned across layers.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::intake::event::LayerActivations;
use crate::intake::tap::{chosen, derived_seed};
use crate::intake::widths::LayerWidth;
use crate::vocabulary::units::Epoch;
use rotewatch_info::measures::Columns;

/// The limits of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowParams {
    /// Number of epochs in the window.
    pub epochs: u32,
    /// Maximum number of rows, per epoch and in total.
    pub rows: usize,
    /// Seed of the random choices.
    pub seed: u64,
}

/// The window's rows, stored by column.
#[derive(Debug)]
pub struct WindowSamples {
    /// Number of rows.
    pub rows: usize,
    /// One entry per declared layer; `None` for a layer that has sent nothing.
    pub layers: Vec<Option<Columns>>,
    /// The predicted class of each row, if every row has one.
    pub predictions: Option<Vec<i64>>,
}

/// The window of a run.
///
/// # Cost
/// At most `epochs * rows * neurons * 4` bytes, with the neurons of all layers added up.
#[derive(Debug)]
pub struct Window {
    params: WindowParams,
    widths: Vec<Option<LayerWidth>>,
    segments: VecDeque<Segment>,
}

/// The sample of one epoch.
#[derive(Debug)]
struct Segment {
    epoch: Epoch,
    random: ChaCha8Rng,
    rows_seen: usize,
    rows: usize,
    layers: Vec<Vec<f32>>,
    predictions: Option<Vec<i64>>,
    /// Of every value, also of rows that are not kept.
    digest: DefaultHasher,
    /// Whether each layer was in a frame.
    received: Vec<bool>,
}

impl Window {
    /// Creates an empty window for `layers` layers.
    #[must_use]
    pub fn new(params: WindowParams, layers: usize) -> Self {
        Window { params, widths: vec![None; layers], segments: VecDeque::new() }
    }

    /// Returns the width of each layer, or `None` before the layer's first frame.
    #[must_use]
    pub fn widths(&self) -> &[Option<LayerWidth>] {
        &self.widths
    }

    /// Adds `rows` rows of every layer. The rows of a layer that is missing are filled with NaN. Returns the number of values that are
    /// NaN or infinite; they are kept, and masked by the measures.
    pub fn take_in(
        &mut self,
        epoch: Epoch,
        rows: usize,
        layers: &[Option<LayerActivations>],
        predictions: Option<&[i64]>,
    ) -> u64 {
        let mut nonfinite = 0;
        for (layer, width) in layers.iter().zip(&mut self.widths) {
            let Some(layer) = layer else { continue };
            // Every frame of a layer has the width of its first frame: the tap checks that.
            *width = Some(LayerWidth { offered: layer.neurons_offered, sampled: layer.neurons });
            nonfinite += layer.values.iter().filter(|value| !value.is_finite()).count() as u64;
        }
        let parts: Vec<Option<&[f32]>> = layers.iter().map(|layer| layer.as_ref().map(|layer| layer.values.as_slice())).collect();
        self.open(epoch);
        if let Some(segment) = self.segments.back_mut() {
            segment.take_in(rows, &parts, &self.widths, predictions, self.params.rows);
        }
        nonfinite
    }

    /// Returns the rows of the window that ends with `epoch`, and forgets the epochs before the window.
    #[expect(clippy::indexing_slicing, reason = "visited rows are below `segment.rows`, and kept predictions have that length")]
    pub fn samples(&mut self, epoch: Epoch) -> WindowSamples {
        let newest_left = epoch.0.checked_sub(self.params.epochs);
        // Rows of the untrained network are never mixed with later ones: the first training steps change its activations completely.
        let mixes = |segment: &Segment| segment.epoch != epoch && segment.epoch == Epoch::UNTRAINED;
        self.segments.retain(|segment| newest_left.is_none_or(|left| segment.epoch.0 > left) && !mixes(segment));
        let rows_held: usize = self.segments.iter().map(|segment| segment.rows).sum();
        let rows = chosen(derived_seed(self.params.seed, &[u64::from(epoch.0)]), rows_held, self.params.rows);
        let layers = self.widths.iter().enumerate().map(|(index, width)| {
            let neurons = (*width)?.sampled;
            let mut chosen: Vec<Option<&[f32]>> = Vec::with_capacity(rows.len());
            self.for_each_row(&rows, |segment, row| chosen.push(segment.row(index, neurons, row)));
            Some(Columns::from_rows(neurons, &chosen, f32::NAN))
        });
        let layers = layers.collect();
        let predictions = self.segments.iter().all(|segment| segment.predictions.is_some()).then(|| {
            let mut predictions = Vec::with_capacity(rows.len());
            self.for_each_row(&rows, |segment, row| predictions.extend(segment.predictions.as_ref().map(|of_rows| of_rows[row])));
            predictions
        });
        WindowSamples { rows: rows.len(), layers, predictions }
    }

    /// Returns a digest of every activation of an epoch, and whether each layer was received in it.
    #[must_use]
    pub fn received(&self, epoch: Epoch) -> (u64, Vec<bool>) {
        let of_epoch = self.segments.iter().find(|segment| segment.epoch == epoch);
        of_epoch
            .map_or_else(|| (0, vec![false; self.widths.len()]), |segment| (segment.digest.finish(), segment.received.clone()))
    }

    fn open(&mut self, epoch: Epoch) {
        if self.segments.back().is_none_or(|newest| newest.epoch != epoch) {
            self.segments.push_back(Segment {
                epoch,
                random: ChaCha8Rng::seed_from_u64(derived_seed(self.params.seed, &[u64::from(epoch.0), 1])),
                rows_seen: 0,
                rows: 0,
                layers: vec![Vec::new(); self.widths.len()],
                predictions: Some(Vec::new()),
                digest: DefaultHasher::new(),
                received: vec![false; self.widths.len()],
            });
        }
    }

    /// Visits rows given by their ascending index in the joined segments.
    fn for_each_row<'a>(&'a self, places: &[usize], mut visit: impl FnMut(&'a Segment, usize)) {
        let mut places = places.iter().peekable();
        let mut first = 0;
        for segment in &self.segments {
            while let Some(place) = places.next_if(|place| **place < first + segment.rows) {
                visit(segment, place - first);
            }
            first += segment.rows;
        }
    }
}

impl Segment {
    #[expect(
        clippy::indexing_slicing,
        reason = "the frame's builder asserts rows x neurons values and one prediction per row; the kept vectors are extended here"
    )]
    fn take_in(
        &mut self,
        rows: usize,
        parts: &[Option<&[f32]>],
        widths: &[Option<LayerWidth>],
        predictions: Option<&[i64]>,
        capacity: usize,
    ) {
        if predictions.is_none() {
            self.predictions = None;
        }
        for ((place, part), received) in parts.iter().enumerate().zip(&mut self.received) {
            let Some(values) = part else { continue };
            *received = true;
            (place, values.len()).hash(&mut self.digest);
            values.iter().for_each(|value| value.to_bits().hash(&mut self.digest));
        }
        for row in 0..rows {
            let Some(place) = self.place_of_next_row(capacity) else { continue };
            for ((kept, part), width) in self.layers.iter_mut().zip(parts).zip(widths) {
                let Some(width) = width else { continue };
                let at = place * width.sampled;
                // A layer's first frame may come late: its earlier rows were missing.
                if kept.len() < at + width.sampled {
                    kept.resize(at + width.sampled, f32::NAN);
                }
                match part {
                    Some(values) => {
                        kept[at..at + width.sampled].copy_from_slice(&values[row * width.sampled..(row + 1) * width.sampled]);
                    }
                    None => kept[at..at + width.sampled].fill(f32::NAN),
                }
            }
            if let (Some(kept), Some(predictions)) = (&mut self.predictions, predictions) {
                if place == kept.len() {
                    kept.push(predictions[row]);
                } else {
                    kept[place] = predictions[row];
                }
            }
        }
    }

    /// Returns the index at which the next row is stored, or `None` if the row is not kept (Vitter, 1985, algorithm R).
    fn place_of_next_row(&mut self, capacity: usize) -> Option<usize> {
        self.rows_seen += 1;
        if self.rows < capacity {
            self.rows += 1;
            return Some(self.rows - 1);
        }
        let place = self.random.random_range(0..self.rows_seen);
        (place < capacity).then_some(place)
    }

    /// The values of one row; `None` for a row at the end for which the layer was missing.
    #[expect(clippy::indexing_slicing, reason = "a segment has as many layers as the window has widths")]
    fn row(&self, layer: usize, neurons: usize, row: usize) -> Option<&[f32]> {
        self.layers[layer].get(row * neurons..(row + 1) * neurons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "frames store `Option`s")]
    fn layer(neurons: usize, values: Vec<f32>) -> Option<LayerActivations> {
        Some(LayerActivations { neurons, neurons_offered: neurons, values })
    }

    fn window(epochs: u32, rows: usize, layers: usize) -> Window {
        Window::new(WindowParams { epochs, rows, seed: 1 }, layers)
    }

    #[test]
    fn rows_stay_aligned_across_layers_and_predictions() {
        let mut window = window(1, 50, 2);
        for start in [0_u16, 100, 200] {
            let wide: Vec<f32> = (start..start + 100).flat_map(|row| [f32::from(row), -f32::from(row)]).collect();
            let narrow: Vec<f32> = (start..start + 100).map(f32::from).collect();
            let predictions: Vec<i64> = (start..start + 100).map(i64::from).collect();
            window.take_in(Epoch(1), 100, &[layer(2, wide), layer(1, narrow)], Some(&predictions));
        }
        let samples = window.samples(Epoch(1));
        assert_eq!(samples.rows, 50);
        let (Some(wide), Some(narrow), Some(predictions)) = (&samples.layers[0], &samples.layers[1], &samples.predictions) else {
            panic!("a layer or the predictions are missing");
        };
        for (row, prediction) in predictions.iter().enumerate() {
            assert_eq!(wide.column(0)[row].to_bits(), narrow.column(0)[row].to_bits());
            assert_eq!(wide.column(1)[row].to_bits(), (-narrow.column(0)[row]).to_bits());
            let as_class = narrow.column(0)[row] as i64;
            assert_eq!(*prediction, as_class);
        }
        assert!(predictions.iter().any(|row| *row >= 200), "late rows are kept too: {predictions:?}");
    }

    #[test]
    fn every_row_is_kept_equally_often() {
        let mut kept = [0_u32; 10];
        for seed in 0..2_000 {
            let mut window = Window::new(WindowParams { epochs: 1, rows: 3, seed }, 1);
            window.take_in(Epoch(1), 10, &[layer(1, (0..10_u8).map(f32::from).collect())], Some(&(0..10).collect::<Vec<i64>>()));
            for row in window.samples(Epoch(1)).predictions.expect("predictions were sent") {
                kept[usize::try_from(row).expect("a small row")] += 1;
            }
        }
        // 600 expected, with a standard deviation of 20.5: allow five on either side.
        assert!(kept.iter().all(|count| (498..=702).contains(count)), "{kept:?}");
    }

    #[test]
    fn old_epochs_leave_and_the_joined_sample_is_bounded() {
        let mut window = window(3, 10, 1);
        for epoch in 1..=5_u32 {
            let predictions = vec![i64::from(epoch); 8];
            window.take_in(Epoch(epoch), 8, &[layer(1, vec![0.0; 8])], Some(&predictions));
        }
        let samples = window.samples(Epoch(5));
        assert_eq!(samples.rows, 10);
        let predictions = samples.predictions.expect("predictions were sent");
        assert!(predictions.iter().all(|epoch| (3..=5).contains(epoch)), "{predictions:?}");
        assert_eq!(window.samples(Epoch(8)).rows, 0);
    }

    #[test]
    fn the_untrained_network_is_not_mixed_with_later_epochs() {
        let mut window = window(3, 10, 1);
        window.take_in(Epoch(0), 4, &[layer(1, vec![0.0; 4])], None);
        assert_eq!(window.samples(Epoch(0)).rows, 4);
        window.take_in(Epoch(1), 3, &[layer(1, vec![0.0; 3])], None);
        assert_eq!(window.samples(Epoch(1)).rows, 3);
    }

    #[test]
    fn a_layer_that_appears_late_is_masked_before() {
        let mut window = window(1, 10, 2);
        window.take_in(Epoch(1), 1, &[layer(1, vec![1.0]), None], None);
        window.take_in(Epoch(1), 1, &[None, layer(1, vec![2.0])], None);
        let samples = window.samples(Epoch(1));
        let column = |place: usize| samples.layers[place].as_ref().map(|columns| columns.column(0).to_vec()).unwrap_or_default();
        assert!(column(0)[0].is_finite() && column(0)[1].is_nan());
        assert!(column(1)[0].is_nan() && column(1)[1].is_finite());
    }

    #[test]
    fn the_digest_shows_a_change_of_one_bit_also_in_rows_that_are_not_kept() {
        let digest = |last: f32| {
            let mut window = window(1, 10, 2);
            let values = (0..99_u8).map(f32::from).chain([last]).collect();
            window.take_in(Epoch(3), 100, &[layer(1, values), None], None);
            window.received(Epoch(3))
        };
        let (of, received) = digest(1.0);
        assert_eq!((digest(1.0).0, received), (of, vec![true, false]));
        assert_ne!(digest(1.0_f32.next_up()).0, of);
        assert_eq!(window(1, 10, 1).received(Epoch(3)).1, [false]);
    }

    #[test]
    fn nonfinite_values_are_counted_as_they_come() {
        let mut window = window(1, 10, 1);
        assert_eq!(window.take_in(Epoch(1), 3, &[layer(1, vec![f32::NAN, 1.0, f32::INFINITY])], None), 2);
    }
}
