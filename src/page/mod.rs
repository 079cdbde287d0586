//! The live page, and the same page as a static file.
//!
//! The page (`dashboards/live/`) is handwritten and part of the program; it loads nothing from other servers. Its modules import each
//! other by name. In a static page they are joined into one script, and read the data that is embedded in the page instead of
//! requesting it from a daemon.

pub mod charts;

use std::sync::LazyLock;

use rotewatch_core::record::catalogue::{Line, Measure};
use serde_json::{Value, json};

const INDEX: &str = include_str!("../../dashboards/live/index.html");
const STYLE: &str = include_str!("../../dashboards/live/style.css");

/// The handwritten modules; each comes after those that it imports.
const MODULES: [(&str, &str); 10] = [
    ("/assets/words.js", include_str!("../../dashboards/live/words.js")),
    ("/assets/elements.js", include_str!("../../dashboards/live/elements.js")),
    ("/assets/source.js", include_str!("../../dashboards/live/source.js")),
    ("/assets/charts.js", include_str!("../../dashboards/live/charts.js")),
    ("/assets/figures.js", include_str!("../../dashboards/live/figures.js")),
    ("/assets/verdict.js", include_str!("../../dashboards/live/verdict.js")),
    ("/assets/comparison.js", include_str!("../../dashboards/live/comparison.js")),
    ("/assets/stop.js", include_str!("../../dashboards/live/stop.js")),
    ("/assets/runs.js", include_str!("../../dashboards/live/runs.js")),
    ("/assets/main.js", include_str!("../../dashboards/live/main.js")),
];

/// The path of the module that lists the measures to draw; it is made from the catalogue.
const MEASURES_PATH: &str = "/assets/measures.js";

/// That module.
static MEASURES: LazyLock<String> = LazyLock::new(|| {
    let measure = |(measure, line): (Measure, Line)| {
        let entry = measure.entry();
        json!({
            "name": measure.name(),
            "title": entry.title,
            "unit": entry.unit.to_string(),
            "statistic": line.statistic,
            "about": line.about,
            "missing": line.missing,
            "fromZero": line.from_zero,
        })
    };
    let all: Vec<Value> = Measure::drawn().map(measure).collect();
    format!("// The measures of the catalogue that are drawn.\nexport const MEASURES = {};\n", Value::Array(all))
});

/// Every module in an order in which each comes after those that it imports.
fn modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    [(MEASURES_PATH, MEASURES.as_str())].into_iter().chain(MODULES)
}

/// Placeholder in the page for the path of the plotly script.
const PLOTLY_PATH: &str = "/assets/plotly.js";
/// Policy of a static page: it runs its own scripts and loads nothing.
const FROZEN_POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; \
                             style-src 'unsafe-inline'; img-src data: blob:\">";

/// The plotly script, and the path under which it is served; the path contains its version.
static PLOTLY: LazyLock<(String, String)> = LazyLock::new(|| {
    let script = charts::script();
    let version = script.split_once("plotly.js v").map_or("", |(_, rest)| rest);
    let version: String = version.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    (format!("/assets/plotly-{version}.js"), script)
});

/// The page with the path of the plotly script.
static PAGE: LazyLock<String> = LazyLock::new(|| INDEX.replace(PLOTLY_PATH, &PLOTLY.0));

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its content type.
    pub content_type: &'static str,
    /// Its content.
    pub body: &'static str,
    /// Whether the content for this path never changes.
    pub never_changes: bool,
}

/// Returns the file of the page with this path.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let script = "text/javascript; charset=utf-8";
    let asset = |content_type, body| Asset { content_type, body, never_changes: false };
    match path {
        "/" => Some(asset("text/html; charset=utf-8", PAGE.as_str())),
        "/assets/style.css" => Some(asset("text/css; charset=utf-8", STYLE)),
        path if path == PLOTLY.0 => Some(Asset { never_changes: true, ..asset(script, &PLOTLY.1) }),
        path => modules().find(|(name, _)| *name == path).map(|(_, module)| asset(script, module)),
    }
}

/// The data of one run for a static page, as documents of the API (`docs/protocol.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenRun {
    /// `GET runs/{run}`.
    pub run: Value,
    /// `GET runs/{run}/verdict`.
    pub verdict: Value,
    /// `GET runs/{run}/epochs`, with all epochs to show.
    pub epochs: Value,
    /// `GET runs/{run}/layers/{layer}/matrix` of each measured layer.
    pub matrices: Vec<Value>,
    /// Time at which the page is made, in seconds since 1970.
    pub made_at_unix_seconds: f64,
}

/// Returns the page of some runs as one file, which can be opened without a network.
#[must_use]
pub fn frozen(runs: &[FrozenRun]) -> String {
    let document = |run: &FrozenRun| json!({ "run": run.run, "verdict": run.verdict, "epochs": run.epochs, "matrices": run.matrices, "made_at": run.made_at_unix_seconds });
    let runs: Vec<Value> = runs.iter().map(document).collect();
    // In JSON, "<" occurs only in strings and may be escaped. Escaped, the data cannot end the script or begin another one.
    let data = json!({ "version": env!("CARGO_PKG_VERSION"), "runs": runs }).to_string().replace('<', "\\u003c");
    let modules: Vec<String> = modules().map(|(_, module)| standing_alone(module)).collect();
    let scripts = format!(
        "<script type=\"application/json\" id=\"frozen\">{data}</script>\n<script>{}</script>\n<script>\"use strict\";\n{{\n{}}}\n</script>",
        PLOTLY.1,
        modules.join("\n"),
    );
    let head = format!("{FROZEN_POLICY}\n<style>\n{STYLE}</style>");
    let is_loading = |line: &&str| line.contains("src=\"/assets/") || line.contains("href=\"/assets/");
    let page: Vec<&str> = INDEX.lines().filter(|line| !is_loading(line)).collect();
    page.join("\n").replacen("</head>", &format!("{head}\n</head>"), 1).replacen("</body>", &format!("{scripts}\n</body>"), 1)
}

/// Returns a module without its imports and exports, which are not needed within one script.
fn standing_alone(module: &str) -> String {
    let lines = module.lines().filter(|line| !line.starts_with("import "));
    lines.map(|line| line.strip_prefix("export ").unwrap_or(line).to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> FrozenRun {
        let run = json!({ "run": "a", "declared_layers": ["</script><b>"], "status": "finished" });
        FrozenRun { run, verdict: json!({}), epochs: json!({ "epochs": [] }), matrices: Vec::new(), made_at_unix_seconds: 0.0 }
    }

    #[test]
    fn whatever_the_page_names_is_there() {
        for text in [PAGE.as_str()].into_iter().chain(MODULES.iter().map(|(_, module)| *module)) {
            for part in text.split("/assets/").skip(1).filter_map(|rest| rest.split(['"', '\'']).next()) {
                assert!(asset(&format!("/assets/{part}")).is_some(), "{part}");
            }
        }
        assert!(asset(PLOTLY.0.as_str()).is_some_and(|plotly| plotly.never_changes && plotly.body.len() > 1_000_000));
        assert!(PLOTLY.0.len() > "/assets/plotly-.js".len(), "the version is part of the path");
        assert!(asset("/assets/../Cargo.toml").is_none());
    }

    #[test]
    fn a_frozen_page_loads_nothing_and_no_name_ends_its_script() {
        let page = frozen(&[hostile()]);
        for loading in ["src=\"/", "href=\"/", "rel=\"stylesheet\"", "type=\"module\"", "\nimport ", "\nexport "] {
            let own = page.replace(PLOTLY.1.as_str(), "");
            assert!(!own.contains(loading), "{loading}");
        }
        assert!(!page.contains("</script><b>"));
        assert!(page.contains("\\u003c/script>\\u003cb>") || page.contains("\\u003c/script>"));
    }
}
