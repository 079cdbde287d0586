//! From files and the history to candidates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::activations::{Tensor, file};
use crate::app::state_folder;
use crate::cli::tensors::{contents, select};
use crate::config::Config;
use crate::document::TrainingDocument;
use crate::identity::RunName;
use crate::info::{Columns, LayerSamples, MeasureParams, measure_layers};
use crate::ranking::Candidate;
use crate::store::{Epochs, Reader};

/// The key of the trainer's document in a record of an experiment.
const DOCUMENT: &str = "document";
/// Why a training cannot be ranked.
const UNMEASURED: &str = "its last epoch has no measures: train with --monitor on, and with layers of two neurons or more";

/// Reads every file, and of what is no file the run of that name in the history; what would have the same name is named as it was given.
pub(super) fn candidates(paths: &[PathBuf], state: Option<&Path>) -> anyhow::Result<Vec<Candidate>> {
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let mut candidates = Vec::with_capacity(paths.len());
    for path in paths {
        candidates.push(candidate(path, state, &pool).with_context(|| path.display().to_string())?);
    }
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for candidate in &candidates {
        *named.entry(candidate.name.clone()).or_default() += 1;
    }
    for (candidate, path) in candidates.iter_mut().zip(paths) {
        if named.get(&candidate.name).is_some_and(|count| *count > 1) {
            candidate.name = path.display().to_string();
        }
    }
    Ok(candidates)
}

fn candidate(path: &Path, state: Option<&Path>, pool: &rayon::ThreadPool) -> anyhow::Result<Candidate> {
    if !path.exists() {
        return of_history(path, state);
    }
    let bytes = std::fs::read(path).context("it cannot be read")?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    if bytes.trim_ascii_start().starts_with(b"{") { of_document(stem, &bytes) } else { of_activations(stem, path, &bytes, pool) }
}

/// The newest attempt of a run. The history tells of its layers as they are, not of how many of their neurons were sampled.
fn of_history(name: &Path, state: Option<&Path>) -> anyhow::Result<Candidate> {
    let nowhere = "there is no such file, and no such run in the history: give what `rotewatch train --json` printed, files of \
                   activations, or names that `rotewatch runs list` shows";
    let run: RunName = name.to_str().and_then(|name| name.parse().ok()).context(nowhere)?;
    let config = Config { state: state.map(Path::to_owned), ..Config::default() };
    let history = Reader::of(&state_folder(&config)?).snapshot()?.context(nowhere)?;
    let stored = history.run(&run, None)?.context(nowhere)?;
    let mut candidate = Candidate::of_document(run.to_string(), &history.training(&stored)?).context(UNMEASURED)?;
    if let Some(newest) = history.epochs(&stored, Epochs::ALL)?.last() {
        let layers = newest.summary.layers.iter();
        candidate.seen.layers = layers.map(|layer| (layer.layer.to_string(), Some(layer.neurons))).collect();
    }
    Ok(candidate)
}

fn of_document(stem: String, bytes: &[u8]) -> anyhow::Result<Candidate> {
    let mut value: serde_json::Value = serde_json::from_slice(bytes).context("it is no JSON document")?;
    let recorded = value.get_mut(DOCUMENT).map(serde_json::Value::take);
    let document = TrainingDocument::deserialize(recorded.unwrap_or(value))
        .context("it is not what `rotewatch train --json` prints, nor the record of a run that went well")?;
    let name = document.run.clone().unwrap_or(stem);
    Candidate::of_document(name, &document).context(UNMEASURED)
}

fn of_activations(stem: String, path: &Path, bytes: &[u8], pool: &rayon::ThreadPool) -> anyhow::Result<Candidate> {
    let tensors = file::read(path, bytes)?;
    let (chosen, _) = select(&tensors, None)?;
    let Some(first) = chosen.first() else {
        bail!("it holds nothing to measure, which would be a 2-d floating-point tensor; it holds {}", contents(&tensors));
    };
    if let Some(other) = chosen.iter().find(|tensor| tensor.shape()[0] != first.shape()[0]) {
        let rows = |tensor: &Tensor<'_>| format!("`{}` has {} rows", tensor.name(), tensor.shape()[0]);
        bail!("{} and {}: the layers of a network are ranked on the same rows", rows(first), rows(other));
    }
    let columns: Vec<Columns> = chosen.iter().map(|tensor| tensor.columns_f32()).collect::<Result<_, _>>()?;
    let layers: Vec<LayerSamples<'_>> =
        chosen.iter().zip(&columns).map(|(tensor, columns)| LayerSamples { name: tensor.name(), columns }).collect();
    let measured = measure_layers(&layers, None, &MeasureParams::default(), pool);
    let skipped = measured.iter().find_map(|layer| layer.skipped.map(|reason| format!("{}: {reason}", layer.name)));
    if let Some(skipped) = skipped {
        bail!("a layer cannot be measured: {skipped}");
    }
    Candidate::of_measures(stem, &measured).context("no layer has two neurons, so there is no mutual information")
}
