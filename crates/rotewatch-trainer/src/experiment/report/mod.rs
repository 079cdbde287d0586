//! The report of an experiment: tables, charts, and files for other programs.

mod blocks;
mod head;
mod onset_figures;
mod onset_tables;
mod page;
mod rows;
mod sweep_blocks;

use super::capture::Captures;
use super::folder::{FolderError, OutFolder};
use super::grid::ReportKind;
use super::onset;
use super::score::Judged;
use super::sweep;

pub use head::Head;

/// Writes `runs.csv`, `runs.jsonl`, `report.md` and `report.html`; returns the Markdown.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    folder: &OutFolder,
    head: &Head,
    kind: &ReportKind,
    captures: &Captures,
    judged: &Judged,
) -> Result<String, FolderError> {
    let mut blocks = vec![head.facts(), head::gaps(captures, &judged.without_truth)];
    blocks.extend(match kind {
        ReportKind::Onset => onset_tables::blocks(&onset::parts(judged), judged.loss_gap_rise),
        ReportKind::Sweep { over } => sweep_blocks::blocks(&sweep::sweeps(&captures.done, over), over),
    });
    let rows: Vec<_> = judged.runs.iter().map(rows::row).collect();
    let markdown = blocks::markdown(&head.title, &blocks);
    let files = [
        ("runs.csv", rows::csv(&rows)),
        ("runs.jsonl", rows::jsonl(&rows)),
        ("report.md", markdown.clone()),
        ("report.html", page::html(&head.title, &blocks)),
    ];
    for (name, text) in files {
        folder.write(&folder.path().join(name), &text)?;
    }
    Ok(markdown)
}
