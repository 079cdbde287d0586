//! Rules about the sources: the order of the modules, one module per foreign crate, and paths that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The module that uses each foreign crate. No other module names it, so that replacing the crate affects one file or folder.
const HOMES: &[(&str, &[&str])] = &[
    // The command that drives the trainer passes tensors on, and names their type.
    ("tch", &["src/torch/", "src/cli/trainer/"]),
    ("hyper", &["src/serve/"]),
    ("hyper_util", &["src/serve/"]),
    ("http_body_util", &["src/serve/"]),
    ("tokio", &["src/serve/"]),
    ("percent_encoding", &["src/serve/address.rs"]),
    ("form_urlencoded", &["src/serve/address.rs"]),
    ("hostname", &["src/serve/"]),
    ("jiff", &["src/clock.rs"]),
    ("notify", &["src/watch.rs"]),
    ("serde_yaml", &["src/yaml.rs", "src/yaml/"]),
    ("strsim", &["src/config/"]),
    ("plotly", &["src/charts.rs"]),
    ("prometheus", &["src/metrics.rs", "src/metrics/"]),
    ("signal_hook", &["src/signals.rs"]),
    // A test of the configuration reads its own log.
    ("tracing_subscriber", &["src/logging.rs", "src/config/reload/tests.rs"]),
    // The header of a safetensors file is JSON; the test of the figures parses their JSON.
    (
        "serde_json",
        &[
            "src/activations/",
            "src/charts.rs",
            "src/cli/",
            "src/discovery.rs",
            "src/document.rs",
            "src/experiment/",
            "src/hooks/notice.rs",
            "src/ingest/document.rs",
            "src/page.rs",
            "src/serve/",
            "src/store/",
            "src/top/client.rs",
            "src/wire.rs",
        ],
    ),
    ("event_listener", &["src/run.rs"]),
    ("textwrap", &["src/cli/paragraph.rs"]),
    ("csv", &["src/cli/runs/export.rs", "src/experiment/report/rows.rs"]),
    // What else is compared so goes through the token's comparison.
    ("subtle", &["src/token.rs"]),
    ("ratatui", &["src/top/"]),
    ("ureq", &["src/hooks/", "src/top/client.rs"]),
    ("rustls", &["src/hooks/webhook.rs", "src/hooks/webhook/", "src/serve/tls.rs"]),
    ("tokio_rustls", &["src/serve/"]),
    ("bcrypt", &["src/config/web_file/", "src/serve/basic_auth.rs"]),
    ("base64", &["src/serve/basic_auth.rs"]),
    ("rustls_native_certs", &["src/hooks/webhook.rs"]),
    ("libc", &["src/main.rs"]),
    ("rustix", &["src/hooks/command/group.rs", "src/inbox/folder.rs", "src/serve/descriptors.rs", "src/serve/mod.rs"]),
    ("twox_hash", &["src/ingest/keys.rs"]),
    ("indicatif", &["src/cli/"]),
    ("flate2", &["src/serve/scrape.rs", "src/store/blob.rs", "src/torch/idx.rs", "src/torch/idx_tests.rs"]),
    ("rusqlite", &["src/store/"]),
    // The matrices that `measure` writes for other programs.
    ("safetensors", &["src/activations/", "src/cli/measure/document.rs"]),
    ("half", &["src/activations/"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every source file below `src` by its path from the root, without comments.
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
    gather(&root().join("src"), &mut files);
    let without_comments = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("sources are text");
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (path.strip_prefix(root()).expect("below the root").display().to_string(), code.join("\n"))
    };
    files.iter().map(without_comments).collect()
}

/// Returns the words directly before or, with `after`, directly after each occurrence of `joint`.
fn words_at(code: &str, joint: &str, after: bool) -> BTreeSet<String> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = |(place, _): (usize, &str)| -> String {
        if after {
            code[place + joint.len()..].chars().take_while(|letter| is_word(*letter)).collect()
        } else {
            let backwards: String = code[..place].chars().rev().take_while(|letter| is_word(*letter)).collect();
            backwards.chars().rev().collect()
        }
    };
    // `tch::` must not match in `Scratch::`.
    let whole = |(place, _): &(usize, &str)| !joint.starts_with(is_word) || !code[..*place].ends_with(is_word);
    code.match_indices(joint).filter(whole).map(word).filter(|word| !word.is_empty()).collect()
}

/// Returns the row of each module in the map of `src/lib.rs`.
fn map() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the crate has a root");
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | [`")).enumerate();
    let mut map = BTreeMap::new();
    for (row, line) in rows {
        let modules = line.split(" | ").next().expect("a row has a first cell");
        for module in modules.split(['[', ']', '`', ',', ' ']).filter(|word| !word.is_empty()) {
            assert!(map.insert(module.to_owned(), row).is_none(), "{module} is in the map twice");
        }
    }
    map
}

#[test]
fn the_map_of_modules_names_every_module_once() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the crate has a root");
    let declared: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect();
    assert!(declared.len() > 20, "{declared:?}");
    assert_eq!(map().into_keys().collect::<BTreeSet<_>>(), declared);
}

#[test]
fn a_module_imports_what_stands_above_it_or_beside_it_in_the_map() {
    let map = map();
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().expect("a path has a first part");
        let Some(own) = map.get(module) else { continue };
        for imported in words_at(&code, "crate::", true) {
            if map.get(&imported).is_some_and(|row| row > own) {
                wrong.push(format!("{path} imports {imported}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
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
    assert_eq!(used, all, "a crate that is no longer used must be removed from the list");
}

#[test]
fn the_command_that_drives_the_trainer_knows_of_tch_no_more_than_the_tensor() {
    for (path, code) in sources().iter().filter(|(path, _)| path.starts_with("src/cli/")) {
        assert!(words_at(code, "tch::", true).iter().all(|item| item == "Tensor"), "{path} uses more of tch than its tensor");
    }
}

#[test]
fn paths_that_the_documents_name_exist() {
    for document in ["ARCHITECTURE.md", "README.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document is there");
        let tops = ["src", "tests", "config", "benches", "examples", "dashboards", "docs", "fuzz", "python", ".ci"];
        let is_path =
            |word: &&str| word.split_once('/').is_some_and(|(top, _)| tops.contains(&top)) && !word.contains([' ', '*']);
        let paths: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
        assert!(document != "ARCHITECTURE.md" || paths.len() > 20, "{paths:?}");
        for path in paths {
            assert!(root().join(path).exists(), "{document} names {path}, which does not exist");
        }
    }
}
