//! The ranking for people.

use std::fmt::{self, Formatter};

use crate::cli::columns::Head::{Left, Right};
use crate::cli::columns::columns;
use rotewatch_core::compare::{Direction, Group, Placed};
use rotewatch_info::statistics::Agreement;

/// Every group, best by entropy first.
pub(super) fn text(direction: Direction, groups: &[Group]) -> String {
    fmt::from_fn(|out| write(out, direction, groups)).to_string()
}

fn write(out: &mut Formatter<'_>, direction: Direction, groups: &[Group]) -> fmt::Result {
    writeln!(out, "{direction}")?;
    for (at, group) in groups.iter().enumerate() {
        writeln!(out, "\n{}", group.seen)?;
        for other in groups.iter().take(at) {
            if let ([first, rest @ ..], Some(reason)) = (other.placed.as_slice(), group.seen.difference(&other.seen)) {
                let like = if rest.is_empty() { "" } else { " and its group" };
                writeln!(out, "  cannot be compared with {}{like}: {reason}", first.candidate.name)?;
            }
        }
        if group.placed.len() > 1
            && let Some(doubt) = group.seen.probe.doubt()
        {
            writeln!(out, "  {doubt}")?;
        }
        of_group(out, group)?;
    }
    Ok(())
}

fn of_group(out: &mut Formatter<'_>, group: &Group) -> fmt::Result {
    let scored = group.placed.iter().any(|placed| placed.score.is_some());
    let mut heads =
        vec![Left("network"), Right("entropy, nats"), Right("rank"), Right("MI, nats"), Right("rank"), Right("score")];
    heads.truncate(if scored { 6 } else { 5 });
    let row = |Placed { candidate, by_entropy, by_mutual_information, score }: &Placed| {
        let means = candidate.means;
        [
            candidate.name.clone(),
            format!("{:.4}", means.entropy_nats),
            by_entropy.to_string(),
            format!("{:.4}", means.mutual_information_nats),
            by_mutual_information.to_string(),
            score.map_or_else(|| "none".to_owned(), |score| format!("{score:.4}")),
        ]
    };
    let rows: Vec<_> = group.placed.iter().map(row).collect();
    out.write_str(&columns(2, &heads, &rows))?;
    if scored {
        writeln!(out, "  Kendall's tau-b with the scores (95 % interval over resamples of the networks):")?;
        agreement(out, "by entropy", group.by_entropy.as_ref())?;
        agreement(out, "by mutual information", group.by_mutual_information.as_ref())?;
    }
    Ok(())
}

fn agreement(out: &mut Formatter<'_>, by: &str, of: Option<&Agreement>) -> fmt::Result {
    let Some(Agreement { tau, models, chance }) = of else {
        return writeln!(out, "    {by:<22} none: needs two scored networks that differ");
    };
    let (value, lower, upper, percent) = (tau.value, tau.lower, tau.upper, 100.0 * chance);
    writeln!(
        out,
        "    {by:<22} {value:>5.2} ({lower:.2} to {upper:.2}) over {models} networks; {percent:.2} % of random rankings agree as well or better"
    )
}
