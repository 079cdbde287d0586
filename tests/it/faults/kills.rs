//! Kill -9 at random moments: during the start, the migration of an older history, receiving activations, commits, hooks, and
//! reloads of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rotewatch::history::{Epochs, Reader};
use rusqlite::Connection;

use crate::support::activations::layer;
use crate::support::client::{ALARMING, Client, document, frame};
use crate::support::process::text;
use crate::support::running::Running;

/// Default number of kills: `ROTEWATCH_KILLS`, which `make kills` sets, overrides it.
const KILLS: u64 = 20;
/// Number of kills per state folder.
const PER_FOLDER: u64 = 10;
/// Number of kills, at first, during the daemon's start. The first one is during the migration.
const AT_START: u64 = 3;
/// Number of kills during one attempt of a run.
const PER_ATTEMPT: u64 = 2;
/// Latest moment of a kill, from the start of the process or of the training.
const LATEST_MILLISECONDS: u64 = 400;
const HOOK: &str = r#"echo "$ROTEWATCH_RUN $ROTEWATCH_ATTEMPT $ROTEWATCH_KIND $ROTEWATCH_ONSET_EPOCH" >> told"#;

/// The newest epoch of each attempt that the daemon has acknowledged as committed.
type Acknowledged = Mutex<BTreeMap<String, u64>>;

#[test]
fn case_21_kills_at_random_moments_lose_nothing_acknowledged_and_tell_no_alarm_twice() {
    let kills = std::env::var("ROTEWATCH_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let (mut told, mut committed) = (0, 0);
    for _ in 0..kills.div_ceil(PER_FOLDER) {
        let (state, acknowledged) = (older_history(), Acknowledged::default());
        let (mut told_here, mut committed_here) = (0, 0);
        for kill in 0..PER_FOLDER {
            let moment = Duration::from_millis(random.next_u64() % LATEST_MILLISECONDS);
            serve_and_kill(state.path(), kill, moment, &acknowledged);
            (told_here, committed_here) = (assert_told_once(state.path()), assert_whole(state.path(), &acknowledged));
        }
        told += told_here;
        committed += committed_here;
    }
    println!("{kills} kills: {committed} epochs acknowledged and found again after each, {told} alarms told");
    assert!(told > 0 && committed > 0, "kills came before anything happened");
}

fn serve_and_kill(state: &Path, kill: u64, moment: Duration, acknowledged: &Acknowledged) {
    let config = state.join("rotewatch.yaml");
    configure(&config, kill);
    let mut daemon = Running::serve(state, &["--config", text(&config)]);
    if kill < AT_START {
        // The moments, here and below, must be random.
        std::thread::sleep(moment / 8);
        daemon.signal("KILL");
    } else {
        let client = Client::of(daemon.served_address(), state);
        let killed = AtomicBool::new(false);
        let is_alive = || !killed.load(Ordering::Acquire);
        std::thread::scope(|scope| {
            let training = scope.spawn(|| {
                let trained = catch_unwind(AssertUnwindSafe(|| train(&client, kill / PER_ATTEMPT, acknowledged)));
                // The process may be killed in the middle of anything, but not before its time.
                if let Some(failure) = trained.err().filter(|_| is_alive()) {
                    resume_unwind(failure);
                }
            });
            let editing = scope.spawn(|| {
                let mut edit = 0;
                while is_alive() {
                    configure(&config, edit);
                    edit += 1;
                }
            });
            std::thread::sleep(moment);
            killed.store(true, Ordering::Release);
            daemon.signal("KILL");
            editing.join().expect("the folder is writable");
            training.join().expect("nothing fails before the kill");
        });
    }
    daemon.end();
}

/// A state folder from an older version, whose history is migrated at the start.
fn older_history() -> tempfile::TempDir {
    let state = tempfile::tempdir().expect("a temporary folder");
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/history-v1.sqlite");
    fs::copy(older, state.path().join("history.sqlite")).expect("the folder is writable");
    state
}

/// A configuration that differs with each edit but means the same for this test.
fn configure(path: &Path, edit: u64) {
    let hooks = format!("hooks: [{{name: file, command: {{argv: [sh, -c, '{HOOK}']}}}}]");
    let aside = path.with_extension("aside");
    let text = format!("{hooks}\ndetect: {{baseline: {{below: 0.{}}}}}\nlimits: {{idle_seconds: 0}}\n", 50 + edit % 40);
    fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).expect("the folder is writable");
}

/// Trains like a client that was disconnected: continues after the committed epochs.
fn train(client: &Client, attempt: u64, acknowledged: &Acknowledged) {
    let attempt = format!("{attempt:016x}");
    let declared = document(&client.declare("trained", &attempt, &["a", "b"]), 200);
    let next = declared["committed_epoch"].as_u64().map_or(0, |committed| committed + 1);
    for (epoch, signal) in (0..).zip(ALARMING).skip(next as usize) {
        let layers = [layer(600, 12, 2.0), layer(600, 12, signal)];
        let body = frame(&[("a", &layers[0]), ("b", &layers[1])]);
        let path = format!("runs/trained/epochs/{epoch}");
        document(&client.send("POST", &format!("{path}/activations?attempt={attempt}&seq=0"), &body), 202);
        let ended = document(&client.send("POST", &format!("{path}/end?attempt={attempt}&wait=30"), b"{}"), 200);
        if let Some(committed) = ended["committed_epoch"].as_u64() {
            acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt.clone(), committed);
        }
    }
}

/// Returns the number of alarms that the hook received, and checks that each came once.
fn assert_told_once(state: &Path) -> usize {
    let told = fs::read_to_string(state.join("told")).unwrap_or_default();
    let mut alarms = BTreeSet::new();
    for alarm in told.lines() {
        assert!(alarms.insert(alarm), "told twice: {alarm}");
    }
    alarms.len()
}

/// Returns the number of acknowledged epochs, and checks that each is complete and everything else is still there.
fn assert_whole(state: &Path, acknowledged: &Acknowledged) -> usize {
    let connection = Connection::open(state.join("history.sqlite")).expect("the history is there");
    let check: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("it can be checked");
    assert_eq!(check, "ok");
    drop(connection);
    let history = Reader::of(state).snapshot().expect("it can be read").expect("it is there");
    let run = |name: &str, attempt| history.run(&name.parse().expect("a good name"), attempt).expect("it can be read");
    assert!(run("run", None).is_some(), "what the older history held is still there");
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    for (attempt, newest) in &*acknowledged {
        let stored = run("trained", attempt.parse().ok()).expect("it is there");
        let epochs = history.epochs(&stored, Epochs::ALL).expect("they can be read");
        let there: Vec<u64> = epochs.iter().map(|epoch| u64::from(epoch.epoch.0)).collect();
        assert!((0..=*newest).all(|epoch| there.contains(&epoch)), "{attempt}: {newest} of {there:?}");
        assert!(epochs.iter().all(|epoch| epoch.layers.len() == 2), "every epoch is complete");
    }
    acknowledged.values().map(|newest| *newest as usize + 1).sum()
}
