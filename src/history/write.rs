//! Writes an entry as rows, within a transaction of the writer.

use rusqlite::{Connection, OptionalExtension, Result, ToSql, params, params_from_iter};
use serde_json::{Value, json};

use super::blob::{pack_counts, pack_neurons, pack_pairs};
use super::entry::Entry;
use super::{rows, statistics};
use crate::hooks::HookOutcome;
use rotewatch_core::intake::run::Run;
use rotewatch_core::monitor::MeasuredEpoch;
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::record::{LayerRecord, VerdictRecord, document};
use rotewatch_core::vocabulary::choices::Ending;
use rotewatch_core::vocabulary::clock::unix_seconds;
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::{Alarm, Verdict};

/// How much large data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Number of newest epochs of an attempt that keep their pair matrices, in addition to those of onsets and alarms.
    pub matrix_epochs: u32,
    /// Number of attempts that are kept. Above it, those that ended first are deleted. The baseline is never deleted.
    pub runs: u32,
}

/// The status of a run that has not ended.
pub(super) const TRAINING: &str = "training";
/// The status of a run that is no longer trained, and whose ending is unknown.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Writes an entry. For a declaration, returns the newest epoch of the run that the history has.
pub(super) fn entry(to: &Connection, entry: &Entry, retention: Retention) -> Result<Option<Epoch>> {
    match entry {
        Entry::Declared(run) => declared(to, run, retention),
        Entry::Epoch(measured) => epoch(to, measured, retention).map(|()| None),
        Entry::Ended(run, ending) => ended(to, run, *ending).map(|()| None),
        Entry::Hook(outcome) => hook(to, outcome).map(|()| None),
    }
}

fn declared(to: &Connection, run: &Run, retention: Retention) -> Result<Option<Epoch>> {
    let id = id_of(to, run)?;
    // A name has one owner, so an earlier attempt that has no ending was interrupted.
    to.prepare_cached("UPDATE runs SET status = ?, finished_at = updated_at WHERE name = ? AND id <> ? AND status = ?")?
        .execute(params![INTERRUPTED, run.name().as_str(), id, TRAINING])?;
    to.prepare_cached("UPDATE runs SET status = ?, finished_at = NULL WHERE id = ?")?.execute(params![TRAINING, id])?;
    to.prepare_cached(
        "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE status <> ? AND NOT is_baseline ORDER BY id
         LIMIT max(0, (SELECT count(*) FROM runs) - ?))",
    )?
    .execute(params![TRAINING, retention.runs])?;
    let newest: Option<u32> =
        to.prepare_cached("SELECT newest_epoch FROM runs WHERE id = ?")?.query_row([id], |row| row.get(0))?;
    Ok(newest.map(Epoch))
}

/// Returns the run's row. Creates it if it is missing, since the queue may have had no room for its declaration.
fn id_of(to: &Connection, run: &Run) -> Result<i64> {
    let declaration = run.declaration();
    let attempt = run.attempt().to_string();
    let mut find = to.prepare_cached("SELECT id FROM runs WHERE name = ? AND attempt = ?")?;
    if let Some(id) = find.query_row([run.name().as_str(), &attempt], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let layers = json!(declaration.layers.iter().map(LayerName::as_str).collect::<Vec<_>>());
    to.prepare_cached(
        "INSERT INTO runs (name, attempt, framework, mode, layers, declared_at, status, probe) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .insert(params![
        run.name().as_str(),
        attempt,
        declaration.framework,
        declaration.source.to_string(),
        layers.to_string(),
        unix_seconds(),
        TRAINING,
        declaration.probe,
    ])
}

fn epoch(to: &Connection, measured: &MeasuredEpoch, retention: Retention) -> Result<()> {
    let MeasuredEpoch { report, record, possible_onsets } = measured;
    let run = id_of(to, &report.run)?;
    let gap = record.hints.loss_gap;
    let share = report.memorized_share;
    let added = to
        .prepare_cached(
            "INSERT INTO epochs (run_id, epoch, end_inferred, metrics, rows, coverage, prediction_entropy_nats, verdict,
             label_wave_epoch, loss_gap_nats, loss_gap_lowest_nats, loss_gap_lowest_epoch, compute_seconds, made_at,
             memorized_share, memorized_share_low, memorized_share_high, neighbour_agreement)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, epoch) DO NOTHING",
        )?
        .execute(params![
            run,
            report.epoch.0,
            report.end_inferred,
            document(&report.metrics).to_string(),
            report.rows as i64,
            report.coverage,
            report.prediction_entropy_nats,
            report.verdict.as_str(),
            record.hints.label_wave_epoch.map(|epoch| epoch.0),
            gap.map(|gap| gap.nats),
            gap.map(|gap| gap.lowest_nats),
            gap.map(|gap| gap.lowest_epoch.0),
            report.compute.as_secs_f64(),
            report.made_at_unix_seconds,
            share.map(|share| share.estimate),
            share.map(|share| share.low),
            share.map(|share| share.high),
            report.neighbour_agreement,
        ])?;
    if added == 0 {
        // A client that resumes after a crash may send the epoch again; an acknowledged epoch is not changed.
        return Ok(());
    }
    let id = to.last_insert_rowid();
    for (layer, in_brief) in report.layers.iter().zip(&record.layers) {
        let place = report.run.declaration().layers.iter().position(|name| *name == layer.layer);
        if let Some(place) = place {
            write_layer(to, id, place as i64, layer, in_brief)?;
        }
    }
    rows::write(to, id, &report.row_numbers)?;
    findings(to, run, report)?;
    to.prepare_cached(
        "UPDATE runs SET newest_epoch = max(coalesce(newest_epoch, 0), ?), epochs = epochs + 1, updated_at = ?, standing = ?,
         stop_reason = ? WHERE id = ?",
    )?
    .execute(params![
        report.epoch.0,
        report.made_at_unix_seconds,
        document(&VerdictRecord::from(&report.verdict).with_share(report.memorized_share)).to_string(),
        report.run.stop().reason().map(ToString::to_string),
        run,
    ])?;
    forget_matrices(to, run, report.epoch, possible_onsets, retention)
}

fn write_layer(to: &Connection, epoch: i64, place: i64, layer: &LayerReport, in_brief: &LayerRecord) -> Result<()> {
    let measures = &layer.measures;
    let counts = [measures.neurons, layer.neurons_offered, measures.constant_neurons].map(|count| count as i64);
    let reliable = measures.reliable;
    let bias = measures.shuffle_bias.as_ref().map(|bias| bias.mean_nats);
    let density = in_brief.mutual_information_density.as_ref();
    let (from, to_nats) = density.map(|density| (density.from, density.to)).unzip();
    let density_counts = density.map(|density| pack_counts(&density.counts));
    let values = statistics::values(in_brief);
    let head: [&dyn ToSql; 10] =
        [&epoch, &place, &counts[0], &counts[1], &counts[2], &reliable, &bias, &from, &to_nats, &density_counts];
    let all = head.into_iter().chain(values.iter().map(|value| value as &dyn ToSql));
    to.prepare_cached(statistics::insert())?.execute(params_from_iter(all))?;
    if layer.figures.is_none() {
        return Ok(());
    }
    to.prepare_cached("INSERT INTO neurons VALUES (?, ?, ?, ?, ?)")?.execute(params![
        epoch,
        place,
        pack_neurons(&measures.entropy_network_nats),
        pack_neurons(&measures.entropy_neuron_nats),
        measures.class_information_nats.as_deref().map(pack_neurons),
    ])?;
    let pairs = pack_pairs(measures.mutual_information.condensed());
    to.prepare_cached("INSERT INTO pair_matrices VALUES (?, ?, ?, ?, ?)")?.execute(params![
        epoch,
        place,
        measures.mutual_information.neurons() as i64,
        pairs.largest,
        pairs.bytes
    ])?;
    Ok(())
}

/// Inserts active alarms that are new, and ends those that are no longer active.
fn findings(to: &Connection, run: i64, report: &EpochReport) -> Result<()> {
    let standing: &[Alarm] = match &report.verdict {
        Verdict::Memorizing { alarms, .. } => alarms,
        _ => &[],
    };
    let mut add = to.prepare_cached(
        "INSERT INTO findings (run_id, kind, onset_epoch, alarm_epoch, score, alarm) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (run_id, kind, alarm_epoch) DO NOTHING",
    )?;
    for alarm in standing {
        let finding = &alarm.finding;
        add.execute(params![
            run,
            finding.kind.as_str(),
            finding.onset_epoch.0,
            alarm.alarm_epoch.0,
            finding.score,
            document(alarm).to_string(),
        ])?;
    }
    let still: Vec<Value> = standing.iter().map(|alarm| json!([alarm.finding.kind.as_str(), alarm.alarm_epoch.0])).collect();
    to.prepare_cached(
        "UPDATE findings SET ended_epoch = ? WHERE run_id = ? AND ended_epoch IS NULL
         AND json_array(kind, alarm_epoch) NOT IN (SELECT value FROM json_each(?))",
    )?
    .execute(params![report.epoch.0, run, Value::from(still).to_string()])?;
    Ok(())
}

/// Deletes the matrices of old epochs, except those of an onset or an alarm.
fn forget_matrices(to: &Connection, run: i64, newest: Epoch, possible_onsets: &[Epoch], retention: Retention) -> Result<()> {
    let last_forgotten = i64::from(newest.0) - i64::from(retention.matrix_epochs);
    let worth_keeping = json!(possible_onsets.iter().map(|epoch| epoch.0).collect::<Vec<_>>()).to_string();
    to.prepare_cached(
        "DELETE FROM pair_matrices WHERE epoch_id IN (SELECT id FROM epochs WHERE run_id = ?1 AND epoch <= ?2
         AND epoch NOT IN (SELECT value FROM json_each(?3))
         AND epoch NOT IN (SELECT onset_epoch FROM findings WHERE run_id = ?1)
         AND epoch NOT IN (SELECT alarm_epoch FROM findings WHERE run_id = ?1))",
    )?
    .execute(params![run, last_forgotten, worth_keeping])?;
    Ok(())
}

fn ended(to: &Connection, run: &Run, ending: Option<Ending>) -> Result<()> {
    let id = id_of(to, run)?;
    to.prepare_cached("UPDATE runs SET status = ?, finished_at = ?, stop_reason = ? WHERE id = ?")?.execute(params![
        ending.map_or_else(|| INTERRUPTED.to_owned(), |ending| ending.to_string()),
        unix_seconds(),
        run.stop().reason().map(ToString::to_string),
        id
    ])?;
    Ok(())
}

/// Writes an outcome; it is ignored if the history does not have its run.
fn hook(to: &Connection, outcome: &HookOutcome) -> Result<()> {
    to.prepare_cached(
        "INSERT INTO hook_outcomes (run_id, hook, kind, onset_epoch, alarm_epoch, tries, result, detail, at)
         SELECT id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM runs WHERE name = ?1 AND attempt = ?2",
    )?
    .execute(params![
        outcome.run.as_str(),
        outcome.attempt.to_string(),
        outcome.hook.as_str(),
        outcome.kind.as_str(),
        outcome.onset_epoch.0,
        outcome.alarm_epoch.0,
        outcome.tries,
        outcome.result.as_str(),
        outcome.detail,
        outcome.at_unix_seconds,
    ])?;
    Ok(())
}
