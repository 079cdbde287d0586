//! Figures for reports. Only this module uses plotly. The plotly script is part of the page; nothing is loaded from the network.

use plotly::common::{AxisSide, DashType, ErrorData, ErrorType, Line, Marker, Mode};
use plotly::layout::{Axis, BoxMode, Layout};
use plotly::{Bar, BoxPlot, Plot, Scatter};
use rotewatch_info::measures::Quartiles;

/// A figure for a page that contains [`script`].
#[derive(Clone)]
pub struct Figure {
    title: String,
    plot: Plot,
    layout: Layout,
}

/// Names of the axes.
#[derive(Clone, Copy, Debug)]
pub struct Axes<'a> {
    /// The x axis.
    pub x: &'a str,
    /// The y axis, at the left.
    pub y: &'a str,
}

/// The numbers that a box shows. Its whiskers are the quantiles at 5 % and 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxOf {
    /// The ends of the whiskers, the edges and the middle.
    pub quartiles: Quartiles,
    /// Arithmetic mean.
    pub mean: f64,
}

impl BoxOf {
    /// Computes the box of some values; `None` if there are no values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let quartiles = Quartiles::of(&mut values.to_vec())?;
        Some(BoxOf { quartiles, mean: values.iter().sum::<f64>() / values.len() as f64 })
    }
}

/// A bar at a label of the x axis, with its error interval.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalBar {
    /// The label.
    pub label: String,
    /// The height.
    pub height: f64,
    /// The lower end of the interval.
    pub lower: f64,
    /// The upper end of the interval.
    pub upper: f64,
}

/// A named series of points.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Hover text of each point; empty to show only the numbers.
    pub told: Vec<String>,
}

impl Figure {
    fn new(title: &str, axes: Axes<'_>, traces: Vec<Box<dyn plotly::Trace>>) -> Self {
        let mut plot = Plot::new();
        plot.add_traces(traces);
        let layout = Layout::new().x_axis(Axis::new().title(axes.x)).y_axis(Axis::new().title(axes.y));
        Figure { title: title.to_owned(), plot, layout }
    }

    /// Box plots, side by side for each group, each box at a label of the x axis.
    #[must_use]
    pub fn boxes(title: &str, axes: Axes<'_>, groups: &[(String, Vec<(String, BoxOf)>)]) -> Self {
        let trace = |(name, boxes): &(String, Vec<(String, BoxOf)>)| {
            let of = |part: fn(&BoxOf) -> f64| boxes.iter().map(|(_, of)| part(of)).collect::<Vec<_>>();
            let labels: Vec<String> = boxes.iter().map(|(label, _)| label.clone()).collect();
            // Only the quartiles are drawn, so the values themselves are not part of the page.
            let trace: Box<dyn plotly::Trace> = Box::<BoxPlot<String, f64>>::default()
                .name(name)
                .q1(of(|of| of.quartiles.p25))
                .median(of(|of| of.quartiles.p50))
                .q3(of(|of| of.quartiles.p75))
                .lower_fence(of(|of| of.quartiles.p05))
                .upper_fence(of(|of| of.quartiles.p95))
                .mean(of(|of| of.mean))
                .x(labels);
            trace
        };
        let mut figure = Figure::new(title, axes, groups.iter().map(trace).collect());
        figure.layout = figure.layout.box_mode(BoxMode::Group);
        figure
    }

    /// Adds a line over the labels of the x axis, with its own axis at the right.
    #[must_use]
    pub fn with_line(mut self, name: &str, axis: &str, points: &[(String, f64)]) -> Self {
        let (labels, values): (Vec<String>, Vec<f64>) = points.iter().cloned().unzip();
        self.plot.add_trace(Scatter::new(labels, values).name(name).mode(Mode::LinesMarkers).y_axis("y2"));
        let right = Axis::new().title(axis).overlaying("y").side(AxisSide::Right).show_grid(false);
        self.layout = self.layout.y_axis2(right);
        self
    }

    /// One line for each series.
    #[must_use]
    pub fn lines(title: &str, axes: Axes<'_>, series: &[Series]) -> Self {
        Figure::new(title, axes, series.iter().map(|series| scatter(series, Mode::Lines)).collect())
    }

    /// One line for each series, for series that have an order: their colours go from violet to red.
    #[must_use]
    pub fn ordered_lines(title: &str, axes: Axes<'_>, series: &[Series]) -> Self {
        let last = series.len().saturating_sub(1).max(1) as f64;
        let line = |(place, series): (usize, &Series)| {
            // This lightness can be read on white and on black.
            let colour = format!("hsl({:.0}, 75%, 52%)", 270.0 - 270.0 * place as f64 / last);
            let trace: Box<dyn plotly::Trace> = curve(series, Mode::Lines).line(Line::new().color(colour));
            trace
        };
        Figure::new(title, axes, series.iter().enumerate().map(line).collect())
    }

    /// One cloud of points for each series.
    #[must_use]
    pub fn points(title: &str, axes: Axes<'_>, series: &[Series]) -> Self {
        Figure::new(title, axes, series.iter().map(|series| scatter(series, Mode::Markers)).collect())
    }

    /// Adds a dashed diagonal, where both axes have the same value, up to `end`.
    #[must_use]
    pub fn with_diagonal(mut self, name: &str, end: f64) -> Self {
        let line = Line::new().dash(DashType::Dash).width(1.0);
        self.plot.add_trace(Scatter::new(vec![0.0, end], vec![0.0, end]).name(name).mode(Mode::Lines).line(line));
        self
    }

    /// Bars with error intervals, one group for each name.
    #[must_use]
    pub fn bars(title: &str, axes: Axes<'_>, groups: &[(String, Vec<IntervalBar>)]) -> Self {
        let trace = |(name, bars): &(String, Vec<IntervalBar>)| {
            let labels: Vec<String> = bars.iter().map(|bar| bar.label.clone()).collect();
            let heights: Vec<f64> = bars.iter().map(|bar| bar.height).collect();
            let above: Vec<f64> = bars.iter().map(|bar| bar.upper - bar.height).collect();
            let below: Vec<f64> = bars.iter().map(|bar| bar.height - bar.lower).collect();
            let interval = ErrorData::new(ErrorType::Data).symmetric(false).array(above).array_minus(below);
            let trace: Box<dyn plotly::Trace> = Bar::new(labels, heights).name(name).error_y(interval);
            trace
        };
        Figure::new(title, axes, groups.iter().map(trace).collect())
    }

    /// Returns the title of the figure.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the figure as plotly's JSON: `{data, layout, ...}`.
    #[must_use]
    pub fn json(&self) -> String {
        let mut plot = self.plot.clone();
        plot.set_layout(self.layout.clone());
        plot.to_json()
    }
}

fn scatter(series: &Series, mode: Mode) -> Box<dyn plotly::Trace> {
    curve(series, mode)
}

fn curve(series: &Series, mode: Mode) -> Box<Scatter<f64, f64>> {
    let (x, y): (Vec<f64>, Vec<f64>) = series.points.iter().copied().unzip();
    let trace = Scatter::new(x, y).name(&series.name).mode(mode).marker(Marker::new().opacity(0.7));
    if series.told.is_empty() { trace } else { trace.hover_text_array(series.told.clone()) }
}

/// Returns the script that draws the figures, without its tags.
///
/// # Panics
/// Never, since the script is part of the crate.
#[must_use]
#[expect(clippy::expect_used, reason = "the crate's sources are constants, and a test parses them")]
pub fn script() -> String {
    // The crate's sources are several scripts, plotly first. The second typesets formulas, and the figures have none.
    let sources = Plot::offline_js_sources();
    let (_, behind_the_tag) = sources.split_once('>').expect("the sources are scripts");
    let (plotly, _) = behind_the_tag.split_once("</script>").expect("a script ends");
    plotly.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_plotly_alone() {
        let script = script();
        assert!(script.contains("plotly.js v") && script.len() > 1_000_000, "{} bytes", script.len());
        assert!(!script.contains("</script"), "only the first script");
    }

    #[test]
    fn series_with_an_order_have_a_colour_each() {
        let series: Vec<Series> =
            (0..11).map(|place| Series { name: place.to_string(), points: vec![(0.0, 1.0)], told: Vec::new() }).collect();
        let figure = Figure::ordered_lines("density", Axes { x: "nats", y: "density" }, &series);
        let json: serde_json::Value = serde_json::from_str(&figure.json()).expect("JSON");
        let colours: std::collections::BTreeSet<String> =
            (0..11).map(|place| json["data"][place]["line"]["color"].to_string()).collect();
        assert_eq!(colours.len(), 11);
        assert_eq!(json["data"][10]["line"]["color"], "hsl(0, 75%, 52%)");
    }

    #[test]
    fn boxes_hold_quartiles_and_their_line_another_axis() {
        let of = BoxOf::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("there are values");
        assert_eq!((of.quartiles.p25, of.quartiles.p50, of.quartiles.p75, of.mean), (2.0, 3.0, 4.0, 3.0));
        let groups = [("hidden1".to_owned(), vec![("0.5".to_owned(), of)])];
        let figure = Figure::boxes("entropy", Axes { x: "alpha", y: "nats" }, &groups);
        let json = figure.with_line("accuracy", "share", &[("0.5".to_owned(), 0.9)]).json();
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["data"][0]["q1"][0], 2.0);
        assert_eq!(json["data"][0]["x"][0], "0.5");
        assert_eq!(json["data"][1]["yaxis"], "y2");
        assert_eq!(json["layout"]["yaxis2"]["overlaying"], "y");
        assert!(BoxOf::of(&[]).is_none());
    }
}
