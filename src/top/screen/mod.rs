//! Draws the screen: runs at the top, the measures of one layer in the middle, the verdict in words at the bottom. It adapts to any
//! size; rows that do not fit are left out from the bottom.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::client::{LayerLine, RunLine};
use super::view::{Link, ShownRun, View};

mod curve;

use curve::Curve;

/// Rows of the verdict, including its border.
const VERDICT_ROWS: u16 = 9;
/// Largest number of rows of a curve.
const CURVE_ROWS_MAX: u16 = 6;
/// Columns of a curve's name and newest value.
const LABEL_COLUMNS: u16 = 32;
/// Largest number of columns of a run's name.
const NAME_COLUMNS: usize = 32;

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, view: &View) {
    let runs = u16::try_from(view.runs.len()).unwrap_or(u16::MAX).saturating_add(1);
    let runs = runs.clamp(2, (frame.area().height / 4).max(2));
    let rows = [
        Constraint::Length(1),
        Constraint::Length(runs),
        Constraint::Min(0),
        Constraint::Length(VERDICT_ROWS),
        Constraint::Length(1),
    ];
    let [head, list, measures, verdict, keys] = Layout::vertical(rows).areas(frame.area());
    draw_head(frame, head, view);
    draw_runs(frame, list, view);
    match view.shown_run() {
        Some(run) => {
            draw_measures(frame, measures, view, run);
            draw_verdict(frame, verdict, &run.line);
        }
        None => frame.render_widget(Paragraph::new(nothing(&view.link)).wrap(Wrap { trim: true }), measures),
    }
    let help = "up/down: run   left/right: layer   q: quit";
    frame.render_widget(Paragraph::new(help).style(Modifier::DIM), keys);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let link = match &view.link {
        Link::Waiting => Span::styled("connecting", Color::Yellow),
        Link::Following => Span::styled("live", Color::Green),
        Link::Lost(reason) => Span::styled(format!("{reason}; retrying"), Color::Red),
    };
    let runs = if view.runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", view.runs.len()) };
    let head = [Span::styled("rotewatch", Modifier::BOLD), Span::raw(format!("  {}  {runs}  ", view.url)), link];
    frame.render_widget(Line::from_iter(head), area);
}

fn draw_runs(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let block = Block::new().borders(Borders::TOP).title(" runs ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let names = view.runs.iter().map(|shown| shown.line.run.chars().count()).max().unwrap_or(0).min(NAME_COLUMNS);
    // The selected run stays visible.
    let rows = usize::from(inner.height);
    let first = (view.selected() + 1).saturating_sub(rows);
    for ((place, shown), row) in view.runs.iter().enumerate().skip(first).zip(inner.rows()) {
        let selected = place == view.selected();
        let line = run_line(&shown.line, selected, names);
        let columns = u16::try_from(line.width() + 2).unwrap_or(u16::MAX);
        let [text, curve] = Layout::horizontal([Constraint::Length(columns), Constraint::Min(0)]).areas(row);
        frame.render_widget(line, text);
        if let Some(layer) = shown.layers().last() {
            let values = shown.along(&layer.layer, |layer| layer.mutual_information_nats?.mean);
            Curve { values: &values, epochs: &shown.epochs, onset: shown.line.onset_epoch }.draw(frame, curve);
        }
    }
}

fn run_line(line: &RunLine, selected: bool, names: usize) -> Line<'static> {
    let name: String = line.run.chars().take(names).collect();
    let mark = if selected { ">" } else { " " };
    let style = if selected { Style::from(Modifier::BOLD) } else { Style::new() };
    let epoch = line.epoch.map_or_else(|| "no epoch".to_owned(), |epoch| format!("epoch {epoch:>3}"));
    let stopping = if line.stop && line.status == "training" { "stopping" } else { &line.status };
    Line::from_iter([
        Span::styled(format!("{mark} {name:names$}  {epoch}  {stopping:<8}  "), style),
        Span::styled(format!("{:<24}", verdict_in_short(line)), verdict_color(line)),
    ])
}

/// The verdict in at most 24 characters.
fn verdict_in_short(line: &RunLine) -> String {
    match (line.verdict.as_deref(), line.kind.as_deref()) {
        (Some("memorizing"), Some(kind)) => {
            let since = line.onset_epoch.map_or_else(String::new, |onset| format!(" since {onset}"));
            format!("{}{since}", kind.replace('_', "-"))
        }
        (Some(verdict), _) => verdict.replace('_', " "),
        (None, _) => String::new(),
    }
}

fn verdict_color(line: &RunLine) -> Style {
    match line.verdict.as_deref() {
        Some("memorizing") => Style::from(Color::Red).add_modifier(Modifier::BOLD),
        Some("learning") => Style::from(Color::Green),
        _ => Style::from(Modifier::DIM),
    }
}

/// A number over the epochs, with its name for display.
struct Row {
    name: String,
    values: Vec<Option<f64>>,
}

fn draw_measures(frame: &mut Frame<'_>, area: Rect, view: &View, run: &ShownRun) {
    let layer = view.shown_layer().and_then(|(place, count)| Some((run.layers().get(place)?, place, count)));
    let epochs = match (run.epochs.first(), run.epochs.last()) {
        (Some(first), Some(last)) => format!("epochs {} to {}", first.epoch, last.epoch),
        _ => "no epoch yet".to_owned(),
    };
    let title = match layer {
        Some((layer, place, count)) => {
            format!(" {}: layer {} ({} of {count}, {} neurons), {epochs} ", run.line.run, layer.layer, place + 1, layer.neurons)
        }
        None => format!(" {}: {epochs} ", run.line.run),
    };
    let block = Block::new().borders(Borders::TOP).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = measured(run, layer.map(|(layer, ..)| layer.layer.as_str()));
    if rows.is_empty() || inner.height == 0 {
        return;
    }
    let shown = rows.len().min(usize::from(inner.height));
    let height = (inner.height / u16::try_from(shown).unwrap_or(u16::MAX)).clamp(1, CURVE_ROWS_MAX);
    let places = Layout::vertical(vec![Constraint::Length(height); shown]).split(inner);
    for (row, place) in rows.iter().zip(places.iter()) {
        let [label, curve] = Layout::horizontal([Constraint::Length(LABEL_COLUMNS), Constraint::Min(0)]).areas(*place);
        let newest = row.values.iter().rev().flatten().next().map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"));
        // In the bottom row of its curve.
        let foot = Rect { y: label.bottom().saturating_sub(1), height: 1, ..label };
        frame.render_widget(format!("{:<24}{newest:>7}", row.name), foot);
        Curve { values: &row.values, epochs: &run.epochs, onset: run.line.onset_epoch }.draw(frame, curve);
    }
}

/// Reads a number of a layer.
type NumberOfLayer = fn(&LayerLine) -> Option<f64>;

/// The measures of a layer, then the trainer's own numbers.
fn measured(run: &ShownRun, layer: Option<&str>) -> Vec<Row> {
    let measures: [(&str, NumberOfLayer); 3] = [
        ("entropy, nats", |layer| layer.entropy_network_nats?.mean),
        ("mutual information, nats", |layer| layer.mutual_information_nats?.mean),
        ("class information, nats", |layer| layer.class_information_nats?.mean),
    ];
    let of_layer =
        measures.into_iter().filter_map(|(name, number)| Some(Row { name: name.to_owned(), values: run.along(layer?, number) }));
    let own = run.metrics().into_iter().map(|name| Row { name: name.replace('_', " "), values: run.metric(name) });
    of_layer.chain(own).filter(|row| row.values.iter().any(Option::is_some)).collect()
}

fn draw_verdict(frame: &mut Frame<'_>, area: Rect, line: &RunLine) {
    let verdict = match (line.verdict.as_deref(), line.alarm_epoch) {
        (Some("memorizing"), Some(alarm)) => format!("memorizing: {}, alarm at epoch {alarm}", verdict_in_short(line)),
        (Some(verdict), _) => verdict.replace('_', " "),
        (None, _) => "no verdict yet".to_owned(),
    };
    let mut lines = vec![Line::styled(verdict, verdict_color(line))];
    if let Some(why) = &line.why {
        lines.push(Line::raw(format!("why: {why}")));
    }
    if let Some(remedy) = &line.remedy {
        lines.push(Line::raw(format!("what to do: {remedy}")));
    }
    if let Some(reason) = line.reason.as_ref().filter(|_| line.stop) {
        lines.push(Line::raw(format!("asked to stop: {reason}")));
    }
    let block = Block::new().borders(Borders::TOP).title(" verdict ");
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), area);
}

fn nothing(link: &Link) -> &'static str {
    match link {
        Link::Waiting => "Waiting for the daemon.",
        Link::Following => "No runs yet. Start `rotewatch train` or your own trainer; its run appears here.",
        Link::Lost(_) => "Cannot reach the daemon. Is `rotewatch serve` running there? Use --url for another daemon.",
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::follow::Update;
    use super::super::terminal::Input;
    use super::super::view::tests::{epoch, line, new};
    use super::*;

    fn screen(view: &View, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    fn busy() -> View {
        let mut view = View::new("http://here");
        let mut alarmed = line("alarmed", "1");
        let words = "the neurons know less of the class than they did".to_owned();
        (alarmed.epoch, alarmed.verdict, alarmed.kind) = (Some(40), Some("memorizing".into()), Some("example_level".into()));
        (alarmed.onset_epoch, alarmed.alarm_epoch, alarmed.why) = (Some(3), Some(5), Some(words));
        let epochs = (0..=40).map(|at| epoch(at, &["h1", "h2"])).collect();
        let others = (0..30).map(|at| line(&format!("other{at:02}"), "1"));
        view.learn(Update::Runs([alarmed].into_iter().chain(others).collect(), vec![new("alarmed", true, epochs)]));
        view
    }

    #[test]
    fn every_size_can_be_drawn() {
        let views = [View::new("http://here"), busy()];
        for view in &views {
            for (columns, rows) in [(1, 1), (2, 5), (10, 3), (33, 9), (80, 24), (200, 60), (500, 200)] {
                assert_eq!(screen(view, columns, rows).lines().count(), usize::from(rows));
            }
        }
    }

    #[test]
    fn the_chosen_run_is_in_sight_and_told_of_in_words() {
        let mut view = busy();
        let shown = screen(&view, 80, 24);
        for expected in
            ["> alarmed", "example-level since 3", "layer h2 (2 of 2, 12 neurons), epochs 0 to 40", "why: the neurons"]
        {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
        for _ in 0..20 {
            view.heed(Input::RunAfter);
        }
        let shown = screen(&view, 80, 24);
        assert!(shown.contains("> other19") && !shown.contains("alarmed"), "{shown}");
    }

    #[test]
    fn a_lost_daemon_is_said_while_what_was_known_stays() {
        let mut view = busy();
        view.learn(Update::Lost("no answer: refused".into()));
        let shown = screen(&view, 80, 24);
        assert!(shown.contains("no answer: refused; retrying") && shown.contains("> alarmed"), "{shown}");
    }
}
