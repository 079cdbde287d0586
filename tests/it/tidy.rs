//! Rules about the sources: which crate and which room imports which, one home for each foreign crate, and paths that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of the workspace with the folder of their sources and the crates of ours that each may import.
const CRATES: [(&str, &str, &[&str]); 5] = [
    ("rotewatch_info", "crates/rotewatch-info/src", &[]),
    ("rotewatch_core", "crates/rotewatch-core/src", &["rotewatch_info"]),
    ("rotewatch_tch", "crates/rotewatch-tch/src", &["rotewatch_core"]),
    ("rotewatch", "src", &["rotewatch_core", "rotewatch_info"]),
    ("rotewatch_trainer", "crates/rotewatch-trainer/src", &["rotewatch", "rotewatch_core", "rotewatch_info", "rotewatch_tch"]),
];

/// Files that may lie at the root of a crate besides `lib.rs` and `main.rs`.
const LOOSE_FILES: usize = 3;

/// Where each foreign crate lives. No other module names it, so that replacing it is the work of one file or folder.
const HOMES: &[(&str, &[&str])] = &[
    // The trainer's own data and networks are tensors; the tap and the penalty are for any trainer.
    ("tch", &["crates/rotewatch-tch/src/", "crates/rotewatch-trainer/src/"]),
    ("hyper", &["src/serve/"]),
    ("hyper_util", &["src/serve/"]),
    ("http_body_util", &["src/serve/"]),
    ("tokio", &["src/serve/"]),
    ("hostname", &["src/serve/"]),
    ("form_urlencoded", &["src/serve/address.rs"]),
    ("percent_encoding", &["src/serve/address.rs"]),
    ("notify", &["src/config/file_watcher/"]),
    ("serde_yaml", &["src/config/yaml/"]),
    ("strsim", &["src/config/"]),
    ("plotly", &["src/page/charts.rs"]),
    ("prometheus", &["src/metrics/"]),
    ("signal_hook", &["src/app/signals.rs"]),
    // A test of the configuration reads its own log.
    ("tracing_subscriber", &["src/app/logging.rs", "src/config/reload/tests.rs"]),
    ("ratatui", &["src/top/"]),
    ("ureq", &["src/hooks/", "src/top/client.rs"]),
    ("rustls", &["src/hooks/webhook/", "src/serve/tls.rs"]),
    ("tokio_rustls", &["src/serve/"]),
    ("bcrypt", &["src/config/web_file/", "src/serve/basic_auth.rs"]),
    ("base64", &["src/serve/basic_auth.rs"]),
    ("rustls_native_certs", &["src/hooks/webhook/"]),
    ("subtle", &["src/state/token.rs"]),
    ("libc", &["src/main.rs"]),
    ("rustix", &["src/hooks/command/group.rs", "src/ingest/inbox/folder.rs", "src/serve/descriptors.rs", "src/serve/mod.rs"]),
    ("twox_hash", &["src/ingest/keys.rs"]),
    ("textwrap", &["src/cli/paragraph.rs"]),
    ("indicatif", &["src/cli/measure/figures.rs", "crates/rotewatch-trainer/src/command/"]),
    ("csv", &["src/cli/runs/export.rs", "crates/rotewatch-trainer/src/experiment/report/rows.rs"]),
    ("flate2", &["src/serve/scrape.rs", "src/history/blob.rs", "crates/rotewatch-trainer/src/data/idx/"]),
    ("rusqlite", &["src/history/"]),
    // The matrices that `measure` writes for other programs.
    ("safetensors", &["src/activations/", "src/cli/measure/json.rs"]),
    ("half", &["src/activations/"]),
    ("jiff", &["crates/rotewatch-core/src/vocabulary/clock.rs"]),
    ("event_listener", &["crates/rotewatch-core/src/intake/run.rs"]),
    ("zip", &["src/activations/npy.rs"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file of the workspace by its path from the root, without comments.
fn sources() -> BTreeMap<String, String> {
    fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                gather(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for (_, folder, _) in CRATES {
        gather(&root().join(folder), &mut files);
    }
    let without_comments = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("sources are text");
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (path.strip_prefix(root()).expect("below the root").display().to_string(), code.join("\n"))
    };
    files.iter().map(without_comments).collect()
}

/// The crate that a file belongs to, and its path within the crate's sources.
fn home(path: &str) -> (&'static str, &str) {
    let of = |(name, folder, _): &(&'static str, &str, _)| Some((*name, path.strip_prefix(folder)?.strip_prefix('/')?));
    CRATES.iter().find_map(of).expect("every source belongs to a crate")
}

/// The words directly before or, with `after`, directly after every occurrence of `joint`.
fn words_at(code: &str, joint: &str, after: bool) -> BTreeSet<String> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = |(index, _): (usize, &str)| -> String {
        if after {
            code[index + joint.len()..].chars().take_while(|letter| is_word(*letter)).collect()
        } else {
            let backwards: String = code[..index].chars().rev().take_while(|letter| is_word(*letter)).collect();
            backwards.chars().rev().collect()
        }
    };
    // `tch::` is not part of `Scratch::`.
    let whole = |(index, _): &(usize, &str)| !joint.starts_with(is_word) || !code[..*index].ends_with(is_word);
    code.match_indices(joint).filter(whole).map(word).filter(|word| !word.is_empty()).collect()
}

/// The rooms of a crate in the order of the table in its `lib.rs`.
fn rooms(folder: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(folder).join("lib.rs")).expect("a crate has a root");
    text.lines().filter_map(|line| Some(line.strip_prefix("//! | [`")?.split('`').next()?.to_owned())).collect()
}

#[test]
fn the_table_of_each_crate_lists_its_rooms_and_only_them() {
    for (name, folder, _) in CRATES.iter().filter(|(name, ..)| *name != "rotewatch_tch") {
        let text = fs::read_to_string(root().join(folder).join("lib.rs")).expect("a crate has a root");
        let declared: BTreeSet<String> =
            text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect();
        assert_eq!(rooms(folder).into_iter().collect::<BTreeSet<_>>(), declared, "{name}");
    }
}

#[test]
fn a_room_imports_only_rooms_before_it_in_the_table_of_its_crate() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let (name, within) = home(&path);
        let folder = CRATES.iter().find(|(known, ..)| *known == name).map(|(_, folder, _)| *folder).expect("a known crate");
        let rooms = rooms(folder);
        let index = |room: &str| rooms.iter().position(|known| known == room);
        let own = within.split(['/', '.']).next().expect("a path has a first part");
        let Some(own_index) = index(own) else { continue };
        for imported in words_at(&code, "crate::", true) {
            if index(&imported).is_some_and(|imported| imported > own_index) {
                wrong.push(format!("{path} imports {imported}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_crate_imports_only_crates_below_it() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let (name, _) = home(&path);
        let allowed = CRATES.iter().find(|(known, ..)| *known == name).map(|(.., allowed)| *allowed).expect("a known crate");
        for (other, ..) in CRATES.iter().filter(|(other, ..)| *other != name && !allowed.contains(other)) {
            // A binary names the library of its own package.
            if !words_at(&code, &format!("{other}::"), true).is_empty() {
                wrong.push(format!("{path} imports {other}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn few_files_lie_loose_at_the_root_of_a_crate() {
    for (name, folder, _) in CRATES {
        let entries = fs::read_dir(root().join(folder)).expect("the sources are there").map(|entry| entry.expect("readable"));
        let files: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|file| !["lib.rs", "main.rs"].contains(&file.as_str()))
            .collect();
        assert!(files.len() <= LOOSE_FILES, "{name}: {files:?}");
    }
}

#[test]
fn every_foreign_crate_is_named_in_its_home_alone() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (path, code) in sources() {
        let named = words_at(&code, "::", false);
        for (name, homes) in HOMES.iter().filter(|(name, _)| named.contains(*name)) {
            used.insert(*name);
            if !homes.iter().any(|home| path.starts_with(home)) {
                wrong.push(format!("{path} names {name}, which lives in {}", homes.join(" and ")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let all: BTreeSet<&str> = HOMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(used, all, "a crate that no module names needs no home");
}

#[test]
fn paths_that_the_documents_name_exist() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document is there");
        let tops = ["src", "crates", "tests", "config", "benches", "dashboards", "docs", "fuzz", "python", ".ci", ".github"];
        let is_path =
            |word: &&str| word.split_once('/').is_some_and(|(top, _)| tops.contains(&top)) && !word.contains([' ', '*', '<']);
        let is_document = |word: &str| Path::new(word).extension().is_some_and(|extension| extension == "md");
        let is_placeholder = |word: &&str| word.chars().any(|letter| letter.is_ascii_uppercase()) && !is_document(word);
        let paths: BTreeSet<&str> =
            text.split('`').skip(1).step_by(2).filter(is_path).filter(|word| !is_placeholder(word)).collect();
        assert!(document != "ARCHITECTURE.md" || paths.len() > 20, "{paths:?}");
        for path in paths {
            assert!(root().join(path).exists(), "{document} names {path}, which does not exist");
        }
    }
}
