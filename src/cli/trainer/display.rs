//! What a person sees of a training: a progress bar on a terminal, plain lines elsewhere, nothing beside the JSON.

use std::io::{self, Write};
use std::net::SocketAddr;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::train::TrainArgs;
use super::summary::Summary;
use crate::event::EpochMetrics;
use crate::identity::RunName;
use crate::report::{EpochReport, LayerReport, LayerStatistics};
use crate::units::Epoch;
use crate::verdict::{Alarm, Verdict};

/// Columns of a paragraph.
const PARAGRAPH_WIDTH: usize = 100;

/// An epoch as it is shown and summed up.
#[derive(Clone, Debug)]
pub(super) struct EpochLine {
    /// The epoch.
    pub(super) epoch: Epoch,
    /// The trainer's own numbers.
    pub(super) metrics: EpochMetrics,
    /// Entropy in nats of the predicted classes.
    pub(super) prediction_entropy_nats: Option<f64>,
    /// The monitor's, layer by layer.
    pub(super) layers: Vec<LayerLine>,
    /// What they add up to; `None` where nobody watches.
    pub(super) verdict: Option<Verdict>,
}

/// A layer's numbers in brief.
#[derive(Clone, Debug)]
pub(super) struct LayerLine {
    pub(super) name: String,
    /// `None` for a layer that could not be measured.
    pub(super) statistics: Option<LayerStatistics>,
    /// The shuffle null of the mean mutual information, in nats.
    pub(super) shuffle_bias_nats: Option<f64>,
}

impl EpochLine {
    /// An epoch that nobody watched.
    pub(super) fn unwatched(epoch: Epoch, metrics: EpochMetrics) -> Self {
        EpochLine { epoch, metrics, prediction_entropy_nats: None, layers: Vec::new(), verdict: None }
    }

    /// What a report says.
    pub(super) fn of(report: &EpochReport) -> Self {
        let of_layer = |layer: &LayerReport| LayerLine {
            name: layer.layer.to_string(),
            statistics: layer.statistics.clone(),
            shuffle_bias_nats: layer.measures.shuffle_bias.as_ref().map(|bias| bias.mean_nats),
        };
        EpochLine {
            epoch: report.epoch,
            metrics: report.metrics.clone(),
            prediction_entropy_nats: report.prediction_entropy_nats,
            layers: report.layers.iter().map(of_layer).collect(),
            verdict: Some(report.verdict.clone()),
        }
    }

    /// The columns behind the epoch's number; those of the last hidden layer where there are several.
    fn columns(&self) -> String {
        let last = self.layers.last().and_then(|layer| layer.statistics.as_ref());
        let share = |name: &str| self.metrics.get(name).map(|value| 100.0 * value);
        let columns = [
            column("loss", self.metrics.get("train_loss"), 3, ""),
            column("accuracy", share("train_accuracy"), 1, " %"),
            column("test", share("test_accuracy"), 1, " %"),
            column("entropy", last.map(|of| of.entropy_network_nats.mean), 3, ""),
            column("MI", last.and_then(|of| of.mutual_information_nats).map(|of| of.mean), 3, ""),
            column("class", last.and_then(|of| of.class_information_nats).map(|of| of.p90), 3, ""),
        ];
        let mut text = columns.into_iter().flatten().collect::<Vec<_>>().join("  ");
        if let Some(verdict) = &self.verdict {
            let in_short = match verdict {
                Verdict::TooEarly { .. } => "too early",
                Verdict::Learning { .. } => "learning",
                Verdict::Memorizing { .. } => "MEMORIZING",
            };
            text.push_str("  ");
            text.push_str(in_short);
        }
        text
    }
}

fn column(name: &str, value: Option<f64>, decimals: usize, unit: &str) -> Option<String> {
    value.map(|value| format!("{name} {value:.decimals$}{unit}"))
}

/// Where people look.
pub(super) struct Display {
    json: bool,
    epochs: u32,
    bar: ProgressBar,
}

impl Display {
    /// A bar where stderr is a terminal; lines on stdout unless that is taken by the JSON.
    pub(super) fn new(json: bool, epochs: u32) -> Self {
        let bar = ProgressBar::with_draw_target(Some(u64::from(epochs)), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("epoch {pos}/{len} {bar:20} {wide_msg} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Display { json, epochs, bar }
    }

    /// A writer for log lines that leaves the bar in order.
    pub(super) fn log_writer(&self) -> impl Fn() -> AboveTheBar + Send + Sync + 'static {
        let bar = self.bar.clone();
        move || AboveTheBar(bar.clone())
    }

    /// Says what is about to be trained, and where it can be watched.
    pub(super) fn begin(&self, args: &TrainArgs, watched: Option<(&RunName, Option<SocketAddr>)>) {
        let noise =
            if args.label_noise > 0.0 { format!(", {:.0} % label noise", 100.0 * args.label_noise) } else { String::new() };
        let spurious = args
            .spurious
            .map(|share| format!(", a colour that agrees with {:.0} % of the labels", 100.0 * share))
            .unwrap_or_default();
        let what = format!("{} on {} examples of {}{noise}{spurious}, seed {}", args.model, args.examples, args.task, args.seed);
        match watched {
            Some((run, Some(address))) => self.line(&format!("run {run}: {what}; watched at http://{address}/")),
            Some((run, None)) => self.line(&format!("run {run}: {what}; watched")),
            None => self.line(&format!("{what}; not watched")),
        }
    }

    /// Shows an epoch.
    pub(super) fn epoch(&self, line: &EpochLine) {
        self.bar.set_position(u64::from(line.epoch.0));
        self.bar.set_message(line.columns());
        if self.bar.is_hidden() {
            let width = self.epochs.to_string().len();
            self.line(&format!("epoch {:>width$}/{}  {}", line.epoch.0, self.epochs, line.columns()));
        }
    }

    /// Explains an alarm.
    pub(super) fn alarm(&self, alarm: &Alarm) {
        let finding = &alarm.finding;
        let layers = finding.layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.line("");
        self.line(&format!(
            "ALARM at epoch {}: {} since epoch {}, layer {layers}",
            alarm.alarm_epoch,
            finding.kind.in_words(),
            finding.onset_epoch
        ));
        self.paragraph("  why:        ", &finding.why);
        self.paragraph("  what to do: ", &finding.remedy);
        self.line("");
    }

    /// Sums up; with `--json` this is the document.
    pub(super) fn end(&self, summary: &Summary) {
        self.bar.finish_and_clear();
        if self.json {
            print_line(&summary.to_json());
        } else {
            for line in summary.to_lines() {
                print_line(&line);
            }
        }
    }

    /// Says that the process stays.
    pub(super) fn keeps_serving(&self, address: SocketAddr) {
        self.line(&format!("serving http://{address}/ and http://{address}/metrics until Ctrl-C"));
    }

    /// Text behind a label, broken between words so that it stays readable on a terminal of 100 columns.
    fn paragraph(&self, label: &str, text: &str) {
        let mut line = label.to_owned();
        for word in text.split(' ') {
            if line.len() + 1 + word.len() > PARAGRAPH_WIDTH {
                self.line(&line);
                line = " ".repeat(label.len());
            }
            if line.len() > label.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
    }

    /// A line for people; none beside the JSON, but above the bar if there is one.
    fn line(&self, text: &str) {
        if !self.json {
            self.bar.suspend(|| print_line(text));
        } else if !self.bar.is_hidden() {
            self.bar.println(text);
        }
    }
}

/// Prints to stdout. A reader that has gone away is no reason to end a training.
fn print_line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes to stderr while the bar steps aside.
pub(super) struct AboveTheBar(ProgressBar);

impl Write for AboveTheBar {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
