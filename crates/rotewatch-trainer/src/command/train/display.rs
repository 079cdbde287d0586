//! Shows a training in the terminal: a progress bar on a terminal, plain lines elsewhere, nothing else on stdout with `--json`.

use std::io::{self, Write};
use std::net::SocketAddr;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::args::TrainArgs;
use super::line::columns;
use super::summary::Summary;
use rotewatch::cli::paragraph::paragraph;
use rotewatch_core::record::EpochRecord;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::verdict::Alarm;

/// The output for people.
pub(super) struct Display {
    json: bool,
    epochs: u32,
    bar: ProgressBar,
}

impl Display {
    /// A bar if stderr is a terminal; lines on stdout unless the JSON goes there.
    pub(super) fn new(json: bool, epochs: u32) -> Self {
        let bar = ProgressBar::with_draw_target(Some(u64::from(epochs)), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("epoch {pos}/{len} {bar:20} {wide_msg} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Display { json, epochs, bar }
    }

    /// A writer for log lines that keeps the bar intact.
    pub(super) fn log_writer(&self) -> impl Fn() -> AboveTheBar + Send + Sync + 'static {
        let bar = self.bar.clone();
        move || AboveTheBar(bar.clone())
    }

    /// Prints what is trained, and the address of the live page.
    pub(super) fn begin(&self, args: &TrainArgs, watched: Option<(&RunName, Option<SocketAddr>)>) {
        let noise =
            if args.label_noise > 0.0 { format!(", {:.0} % label noise", 100.0 * args.label_noise) } else { String::new() };
        let spurious = args
            .spurious
            .map(|share| format!(", a shortcut that agrees with {:.0} % of the labels", 100.0 * share))
            .unwrap_or_default();
        let held_out = args.hold_out.map(|rows| format!(", {rows} of them held out")).unwrap_or_default();
        let what = format!(
            "{} on {} examples of {}{held_out}{noise}{spurious}, seed {}",
            args.model, args.examples, args.task, args.seed
        );
        match watched {
            Some((run, Some(address))) => self.line(&format!("run {run}: {what}; live page at http://{address}/")),
            Some((run, None)) => self.line(&format!("run {run}: {what}; monitored")),
            None => self.line(&format!("{what}; not monitored")),
        }
        // The JSON has stdout, and without a bar no line above would show the port.
        if self.json
            && self.bar.is_hidden()
            && let Some((_, Some(address))) = watched
        {
            eprintln!("live page at http://{address}/");
        }
    }

    /// Shows an epoch.
    pub(super) fn epoch(&self, epoch: &EpochRecord) {
        self.bar.set_position(u64::from(epoch.epoch.0));
        self.bar.set_message(columns(epoch));
        if self.bar.is_hidden() {
            let width = self.epochs.to_string().len();
            self.line(&format!("epoch {:>width$}/{}  {}", epoch.epoch.0, self.epochs, columns(epoch)));
        }
    }

    /// Explains an alarm.
    pub(super) fn alarm(&self, alarm: &Alarm) {
        let finding = &alarm.finding;
        let layers = finding.layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let layers = if layers.is_empty() { layers } else { format!(", layer {layers}") };
        self.line("");
        self.line(&format!(
            "ALARM at epoch {}, harm {}: {} since epoch {}{layers}",
            alarm.alarm_epoch,
            finding.harm,
            finding.kind.in_words(),
            finding.onset_epoch
        ));
        self.line(&paragraph("  why:        ", &finding.why));
        self.line(&paragraph("  what to do: ", &finding.remedy));
        self.line("");
    }

    /// Prints the summary; with `--json` this is the document.
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

    /// Prints that the process keeps serving.
    pub(super) fn keeps_serving(&self, address: SocketAddr) {
        self.line(&format!("serving http://{address}/ and http://{address}/metrics until Ctrl-C"));
    }

    /// Prints a line for people. With `--json`, only above the bar if there is one.
    fn line(&self, text: &str) {
        if !self.json {
            self.bar.suspend(|| print_line(text));
        } else if !self.bar.is_hidden() {
            self.bar.println(text);
        }
    }
}

/// Prints to stdout. Ignores a closed pipe, which is no reason to end a training.
fn print_line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes to stderr while the bar is hidden.
pub(super) struct AboveTheBar(ProgressBar);

impl Write for AboveTheBar {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
