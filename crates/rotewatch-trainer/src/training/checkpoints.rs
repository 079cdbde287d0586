//! Keeps the weights of every epoch on disk that a later alarm may name as its onset.
//!
//! An alarm names the epoch at which memorization set in, several epochs back. So the weights of all candidate epochs are kept: those
//! that are not judged yet, and those that the detectors may name if the alarm comes now or later. All others are deleted, so only
//! a few files exist at any time, even in a long training.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use tch::TchError;
use tch::nn::VarStore;
use thiserror::Error;

use rotewatch_core::intake::run::NewestVerdict;
use rotewatch_core::vocabulary::units::Epoch;

/// The maximum number of files. If the monitor falls behind by more epochs, the oldest unjudged ones are deleted.
const CHECKPOINTS_MAX: usize = 12;

/// Why weights were not kept or not restored.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A failure of the folder or of a file in it.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// libtorch failed.
    #[error("cannot {action} the weights in {path}: {reason}")]
    Weights {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The error of libtorch.
        reason: TchError,
    },
    /// The epoch's weights are not kept.
    #[error("{folder} does not have the weights of epoch {epoch}; it has those of epochs {kept}")]
    NotKept {
        /// The requested epoch.
        epoch: Epoch,
        /// The folder.
        folder: PathBuf,
        /// The epochs whose weights are kept.
        kept: String,
    },
}

/// The checkpoints of one run: files `epoch-N.safetensors` in their own folder.
///
/// ```no_run
/// # fn example(variables: &mut tch::nn::VarStore, tap: &rotewatch_tch::tap::TensorTap) -> Result<(), Box<dyn std::error::Error>> {
/// # use rotewatch_core::vocabulary::units::Epoch;
/// # use rotewatch_trainer::training::checkpoints::Checkpoints;
/// let mut checkpoints = Checkpoints::new("checkpoints".into())?;
/// # let epoch = Epoch(1);
/// // after each epoch:
/// checkpoints.keep(variables, epoch, &tap.run().newest_verdict())?;
/// // after an alarm:
/// if let Some(alarm) = tap.run().newest_verdict().verdict.alarm() {
///     checkpoints.restore(variables, alarm.finding.onset_epoch)?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    kept: BTreeSet<Epoch>,
}

impl Checkpoints {
    /// Starts with an empty folder. Deletes checkpoints of an earlier training of the run.
    ///
    /// # Errors
    /// If the folder cannot be created or emptied.
    pub fn new(folder: PathBuf) -> Result<Self, CheckpointError> {
        let failed = |action| {
            let path = folder.clone();
            move |reason| CheckpointError::File { action, path, reason }
        };
        fs::create_dir_all(&folder).map_err(failed("create the folder"))?;
        for entry in fs::read_dir(&folder).map_err(failed("read the folder"))? {
            let path = entry.map_err(failed("read the folder"))?.path();
            if path.extension().is_some_and(|extension| extension == "safetensors") {
                fs::remove_file(&path).map_err(failed("empty the folder"))?;
            }
        }
        Ok(Checkpoints { folder, kept: BTreeSet::new() })
    }

    /// Saves the weights after `epoch`, and deletes those that no alarm can name any longer.
    ///
    /// # Errors
    /// If a file cannot be written or deleted. Weights that were kept before stay.
    pub fn keep(&mut self, variables: &VarStore, epoch: Epoch, standing: &NewestVerdict) -> Result<(), CheckpointError> {
        let path = self.path(epoch);
        // Renamed when it is complete, so that a partial file is never restored.
        let partial = self.folder.join(format!("epoch-{epoch}.partial.safetensors"));
        variables.save(&partial).map_err(|reason| CheckpointError::Weights { action: "save", path: partial.clone(), reason })?;
        fs::rename(&partial, &path).map_err(|reason| CheckpointError::File { action: "write", path, reason })?;
        self.kept.insert(epoch);
        for dispensable in self.dispensable(standing) {
            let path = self.path(dispensable);
            fs::remove_file(&path).map_err(|reason| CheckpointError::File { action: "delete", path, reason })?;
            self.kept.remove(&dispensable);
        }
        Ok(())
    }

    /// Restores the weights after `epoch` into the network.
    ///
    /// # Errors
    /// If they are not kept, or cannot be read.
    pub fn restore(&self, variables: &mut VarStore, epoch: Epoch) -> Result<(), CheckpointError> {
        if !self.kept.contains(&epoch) {
            let kept = self.kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(CheckpointError::NotKept { epoch, folder: self.folder.clone(), kept });
        }
        let path = self.path(epoch);
        variables.load(&path).map_err(|reason| CheckpointError::Weights { action: "restore", path, reason })
    }

    /// The epochs whose weights are kept.
    pub fn kept(&self) -> impl Iterator<Item = Epoch> {
        self.kept.iter().copied()
    }

    /// The file of an epoch's weights.
    #[must_use]
    pub fn path(&self, epoch: Epoch) -> PathBuf {
        self.folder.join(format!("epoch-{epoch}.safetensors"))
    }

    fn dispensable(&self, standing: &NewestVerdict) -> Vec<Epoch> {
        let alarm = standing.verdict.alarm().map(|alarm| alarm.finding.onset_epoch);
        let named = |epoch: &Epoch| standing.possible_onsets.contains(epoch) || alarm == Some(*epoch);
        let newest = self.kept.last().copied();
        let unjudged = |epoch: &Epoch| standing.epoch.is_none_or(|judged| *epoch > judged) || Some(*epoch) == newest;
        let mut dispensable: Vec<Epoch> = self.kept.iter().copied().filter(|epoch| !named(epoch) && !unjudged(epoch)).collect();
        let left = self.kept.len() - dispensable.len();
        let oldest_unjudged = self.kept.iter().copied().filter(|epoch| !named(epoch) && unjudged(epoch));
        dispensable.extend(oldest_unjudged.take(left.saturating_sub(CHECKPOINTS_MAX)));
        dispensable
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor, nn};

    use super::*;
    use rotewatch_core::vocabulary::verdict::Verdict;

    fn newest_verdict(judged: Option<u32>, possible_onsets: &[u32]) -> NewestVerdict {
        NewestVerdict {
            epoch: judged.map(Epoch),
            verdict: Verdict::Learning { ended: None, caveat: None },
            possible_onsets: possible_onsets.iter().copied().map(Epoch).collect(),
            memorized_share: None,
        }
    }

    fn network(value: f64) -> VarStore {
        let variables = VarStore::new(Device::Cpu);
        let _ = variables.root().var("weight", &[2, 3], nn::Init::Const(value));
        variables
    }

    fn weight(variables: &VarStore) -> f64 {
        variables.variables()["weight"].mean(Kind::Double).double_value(&[])
    }

    fn kept(checkpoints: &Checkpoints) -> Vec<u32> {
        checkpoints.kept().map(|epoch| epoch.0).collect()
    }

    #[test]
    fn what_an_alarm_could_name_is_kept_and_nothing_else() -> Result<(), CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(folder.path().join("run"))?;
        let cases: [(u32, NewestVerdict, &[u32]); 5] = [
            (0, newest_verdict(None, &[]), &[0]),
            (1, newest_verdict(Some(0), &[]), &[1]),
            (2, newest_verdict(Some(2), &[1]), &[1, 2]),
            (3, newest_verdict(Some(2), &[1]), &[1, 3]),
            (4, newest_verdict(Some(4), &[4]), &[4]),
        ];
        for (epoch, standing, expected) in cases {
            checkpoints.keep(&network(f64::from(epoch)), Epoch(epoch), &standing)?;
            assert_eq!(kept(&checkpoints), expected, "after epoch {epoch}");
        }
        Ok(())
    }

    #[test]
    fn a_monitor_that_falls_behind_does_not_fill_the_disk() -> Result<(), CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(folder.path().join("run"))?;
        for epoch in 0..30 {
            checkpoints.keep(&network(0.0), Epoch(epoch), &newest_verdict(Some(2), &[2]))?;
        }
        assert_eq!(checkpoints.kept().next(), Some(Epoch(2)));
        assert!(checkpoints.kept().count() <= CHECKPOINTS_MAX);
        assert_eq!(fs::read_dir(folder.path().join("run")).unwrap().count(), checkpoints.kept().count());
        Ok(())
    }

    #[test]
    fn weights_come_back_as_they_were() -> Result<(), CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(folder.path().join("run"))?;
        let mut variables = network(1.5);
        checkpoints.keep(&variables, Epoch(1), &newest_verdict(Some(1), &[1]))?;
        tch::no_grad(|| drop(variables.variables().get_mut("weight").map(Tensor::zero_)));
        assert_eq!(weight(&variables), 0.0);
        checkpoints.restore(&mut variables, Epoch(1))?;
        assert_eq!(weight(&variables), 1.5);
        let refused = checkpoints.restore(&mut variables, Epoch(7)).unwrap_err();
        assert!(refused.to_string().contains("epoch 7") && refused.to_string().contains("it has those of epochs 1"), "{refused}");
        Ok(())
    }

    #[test]
    fn checkpoints_of_an_earlier_training_are_gone() -> Result<(), CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let mut earlier = Checkpoints::new(folder.path().join("run"))?;
        earlier.keep(&network(1.0), Epoch(3), &newest_verdict(None, &[]))?;
        let later = Checkpoints::new(folder.path().join("run"))?;
        assert_eq!(later.kept().count(), 0);
        assert_eq!(fs::read_dir(folder.path().join("run")).unwrap().count(), 0);
        Ok(())
    }
}
