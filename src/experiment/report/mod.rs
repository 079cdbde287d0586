//! What is left of an experiment in its folder: tables for reading, files for counting on.

mod head;
mod onset_table;
mod rows;

use super::capture::Captures;
use super::folder::{FolderError, OutFolder};
use super::onset;
use super::score::Judged;

pub use head::Head;

/// What became of the report.
pub struct Written {
    /// The tables, as in `report.md`.
    pub markdown: String,
}

/// Writes `runs.csv`, `runs.jsonl` and `report.md` of an onset experiment.
///
/// # Errors
/// If one cannot be written.
pub fn write_onset(folder: &OutFolder, head: &Head, captures: &Captures, judged: &Judged) -> Result<Written, FolderError> {
    let parts = onset::parts(judged);
    let mut markdown = head.markdown();
    markdown.push_str(&head::gaps(captures, judged));
    markdown.push_str(&onset_table::markdown(&parts, judged.loss_gap_rise));
    let rows: Vec<_> = judged.runs.iter().map(rows::row).collect();
    let files = [("runs.csv", rows::csv(&rows)), ("runs.jsonl", rows::jsonl(&rows)), ("report.md", markdown.clone())];
    for (name, text) in files {
        folder.write(&folder.path().join(name), &text)?;
    }
    Ok(Written { markdown })
}
