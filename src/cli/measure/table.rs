//! The results for people: a small table for each tensor.

use std::fmt::{self, Formatter};

use super::figures::{Choices, FileFigures, TensorFigures};
use super::reference::Reference;
use crate::cli::columns::Head::{Left, Right};
use crate::cli::columns::columns;
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
    let heads = [Left("nats"), Right("mean"), Right("p05"), Right("median"), Right("p90"), Right("p95"), Left("")];
    out.write_str(&columns(4, &heads, &rows(tensor, choices)))?;
    if let Some(surprisal) = &tensor.surprisal {
        surprising(out, surprisal)?;
    }
    if let Some(mutual) = &tensor.mutual {
        redundant(out, &mutual.pairs.mutual, "mutual information")?;
    } else if let Some(ksg) = &tensor.ksg {
        redundant(out, &ksg.pairs, "ksg")?;
    }
    Ok(())
}

/// A label, a mean, four quantiles and a remark for each measure that was asked for.
fn rows(tensor: &TensorFigures, choices: &Choices) -> Vec<[String; 7]> {
    let mut rows = Vec::new();
    if let Some(entropy) = &tensor.entropy {
        let bin_count = choices.edges.bin_count(choices.entropy_bins);
        let scope = if choices.network { "network" } else { "neuron" };
        rows.push(row(&format!("entropy, {scope}, {bin_count} bins"), entropy));
        let ratios: Vec<f64> = entropy.iter().map(|&nats| entropy_ratio(nats, bin_count)).collect();
        rows.push(row("  share of the maximum", &ratios));
    }
    if let Some(mutual) = &tensor.mutual {
        let bin_count = choices.edges.bin_count(choices.bins);
        rows.push(row(&format!("mutual information, {bin_count} bins"), mutual.pairs.mutual.condensed()));
        rows.push(row("  share of smaller entropy", mutual.pairs.normalised.condensed()));
        if let Some(null) = mutual.shuffle {
            let remark = format!("+- {:.4} on {} pairs", null.standard_error_nats, null.pairs);
            rows.push(mean_alone("  bias: rows shuffled", null.mean_nats, remark));
            rows.push(mean_alone("  bias: Miller-Madow", mutual.pairs.miller_madow_nats, String::new()));
        }
    }
    if let Some(ksg) = &tensor.ksg {
        rows.push(row(&format!("mutual information, ksg k={}", choices.knn.k()), ksg.pairs.condensed()));
    }
    if let Some(entropy) = &tensor.knn_entropy {
        rows.push(row(&format!("entropy, knn k={}", choices.knn.k()), entropy));
    }
    if let Some(class) = &tensor.class {
        rows.push(row("class information", class));
    }
    if let Some(surprisal) = &tensor.surprisal {
        let bin_count = choices.edges.bin_count(choices.bins);
        rows.push(row(&format!("surprisal of a row, {bin_count} bins"), surprisal));
    }
    rows
}

/// Mean and quantiles of the finite values, and the number of values that are not finite.
fn row(label: &str, values: &[f64]) -> [String; 7] {
    let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let left_out = values.len() - finite.len();
    let [mean, p05, p50, p90, p95] = Distribution::of(&mut finite).map_or_else(
        || ["none", "", "", "", ""].map(str::to_owned),
        |distribution| distribution.by_name().map(|(_, value)| format!("{value:.4}")),
    );
    let remark = if left_out > 0 { format!("({left_out} not finite)") } else { String::new() };
    [label.to_owned(), mean, p05, p50, p90, p95, remark]
}

/// A mean that has no quantiles.
fn mean_alone(label: &str, mean: f64, remark: String) -> [String; 7] {
    let [p05, p50, p90, p95] = Default::default();
    [label.to_owned(), format!("{mean:.4}"), p05, p50, p90, p95, remark]
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
