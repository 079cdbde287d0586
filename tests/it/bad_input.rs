//! Bad input is rejected before anything starts: exit code 2 and a message that says where the mistake is and what to do.

use std::fs;

use crate::support::process::{ended, rotewatch, text};
use crate::support::trainer::or_skip_without;

/// Runs a command that must be rejected, and returns its message.
fn refused(command: &mut std::process::Command) -> String {
    let ended = ended(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{command:?}: {}", ended.stderr);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    ended.stderr
}

/// Like `refused`, for a message that must be a single line.
fn refused_in_one_line(command: &mut std::process::Command) -> String {
    let said = refused(command);
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn config_file(content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rotewatch.yaml");
    fs::write(&path, content).expect("the folder is writable");
    (folder, path)
}

#[test]
fn a_configuration_in_order_is_said_to_be_so() {
    let (_folder, path) = config_file("measures:\n  bins: 12\n");
    let ended = ended(&mut rotewatch(["check-config", text(&path)]));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with(&format!("{}: ok\n", path.display())), "{}", ended.stdout);
    let manual = format!("{}/config/rotewatch.yaml", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(self::ended(&mut rotewatch(["check-config", &manual])).code, Some(0));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_column_and_the_key_that_was_meant() {
    let (_folder, path) = config_file("measures:\n  bins: 12\nsampling:\n  rowz: 500\n");
    let said = refused_in_one_line(&mut rotewatch(["check-config", text(&path)]));
    assert_eq!(said, format!("error: {}:4:3: sampling.rowz: unknown key; did you mean `rows`?\n", path.display()));
}

#[test]
fn two_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let (_folder, path) = config_file("measures:\n  bins: 1\ndetect:\n  smooth: 3\n  quiet_epochs: many\n");
    let said = refused(&mut rotewatch(["check-config", text(&path)]));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains(":2:3: measures.bins: 1 is not in 2..256"), "{said}");
    assert!(lines[1].contains(":5:3: detect.quiet_epochs: `many` is not a whole number"), "{said}");
}

#[test]
fn a_duplicate_key_a_file_that_is_no_yaml_and_one_that_is_missing_are_refused() {
    for (content, words) in [
        ("measures:\n  bins: 12\n  bins: 13\n", ":3:3: "),
        ("measures: [\n", ":"),
        ("- a\n- list\n", "section"),
        ("a: &a [x, x, x]\nb: [*a, *a]\n", ":"),
    ] {
        let (_folder, path) = config_file(content);
        let said = refused(&mut rotewatch(["check-config", text(&path)]));
        assert!(said.contains(&path.display().to_string()) && said.contains(words), "{content:?}: {said}");
    }
    let (folder, path) = config_file("");
    let missing = folder.path().join("missing.yaml");
    let said = refused_in_one_line(&mut rotewatch(["check-config", text(&missing)]));
    assert_eq!(said.matches("No such file or directory").count(), 1, "{said}");
    fs::write(&path, [0xff, 0xfe, 0x00]).expect("the folder is writable");
    refused(&mut rotewatch(["check-config", text(&path)]));
    refused(&mut rotewatch(["check-config", text(folder.path())]));
}

#[test]
fn wrong_flags_of_a_training_are_refused() {
    if !or_skip_without() {
        return;
    }
    let table = [
        (&["train", "--bogus"][..], "--bogus"),
        (&["train", "extra"], "extra"),
        (&["train", "--epochs", "0"], "--epochs must be at least 1"),
        (&["train", "--epochs", "many"], "--epochs"),
        (&["train", "--label-noise", "1.5"], "--label-noise is 1.5, but must be 0 to 1"),
        (&["train", "--label-noise", "NaN"], "--label-noise"),
        (&["train", "--lr", "0"], "--lr"),
        (&["train", "--lr-step", "0:1"], "EPOCH:FACTOR"),
        (&["train", "--model", "resnet"], "mlp"),
        (&["train", "--task", "cifar"], "digits"),
        (&["train", "--listen", "nowhere"], "127.0.0.1:19787, or off"),
        (&["train", "--run", "a/b"], "run name \"a/b\""),
        (&["train", "--run", "../b"], "run name"),
        (&["train", "--run", ""], "run name"),
        (&["train", "--monitor", "maybe"], "on, off"),
        (&["train", "--threads", "0"], "--threads"),
        (&["train", "--task", "circles", "--model", "cnn"], "convolve"),
    ];
    for (arguments, words) in table {
        let said = refused(&mut rotewatch(arguments.iter().copied()));
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn wrong_flags_are_refused() {
    let table = [(&["check-config"][..], "<FILE>"), (&["fly"], "fly")];
    for (arguments, words) in table {
        let said = refused(&mut rotewatch(arguments.iter().copied()));
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn without_the_trainer_beside_it_the_command_says_how_to_get_one() {
    // A hard link and not a copy: a copy could not be executed while a child process of another test still has it open for writing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
    let alone = folder.path().join("rotewatch");
    fs::hard_link(env!("CARGO_BIN_EXE_rotewatch"), &alone).expect("both lie in the target folder");
    let mut command = std::process::Command::new(&alone);
    let said = refused_in_one_line(command.arg("train"));
    assert!(said.contains("not installed") && said.contains("make build"), "{said}");
}

mod training {
    use std::io::Write;
    use std::net::TcpListener;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::support::running::Running;
    use crate::support::training::{NOWHERE, Trainings};

    const TINY: [&str; 6] = ["--examples", "500", "--epochs", "1", "--probe-rows", "100"];

    #[test]
    fn a_port_in_use_is_refused_where_it_was_asked_for_and_replaced_where_it_was_not() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("it is bound").to_string();
        let Some(trainings) = Trainings::or_skip() else { return };
        let said = refused_in_one_line(&mut trainings.train(&["--listen", &address]));
        assert!(said.contains(&address) && said.contains("in use") && said.contains("--listen"), "{said}");

        let file = trainings.folder().join("rotewatch.yaml");
        fs::write(&file, format!("listen: {address}\nlog:\n  level: error\n")).expect("the folder is writable");
        let mut process = Running::start(&mut trainings.train(&[&TINY[..], &["--config", text(&file)]].concat()));
        let other = process.address();
        assert!(other.ip().is_loopback() && other.to_string() != address, "{other}");
        assert_eq!(process.end().code, Some(0));
    }

    #[test]
    fn a_task_without_its_data_names_the_folder_and_the_flag() {
        let Some(trainings) = Trainings::or_skip() else { return };
        let said = refused_in_one_line(&mut trainings.train(&["--task", "shuffled-mnist"]));
        assert!(said.contains("--data DIR") && said.contains("ROTEWATCH_DATA"), "{said}");
        let missing = trainings.folder().join("missing");
        let said = refused_in_one_line(&mut trainings.train(&["--task", "shuffled-mnist", "--data", text(&missing)]));
        assert!(said.contains(&missing.display().to_string()), "{said}");
        let said = refused_in_one_line(&mut trainings.train(&["--task", "shuffled-mnist", "--data", text(trainings.folder())]));
        assert!(said.contains("train-images-idx3-ubyte"), "{said}");
        let mut through_environment = trainings.train(&["--task", "shuffled-mnist"]);
        let said = refused_in_one_line(through_environment.env("ROTEWATCH_DATA", &missing));
        assert!(said.contains(&missing.display().to_string()), "{said}");
    }

    /// A file in MNIST's format with this many pictures of 28 x 28, or labels; `announced` is the number in its header.
    fn idx(pictures: bool, announced: u32, held: usize) -> Vec<u8> {
        let mut bytes = if pictures { 2051_u32 } else { 2049 }.to_be_bytes().to_vec();
        bytes.extend(announced.to_be_bytes());
        if pictures {
            bytes.extend([28_u32.to_be_bytes(), 28_u32.to_be_bytes()].concat());
        }
        let item = if pictures { 28 * 28 } else { 1 };
        bytes.extend((0..held * item).map(|place| if pictures { (place * 31 % 251) as u8 } else { (place % 10) as u8 }));
        bytes
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).expect("memory is writable");
        packed.finish().expect("memory is writable")
    }

    fn write_sets(folder: &Path) {
        for (part, rows) in [("train", 3000), ("t10k", 500)] {
            let write = |name: String, bytes: Vec<u8>| fs::write(folder.join(name), bytes).expect("the folder is writable");
            write(format!("{part}-images-idx3-ubyte"), idx(true, rows, rows as usize));
            write(format!("{part}-labels-idx1-ubyte"), idx(false, rows, rows as usize));
        }
    }

    #[test]
    fn a_damaged_idx_file_is_named_with_what_is_wrong_packed_or_not() {
        let Some(trainings) = Trainings::or_skip() else { return };
        let data = trainings.folder().join("data");
        fs::create_dir(&data).expect("the folder is writable");
        write_sets(&data);
        let flags =
            ["--task", "shuffled-mnist", "--data", text(&data), "--examples", "2000", "--epochs", "1", "--probe-rows", "200"];
        let sound = trainings.document(&[&flags, &NOWHERE]);
        assert_eq!(sound["last_epoch"], 1, "the undamaged data can be trained on");

        let pictures = idx(true, 3000, 3000);
        let mut wrong_magic = pictures.clone();
        wrong_magic[3] = 1;
        let packed = gzipped(&pictures);
        let table = [
            ("truncated", pictures[..pictures.len() - 100].to_vec(), "truncated"),
            ("head only", pictures[..16].to_vec(), "truncated"),
            ("half a head", pictures[..7].to_vec(), "truncated"),
            ("empty", Vec::new(), "truncated"),
            ("packed and truncated inside", gzipped(&pictures[..pictures.len() - 100]), "truncated"),
            ("packed, itself truncated", packed[..packed.len() / 2].to_vec(), "truncated"),
            ("packed, its check sum missing", packed[..packed.len() - 8].to_vec(), ""),
            ("too long", [&pictures[..], &[0; 9]].concat(), "more than the"),
            ("another kind of file", wrong_magic, "2051"),
            ("announces a billion", idx(true, 1_000_000_000, 10), "1000000000"),
            ("pictures and labels disagree", idx(true, 2999, 2999), "2999"),
        ];
        let file = data.join("train-images-idx3-ubyte");
        for (damage, bytes, words) in table {
            fs::write(&file, bytes).expect("the folder is writable");
            let said = refused_in_one_line(&mut trainings.train(&[&flags[..], &NOWHERE].concat()));
            assert!(said.contains("train-images-idx3-ubyte"), "{damage}: {said}");
            assert!(said.contains(words), "{damage}: {said}");
        }
    }

    #[test]
    fn a_state_folder_that_cannot_be_written_is_named() {
        let Some(trainings) = Trainings::or_skip() else { return };
        let file = trainings.folder().join("file");
        fs::write(&file, "no folder").expect("the folder is writable");
        let below = file.join("state");
        let mut command = rotewatch(["train", "--listen", "off", "--state", text(&below)]);
        let said = refused_in_one_line(command.args(TINY));
        assert!(said.contains(&below.display().to_string()) && said.contains("--state DIR"), "{said}");
        let mut homeless = rotewatch(["train", "--listen", "off"]);
        let said = refused_in_one_line(homeless.args(TINY).env_remove("HOME"));
        assert!(said.contains("no state folder") && said.contains("--state DIR"), "{said}");
    }

    #[test]
    fn a_wrong_configuration_file_starts_no_training() {
        let Some(trainings) = Trainings::or_skip() else { return };
        let (_folder, path) = config_file("measures:\n  bins: 1\nsampling:\n  rowz: 500\n");
        let said = refused(&mut trainings.train(&[&TINY[..], &["--config", text(&path)]].concat()));
        assert_eq!(said.lines().count(), 2, "{said}");
        let said = refused_in_one_line(&mut trainings.train(&["--probe-rows", "20"]));
        assert!(said.contains("sampling.rows") && said.contains("5 per bin"), "{said}");
    }
}

#[test]
fn flags_that_would_be_ignored_beside_one_another_are_refused() {
    if !or_skip_without() {
        return;
    }
    for (flags, reason) in [
        (["--monitor=off", "--stop-on-onset"], "needs the monitor"),
        (["--monitor=off", "--keep-serving"], "nothing to serve"),
        (["--listen=off", "--keep-serving"], "nothing to serve"),
        (["--hold-out=600", "--examples=600"], "leaves none"),
    ] {
        let said = refused_in_one_line(&mut rotewatch([&["train"][..], &flags].concat()));
        assert!(
            said.contains(reason) && flags.iter().all(|flag| said.contains(flag.split('=').next().unwrap_or(flag))),
            "{said}"
        );
    }
}

#[test]
fn texts_and_the_transformer_belong_together() {
    if !or_skip_without() {
        return;
    }
    for flags in [["--task=topics", "--model=mlp"], ["--task=digits", "--model=transformer"]] {
        let said = refused_in_one_line(&mut rotewatch([&["train"][..], &flags].concat()));
        assert!(said.contains("transformer"), "{said}");
    }
}

#[test]
fn a_baseline_that_cannot_be_read_is_named() {
    if !or_skip_without() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("other.json");
    let (_folder, config) = config_file(&format!("detect: {{baseline: {{file: {}}}}}\n", file.display()));
    let train = ["train", "--config", text(&config), "--listen", "off", "--examples", "100", "--epochs", "1"];
    let missing = refused_in_one_line(&mut rotewatch(train));
    assert!(missing.contains("detect.baseline.file: ") && missing.contains("cannot read"), "{missing}");
    fs::write(&file, "{}").expect("the folder is writable");
    let other = refused_in_one_line(&mut rotewatch(train));
    assert!(other.contains("is not a document of `rotewatch train --json`"), "{other}");
}
