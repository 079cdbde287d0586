//! The run that others are compared with.

use std::path::Path;

use super::{StartError, state_folder};
use crate::config::Config;
use crate::history::{Reader, StoreError};
use rotewatch_core::detect::Reference;
use rotewatch_core::record::training::TrainingDocument;
use rotewatch_core::vocabulary::identity::RunName;

/// The run that others are compared with: what the configuration names, else the run that was marked in the history.
///
/// # Errors
/// If what the configuration names is not there, or nothing of it was measured.
pub(super) fn reference(config: &Config, history: bool) -> Result<Option<Reference>, StartError> {
    let baseline = &config.detect.baseline;
    if let Some(path) = &baseline.file {
        let reference = Reference::of(&TrainingDocument::read(path)?);
        return reference.map(Some).ok_or_else(|| StartError::EmptyReference { path: path.clone() });
    }
    let refused = |reason: String| StartError::ReferenceRun { reason };
    if let Some(name) = &baseline.run {
        let folder = state_folder(config)?;
        let found = stored_reference(&folder, Some(name)).map_err(|error| refused(error.to_string()))?;
        let reason = || format!("the history in {} has no run {name} with a measured epoch", folder.display());
        let (reference, _) = found.ok_or_else(|| refused(reason()))?;
        tracing::info!(run = %name, "runs are compared with this one: detect.baseline.run names it");
        return Ok(Some(reference));
    }
    let Some(folder) = history.then(|| state_folder(config)).transpose()? else { return Ok(None) };
    // A mark is a wish, not a configuration: a history that cannot be read is told of by whoever writes it.
    match stored_reference(&folder, None) {
        Ok(Some((reference, name))) => {
            tracing::info!(run = %name, "runs are compared with this one: it is marked as the baseline");
            Ok(Some(reference))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            tracing::warn!("whether a run is marked as the baseline cannot be told: {error}");
            Ok(None)
        }
    }
}

/// A run of the history, or the marked one, as a reference; `None` where there is none, or nothing of it was measured.
fn stored_reference(folder: &Path, name: Option<&RunName>) -> Result<Option<(Reference, RunName)>, StoreError> {
    let Some(history) = Reader::of(folder).snapshot()? else { return Ok(None) };
    let run = match name {
        Some(name) => history.run(name, None)?,
        None => history.baseline()?,
    };
    let Some(run) = run else { return Ok(None) };
    Ok(Reference::of(&history.training(&run)?).map(|reference| (reference, run.name)))
}
