//! Hooks from outside: what an alarm triggers, what is counted, and that nothing waits for a hook.

use std::fs;
use std::time::Duration;

use rotewatch_core::vocabulary::clock::Stopwatch;
use serde_json::Value;

use crate::support::activations::declaration;
use crate::support::hooked::{Scene, alarmed, epoch, receiver, write};
use crate::support::monitored::scrape;
use crate::support::until::{DEADLINE, until};

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
    assert!(bodies.iter().all(|body| *body == bodies[0]), "a retry sends the same body");
    let in_file = fs::read_to_string(scene.folder.path().join("told")).expect("the command ran in the state folder");
    assert_eq!(in_file.lines().collect::<Vec<_>>(), [bodies[0].as_str()], "once");
    let said: Value = serde_json::from_str(&bodies[0]).expect("JSON");
    assert_eq!((said["run"].as_str(), said["kind"].as_str()), (Some("told"), Some("example_level")));
    assert_eq!(said["attempt"].as_str(), Some(tap.run().attempt().to_string().as_str()));
    assert_eq!((said["verdict"].as_str(), said["layers"][0].as_str()), (Some("memorizing"), Some("hidden")));
    assert_eq!(said["alarm_epoch"].as_u64(), Some(u64::from(next - 1)));
    assert!(said["score"].as_f64().is_some_and(|score| score >= 1.0) && said["why"].as_str().is_some_and(|why| !why.is_empty()));

    // The same training again is a new attempt with its own alarm.
    drop(tap);
    until("the name is free", || scene.monitor.declare(declaration("told", &["hidden"])).ok().map(|tap| alarmed(&tap)));
    scene.outcome();
    let again = scene.outcome();
    assert_ne!(again.attempt, outcomes[0].attempt);
    assert!(!scene.folder.path().join("deaf").exists());
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
    assert_eq!((outcome.hook.as_str(), outcome.run.as_str()), ("late", "second"), "earlier alarms are not sent again");
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
