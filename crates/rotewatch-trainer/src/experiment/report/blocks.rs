//! The blocks of a report, and their form in Markdown. [`super::page`] makes an HTML page of the same blocks.

use std::fmt::Write;

use rotewatch::page::charts::Figure;

/// One piece of a report.
pub(super) enum Block {
    /// A heading below the title.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Remarks about missing or failed runs, one per line.
    Remarks(Vec<String>),
    /// Names with their values.
    Facts(Vec<(&'static str, String)>),
    /// A table.
    Table(Table),
    /// A chart; not in Markdown.
    Figure(Box<Figure>),
}

/// A table of text; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// One heading per column.
    pub head: Vec<&'static str>,
    /// The cells of each row, as many as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// The report as Markdown.
#[must_use]
pub(super) fn markdown(title: &str, blocks: &[Block]) -> String {
    let mut text = format!("# {title}\n");
    for block in blocks {
        match block {
            Block::Heading(heading) => {
                let _ = write!(text, "\n## {heading}\n");
            }
            Block::Text(paragraph) => {
                let _ = write!(text, "\n{paragraph}\n");
            }
            Block::Remarks(remarks) if remarks.is_empty() => {}
            Block::Remarks(remarks) => {
                let _ = write!(text, "\n* {}\n", remarks.join("\n* "));
            }
            Block::Facts(facts) => {
                text.push('\n');
                for (name, value) in facts {
                    let _ = writeln!(text, "* {name}: `{value}`");
                }
            }
            Block::Table(table) => {
                let _ = write!(text, "\n| {} |\n|{}\n", table.head.join(" | "), "---|".repeat(table.head.len()));
                for row in &table.rows {
                    let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                    let _ = writeln!(text, "| {} |", cells.join(" | "));
                }
            }
            Block::Figure(_) => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_as_markdown() {
        let table = Table { head: vec!["run", "regret"], rows: vec![vec!["a|b".into(), "1.0".into()]] };
        let blocks = [
            Block::Facts(vec![("date", "2026-01-31".into())]),
            Block::Remarks(Vec::new()),
            Block::Heading("judge".into()),
            Block::Table(table),
        ];
        assert_eq!(
            markdown("onset", &blocks),
            "# onset\n\n* date: `2026-01-31`\n\n## judge\n\n| run | regret |\n|---|---|\n| a\\|b | 1.0 |\n"
        );
    }
}
