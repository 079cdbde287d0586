//! The results for programs: one JSON document, and matrices in safetensors.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context;
use safetensors::tensor::{Dtype, View};
use serde_json::{Map, Value, json};

use super::figures::{Choices, FileFigures, TensorFigures};
use super::reference::Reference;
use rotewatch_info::measures::PairMatrix;

/// The document of `--json`, on one line: an object for one file, an array of objects for several.
pub(super) fn json(files: &[FileFigures], reference: Option<&Reference>, choices: &Choices) -> String {
    let mut documents: Vec<Value> = files.iter().map(|file| of_file(file, reference, choices)).collect();
    match documents.len() {
        1 => documents.remove(0).to_string(),
        _ => Value::Array(documents).to_string(),
    }
}

fn of_file(file: &FileFigures, reference: Option<&Reference>, choices: &Choices) -> Value {
    let tensors: Vec<Value> = file.tensors.iter().map(|tensor| of_tensor(tensor, choices)).collect();
    let skipped: Vec<Value> = file.skipped.iter().map(|(name, reason)| json!({ "name": name, "reason": reason })).collect();
    let path = file.path.display().to_string();
    match reference.map(|reference| reference.path().display().to_string()) {
        None => json!({ "file": path, "kernel": choices.kernel.name(), "tensors": tensors, "skipped": skipped }),
        Some(reference) => {
            json!({ "file": path, "kernel": choices.kernel.name(), "tensors": tensors, "skipped": skipped, "reference": reference })
        }
    }
}

fn of_tensor(tensor: &TensorFigures, choices: &Choices) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("name", json!(tensor.name));
    put("rows", json!(tensor.rows));
    put("neurons", json!(tensor.neurons));
    put("nonfinite", json!(tensor.nonfinite));
    put("constant_neurons", json!(tensor.constant_neurons));
    put("reliable", json!(tensor.reliable));
    if let Some(entropy) = &tensor.entropy {
        put("entropy_bins", json!(choices.edges.bin_count(choices.entropy_bins)));
        put("entropy_nats", json!(entropy));
    }
    if let Some(mutual) = &tensor.mutual {
        put("mi_bins", json!(choices.edges.bin_count(choices.bins)));
        put("mi_nats", rows_of(&mutual.pairs.mutual, &mutual.diagonal));
        put("mi_miller_madow_bias_nats", json!(mutual.pairs.miller_madow_nats));
        let shuffle = mutual.shuffle.map(
            |bias| json!({ "mean_nats": bias.mean_nats, "standard_error_nats": bias.standard_error_nats, "pairs": bias.pairs }),
        );
        put("mi_shuffle_bias", json!(shuffle));
    }
    if let Some(ksg) = &tensor.ksg {
        put("k", json!(choices.knn.k()));
        put("ksg_nats", rows_of(&ksg.pairs, &ksg.diagonal));
    }
    if let Some(knn_entropy) = &tensor.knn_entropy {
        put("k", json!(choices.knn.k()));
        put("knn_entropy_nats", json!(knn_entropy));
    }
    if let Some(class) = &tensor.class {
        put("class_nats", json!(class));
    }
    if let Some(surprisal) = &tensor.surprisal {
        put("surprisal_bins", json!(choices.edges.bin_count(choices.bins)));
        put("surprisal_nats", json!(surprisal));
    }
    Value::Object(object)
}

/// The full symmetric matrix as rows; numbers that are not finite become null.
fn rows_of(pairs: &PairMatrix, diagonal: &[f64]) -> Value {
    let neurons = pairs.neurons();
    let row = |i| (0..neurons).map(|j| json!(entry(pairs, diagonal, i, j))).collect();
    Value::Array((0..neurons).map(|i| Value::Array(row(i))).collect())
}

#[expect(clippy::indexing_slicing, reason = "a diagonal has one value a neuron, as many as the pairs were made of")]
fn entry(pairs: &PairMatrix, diagonal: &[f64], i: usize, j: usize) -> f64 {
    if i == j { diagonal[i] } else { pairs.get(i, j) }
}

/// A symmetric matrix of doubles, built while it is written.
struct Matrix<'a> {
    pairs: &'a PairMatrix,
    diagonal: &'a [f64],
    shape: [usize; 2],
}

impl View for Matrix<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let [neurons, _] = self.shape;
        let mut bytes = Vec::with_capacity(self.data_len());
        for i in 0..neurons {
            for j in 0..neurons {
                bytes.extend_from_slice(&entry(self.pairs, self.diagonal, i, j).to_le_bytes());
            }
        }
        Cow::Owned(bytes)
    }
    fn data_len(&self) -> usize {
        self.shape[0] * self.shape[1] * size_of::<f64>()
    }
}

/// Writes every pair matrix as F64: `TENSOR.mi_nats`, `TENSOR.mi_ratio` and `TENSOR.ksg_nats`, prefixed with the file's name if there
/// are several files.
#[expect(clippy::indexing_slicing, reason = "there are as many ones as the widest tensor has neurons")]
pub(super) fn write_matrices(path: &Path, files: &[FileFigures]) -> anyhow::Result<()> {
    let ones: Vec<f64> = vec![1.0; files.iter().flat_map(|file| &file.tensors).map(|tensor| tensor.neurons).max().unwrap_or(0)];
    let mut matrices = Vec::new();
    for file in files {
        for tensor in &file.tensors {
            let name = match files.len() {
                1 => tensor.name.clone(),
                _ => format!("{}/{}", file.path.display(), tensor.name),
            };
            let shape = [tensor.neurons; 2];
            if let Some(mutual) = &tensor.mutual {
                let diagonal = &mutual.diagonal;
                matrices.push((format!("{name}.mi_nats"), Matrix { pairs: &mutual.pairs.mutual, diagonal, shape }));
                let diagonal = &ones[..tensor.neurons];
                matrices.push((format!("{name}.mi_ratio"), Matrix { pairs: &mutual.pairs.normalised, diagonal, shape }));
            }
            if let Some(ksg) = &tensor.ksg {
                matrices.push((format!("{name}.ksg_nats"), Matrix { pairs: &ksg.pairs, diagonal: &ksg.diagonal, shape }));
            }
        }
    }
    if matrices.is_empty() {
        anyhow::bail!("--matrix has nothing to write: add --measure mi or --measure ksg");
    }
    safetensors::serialize_to_file(matrices, None, path).with_context(|| format!("cannot write {}", path.display()))
}
