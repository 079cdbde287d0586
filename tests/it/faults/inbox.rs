//! Files in the inbox that are not regular files, or not acceptable.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::client::{ATTEMPT, daemon_with};
use crate::support::recorded::{Recorded, body, run_with};
use crate::support::until::until;

#[test]
fn case_20_what_is_bad_goes_to_quarantine_with_the_reason() {
    let recorded = Recorded::new();
    recorded.declare(ATTEMPT);
    recorded.put("0.0.safetensors", &body(0));
    recorded.put("0.1.safetensors", b"no such format");
    recorded.put("0.2.safetensors", &body(0)[..100]);
    recorded.put("0.json", br#"{"Loss": 1}"#);
    let secret = recorded.aside.join("secret");
    fs::write(&secret, body(1)).expect("the folder is writable");
    symlink(&secret, recorded.run.join("1.0.safetensors")).expect("links can be made");
    let pipe = recorded.run.join("1.1.safetensors");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    fs::create_dir(recorded.run.join("1.2.safetensors")).expect("the folder is writable");
    symlink("/dev/zero", recorded.run.join("1.3.safetensors")).expect("links can be made");
    recorded.put("1.4.safetensors", &vec![0; (1 << 20) + 1]);
    let twice = recorded.aside.join("twice");
    fs::write(&twice, body(1)).and_then(|()| fs::hard_link(&twice, recorded.run.join("1.5.safetensors"))).expect("one disk");
    recorded.put("1.json", b"");
    for other in ["notes.txt", ".2.0.safetensors", "2.0.safetensors.tmp", "2.x.safetensors"] {
        recorded.put(other, b"of no concern");
    }
    symlink(&recorded.run, recorded.inbox.join("linked")).expect("links can be made");
    recorded.finish();
    let daemon = daemon_with(|config| (config.inbox, config.limits.body) = (Some(recorded.inbox.clone()), 1 << 20));
    let run = run_with(&daemon.client, "finished");
    assert_eq!(run["epoch"], 1);
    assert_eq!(daemon.client.read("runs")["runs"].as_array().map(Vec::len), Some(1), "a link to a folder is not a run");
    until("all files", || (recorded.files("done").len() == 5).then_some(()));
    assert_eq!(recorded.files("done"), ["0.0.safetensors", "1.5.safetensors", "1.json", "finish.json", "run.json"]);
    assert_eq!(recorded.files(""), [".2.0.safetensors", "2.0.safetensors.tmp", "2.x.safetensors", "notes.txt"]);
    for (name, says) in [
        ("0.1.safetensors", "is this a safetensors file"),
        ("0.2.safetensors", "truncated"),
        ("0.json", "metric name"),
        ("1.0.safetensors", "not a regular file"),
        ("1.1.safetensors", "not a regular file"),
        ("1.2.safetensors", "not a regular file"),
        ("1.3.safetensors", "not a regular file"),
        ("1.4.safetensors", "the limit is 1048576"),
    ] {
        let quarantine = recorded.run.join("quarantine");
        assert!(fs::symlink_metadata(quarantine.join(name)).is_ok(), "{name}");
        let reason = fs::read_to_string(quarantine.join(format!("{name}.reason.txt"))).expect("the reason");
        assert!(reason.contains(says), "{name}: {reason}");
    }
    assert!(twice.exists() && secret.exists(), "the hard-linked file and the target of the link stay in place");
    assert_eq!(daemon.monitor.flow().measured, 2);
}
