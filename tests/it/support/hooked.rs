//! A monitor with hooks, runs that trigger them, and a receiver of webhooks.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use crossbeam_channel::{Receiver, bounded};
use rotewatch::app::ConfigFile;
use rotewatch::config::Config;
use rotewatch::hooks::HookOutcome;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::tap::Tap;
use rotewatch_core::vocabulary::verdict::Verdict;

use super::activations::{declaration, judged, layer, send};
use super::log;
use super::monitored::scrape;
use super::until::DEADLINE;

const ROWS: usize = 600;

/// A monitor whose configuration file has these hooks.
pub(crate) struct Scene {
    pub folder: tempfile::TempDir,
    pub monitor: Monitor,
    pub outcomes: Receiver<HookOutcome>,
}

impl Scene {
    pub(crate) fn new(hooks: &str) -> Self {
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

    pub(crate) fn run(&self, name: &str) -> Tap {
        self.monitor.declare(declaration(name, &["hidden"])).expect("the name is free")
    }

    /// Waits for the next outcome of a hook.
    pub(crate) fn outcome(&self) -> HookOutcome {
        self.outcomes.recv_timeout(DEADLINE).expect("a hook ends")
    }

    pub(crate) fn attempts(&self, hook: &str, result: &str) -> f64 {
        scrape(&self.monitor).value(&format!("hook_attempts_total{{hook=\"{hook}\",result=\"{result}\"}}"))
    }
}

/// Writes the configuration file with these hooks.
pub(crate) fn write(folder: &Path, hooks: &str) {
    let text = format!("listen: 127.0.0.1:0\nstate: {}\nlimits: {{shutdown_seconds: 8}}\nhooks: {hooks}\n", folder.display());
    fs::write(folder.join("rotewatch.yaml"), text).expect("the folder is writable");
}

/// Trains an epoch of a run that memorizes single examples from epoch 3 on; returns its verdict.
pub(crate) fn epoch(tap: &Tap, epoch: u32) -> Verdict {
    let signals = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];
    let signal = signals.get(epoch as usize).copied().unwrap_or(1.0);
    assert!(send(tap, epoch, ROWS, &[layer(ROWS, 12, signal)]));
    judged(tap, epoch).verdict.clone()
}

/// Trains a run up to the epoch that raises an alarm, and returns the next epoch.
pub(crate) fn alarmed(tap: &Tap) -> u32 {
    let raised = (0..20).find(|number| matches!(epoch(tap, *number), Verdict::Memorizing { .. }));
    raised.expect("the alarm comes") + 1
}

/// A receiver that gives these answers, one per connection, repeating the last; without answers it hangs.
pub(crate) fn receiver(answers: &[&str]) -> (SocketAddr, Receiver<String>) {
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
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
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            // A client that does not speak HTTP hangs up without an empty line.
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if read == 0 || length.is_none_or(|length: usize| body.len() >= length) {
            return body.to_owned();
        }
    }
}
