//! The report as one self-contained HTML file with styles, script and charts.

use std::fmt::Write;

use super::blocks::{Block, Table};
use rotewatch::page::charts;

/// Follows the browser's light or dark scheme, as the script below does for the charts.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--rule:#d0d7de;--soft:#f6f8fa}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--rule:#30363d;--soft:#161b22}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1200px;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}.wide{overflow-x:auto;margin:1rem 0}\
th,td{border:1px solid var(--rule);padding:.3rem .55rem;text-align:left;vertical-align:top}th{background:var(--soft)}\
code{background:var(--soft);padding:.1rem .3rem;border-radius:4px}figure{margin:1.5rem 0}figcaption{font-weight:600}\
.plot{width:100%;height:440px}";

/// Draws every chart, and redraws it when the scheme changes.
const DRAW: &str = "\
const lights=matchMedia('(prefers-color-scheme: dark)');\
function draw(){const ink=lights.matches?'#e6edf3':'#1b1f24',rule=lights.matches?'#30363d':'#d0d7de';\
for(const place of document.querySelectorAll('.plot')){\
const figure=JSON.parse(document.getElementById(place.dataset.figure).textContent);\
const layout=Object.assign({},figure.layout,{paper_bgcolor:'rgba(0,0,0,0)',plot_bgcolor:'rgba(0,0,0,0)',font:{color:ink},\
margin:{t:20,r:70,b:70,l:70},legend:{orientation:'h',y:-0.25}});\
for(const axis of ['xaxis','yaxis','yaxis2'])if(layout[axis])\
layout[axis]=Object.assign({gridcolor:rule,zerolinecolor:rule,linecolor:rule,automargin:true},layout[axis]);\
Plotly.react(place,figure.data,layout,{responsive:true,displaylogo:false});}}\
draw();lights.addEventListener('change',draw);";

/// The report as a page.
#[must_use]
pub(super) fn html(title: &str, blocks: &[Block]) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let title = escaped(title);
    let _ = writeln!(page, "<title>{title}: rotewatch</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>");
    let mut figures = 0;
    for block in blocks {
        push(&mut page, block, &mut figures);
    }
    if figures > 0 {
        let _ = writeln!(page, "<script>{}</script>\n<script>{DRAW}</script>", charts::script());
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn push(page: &mut String, block: &Block, figures: &mut usize) {
    let _ = match block {
        Block::Heading(heading) => writeln!(page, "<h2>{}</h2>", escaped(heading)),
        Block::Text(text) => writeln!(page, "<p>{}</p>", paragraph(text)),
        Block::Remarks(remarks) if remarks.is_empty() => Ok(()),
        Block::Remarks(remarks) => {
            let items: Vec<String> = remarks.iter().map(|remark| escaped(remark)).collect();
            writeln!(page, "<ul><li>{}</li></ul>", items.join("</li><li>"))
        }
        Block::Facts(facts) => {
            let item = |(name, value): &(&str, String)| format!("{name}: <code>{}</code>", escaped(value));
            let items: Vec<String> = facts.iter().map(item).collect();
            writeln!(page, "<ul><li>{}</li></ul>", items.join("</li><li>"))
        }
        Block::Table(table) => writeln!(page, "<div class=\"wide\">{}</div>", rows(table)),
        Block::Figure(figure) => {
            *figures += 1;
            // A slash may be escaped in JSON; this keeps any text in it from ending the script.
            let json = figure.json().replace("</", "<\\/");
            let id = format!("figure-{figures}");
            writeln!(
                page,
                "<figure><figcaption>{}</figcaption><div class=\"plot\" data-figure=\"{id}\"></div></figure>\n\
                 <script type=\"application/json\" id=\"{id}\">{json}</script>",
                escaped(figure.title())
            )
        }
    };
}

fn rows(table: &Table) -> String {
    let head: Vec<String> = table.head.iter().map(|cell| escaped(cell)).collect();
    let mut text = format!("<table><thead><tr><th>{}</th></tr></thead><tbody>", head.join("</th><th>"));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let _ = write!(text, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    text + "</tbody></table>"
}

/// Text in which `*words*` become emphasis, as in Markdown.
fn paragraph(text: &str) -> String {
    let pieces = text.split('*').enumerate();
    pieces.map(|(place, piece)| if place % 2 == 1 { format!("<em>{}</em>", escaped(piece)) } else { escaped(piece) }).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotewatch::page::charts::{Axes, Figure, Series};

    #[test]
    fn a_page_is_self_contained() {
        let series = Series { name: "</script><b>".into(), points: vec![(1.0, 2.0)], told: Vec::new() };
        let figure = Figure::lines("a < b", Axes { x: "x", y: "y" }, &[series]);
        let page = html("onset", &[Block::Text("a *clean* run".into()), Block::Figure(Box::new(figure))]);
        assert!(page.contains("<em>clean</em>") && page.contains("a &lt; b"));
        assert!(!page.contains("</script><b>"), "a name must not end the script");
        for loading in ["<script src", "<link", "cdn.plot.ly/plotly", "cdn.jsdelivr"] {
            assert!(!page.contains(loading), "{loading}");
        }
        assert_eq!(page.matches("class=\"plot\"").count(), 1);
    }

    #[test]
    fn without_figures_there_is_no_script() {
        assert!(!html("onset", &[Block::Heading("h".into())]).contains("<script"));
    }
}
