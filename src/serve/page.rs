//! The landing page: every run and its verdict, in plain HTML that needs no script.

use std::fmt::Write;

use crate::board::{Board, RunView};

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rotewatch</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.memorizing { font-weight: 700; }
</style>
<h1>rotewatch</h1>
"#;

/// The page as it stands now.
pub(super) fn landing(board: &Board) -> String {
    let mut page = String::from(HEAD);
    let runs = board.runs();
    if runs.is_empty() {
        page.push_str("<p>No run was declared yet.</p>\n");
    }
    for view in runs.values() {
        // Writing to a string cannot fail.
        let _ = run(&mut page, view);
    }
    page.push_str("<p><a href=\"/metrics\">/metrics</a> has the numbers for Prometheus.</p>\n</html>\n");
    page
}

fn run(page: &mut String, view: &RunView) -> std::fmt::Result {
    let standing = view.run.standing();
    let state = if view.active { "training" } else { "finished" };
    writeln!(page, "<h2>{}</h2>", escaped(view.run.name().as_str()))?;
    writeln!(page, "<p class=\"{}\">{}.</p>", standing.verdict.as_str(), escaped(&standing.verdict.to_string()))?;
    if let Some(alarm) = standing.verdict.alarm() {
        writeln!(page, "<p>Why: {}.<br>What to do: {}.</p>", escaped(&alarm.finding.why), escaped(&alarm.finding.remedy))?;
    }
    let Some(report) = &view.report else { return writeln!(page, "<p>{state}, no epoch reported yet.</p>") };
    writeln!(page, "<p>{state}, epoch {}, {} rows measured.</p>", report.epoch, report.rows)?;
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>layer<th>neurons<th>entropy, nats<th>mutual information, nats<th>class information (p90), nats</tr></thead><tbody>\n",
    );
    for layer in &report.layers {
        let Some(statistics) = &layer.statistics else {
            writeln!(
                page,
                "<tr><td>{}<td>{}<td colspan=\"3\">not measured</tr>",
                escaped(layer.layer.as_str()),
                layer.measures.neurons
            )?;
            continue;
        };
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        writeln!(
            page,
            "<tr><td>{}<td>{}<td>{:.3}<td>{}<td>{}</tr>",
            escaped(layer.layer.as_str()),
            layer.measures.neurons,
            statistics.entropy_network_nats.mean,
            number(statistics.mutual_information_nats.map(|all| all.mean)),
            number(statistics.class_information_nats.map(|all| all.p90)),
        )?;
    }
    page.push_str("</tbody></table></div>\n");
    Ok(())
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_become_markup() {
        assert_eq!(escaped("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }

    #[test]
    fn an_empty_daemon_says_so() {
        assert!(landing(&Board::default()).contains("No run was declared yet"));
    }
}
