//! Draws a number over epochs as a row of bars.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::widgets::{Sparkline, SparklineBar};

use rotewatch_core::record::EpochRecord;
use rotewatch_core::vocabulary::units::Epoch;

/// Number of heights that a character can show.
const LEVELS: u64 = 8;

/// A number over the newest epochs, one per column, scaled between its smallest and its largest value; in red from the onset on.
pub(super) struct Curve<'a> {
    /// One value per epoch.
    pub(super) values: &'a [Option<f64>],
    /// The epochs.
    pub(super) epochs: &'a [EpochRecord],
    /// The epoch at which memorization set in.
    pub(super) onset: Option<Epoch>,
}

impl Curve<'_> {
    /// Draws it from left to right.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        let most = LEVELS * u64::from(area.height);
        let first = self.values.len().saturating_sub(usize::from(area.width));
        let shown = self.values.iter().zip(self.epochs).skip(first);
        let heights = heights(shown.clone().map(|(value, _)| *value), most);
        let bars = heights.into_iter().zip(shown).map(|(height, (_, epoch))| {
            let remembers = self.onset.is_some_and(|onset| epoch.epoch >= onset);
            SparklineBar::from(height).style(remembers.then(|| Style::from(Color::Red)))
        });
        frame.render_widget(Sparkline::default().data(bars).max(most).style(Color::Cyan), area);
    }
}

/// Returns heights from 1 to `most`, or half of `most` if all values are the same; `None` for values that are not finite.
fn heights(values: impl Iterator<Item = Option<f64>> + Clone, most: u64) -> Vec<Option<u64>> {
    let known = || values.clone().flatten().filter(|value| value.is_finite());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let height = |value: f64| {
        if low == high {
            return most.div_ceil(2);
        }
        1 + ((value - low) / (high - low) * most.saturating_sub(1) as f64).round() as u64
    };
    values.map(|value| value.filter(|value| value.is_finite()).map(height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_span_the_rows_between_the_smallest_and_the_largest_value() {
        let of = |values: &[Option<f64>], most| heights(values.iter().copied(), most);
        assert_eq!(of(&[Some(2.0), None, Some(4.0), Some(3.0)], 9), [Some(1), None, Some(9), Some(5)]);
        assert_eq!(of(&[Some(0.5), Some(f64::NAN), Some(0.5)], 8), [Some(4), None, Some(4)]);
        assert_eq!(of(&[None], 8), [None]);
        assert_eq!(of(&[Some(1.0), Some(2.0)], 0), [Some(1), Some(1)]);
    }
}
