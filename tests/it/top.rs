//! The live view in a real terminal: what it shows of a live run, how it reacts to keys and sizes, and that it restores the terminal.

use std::process::Command;

use serde_json::json;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, Daemon, daemon, document, frame};
use crate::support::tmux::Pane;

const ROWS: usize = 600;

/// A run in which memorization is found: both signals are high at epoch 2 and fall from there.
const ALARMING: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];

fn top(client: &Client) -> String {
    format!("'{}' top --url http://{}", env!("CARGO_BIN_EXE_rotewatch"), client.address)
}

fn end_epoch(client: &Client, run: &str, epoch: u32, signal: f32) {
    let body = frame(&[("hidden1", &layer(ROWS, 12, 2.0)), ("hidden2", &layer(ROWS, 12, signal))]);
    document(&client.activations(run, epoch, 0, &body), 202);
    let metrics = json!({ "train_loss": 2.0 / f64::from(epoch + 1), "val_accuracy": 0.5 }).to_string();
    let path = format!("runs/{run}/epochs/{epoch}/end?attempt={ATTEMPT}&wait=30");
    document(&client.send("POST", &path, metrics.as_bytes()), 200);
}

/// A screen without the port, which differs each time.
fn without_port(screen: &str, client: &Client) -> String {
    screen.replace(&client.address.to_string(), "127.0.0.1:PORT")
}

#[test]
fn a_live_run_is_followed_at_any_size() {
    let Daemon { client, monitor: _monitor, state: _state } = daemon();
    let Some(pane) = Pane::run(80, 24, &top(&client)) else { return };
    pane.shows("No runs yet");
    document(&client.declare("alarming", ATTEMPT, &["hidden1", "hidden2"]), 200);
    document(&client.declare("quiet", ATTEMPT, &["hidden1", "hidden2"]), 200);
    end_epoch(&client, "quiet", 0, 2.0);
    for (epoch, signal) in (0..).zip(ALARMING) {
        end_epoch(&client, "alarming", epoch, signal);
        pane.shows(&format!("epochs 0 to {epoch}"));
    }
    let screen = pane.shows("memorizing wrong labels or single examples since epoch 3, alarm at epoch 4");
    insta::assert_snapshot!("live_80x24", without_port(&screen, &client));
    assert_eq!(pane.alternate_screen_and_cursor(), (true, false));

    pane.types(&["Left"]);
    pane.shows("layer hidden1 (1 of 2, 12 neurons)");
    pane.types(&["Down"]);
    pane.shows("quiet: layer hidden1 (1 of 2, 12 neurons), epochs 0 to 0");
    pane.types(&["Up", "Right"]);
    pane.shows("alarming: layer hidden2 (2 of 2, 12 neurons)");

    pane.resize(200, 60);
    let help = "up/down: run   left/right: layer   q: quit";
    let wide = crate::support::until::until("a screen of 60 rows", || {
        Some(pane.screen()).filter(|screen| screen.lines().nth(59).is_some_and(|line| line.contains(help)))
    });
    insta::assert_snapshot!("live_200x60", without_port(&wide, &client));
    pane.types(&["q"]);
    pane.shows("ended with 0, terminal as before");
    assert_eq!(pane.alternate_screen_and_cursor(), (false, true));
}

#[test]
fn a_daemon_that_ends_is_said_and_what_it_told_stays() {
    let Daemon { client, monitor, state: _state } = daemon();
    document(&client.declare("run", ATTEMPT, &["hidden1", "hidden2"]), 200);
    end_epoch(&client, "run", 0, 2.0);
    let Some(pane) = Pane::run(120, 30, &top(&client)) else { return };
    pane.shows("epochs 0 to 0");
    assert_eq!(monitor.close(), Vec::<&str>::new());
    let screen = pane.shows("retrying");
    assert!(screen.contains("run: layer hidden2"), "{screen}");
    pane.types(&["C-c"]);
    pane.shows("ended with 0, terminal as before");
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_before() {
    let Daemon { client, monitor: _monitor, state: _state } = daemon();
    for signal in ["-INT", "-TERM"] {
        let Some(pane) = Pane::run(80, 24, &top(&client)) else { return };
        pane.shows("No runs yet");
        let sent = Command::new("kill").args([signal, &pane.command_id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        pane.shows("ended with 130, terminal as before");
        assert_eq!(pane.alternate_screen_and_cursor(), (false, true), "{signal}");
    }
}

/// The program that the next test runs in a terminal.
#[test]
#[ignore = "it panics on purpose, in the terminal of another test"]
fn a_program_that_panics_while_it_has_the_terminal() {
    let mut terminal = rotewatch::top::Terminal::open().expect("there is a terminal");
    terminal.draw(|frame| rotewatch::top::draw(frame, &rotewatch::top::View::new("http://nowhere"))).expect("it can be drawn on");
    panic!("on purpose");
}

#[test]
fn a_panic_is_told_on_a_terminal_as_before() {
    let tests = std::env::current_exe().expect("this program has a file");
    let name = "top::a_program_that_panics_while_it_has_the_terminal";
    let command = format!("'{}' --exact {name} --ignored --nocapture", tests.display());
    let Some(pane) = Pane::run(120, 40, &command) else { return };
    let screen = pane.shows("ended with 101, terminal as before");
    assert!(screen.contains("on purpose"), "{screen}");
    assert_eq!(pane.alternate_screen_and_cursor(), (false, true));
}

#[test]
fn without_a_terminal_or_with_another_address_it_says_what_to_do() {
    use crate::support::process::{ended, rotewatch};
    let refused = ended(&mut rotewatch(["top"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(refused.stderr.contains("stdout is not a terminal; programs can use GET /api/v1/runs"), "{}", refused.stderr);
    let Some(pane) = Pane::run(120, 10, &format!("'{}' top --url https://x", env!("CARGO_BIN_EXE_rotewatch"))) else { return };
    let screen = pane.shows("ended with 2, terminal as before");
    assert!(screen.contains("https://x does not start with http://"), "{screen}");
}
