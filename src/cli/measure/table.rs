//! The results for people: a small table for each tensor.

use std::fmt::{self, Formatter};

use super::FileFigures;
use super::figures::{Choices, TensorFigures};
use super::reference::Reference;
use rotewatch_info::measures::entropy::entropy_ratio;
use rotewatch_info::measures::{Distribution, PairMatrix};

/// How many of the most redundant pairs, and of the most surprising rows, are shown.
const MOST_SHOWN: usize = 5;

/// All files, one after the other.
pub(super) fn text(files: &[FileFigures], reference: Option<&Reference>, choices: &Choices) -> String {
    fmt::from_fn(|out| files.iter().try_for_each(|file| of_file(out, file, reference, choices))).to_string()
}

fn of_file(out: &mut Formatter<'_>, file: &FileFigures, reference: Option<&Reference>, choices: &Choices) -> fmt::Result {
    writeln!(out, "{}", file.path.display())?;
    if let Some(reference) = reference {
        writeln!(out, "  surprisal relative to {}", reference.path().display())?;
    }
    for tensor in &file.tensors {
        of_tensor(out, tensor, choices)?;
    }
    for (name, reason) in &file.skipped {
        writeln!(out, "  {name} skipped: {reason}")?;
    }
    Ok(())
}

fn of_tensor(out: &mut Formatter<'_>, tensor: &TensorFigures, choices: &Choices) -> fmt::Result {
    writeln!(out, "  {}  {} rows x {} neurons", tensor.name, tensor.rows, tensor.neurons)?;
    if tensor.nonfinite > 0 {
        writeln!(out, "    {} values are not finite and are left out", tensor.nonfinite)?;
    }
    if tensor.constant_neurons > 0 {
        writeln!(out, "    {} neurons are constant", tensor.constant_neurons)?;
    }
    if !tensor.reliable {
        writeln!(out, "    too few rows for {} bins: the binned results are unreliable", choices.bins)?;
    }
    writeln!(out, "    {:<28}{:>9}{:>9}{:>9}{:>9}{:>9}", "nats", "mean", "p05", "median", "p90", "p95")?;
    if let Some(entropy) = &tensor.entropy {
        let bin_count = choices.edges.bin_count(choices.entropy_bins);
        let scope = if choices.network { "network" } else { "neuron" };
        line(out, &format!("entropy, {scope}, {bin_count} bins"), entropy)?;
        let ratios: Vec<f64> = entropy.iter().map(|&nats| entropy_ratio(nats, bin_count)).collect();
        line(out, "  share of the maximum", &ratios)?;
    }
    if let Some(mutual) = &tensor.mutual {
        let bin_count = choices.edges.bin_count(choices.bins);
        line(out, &format!("mutual information, {bin_count} bins"), mutual.pairs.mutual.condensed())?;
        line(out, "  share of smaller entropy", mutual.pairs.normalised.condensed())?;
        if let Some(null) = mutual.shuffle {
            let (mean, error) = (null.mean_nats, null.standard_error_nats);
            writeln!(out, "    {:<28}{mean:>9.4} +- {error:.4} on {} pairs", "  bias: rows shuffled", null.pairs)?;
            writeln!(out, "    {:<28}{:>9.4}", "  bias: Miller-Madow", mutual.pairs.miller_madow_nats)?;
        }
    }
    if let Some(ksg) = &tensor.ksg {
        line(out, &format!("mutual information, ksg k={}", choices.knn.k()), ksg.pairs.condensed())?;
    }
    if let Some(entropy) = &tensor.knn_entropy {
        line(out, &format!("entropy, knn k={}", choices.knn.k()), entropy)?;
    }
    if let Some(class) = &tensor.class {
        line(out, "class information", class)?;
    }
    if let Some(surprisal) = &tensor.surprisal {
        let bin_count = choices.edges.bin_count(choices.bins);
        line(out, &format!("surprisal of a row, {bin_count} bins"), surprisal)?;
        surprising(out, surprisal)?;
    }
    if let Some(mutual) = &tensor.mutual {
        redundant(out, &mutual.pairs.mutual, "mutual information")?;
    } else if let Some(ksg) = &tensor.ksg {
        redundant(out, &ksg.pairs, "ksg")?;
    }
    Ok(())
}

/// Mean and quantiles of the finite values, and the number of values that are not finite.
fn line(out: &mut Formatter<'_>, label: &str, values: &[f64]) -> fmt::Result {
    let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let left_out = values.len() - finite.len();
    write!(out, "    {label:<28}")?;
    match Distribution::of(&mut finite) {
        Some(d) => write!(out, "{:>9.4}{:>9.4}{:>9.4}{:>9.4}{:>9.4}", d.mean, d.p05, d.p50, d.p90, d.p95)?,
        None => write!(out, "{:>9}", "none")?,
    }
    if left_out > 0 {
        write!(out, "  ({left_out} not finite)")?;
    }
    writeln!(out)
}

fn surprising(out: &mut Formatter<'_>, surprisals: &[f64]) -> fmt::Result {
    let mut rows: Vec<(usize, f64)> = surprisals.iter().copied().enumerate().filter(|(_, nats)| nats.is_finite()).collect();
    rows.sort_by(|one, other| other.1.total_cmp(&one.1));
    let shown: Vec<String> = rows.iter().take(MOST_SHOWN).map(|(row, nats)| format!("{row} {nats:.3}")).collect();
    if shown.is_empty() { Ok(()) } else { writeln!(out, "    most surprising rows: {}", shown.join(", ")) }
}

fn redundant(out: &mut Formatter<'_>, pairs: &PairMatrix, what: &str) -> fmt::Result {
    let mut most: Vec<(usize, usize, f64)> = Vec::with_capacity(MOST_SHOWN + 1);
    for pair in pairs.iter().filter(|pair| pair.2.is_finite()) {
        let place = most.partition_point(|other| other.2 >= pair.2);
        if place < MOST_SHOWN {
            most.insert(place, pair);
            most.truncate(MOST_SHOWN);
        }
    }
    if most.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = most.iter().map(|(i, j, nats)| format!("{i}-{j} {nats:.3}")).collect();
    writeln!(out, "    most redundant pairs by {what}: {}", shown.join(", "))
}
