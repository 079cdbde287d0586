//! Which tensors of a file a command takes, and what it says of the others.

use anyhow::bail;

use crate::activations::Tensor;

/// Tensors to measure, and those passed over with the reason.
pub(super) type Selection<'a, 'b> = (Vec<&'a Tensor<'b>>, Vec<(String, String)>);

/// The tensors to measure, and those passed over with the reason.
pub(super) fn select<'a, 'b>(tensors: &'a [Tensor<'b>], name: Option<&str>) -> anyhow::Result<Selection<'a, 'b>> {
    if let Some(name) = name {
        let Some(tensor) = tensors.iter().find(|tensor| tensor.name() == name) else {
            bail!("no tensor `{name}`; there are {}", contents(tensors));
        };
        if let Some(reason) = misfit(tensor) {
            bail!("tensor `{name}` cannot be measured: {reason}; there are {}", contents(tensors));
        }
        return Ok((vec![tensor], Vec::new()));
    }
    let (mut chosen, mut skipped) = (Vec::new(), Vec::new());
    for tensor in tensors {
        match misfit(tensor) {
            Some(reason) => skipped.push((tensor.name().to_owned(), reason)),
            None => chosen.push(tensor),
        }
    }
    Ok((chosen, skipped))
}

/// Why a tensor is nothing to measure.
pub(super) fn misfit(tensor: &Tensor<'_>) -> Option<String> {
    if !tensor.element().floating() {
        return Some(format!("it holds {}, not floating-point numbers", tensor.element()));
    }
    match *tensor.shape() {
        // Such a shape may state any number of the other, and no byte of the file says otherwise.
        [rows @ 0, neurons] | [rows, neurons @ 0] => Some(format!("it is {rows} x {neurons}: there is nothing in it")),
        [_, _] => None,
        [_] => Some("it has 1 axis, not two (rows x neurons)".to_owned()),
        ref shape => Some(format!("it has {} axes, not two (rows x neurons)", shape.len())),
    }
}

/// What a file holds, for an error.
pub(super) fn contents(tensors: &[Tensor<'_>]) -> String {
    const SHOWN: usize = 20;
    if tensors.is_empty() {
        return "no tensors".to_owned();
    }
    let one = |tensor: &Tensor<'_>| {
        let shape: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
        format!("`{}` ({} {})", tensor.name(), tensor.element(), shape.join(" x "))
    };
    let mut shown: Vec<String> = tensors.iter().take(SHOWN).map(one).collect();
    if tensors.len() > SHOWN {
        shown.push(format!("{} more", tensors.len() - SHOWN));
    }
    shown.join(", ")
}
