//! The reference of surprisal: the tensors of another file.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::figures::Choices;
use crate::activations::{Element, Tensor, file};
use crate::cli::tensors::{contents, misfit};
use rotewatch_info::measures::surprisal::ReferenceBins;

/// A file with the activations that count as usual.
#[derive(Debug)]
pub(super) struct Reference {
    path: PathBuf,
    tensors: Vec<Tensor<'static>>,
}

impl Reference {
    /// Reads the tensors of a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        let tensors = file::read(path, &bytes).with_context(|| shown.to_string())?;
        Ok(Reference { path: path.to_owned(), tensors: tensors.into_iter().map(Tensor::into_owned).collect() })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bins of the reference for `tensor`: the tensor of the same name, or the only one that can be measured, if `tensor` is also the
    /// only one in its file (a .npy file names its tensor after itself).
    pub(super) fn bins_for(&self, tensor: &Tensor<'_>, alone: bool, choices: &Choices) -> anyhow::Result<ReferenceBins> {
        let (name, shown) = (tensor.name(), self.path.display());
        let fitting: Vec<&Tensor<'_>> = self.tensors.iter().filter(|tensor| misfit(tensor).is_none()).collect();
        let of_name = fitting.iter().find(|reference| reference.name() == name);
        let Some(reference) = of_name.or_else(|| fitting.first().filter(|_| alone && fitting.len() == 1)) else {
            bail!("the reference {shown} has no tensor `{name}` (rows x neurons); it has {}", contents(&self.tensors));
        };
        let ((_, neurons), (_, reference_neurons)) = (tensor.rows_and_neurons()?, reference.rows_and_neurons()?);
        if neurons != reference_neurons {
            bail!(
                "tensor `{name}` has {neurons} neurons and `{}` of the reference {shown} has {reference_neurons}; \
                 use activations of the same layer",
                reference.name()
            );
        }
        let Choices { bins, binning, edges, kernel, .. } = *choices;
        Ok(match reference.element() {
            Element::F64 => ReferenceBins::of(&reference.columns_f64()?, bins, binning, edges, kernel),
            _ => ReferenceBins::of(&reference.columns_f32()?, bins, binning, edges, kernel),
        })
    }
}
