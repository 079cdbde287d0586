//! Reads networks to rank and trainings to compare, from files or from the history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::tensors::{contents, select};
use crate::activations::file;
use crate::app::state_folder;
use crate::config::Config;
use crate::history::Reader;
use rotewatch_core::compare::{MeasuredNetwork, TrainingCurve};
use rotewatch_core::record::TrainingDocument;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_info::measures::{Columns, LayerSamples, MeasureParams, measure_layers};

/// The key of the trainer's document in a record of an experiment.
const DOCUMENT: &str = "document";
/// Why a training cannot be ranked.
const UNMEASURED: &str = "its last epoch has no measures; train with --monitor on, and with layers of two neurons or more";

/// Reads every path: a file, or else the run of that name in the history. Networks with the same name are named by their path instead.
pub(super) fn candidates(paths: &[PathBuf], state: Option<&Path>) -> anyhow::Result<Vec<MeasuredNetwork>> {
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

/// Reads two trainings. If both have the same name, they are named by their paths instead.
pub(super) fn courses(paths: [&Path; 2], state: Option<&Path>) -> anyhow::Result<[TrainingCurve; 2]> {
    let course = |path: &Path| -> anyhow::Result<TrainingCurve> {
        let (name, document) = training(path, state)?;
        TrainingCurve::of_document(name, &document).context(UNMEASURED)
    };
    let read = |path: &Path| course(path).with_context(|| path.display().to_string());
    let mut courses = [read(paths[0])?, read(paths[1])?];
    if courses[0].newest.name == courses[1].newest.name {
        for (course, path) in courses.iter_mut().zip(paths) {
            course.newest.name = path.display().to_string();
        }
    }
    Ok(courses)
}

fn candidate(path: &Path, state: Option<&Path>, pool: &rayon::ThreadPool) -> anyhow::Result<MeasuredNetwork> {
    if let Some(bytes) = contents_of(path)?
        && !is_document(&bytes)
    {
        return of_activations(stem(path), path, &bytes, pool);
    }
    let (name, document) = training(path, state)?;
    MeasuredNetwork::of_document(name, &document).context(UNMEASURED)
}

/// A training with its name, from a file, or from the newest attempt of the run of that name in the history.
fn training(path: &Path, state: Option<&Path>) -> anyhow::Result<(String, TrainingDocument)> {
    match contents_of(path)? {
        None => of_history(path, state),
        Some(bytes) if is_document(&bytes) => of_document(stem(path), &bytes),
        Some(_) => {
            bail!(
                "this file has activations of a single moment; use a document of `rotewatch train --json`, or the name of a run"
            )
        }
    }
}

/// The bytes of a file; `None` if there is no such file, so the path may be the name of a run.
fn contents_of(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    if path.is_file() { Ok(Some(std::fs::read(path).context("cannot read the file")?)) } else { Ok(None) }
}

fn is_document(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn of_history(name: &Path, state: Option<&Path>) -> anyhow::Result<(String, TrainingDocument)> {
    let nowhere = "no such file, and no such run in the history; use a document of `rotewatch train --json`, a file of \
                   activations, or a name from `rotewatch runs list`";
    let run: RunName = name.to_str().and_then(|name| name.parse().ok()).context(nowhere)?;
    let config = Config { state: state.map(Path::to_owned), ..Config::default() };
    let history = Reader::of(&state_folder(&config)?).snapshot()?.context(nowhere)?;
    let stored = history.run(&run, None)?.context(nowhere)?;
    Ok((run.to_string(), history.training(&stored)?))
}

fn of_document(stem: String, bytes: &[u8]) -> anyhow::Result<(String, TrainingDocument)> {
    let mut value: serde_json::Value = serde_json::from_slice(bytes).context("not a JSON document")?;
    let recorded = value.get_mut(DOCUMENT).map(serde_json::Value::take);
    let document = TrainingDocument::deserialize(recorded.unwrap_or(value))
        .context("not a document of `rotewatch train --json`, and not the record of a successful run of an experiment")?;
    Ok((document.run.clone().unwrap_or(stem), document))
}

fn of_activations(stem: String, path: &Path, bytes: &[u8], pool: &rayon::ThreadPool) -> anyhow::Result<MeasuredNetwork> {
    let tensors = file::read(path, bytes)?;
    let (chosen, _) = select(&tensors, None)?;
    let Some(first) = chosen.first() else {
        bail!("no 2-d floating-point tensor to measure; the file has {}", contents(&tensors));
    };
    let (rows, _) = first.rows_and_neurons()?;
    for other in &chosen {
        let (found, _) = other.rows_and_neurons()?;
        if found != rows {
            let (name, other) = (first.name(), other.name());
            bail!("`{name}` has {rows} rows and `{other}` has {found} rows; all layers of a network need the same rows");
        }
    }
    let columns: Vec<Columns> = chosen.iter().map(|tensor| tensor.columns_f32()).collect::<Result<_, _>>()?;
    let layers: Vec<LayerSamples<'_>> =
        chosen.iter().zip(&columns).map(|(tensor, columns)| LayerSamples { name: tensor.name(), columns }).collect();
    let measured = measure_layers(&layers, None, &MeasureParams::default(), pool);
    let skipped = measured.iter().find_map(|layer| layer.skipped.map(|reason| format!("{}: {reason}", layer.name)));
    if let Some(skipped) = skipped {
        bail!("a layer cannot be measured: {skipped}");
    }
    MeasuredNetwork::of_measures(stem, &measured).context("no layer has two neurons or more, so there is no mutual information")
}
