//! Selects the tensors of a file that a command measures, and explains why the others are skipped.

use anyhow::bail;

use crate::activations::Tensor;

/// The measures count rows in 32 bits.
const ROWS_MAX: usize = u32::MAX as usize;

/// The tensors to measure, and the skipped ones with the reason.
pub(super) type Selection<'a, 'b> = (Vec<&'a Tensor<'b>>, Vec<(String, String)>);

/// Selects the tensors to measure; returns them, and the skipped ones with the reason.
pub(super) fn select<'a, 'b>(tensors: &'a [Tensor<'b>], name: Option<&str>) -> anyhow::Result<Selection<'a, 'b>> {
    if let Some(name) = name {
        let Some(tensor) = tensors.iter().find(|tensor| tensor.name() == name) else {
            bail!("no tensor `{name}`; the file has {}", contents(tensors));
        };
        if let Some(reason) = misfit(tensor) {
            bail!("tensor `{name}` cannot be measured: {reason}; the file has {}", contents(tensors));
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

/// Why a tensor cannot be measured; `None` if it can.
pub(super) fn misfit(tensor: &Tensor<'_>) -> Option<String> {
    if !tensor.element().floating() {
        return Some(format!("it has elements of type {}, not floating-point numbers", tensor.element()));
    }
    misfit_of_shape(tensor.shape())
}

fn misfit_of_shape(shape: &[usize]) -> Option<String> {
    match *shape {
        // An empty tensor may claim any size in its other axis, since no bytes have to back it.
        [rows @ 0, neurons] | [rows, neurons @ 0] => Some(format!("it is empty ({rows} x {neurons})")),
        [rows, _] if rows > ROWS_MAX => Some(format!("it has {rows} rows; the maximum is {ROWS_MAX}")),
        [_, _] => None,
        [_] => Some("it has 1 axis, not two (rows x neurons)".to_owned()),
        _ => Some(format!("it has {} axes, not two (rows x neurons)", shape.len())),
    }
}

/// The tensors of a file in words, for an error.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rows_than_32_bits_can_count_are_refused() {
        assert_eq!(misfit_of_shape(&[ROWS_MAX, 1]), None);
        assert!(misfit_of_shape(&[ROWS_MAX + 1, 1]).is_some_and(|reason| reason.contains("4294967296 rows")));
    }
}
