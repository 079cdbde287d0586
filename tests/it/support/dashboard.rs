//! Grafana's dashboards, as stored in the repository.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The value that replaces `$__rate_interval`.
pub(crate) const RATE_INTERVAL: &str = "1m";

/// A panel's query.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Dashboard and panel, for messages.
    pub place: String,
    /// The expression as written.
    pub expression: String,
}

impl Target {
    /// Returns the expression in a form that Prometheus can parse: durations filled in, variables left as text.
    pub(crate) fn timed(&self) -> String {
        self.expression.replace("$__rate_interval", RATE_INTERVAL)
    }

    /// Returns the expression as Grafana sends it with all variables set to everything, except for one run.
    pub(crate) fn of_run(&self, run: &str) -> String {
        self.timed().replace("$job", ".+").replace("$instance", ".+").replace("$layer", ".+").replace("$run", run)
    }
}

/// Returns every dashboard by its file name.
///
/// # Panics
/// If a file is not JSON.
pub(crate) fn all() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let files = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is readable").path());
    let mut found: Vec<(String, Value)> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("it is text");
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// Returns the panels that show something, without rows.
pub(crate) fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).filter(|panel| panel["type"] != "row")
}

/// Returns the variables that query Prometheus.
pub(crate) fn queried_variables(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["templating"]["list"]).filter(|variable| variable["type"] == "query")
}

/// Returns every query of a dashboard's panels and annotations.
pub(crate) fn targets(name: &str, dashboard: &Value) -> Vec<Target> {
    let of = |place: &Value, expression: &Value| Target {
        place: format!("{name}, {}", place.as_str().unwrap_or("?")),
        expression: expression.as_str().unwrap_or_default().to_owned(),
    };
    let of_panel =
        |panel: &Value| -> Vec<Target> { list(&panel["targets"]).map(|target| of(&panel["title"], &target["expr"])).collect() };
    let annotations = list(&dashboard["annotations"]["list"]);
    let of_annotations = annotations.map(|annotation| of(&annotation["name"], &annotation["expr"]));
    panels(dashboard).flat_map(of_panel).chain(of_annotations).collect()
}

/// Returns the elements of a list; nothing if the value is not a list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
