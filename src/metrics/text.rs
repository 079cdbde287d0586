//! The text of a scrape. The text of each run is cached until the run changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use prometheus::TextEncoder;
use prometheus::proto::{MetricFamily, MetricType};

use super::samples::{Families, Samples};
use rotewatch_core::monitor::live_runs::RunView;
use rotewatch_core::vocabulary::identity::RunName;

/// Lines of a histogram besides its buckets: the unbounded bucket, the sum and the count.
const LINES_BESIDE_BUCKETS: usize = 3;

/// The parts of a run's series, the most important first.
const PARTS: [fn(&mut Samples, &RunView); 3] = [Samples::run, Samples::layers, Samples::histograms];

/// The lines of one series name, and the comments before them.
#[derive(Debug)]
pub(super) struct FamilyText {
    comments: String,
    samples: String,
}

/// A part of a run's series.
#[derive(Debug, Default)]
struct PartText {
    series: usize,
    /// `None` while there is no room for it.
    families: Option<BTreeMap<String, FamilyText>>,
}

/// The text of one state of a run.
#[derive(Debug)]
struct RunText {
    /// Identifies the state. Weak, since reports are large and scrapes may be far apart.
    view: Weak<RunView>,
    /// The only value that changes without a new view.
    stop_requested: bool,
    parts: [PartText; PARTS.len()],
}

/// The texts of all runs as of the newest scrape. The cache is at most as large as a scrape.
#[derive(Debug, Default)]
pub(super) struct RunTexts(BTreeMap<RunName, RunText>);

/// The result of a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Series for which there was no room.
    pub(super) left_out: usize,
    /// Samples of series that were already there.
    pub(super) repeated: u64,
}

impl RunTexts {
    /// Updates the texts. The series of whole runs are always included. Then come the layers of all runs, and then their histograms, in
    /// the order of the runs' names, as long as there are at most `series_max` series.
    #[expect(clippy::indexing_slicing, reason = "a text has a part for each of `PARTS`")]
    pub(super) fn select(
        &mut self,
        runs: &BTreeMap<RunName, Arc<RunView>>,
        series_max: usize,
    ) -> Result<Selection, prometheus::Error> {
        self.0.retain(|name, _| runs.contains_key(name));
        let mut selection = Selection::default();
        for (name, view) in runs {
            let stop_requested = view.run.stop().is_requested();
            let is_current = |text: &RunText| text.view.as_ptr() == Arc::as_ptr(view) && text.stop_requested == stop_requested;
            if !self.0.get(name).is_some_and(is_current) {
                let text = RunText { view: Arc::downgrade(view), stop_requested, parts: Default::default() };
                self.0.insert(name.clone(), text);
            }
        }
        let mut room = series_max;
        for (place, fill) in PARTS.into_iter().enumerate() {
            // Both have the same names, in the same order.
            for (text, view) in self.0.values_mut().zip(runs.values()) {
                let part = &mut text.parts[place];
                let mut drawn = None;
                if part.families.is_none() {
                    let mut samples = Samples::default();
                    fill(&mut samples, view);
                    let Families { families, repeated } = samples.families();
                    selection.repeated += repeated;
                    part.series = families.iter().map(series).sum();
                    drawn = Some(families);
                }
                // The series of a run as a whole are only a few dozen, and always included.
                if place > 0 && part.series > room {
                    selection.left_out += part.series;
                    part.families = None;
                    continue;
                }
                room = room.saturating_sub(part.series);
                if let Some(families) = drawn {
                    part.families = Some(families.iter().map(family_text).collect::<Result<_, _>>()?);
                }
            }
        }
        Ok(selection)
    }

    /// Returns the selected texts, by the name of the series.
    pub(super) fn selected(&self) -> impl Iterator<Item = (&str, &FamilyText)> {
        let families = self.0.values().flat_map(|text| &text.parts).filter_map(|part| part.families.as_ref());
        families.flatten().map(|(name, text)| (name.as_str(), text))
    }
}

/// Builds the text of a scrape: all samples of a name follow its comments.
#[derive(Debug, Default)]
pub(super) struct Page<'texts>(BTreeMap<String, (String, Vec<Cow<'texts, str>>)>);

impl<'texts> Page<'texts> {
    /// Adds a family of the daemon itself.
    pub(super) fn family(&mut self, family: &MetricFamily) -> Result<(), prometheus::Error> {
        let (name, FamilyText { comments, samples }) = family_text(family)?;
        self.0.insert(name, (comments, vec![Cow::Owned(samples)]));
        Ok(())
    }

    /// Adds a run's samples of a family.
    pub(super) fn add(&mut self, name: &str, text: &'texts FamilyText) {
        match self.0.get_mut(name) {
            Some((_, samples)) => samples.push(Cow::Borrowed(&text.samples)),
            None => _ = self.0.insert(name.to_owned(), (text.comments.clone(), vec![Cow::Borrowed(&text.samples)])),
        }
    }

    /// Returns the text.
    pub(super) fn body(self) -> String {
        self.0.into_values().flat_map(|(comments, samples)| std::iter::once(Cow::Owned(comments)).chain(samples)).collect()
    }
}

fn family_text(family: &MetricFamily) -> Result<(String, FamilyText), prometheus::Error> {
    let text = TextEncoder::new().encode_to_string(std::slice::from_ref(family))?;
    let comments = text.split_inclusive('\n').take_while(|line| line.starts_with("# ")).map(str::len).sum();
    let (comments, samples) = text.split_at(comments);
    Ok((family.name().to_owned(), FamilyText { comments: comments.to_owned(), samples: samples.to_owned() }))
}

/// Counts the series that a family has in Prometheus; each bucket is one.
fn series(family: &MetricFamily) -> usize {
    let of_each = |metric: &prometheus::proto::Metric| match family.get_field_type() {
        MetricType::HISTOGRAM => metric.get_histogram().get_bucket().len() + LINES_BESIDE_BUCKETS,
        _ => 1,
    };
    family.get_metric().iter().map(of_each).sum()
}
