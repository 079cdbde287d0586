//! Draws the screen: runs at the top, the measures of one layer in the middle, the verdict in words at the bottom. It adapts to any
//! size; rows that do not fit are left out from the bottom.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::view::{Link, ShownRun, View};
use rotewatch_core::record::catalogue::{Measure, Unit};
use rotewatch_core::record::{RunRecord, StateRecord};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::verdict::VerdictWord;

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
            draw_verdict(frame, verdict, run.state());
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
    let names = view.runs.iter().map(|shown| shown.state().run.as_str().chars().count()).max().unwrap_or(0).min(NAME_COLUMNS);
    // The selected run stays visible.
    let rows = usize::from(inner.height);
    let first = (view.selected() + 1).saturating_sub(rows);
    for ((place, shown), row) in view.runs.iter().enumerate().skip(first).zip(inner.rows()) {
        let selected = place == view.selected();
        let line = run_line(&shown.record, selected, names);
        let columns = u16::try_from(line.width() + 2).unwrap_or(u16::MAX);
        let [text, curve] = Layout::horizontal([Constraint::Length(columns), Constraint::Min(0)]).areas(row);
        frame.render_widget(line, text);
        if let Some(layer) = shown.layers().last() {
            let values = shown.along(&layer.layer, |layer| layer.mean(Measure::MutualInformationNats));
            Curve { values: &values, epochs: &shown.epochs, onset: shown.state().verdict.onset_epoch }.draw(frame, curve);
        }
    }
}

fn run_line(record: &RunRecord, selected: bool, names: usize) -> Line<'static> {
    let state = &record.state;
    let name: String = state.run.as_str().chars().take(names).collect();
    let mark = if selected { ">" } else { " " };
    let style = if selected { Style::from(Modifier::BOLD) } else { Style::new() };
    let epoch = state.epoch.map_or_else(|| "no epoch".to_owned(), |epoch| format!("epoch {:>3}", epoch.0));
    let stopping = if state.stop && record.status == "training" { "stopping" } else { &record.status };
    Line::from_iter([
        Span::styled(format!("{mark} {name:names$}  {epoch}  {stopping:<8}  "), style),
        Span::styled(format!("{:<24}", verdict_in_short(state)), verdict_color(state)),
    ])
}

/// The verdict in some 24 characters.
fn verdict_in_short(state: &StateRecord) -> String {
    if let Some(ended) = state.verdict.alarm_that_ended() {
        return ended;
    }
    let Some(word) = state.verdict.verdict else { return String::new() };
    let since = state.verdict.onset_epoch.map_or_else(String::new, |onset| format!(" since {onset}"));
    format!("{}{since}", word.in_words())
}

/// The verdict with its kind in words.
fn verdict_in_words(state: &StateRecord) -> String {
    if state.verdict.ended_epoch.is_some() {
        return state.verdict.in_words();
    }
    match (state.verdict.kind, state.verdict.onset_epoch, state.verdict.alarm_epoch) {
        (Some(kind), Some(onset), Some(alarm)) => format!("{} since epoch {onset}, alarm at epoch {alarm}", kind.in_words()),
        _ => verdict_in_short(state),
    }
}

fn verdict_color(state: &StateRecord) -> Style {
    match state.verdict.verdict {
        Some(VerdictWord::Memorizing) => Style::from(Color::Red).add_modifier(Modifier::BOLD),
        Some(VerdictWord::Learning) if state.verdict.ended_epoch.is_some() => Style::from(Color::Yellow),
        Some(VerdictWord::Learning) => Style::from(Color::Green),
        Some(VerdictWord::CannotJudge) => Style::from(Color::Magenta).add_modifier(Modifier::BOLD),
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
            let neurons = layer.neurons.map_or_else(String::new, |neurons| format!(", {neurons} neurons"));
            format!(" {}: layer {} ({} of {count}{neurons}), {epochs} ", run.state().run, layer.layer, place + 1)
        }
        None => format!(" {}: {epochs} ", run.state().run),
    };
    let block = Block::new().borders(Borders::TOP).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = measured(run, layer.map(|(layer, ..)| &layer.layer));
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
        Curve { values: &row.values, epochs: &run.epochs, onset: run.state().verdict.onset_epoch }.draw(frame, curve);
    }
}

/// The measures of a layer that have a line of their own, then the trainer's own numbers.
fn measured(run: &ShownRun, layer: Option<&LayerName>) -> Vec<Row> {
    let of_layer = Measure::drawn().filter_map(|(measure, line)| {
        let entry = measure.entry();
        let name = match entry.unit {
            Unit::Number => entry.title.to_lowercase(),
            unit => format!("{}, {unit}", entry.title.to_lowercase()),
        };
        Some(Row { name, values: run.along(layer?, |layer| layer.figures.statistic(measure, line.statistic)) })
    });
    let own = run.metrics().into_iter().map(|name| Row { name: name.replace('_', " "), values: run.metric(name) });
    of_layer.chain(own).filter(|row| row.values.iter().any(Option::is_some)).collect()
}

fn draw_verdict(frame: &mut Frame<'_>, area: Rect, state: &StateRecord) {
    let verdict = if state.verdict.verdict.is_some() { verdict_in_words(state) } else { "no verdict yet".to_owned() };
    let mut lines = vec![Line::styled(verdict, verdict_color(state))];
    lines.extend(state.verdict.memorized_share.map(|share| Line::raw(share.to_string())));
    if let Some(why) = &state.verdict.why {
        let what = if state.verdict.ended_epoch.is_some() { "why the alarm was raised" } else { "why" };
        lines.push(Line::raw(format!("{what}: {why}")));
    }
    if let Some(remedy) = state.verdict.remedy.as_ref().filter(|_| state.verdict.ended_epoch.is_none()) {
        lines.push(Line::raw(format!("what to do: {remedy}")));
    }
    if let Some(reason) = state.reason.as_ref().filter(|_| state.stop) {
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
    use super::super::view::tests::{epoch, new, run};
    use super::*;
    use rotewatch_core::record::VerdictRecord;
    use rotewatch_core::vocabulary::units::Epoch;
    use rotewatch_core::vocabulary::verdict::Kind;

    fn screen(view: &View, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    fn busy() -> View {
        let mut view = View::new("http://here");
        let mut alarmed = run("alarmed", "1");
        alarmed.state.epoch = Some(Epoch(40));
        alarmed.state.verdict = VerdictRecord {
            verdict: Some(VerdictWord::Memorizing),
            kind: Some(Kind::ExampleLevel),
            onset_epoch: Some(Epoch(3)),
            alarm_epoch: Some(Epoch(5)),
            why: Some("the neurons know less of the class than they did".to_owned()),
            ..VerdictRecord::default()
        };
        let epochs = (0..=40).map(|at| epoch(at, &["h1", "h2"])).collect();
        let others = (0..30).map(|at| run(&format!("other{at:02}"), "1"));
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
        for expected in [
            "> alarmed",
            "memorizing since 3",
            "memorizing wrong labels or single examples since epoch 3, alarm at epoch 5",
            "layer h2 (2 of 2, 12 neurons), epochs 0 to 40",
            "why: the neurons",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
        for _ in 0..20 {
            view.heed(Input::RunAfter);
        }
        let shown = screen(&view, 80, 24);
        assert!(shown.contains("> other19") && !shown.contains("alarmed"), "{shown}");
    }

    #[test]
    fn an_alarm_that_ended_stays_in_sight() {
        let mut view = View::new("http://here");
        let mut calm = run("calm", "1");
        calm.state.verdict = VerdictRecord {
            verdict: Some(VerdictWord::Learning),
            kind: Some(Kind::ExampleLevel),
            onset_epoch: Some(Epoch(3)),
            alarm_epoch: Some(Epoch(10)),
            ended_epoch: Some(Epoch(13)),
            why: Some("errors rose".to_owned()),
            remedy: Some("keep the weights".to_owned()),
            ..VerdictRecord::default()
        };
        view.learn(Update::Runs(vec![calm], vec![new("calm", true, vec![epoch(20, &["h1"])])]));
        let shown = screen(&view, 80, 24);
        let list = shown.lines().find(|line| line.contains("> calm")).unwrap();
        assert!(list.contains("alarm at 10, ended at 13"), "{shown}");
        assert!(
            shown.contains("learning; alarm at 10, ended at 13") && shown.contains("why the alarm was raised: errors"),
            "{shown}"
        );
        assert!(!shown.contains("what to do") && !shown.contains("memorizing"), "{shown}");
    }

    #[test]
    fn a_run_that_cannot_be_judged_is_not_green_and_has_its_reason() {
        let mut view = View::new("http://here");
        let mut unfit = run("unfit", "1");
        unfit.state.verdict = VerdictRecord {
            verdict: Some(VerdictWord::CannotJudge),
            why: Some("the probe has 64 rows".to_owned()),
            remedy: Some("Send more".to_owned()),
            ..VerdictRecord::default()
        };
        assert_ne!(verdict_color(&unfit.state).fg, Some(Color::Green));
        view.learn(Update::Runs(vec![unfit], vec![new("unfit", true, vec![epoch(1, &["h1"])])]));
        let shown = screen(&view, 80, 24);
        for expected in ["cannot judge", "why: the probe has 64 rows", "what to do: Send more"] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
    }

    #[test]
    fn a_lost_daemon_is_said_while_what_was_known_stays() {
        let mut view = busy();
        view.learn(Update::Lost("no answer: refused".into()));
        let shown = screen(&view, 80, 24);
        assert!(shown.contains("no answer: refused; retrying") && shown.contains("> alarmed"), "{shown}");
    }
}
