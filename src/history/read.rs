//! Reads the history, on a separate connection beside the writers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;

use super::blob::{PackedPairs, unpack_counts, unpack_neurons, unpack_pairs};
use super::stored::{Epochs, StoredMatrix, StoredNeurons, StoredOutcome, StoredRun};
use super::write::{INTERRUPTED, TRAINING};
use super::{StoreError, file, rows, statistics};
use rotewatch_core::record::{
    EpochRecord, FindingRecord, Hints, LayerRecord, LossGap, PastEpoch, TrainingDocument, VerdictRecord,
};
use rotewatch_core::vocabulary::identity::{Attempt, LayerName, RunName};
use rotewatch_core::vocabulary::rows::{EpochRows, RowSet};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::MemorizedShare;
use rotewatch_info::measures::pairwise::pair_count;
use rotewatch_info::measures::{Density, PairMatrix};

/// Opens a history for reading; no connection is kept open between two reads.
#[derive(Clone, Debug)]
pub struct Reader {
    path: PathBuf,
}

impl Reader {
    /// Reads the history of a state folder.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Reader { path: state.join(file::FILE) }
    }

    /// Returns the current history; `None` if there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let Some((connection, schema)) = file::open_to_read(&self.path)? else { return Ok(None) };
        // One transaction, so that all reads are consistent.
        connection.execute_batch("BEGIN").map_err(StoreError::sql(&self.path))?;
        Ok(Some(Snapshot {
            connection,
            path: self.path.clone(),
            run_columns: run_columns(schema),
            has_rows: schema >= 3,
            has_share: schema >= 4,
        }))
    }
}

/// A consistent view of the history.
#[derive(Debug)]
pub struct Snapshot {
    connection: Connection,
    path: PathBuf,
    /// See [`run_columns`].
    run_columns: String,
    /// Whether the file has the table of rows, which older files lack.
    has_rows: bool,
    /// Whether an epoch of the file has the memorized share and the agreement of neighbours, which older files lack.
    has_share: bool,
}

/// The last alarm of a run that ended. Verdicts that 0.1.0 wrote do not name it.
const ENDED: &str = "(SELECT json_set(alarm, '$.ended_epoch', ended_epoch) FROM findings WHERE run_id = runs.id \
                     AND ended_epoch IS NOT NULL ORDER BY ended_epoch DESC, findings.id DESC LIMIT 1)";

/// The columns that are read of a run. Reading does not migrate a file, so an older file lacks newer columns.
fn run_columns(schema: u32) -> String {
    let probe = if schema < 2 { "NULL" } else { "probe" };
    format!(
        "id, name, attempt, framework, mode, layers, declared_at, status, finished_at, stop_reason, updated_at, newest_epoch, epochs, \
         standing, is_baseline, {probe}, {ENDED}"
    )
}

/// Selects the rows of [`which_of`], newest first.
const WHICH: &str = "WHERE run_id = ?1 AND epoch > ?2 AND epoch < ?3 ORDER BY epoch DESC LIMIT ?4";

fn which_of(run: &StoredRun, which: Epochs) -> [i64; 4] {
    let after = which.after.map_or(-1, |after| i64::from(after.0));
    let before = which.before.map_or(i64::MAX, |before| i64::from(before.0));
    [run.id, after, before, which.most as i64]
}

impl Snapshot {
    /// Returns the newest attempt of each run, at most `most`; the run that was declared last comes first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn runs(&self, most: usize) -> Result<Vec<StoredRun>, StoreError> {
        let newest = format!(
            "SELECT {} FROM runs WHERE id IN (SELECT max(id) FROM runs GROUP BY name) ORDER BY id DESC LIMIT ?",
            self.run_columns
        );
        self.all(&newest, params![most as i64], |row| self.run_of(row))
    }

    /// Returns an attempt of a run, or its newest attempt; `None` if there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn run(&self, name: &RunName, attempt: Option<Attempt>) -> Result<Option<StoredRun>, StoreError> {
        let attempt = attempt.map(|attempt| attempt.to_string());
        let found = format!(
            "SELECT {} FROM runs WHERE name = ?1 AND (?2 IS NULL OR attempt = ?2) ORDER BY id DESC LIMIT 1",
            self.run_columns
        );
        Ok(self.all(&found, params![name.as_str(), attempt], |row| self.run_of(row))?.pop())
    }

    /// Returns all attempts of a run, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn attempts(&self, name: &RunName) -> Result<Vec<StoredRun>, StoreError> {
        let all = format!("SELECT {} FROM runs WHERE name = ? ORDER BY id DESC", self.run_columns);
        self.all(&all, params![name.as_str()], |row| self.run_of(row))
    }

    /// Returns the baseline run, if one is marked.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn baseline(&self) -> Result<Option<StoredRun>, StoreError> {
        let marked = format!("SELECT {} FROM runs WHERE is_baseline ORDER BY id DESC LIMIT 1", self.run_columns);
        Ok(self.all(&marked, params![], |row| self.run_of(row))?.pop())
    }

    /// Returns epochs of a run, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn epochs(&self, run: &StoredRun, which: Epochs) -> Result<Vec<EpochRecord>, StoreError> {
        let mut layers = self.layers(run, which)?;
        let mut rows = self.means(run, which)?;
        let newer = if self.has_share {
            "memorized_share, memorized_share_low, memorized_share_high, neighbour_agreement"
        } else {
            "NULL, NULL, NULL, NULL"
        };
        let query = format!(
            "SELECT id, epoch, metrics, rows, coverage, prediction_entropy_nats, verdict, label_wave_epoch, \
             loss_gap_nats, loss_gap_lowest_nats, loss_gap_lowest_epoch, compute_seconds, made_at, {newer} FROM epochs {WHICH}"
        );
        let mut newest = self.all(&query, which_of(run, which), |row| {
            let gap = (self.get::<Option<f64>>(row, 8)?, self.get::<Option<f64>>(row, 9)?, self.get::<Option<u32>>(row, 10)?);
            let loss_gap = match gap {
                (Some(nats), Some(lowest_nats), Some(epoch)) => Some(LossGap { nats, lowest_nats, lowest_epoch: Epoch(epoch) }),
                _ => None,
            };
            let share = (self.get(row, 13)?, self.get(row, 14)?, self.get(row, 15)?);
            let memorized_share = match share {
                (Some(estimate), Some(low), Some(high)) => Some(MemorizedShare { estimate, low, high }),
                _ => None,
            };
            let of_rows = rows.remove(&self.get::<i64>(row, 0)?).unwrap_or_default();
            Ok(EpochRecord {
                epoch: Epoch(self.get(row, 1)?),
                metrics: self.read(&self.get::<String>(row, 2)?, "an epoch's metrics")?,
                rows: self.get::<i64>(row, 3)? as usize,
                coverage: self.get(row, 4)?,
                prediction_entropy_nats: self.get(row, 5)?,
                neighbour_agreement: self.get(row, 16)?,
                unseen: of_rows.unseen,
                seen: of_rows.seen,
                memorized_share,
                verdict: Some(self.parsed(row, 6)?),
                hints: Hints { label_wave_epoch: self.get::<Option<u32>>(row, 7)?.map(Epoch), loss_gap },
                compute_seconds: self.get(row, 11)?,
                made_at: Some(self.get(row, 12)?),
                layers: layers.remove(&self.get::<i64>(row, 0)?).unwrap_or_default(),
            })
        })?;
        newest.reverse();
        Ok(newest)
    }

    /// Returns epochs of a run with the numbers of their rows, in order: what a monitor needs to go on.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn past(&self, run: &StoredRun, which: Epochs) -> Result<Vec<PastEpoch>, StoreError> {
        let mut rows: BTreeMap<Epoch, EpochRows> = BTreeMap::new();
        if self.has_rows {
            let query = format!(
                "SELECT {} FROM row_numbers JOIN epochs ON epochs.id = epoch_id WHERE epoch_id IN (SELECT id FROM epochs {WHICH})",
                rows::NUMBERS
            );
            for (epoch, set, numbers) in
                self.all(&query, which_of(run, which), |row| rows::numbers_of(row).map_err(StoreError::sql(&self.path)))?
            {
                let numbers = numbers.ok_or_else(|| self.malformed("the numbers of an epoch's rows"))?;
                *rows.entry(Epoch(epoch)).or_default().of_mut(self.set_of(&set)?) = Some(numbers);
            }
        }
        let past = |record: EpochRecord| PastEpoch { rows: rows.remove(&record.epoch).unwrap_or_default(), record };
        Ok(self.epochs(run, which)?.into_iter().map(past).collect())
    }

    /// Returns the means over the rows of a run's epochs, by the epoch's id.
    fn means(&self, run: &StoredRun, which: Epochs) -> Result<rows::Means, StoreError> {
        let mut means = rows::Means::new();
        if self.has_rows {
            let query = format!("SELECT {} FROM row_numbers WHERE epoch_id IN (SELECT id FROM epochs {WHICH})", rows::MEANS);
            for (epoch, set, record) in
                self.all(&query, which_of(run, which), |row| rows::means_of(row).map_err(StoreError::sql(&self.path)))?
            {
                *means.entry(epoch).or_default().of_mut(self.set_of(&set)?) = Some(record);
            }
        }
        Ok(means)
    }

    fn set_of(&self, name: &str) -> Result<RowSet, StoreError> {
        name.parse().map_err(|_| self.malformed(format!("unknown set of rows {name:?}")))
    }

    /// Returns the layers of a run's epochs, by the epoch's id and in forward order.
    fn layers(&self, run: &StoredRun, which: Epochs) -> Result<BTreeMap<i64, Vec<LayerRecord>>, StoreError> {
        let columns = statistics::selected(&self.connection).map_err(StoreError::sql(&self.path))?;
        let query = format!(
            "SELECT epoch_id, place, neurons_offered, reliable, shuffle_bias_nats, density_from_nats, density_to_nats, \
             density_counts, {columns} FROM layer_statistics WHERE epoch_id IN (SELECT id FROM epochs {WHICH}) ORDER BY epoch_id, place"
        );
        let rows = self.all(&query, which_of(run, which), |row| {
            let values: Vec<Option<f64>> =
                (0..statistics::count()).map(|index| self.get(row, 8 + index)).collect::<Result<_, _>>()?;
            let place = self.get::<i64>(row, 1)? as usize;
            let layer = run.layers.get(place).ok_or_else(|| self.malformed("a layer's place"))?.clone();
            let (figures, entropy_network_box) = statistics::of_values(&values);
            let density = (self.get(row, 5)?, self.get(row, 6)?, self.get::<Option<Vec<u8>>>(row, 7)?);
            let mutual_information_density = match density {
                (Some(from), Some(to), Some(counts)) => {
                    let counts = unpack_counts(&counts).ok_or_else(|| self.malformed("a density"))?;
                    Some(Density { from, to, counts })
                }
                _ => None,
            };
            let record = LayerRecord {
                neurons: Some(self.get::<i64>(row, 2)? as usize),
                reliable: self.get(row, 3)?,
                shuffle_bias_nats: self.get(row, 4)?,
                entropy_network_box,
                mutual_information_density,
                figures,
                ..LayerRecord::unmeasured(layer)
            };
            Ok((self.get(row, 0)?, record))
        })?;
        let mut layers: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for (epoch, layer) in rows {
            layers.entry(epoch).or_default().push(layer);
        }
        Ok(layers)
    }

    /// Returns all alarms of a run, in the order in which they were raised.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn findings(&self, run: &StoredRun) -> Result<Vec<FindingRecord>, StoreError> {
        let query = "SELECT alarm, score, ended_epoch FROM findings WHERE run_id = ? ORDER BY id";
        self.all(query, params![run.id], |row| {
            let alarm = self.read(&self.get::<String>(row, 0)?, "an alarm")?;
            Ok(FindingRecord { alarm, score: self.get(row, 1)?, ended_epoch: self.get::<Option<u32>>(row, 2)?.map(Epoch) })
        })
    }

    /// Returns the results of notifying hooks of a run's alarms, in the order in which they arrived.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn hook_outcomes(&self, run: &StoredRun) -> Result<Vec<StoredOutcome>, StoreError> {
        let query = "SELECT hook, kind, onset_epoch, alarm_epoch, tries, result, detail, at FROM hook_outcomes WHERE run_id = ? \
                     ORDER BY id";
        self.all(query, params![run.id], |row| {
            Ok(StoredOutcome {
                hook: self.get(row, 0)?,
                kind: self.get(row, 1)?,
                onset_epoch: Epoch(self.get(row, 2)?),
                alarm_epoch: Epoch(self.get(row, 3)?),
                tries: self.get(row, 4)?,
                result: self.get(row, 5)?,
                detail: self.get(row, 6)?,
                at: self.get(row, 7)?,
            })
        })
    }

    /// Returns the values of a layer's neurons after an epoch; `None` if they are not kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn neurons(&self, run: &StoredRun, layer: &LayerName, epoch: Epoch) -> Result<Option<StoredNeurons>, StoreError> {
        let Some(place) = place_of(run, layer) else { return Ok(None) };
        let query = "SELECT entropy_network_nats, entropy_neuron_nats, class_information_nats FROM neurons \
                     JOIN epochs ON epochs.id = epoch_id WHERE run_id = ? AND epoch = ? AND place = ?";
        let unpack = |bytes: Vec<u8>| unpack_neurons(&bytes).ok_or_else(|| self.malformed("the values of a layer's neurons"));
        let found = self.all(query, params![run.id, epoch.0, place], |row| {
            Ok(StoredNeurons {
                entropy_network_nats: unpack(self.get(row, 0)?)?,
                entropy_neuron_nats: unpack(self.get(row, 1)?)?,
                class_information_nats: self.get::<Option<Vec<u8>>>(row, 2)?.map(unpack).transpose()?,
            })
        })?;
        Ok(found.into_iter().next())
    }

    /// Returns the epochs whose pair matrices are kept, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn matrix_epochs(&self, run: &StoredRun) -> Result<Vec<Epoch>, StoreError> {
        let query = "SELECT epoch FROM epochs WHERE run_id = ? AND EXISTS (SELECT 1 FROM pair_matrices WHERE epoch_id = epochs.id) \
                     ORDER BY epoch";
        self.all(query, params![run.id], |row| Ok(Epoch(self.get(row, 0)?)))
    }

    /// Returns a layer's pair matrix for the given epoch, or the newest epoch that has one; `None` if it is not kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn matrix(&self, run: &StoredRun, layer: &LayerName, epoch: Option<Epoch>) -> Result<Option<StoredMatrix>, StoreError> {
        let Some(place) = place_of(run, layer) else { return Ok(None) };
        let query = "SELECT epoch, pair_matrices.neurons, largest_nats, pairs, entropy_neuron_nats FROM pair_matrices \
                     JOIN epochs ON epochs.id = pair_matrices.epoch_id \
                     JOIN neurons ON neurons.epoch_id = epochs.id AND neurons.place = pair_matrices.place \
                     WHERE run_id = ?1 AND pair_matrices.place = ?2 AND (?3 IS NULL OR epoch = ?3) ORDER BY epoch DESC LIMIT 1";
        let found = self.all(query, params![run.id, place, epoch.map(|epoch| epoch.0)], |row| {
            let malformed = || self.malformed("a layer's pair matrix");
            let neurons = usize::try_from(self.get::<i64>(row, 1)?).map_err(|_| malformed())?;
            let entropy_neuron_nats = unpack_neurons(&self.get::<Vec<u8>>(row, 4)?).filter(|all| all.len() == neurons);
            let packed = PackedPairs { largest: self.get(row, 2)?, bytes: self.get(row, 3)? };
            let entropy_neuron_nats = entropy_neuron_nats.ok_or_else(malformed)?;
            let pairs = unpack_pairs(&packed, pair_count(neurons)).ok_or_else(malformed)?;
            Ok(StoredMatrix {
                epoch: Epoch(self.get(row, 0)?),
                pairs: PairMatrix::from_condensed(neurons, pairs),
                entropy_neuron_nats,
            })
        })?;
        Ok(found.into_iter().next())
    }

    /// Returns a run as the document of a training, for comparisons.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn training(&self, run: &StoredRun) -> Result<TrainingDocument, StoreError> {
        Ok(TrainingDocument {
            run: Some(run.name.to_string()),
            kind: run.verdict.as_ref().and_then(VerdictRecord::active_kind),
            probe: run.probe.clone(),
            epochs: self.epochs(run, Epochs::ALL)?,
            final_layers: None,
        })
    }

    fn run_of(&self, row: &Row<'_>) -> Result<StoredRun, StoreError> {
        let status: String = self.get(row, 7)?;
        let layers: Vec<String> =
            serde_json::from_str(&self.get::<String>(row, 5)?).map_err(|_| self.malformed("a run's layers"))?;
        let verdict = self.get::<Option<String>>(row, 13)?.map(|text| self.read(&text, "a run's verdict")).transpose()?;
        let ended: Option<FindingRecord> =
            self.get::<Option<String>>(row, 16)?.map(|text| self.read(&text, "an alarm")).transpose()?;
        let verdict = verdict.map(|verdict: VerdictRecord| match ended {
            Some(FindingRecord { alarm, ended_epoch: Some(epoch), .. }) if verdict.lacks_ended() => {
                verdict.with_ended(alarm, epoch)
            }
            _ => verdict,
        });
        Ok(StoredRun {
            id: self.get(row, 0)?,
            name: self.parsed(row, 1)?,
            attempt: self.parsed(row, 2)?,
            framework: self.get(row, 3)?,
            mode: self.parsed(row, 4)?,
            layers: layers
                .iter()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()
                .map_err(|_| self.malformed("a layer's name"))?,
            declared_at: self.get(row, 6)?,
            is_interrupted: status == INTERRUPTED,
            ending: if matches!(status.as_str(), TRAINING | INTERRUPTED) { None } else { Some(self.parsed(row, 7)?) },
            finished_at: self.get(row, 8)?,
            stop_reason: self.get(row, 9)?,
            updated_at: self.get(row, 10)?,
            newest_epoch: self.get::<Option<u32>>(row, 11)?.map(Epoch),
            epochs: self.get::<i64>(row, 12)? as u64,
            verdict,
            is_baseline: self.get(row, 14)?,
            probe: self.get(row, 15)?,
        })
    }

    fn read<T: DeserializeOwned>(&self, text: &str, what: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.malformed(format!("{what}: {error}")))
    }

    fn parsed<T: FromStr>(&self, row: &Row<'_>, column: usize) -> Result<T, StoreError> {
        let text: String = self.get(row, column)?;
        text.parse().map_err(|_| self.malformed(format!("unknown value {text:?}")))
    }

    fn get<T: FromSql>(&self, row: &Row<'_>, column: usize) -> Result<T, StoreError> {
        row.get(column).map_err(StoreError::sql(&self.path))
    }

    fn malformed(&self, what: impl Into<String>) -> StoreError {
        StoreError::malformed(&self.path, what)
    }

    fn all<T>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = StoreError::sql(&self.path);
        let mut statement = self.connection.prepare(query).map_err(&sql)?;
        let mut rows = statement.query(parameters).map_err(&sql)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(&sql)? {
            all.push(read(row)?);
        }
        Ok(all)
    }
}

fn place_of(run: &StoredRun, layer: &LayerName) -> Option<i64> {
    run.layers.iter().position(|name| name == layer).map(|place| place as i64)
}
