//! The baseline run, which other runs are compared with.

use std::path::Path;

use super::error::StartError;
use super::folder::state_folder;
use crate::config::Config;
use crate::history::{Reader, StoreError};
use rotewatch_core::detect::Reference;
use rotewatch_core::record::training::TrainingDocument;
use rotewatch_core::vocabulary::identity::RunName;

/// The baseline run: the one that the configuration names, else the one that is marked in the history.
///
/// # Errors
/// If the configured run is missing, or has no measured epoch.
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
        tracing::info!(run = %name, "baseline run, set by detect.baseline.run");
        return Ok(Some(reference));
    }
    let Some(folder) = history.then(|| state_folder(config)).transpose()? else { return Ok(None) };
    // A mark is optional, so an unreadable history is no reason not to start; the part that writes it reports the error.
    match stored_reference(&folder, None) {
        Ok(Some((reference, name))) => {
            tracing::info!(run = %name, "baseline run, marked in the history");
            Ok(Some(reference))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            tracing::warn!("cannot read the history to look for a marked baseline run: {error}");
            Ok(None)
        }
    }
}

/// The named run of the history, or the marked one, as a reference. `None` if there is none or it has no measured epoch.
fn stored_reference(folder: &Path, name: Option<&RunName>) -> Result<Option<(Reference, RunName)>, StoreError> {
    let Some(history) = Reader::of(folder).snapshot()? else { return Ok(None) };
    let run = match name {
        Some(name) => history.run(name, None)?,
        None => history.baseline()?,
    };
    let Some(run) = run else { return Ok(None) };
    Ok(Reference::of(&history.training(&run)?).map(|reference| (reference, run.name)))
}
