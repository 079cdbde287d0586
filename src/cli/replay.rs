//! `rotewatch replay`: judges runs that a client recorded as files, and prints what the alarm would have said.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use crossbeam_channel::{Receiver, bounded};
use serde::Serialize;
use serde_json::to_string;

use super::columns::Head::Left;
use super::columns::columns;
use super::exit::{Exit, Failure};
use super::paragraph::paragraph;
use crate::config::Config;
use crate::ingest::inbox::recorded::{DECLARATION, LabelsOfUnseen, RecordedRun};
use crate::{Monitor, Setup};
use rotewatch_core::intake::gate::Capacity;
use rotewatch_core::intake::run::NewestVerdict;
use rotewatch_core::monitor::MeasuredEpoch;
use rotewatch_core::record::{EpochRecord, VerdictRecord};
use rotewatch_core::vocabulary::choices::OnFull;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Alarm;

/// Epochs that wait to be told: those of a recording whose ends of epochs are missing come together.
const MEASURED_MAX: usize = 4096;

/// How deep below a given folder runs are looked for: a benchmark keeps `TRAINING/inbox/RUN`.
const DEPTH_MAX: usize = 3;

/// The flags of `rotewatch replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Folders of recorded runs, or folders that contain such folders; no file in them is changed
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Judge by the settings of this configuration file [default: the defaults]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Judge as if the unseen rows had no labels
    #[arg(long)]
    without_labels: bool,
    /// Print a JSON document for each run, one on a line: its epochs, its alarms, its last verdict
    #[arg(long)]
    json: bool,
}

/// A run that was replayed.
#[derive(Serialize)]
struct Replayed {
    run: RunName,
    folder: PathBuf,
    epochs: Vec<EpochRecord>,
    alarms: Vec<RaisedAlarm>,
    #[serde(flatten)]
    verdict: VerdictRecord,
}

/// An alarm, and when it ended.
#[derive(Serialize)]
struct RaisedAlarm {
    #[serde(flatten)]
    alarm: Alarm,
    ended_epoch: Option<Epoch>,
}

/// Judges every run, one after the other.
///
/// # Errors
/// If there is no run, or the first run that cannot be read.
pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let folders = runs_in(&args.folders).map_err(Failure::usage)?;
    let (subscriber, measured) = bounded(MEASURED_MAX);
    let monitor = monitor(config, subscriber).map_err(Failure::usage)?;
    let mut out = std::io::stdout().lock();
    let labels = if args.without_labels { LabelsOfUnseen::Hidden } else { LabelsOfUnseen::Known };
    let mut all = Vec::new();
    for folder in folders {
        let recorded = RecordedRun::open(&folder).map_err(Failure::usage)?;
        let replayed = replayed(&monitor, &measured, &recorded, labels).map_err(Failure::usage)?;
        if args.json {
            writeln!(out, "{}", to_string(&replayed).context("a record is JSON")?).context("stdout")?;
        } else {
            all.push(replayed);
        }
    }
    if !args.json {
        write!(out, "{}", table(&all)).context("stdout")?;
    }
    Ok(Exit::Done)
}

/// A monitor that listens nowhere, keeps nothing, and calls no hook.
fn monitor(config: Config, subscriber: crossbeam_channel::Sender<MeasuredEpoch>) -> anyhow::Result<Monitor> {
    let mut config = Config { hooks: Vec::new(), ..config };
    config.listen = None;
    config.sampling.on_full = Some(OnFull::Wait);
    Ok(Monitor::set_up(Setup { config, subscribers: vec![subscriber], ..Setup::default() })?)
}

/// The folders of runs in these folders, in the order of their names.
fn runs_in(folders: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders {
        let before = found.len();
        find(folder, DEPTH_MAX, &mut found)?;
        if found.len() == before {
            bail!("{}: no recorded run in it (a folder with {DECLARATION}); record one with mode=\"offline\"", folder.display());
        }
    }
    Ok(found)
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if folder.join(DECLARATION).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut below: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    below.sort();
    for path in below.iter().filter(|_| depth > 0) {
        find(path, depth - 1, found)?;
    }
    Ok(())
}

fn replayed(
    monitor: &Monitor,
    measured: &Receiver<MeasuredEpoch>,
    recorded: &RecordedRun,
    labels: LabelsOfUnseen,
) -> anyhow::Result<Replayed> {
    let limits = &monitor.config().limits;
    let capacity = Capacity { frames: limits.channel_frames, bytes: limits.channel_bytes };
    let mut replayed = Replayed {
        run: recorded.name().clone(),
        folder: recorded.folder().to_owned(),
        epochs: Vec::new(),
        alarms: Vec::new(),
        verdict: VerdictRecord::default(),
    };
    let judged = |newest: &NewestVerdict| {
        // The epoch reaches its subscribers before its verdict reaches the tap.
        // The end of a recording that was interrupted comes while the next one is judged.
        for MeasuredEpoch { report, record, .. } in measured.try_iter().filter(|of| of.report.run.name() == recorded.name()) {
            // Harm that is shown after it was suspected continues the alarm.
            let continues = |alarm: &Alarm| report.verdict.alarm_of(alarm.finding.kind).is_some();
            for raised in replayed.alarms.iter_mut().filter(|raised| raised.ended_epoch.is_none() && !continues(&raised.alarm)) {
                raised.ended_epoch = Some(report.epoch);
            }
            let raised = report.raised.iter().map(|alarm| RaisedAlarm { alarm: alarm.clone(), ended_epoch: None });
            replayed.alarms.extend(raised);
            replayed.epochs.push(EpochRecord::clone(&record));
        }
        replayed.verdict = VerdictRecord::from(&newest.verdict).with_share(newest.memorized_share);
    };
    recorded.replay(|declaration| monitor.declare(declaration), (&monitor.sampling(), capacity, limits.body), labels, judged)?;
    Ok(replayed)
}

/// For people: a line for each run, and the reasons below.
fn table(all: &[Replayed]) -> String {
    let heads = ["RUN", "EPOCHS", "VERDICT", "ALARM", "ONSET", "ENDED"].map(Left);
    let epoch = |epoch: Option<Epoch>| epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
    let row = |of: &Replayed| {
        let first = of.alarms.first();
        [
            of.run.to_string(),
            of.epochs.last().map_or_else(|| "none".to_owned(), |last| last.epoch.to_string()),
            of.verdict.verdict.map_or("none", |verdict| verdict.in_words()).to_owned(),
            epoch(first.map(|raised| raised.alarm.alarm_epoch)),
            epoch(first.map(|raised| raised.alarm.finding.onset_epoch)),
            epoch(first.and_then(|raised| raised.ended_epoch)),
        ]
        .to_vec()
    };
    let mut text = columns(0, &heads, &all.iter().map(row).collect::<Vec<_>>());
    for of in all {
        for raised in &of.alarms {
            let head = format!("{}, epoch {}: ", of.run, raised.alarm.alarm_epoch);
            text.push_str(&paragraph(&head, &raised.alarm.finding.why));
            text.push('\n');
        }
    }
    text
}
