//! Hooks from outside: what an alarm sets off, what is counted, and that nobody waits for it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use rotewatch::app::ConfigFile;
use rotewatch::clock::Stopwatch;
use rotewatch::config::Config;
use rotewatch::hooks::HookOutcome;
use rotewatch::tap::Tap;
use rotewatch::verdict::Verdict;
use rotewatch::{Monitor, Setup};
use serde_json::Value;

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::log;
use crate::support::monitored::scrape;
use crate::support::until::{DEADLINE, until};

const ROWS: usize = 600;

/// A monitor whose configuration file holds these hooks.
struct Scene {
    folder: tempfile::TempDir,
    monitor: Monitor,
    outcomes: Receiver<HookOutcome>,
}

impl Scene {
    fn new(hooks: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), hooks);
        let path = folder.path().join("rotewatch.yaml");
        let config = Config::read(&path).expect("the file is in order");
        let file = ConfigFile { path, overlay: Box::new(|_| ()), log_level: log::switch() };
        let (subscriber, outcomes) = bounded(100);
        let setup = Setup { config, file: Some(file), hook_subscribers: vec![subscriber], ..Setup::default() };
        let monitor = Monitor::set_up(setup).expect("the monitor starts");
        Scene { folder, monitor, outcomes }
    }

    fn run(&self, name: &str) -> Tap {
        self.monitor.declare(declaration(name, &["hidden"])).expect("the name is free")
    }

    /// The next outcome of a hook.
    fn outcome(&self) -> HookOutcome {
        self.outcomes.recv_timeout(DEADLINE).expect("a hook ends")
    }

    fn attempts(&self, hook: &str, result: &str) -> f64 {
        scrape(&self.monitor).value(&format!("hook_attempts_total{{hook=\"{hook}\",result=\"{result}\"}}"))
    }
}

fn write(folder: &Path, hooks: &str) {
    let text = format!("listen: 127.0.0.1:0\nstate: {}\nlimits: {{shutdown_seconds: 8}}\nhooks: {hooks}\n", folder.display());
    fs::write(folder.join("rotewatch.yaml"), text).expect("the folder is writable");
}

/// An epoch of a run in which single examples are learnt by rote from epoch 3 on; the verdict on it.
fn epoch(tap: &Tap, epoch: u32) -> Verdict {
    let signals = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];
    let signal = signals.get(epoch as usize).copied().unwrap_or(1.0);
    assert!(send(tap, epoch, ROWS, &[layer(ROWS, 12, signal)]));
    judged(tap, epoch).verdict.clone()
}

/// Trains a run up to the epoch that raises an alarm, and returns the next epoch.
fn alarmed(tap: &Tap) -> u32 {
    let raised = (0..20).find(|number| matches!(epoch(tap, *number), Verdict::Memorizing { .. }));
    raised.expect("the alarm comes") + 1
}

/// A receiver that gives these answers, one to a connection, and the last of them for ever; without any it hangs.
fn receiver(answers: &'static [&'static str]) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (tell, told) = bounded(100);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (place, connection) in listener.incoming().enumerate() {
            let Ok(mut connection) = connection else { return };
            if tell.send(body(&mut connection)).is_err() {
                return;
            }
            match answers.get(place).or(answers.last()) {
                Some(answer) => drop(write!(connection, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")),
                None => kept.push(connection),
            }
        }
    });
    (address, told)
}

/// The body of one request.
fn body(connection: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if read == 0 || length.is_none_or(|length: usize| body.len() >= length) {
            return body.to_owned();
        }
    }
}

#[test]
fn an_alarm_is_told_once_to_every_hook_and_counted() {
    let (address, told) = receiver(&["500 Oops", "500 Oops", "200 OK"]);
    let scene = Scene::new(&format!(
        "\n- {{name: chat, webhook: {{url: 'http://{address}/alarms'}}}}\n- {{name: file, on: [example_level], command: {{argv: \
         [sh, -c, 'cat >> told']}}}}\n- {{name: deaf, on: [], command: {{argv: [touch, deaf]}}}}\n"
    ));
    assert_eq!(scene.attempts("chat", "ok"), 0.0, "a series exists before its first event");
    let tap = scene.run("told");
    let next = alarmed(&tap);
    for number in next..next + 3 {
        epoch(&tap, number);
    }
    let mut outcomes = [scene.outcome(), scene.outcome()];
    outcomes.sort_by_key(|outcome| outcome.hook.to_string());
    assert_eq!((outcomes[0].hook.as_str(), outcomes[0].result.as_str(), outcomes[0].tries), ("chat", "ok", 3));
    assert_eq!((outcomes[1].hook.as_str(), outcomes[1].result.as_str(), outcomes[1].tries), ("file", "ok", 1));
    assert_eq!((scene.attempts("chat", "failed"), scene.attempts("chat", "ok")), (2.0, 1.0));
    assert_eq!((scene.attempts("file", "ok"), scene.attempts("deaf", "ok")), (1.0, 0.0));

    let bodies: Vec<String> = (0..3).map(|_| told.recv_timeout(DEADLINE).expect("three attempts")).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "a retry says the same");
    let in_file = fs::read_to_string(scene.folder.path().join("told")).expect("the command ran in the state folder");
    assert_eq!(in_file.lines().collect::<Vec<_>>(), [bodies[0].as_str()], "once");
    let said: Value = serde_json::from_str(&bodies[0]).expect("JSON");
    assert_eq!((said["run"].as_str(), said["kind"].as_str()), (Some("told"), Some("example_level")));
    assert_eq!(said["attempt"].as_str(), Some(tap.run().attempt().to_string().as_str()));
    assert_eq!((said["verdict"].as_str(), said["layers"][0].as_str()), (Some("memorizing"), Some("hidden")));
    assert_eq!(said["alarm_epoch"].as_u64(), Some(u64::from(next - 1)));
    assert!(said["score"].as_f64().is_some_and(|score| score >= 1.0) && said["why"].as_str().is_some_and(|why| !why.is_empty()));

    // The same training again is another attempt, and another alarm.
    drop(tap);
    until("the name is free", || scene.monitor.declare(declaration("told", &["hidden"])).ok().map(|tap| alarmed(&tap)));
    scene.outcome();
    let again = scene.outcome();
    assert_ne!(again.attempt, outcomes[0].attempt);
    assert!(!scene.folder.path().join("deaf").exists());
}

#[test]
fn hooks_that_hang_never_delay_a_report() {
    let (hanging, told) = receiver(&[]);
    let scene = Scene::new(&format!(
        "\n- {{name: hangs, webhook: {{url: 'http://{hanging}/', timeout_seconds: 60, retries: 0}}}}\n- {{name: sleeps, command: \
         {{argv: [sleep, '600'], timeout_seconds: 300}}}}\n"
    ));
    let tap = scene.run("unhindered");
    let next = alarmed(&tap);
    told.recv_timeout(DEADLINE).expect("the receiver was asked, and hangs");
    for number in next..next + 20 {
        epoch(&tap, number);
    }
    assert!(scene.outcomes.is_empty(), "twenty epochs were judged while the first hook hangs");
    assert_eq!(scrape(&scene.monitor).value(r#"run_epoch{run="unhindered"}"#), f64::from(next + 19));
}

#[test]
fn hooks_follow_their_file_and_act_on_the_next_alarm() {
    let scene = Scene::new("[]");
    let first = scene.run("first");
    alarmed(&first);
    write(scene.folder.path(), "[{name: late, command: {argv: [touch, late]}}]");
    let counted = || scrape(&scene.monitor).get(r#"hook_attempts_total{hook="late",result="ok"}"#);
    until("the file is read again", || counted().filter(|count| *count == 0.0));
    let second = scene.run("second");
    alarmed(&second);
    let outcome = scene.outcome();
    assert_eq!((outcome.hook.as_str(), outcome.run.as_str()), ("late", "second"), "what was told before is not told again");
    write(scene.folder.path(), "[]");
    until("the file is read again", || counted().is_none().then_some(()));
}

#[test]
fn closing_tells_what_is_pending_and_names_what_is_late() {
    let (address, told) = receiver(&["200 OK"]);
    let scene = Scene::new(&format!(
        "\n- {{name: told, webhook: {{url: 'http://{address}/'}}}}\n- {{name: endless, command: {{argv: [sleep, '600'], \
         timeout_seconds: 300}}}}\n"
    ));
    let tap = scene.run("closed");
    alarmed(&tap);
    let since = Stopwatch::start();
    let late = scene.monitor.close();
    assert_eq!(late, Vec::<&str>::new());
    assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
    assert!(told.try_recv().is_ok());
    let results: Vec<_> = scene.outcomes.try_iter().map(|outcome| (outcome.hook.to_string(), outcome.result.as_str())).collect();
    assert_eq!(results, [("told".to_owned(), "ok"), ("endless".to_owned(), "timeout")]);
}
