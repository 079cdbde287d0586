use super::*;
use crate::config::yaml::{self, Node, Value};
use rotewatch_core::vocabulary::choices::StopOn;

const MANUAL: &str = include_str!("../../config/rotewatch.yaml");

fn messages(text: &str) -> Vec<String> {
    match Config::parse(text, "rotewatch.yaml") {
        Ok(config) => panic!("{text:?} was accepted: {config:?}"),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn the_manual_is_the_defaults() {
    assert_eq!(Config::parse(MANUAL, "config/rotewatch.yaml").unwrap(), Config::default());
    assert_eq!(Config::default().warnings(), []);
}

#[test]
fn the_manual_and_the_program_know_the_same_keys_and_say_the_same_of_them() {
    fn walk(node: &Node, prefix: &str, keys: &mut Vec<(String, usize)>) {
        let Value::Mapping(entries) = &node.value else { panic!("{prefix} is not a section") };
        for entry in entries {
            let key = format!("{prefix}{}", entry.key);
            match &entry.node.value {
                Value::Mapping(_) => walk(&entry.node, &format!("{key}."), keys),
                _ => keys.push((key, entry.at.line)),
            }
        }
    }
    let mut in_manual = Vec::new();
    walk(&yaml::parse(MANUAL).unwrap().root, "", &mut in_manual);
    let settings = Config::default().settings();
    let lines: Vec<&str> = MANUAL.lines().collect();
    for setting in &settings {
        let found = in_manual.iter().find(|(key, _)| *key == setting.key);
        let (_, line) = found.unwrap_or_else(|| panic!("{} is not in the manual", setting.key));
        let Setting { value, takes, acts, .. } = setting;
        let says = format!("# {takes}; default {value}; acts {acts}");
        assert_eq!(lines[line - 2].trim(), says, "the line above {}", setting.key);
    }
    assert_eq!(in_manual.len(), settings.len(), "the manual has a key that the program does not know");
}

#[test]
fn an_empty_file_and_empty_sections_are_the_defaults() {
    for text in ["", "# nothing\n", "detect:\n", "detect:\n  information:\nlog:\n"] {
        assert_eq!(Config::parse(text, "rotewatch.yaml").unwrap(), Config::default(), "{text:?}");
    }
}

#[test]
fn every_key_can_be_set() {
    let text = "listen: off\nstate: /var/lib/rotewatch\ninbox: /var/spool/rotewatch\nsampling: {mode: stream, rows: 500, every_steps: 3, \
                neurons_per_layer: 64, reduce: max, on_full: wait, seed: 18446744073709551615}\nwindow: {epochs: 2, rows: \
                600, rolling: 4}\nmeasures: {bins: 8, network_bins: 50, bin_edges: half-open, binning: equal-frequency, \
                shuffle_pairs: 0, ksg_pairs: 50, ksg_k: 5, threads: 2}\ndetect: {smooth: 1, quiet_epochs: 5, stop_on: [heuristic, \
                suspected], divergence: {smooth: 5, epochs: 4, seen_z: 4, errors_z: 4, losses_z: 4, errors: 0.02, losses: 0.1}, consensus: {z: 5, agreement: 0.02}, gap: {errors: 0.2, share: 0.3, z: 6}, information: {decline: 0.2, within_epochs: 9, decline_ever: 0.3, \
                from_epoch: 7}, heuristic: {class_information_share: 0.7, amplification: 3}, baseline: {file: /runs/good.json, run: good, below: 0.3, times_above: 2}}\nlimits: {channel_frames: 2, channel_bytes: 1.5GiB, layers: 3, runs: 4, \
                series: 5, body: 2MiB, connections: 7, requests: 6, event_readers: 8, idle_seconds: 1, retire_finished_seconds: 2, retire_silent_seconds: 3, shutdown_seconds: 5}\nhistory: {matrix_epochs: 3, runs: 9, bytes: 1GiB}\nhooks: [{name: a, command: {argv: [a]}}]\nweb: {hosts: [Train.Example.org], allow_reload: true}\nlog: {level: debug}\n";
    let config = Config::parse(text, "rotewatch.yaml").unwrap();
    let unchanged: Vec<String> = Config::default()
        .settings()
        .into_iter()
        .zip(config.settings())
        .filter(|(default, set)| default.value == set.value)
        .map(|(default, _)| default.key)
        .collect();
    assert_eq!(unchanged, [] as [&str; 0]);
    assert_eq!(config.listen, None);
    assert_eq!(config.sampling.seed, u64::MAX);
    assert_eq!(config.limits.channel_bytes, 3 << 29);
    assert_eq!(config.web.hosts, ["train.example.org"]);
    assert_eq!(config.detect.stop_on, [StopOn::Heuristic, StopOn::Suspected]);
}

#[test]
fn a_share_that_is_a_percentage_is_explained() {
    assert_eq!(
        messages("detect:\n  information:\n    decline: 5\n"),
        ["rotewatch.yaml:3:5: detect.information.decline: 5 is not in 0..1 (a share, ends excluded: \
          0.05 means 5 %)"]
    );
}

#[test]
fn an_unknown_key_offers_the_one_that_was_meant() {
    for (text, says) in [
        ("detect:\n  smoth: 3\n", "rotewatch.yaml:2:3: detect.smoth: unknown key; did you mean `smooth`?"),
        ("measures:\n  bin-edges: closed\n", "rotewatch.yaml:2:3: measures.bin-edges: unknown key; did you mean `bin_edges`?"),
        ("shuffle_pairs: 3\n", "rotewatch.yaml:1:1: shuffle_pairs: unknown key; did you mean `measures.shuffle_pairs`?"),
        ("colour: red\n", "rotewatch.yaml:1:1: colour: unknown key"),
        ("<<: {log: {level: info}}\n", "rotewatch.yaml:1:1: <<: unknown key"),
    ] {
        assert_eq!(messages(text), [says]);
    }
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = "log: {level: loud}\ndetect:\n  smooth: 0\n  smoth: 3\n  smooth: 4\n  stop_on: [heuristic, rote, \
                heuristic]\nlisten: localhost\nwindow: 5\n";
    assert_eq!(
        messages(text),
        [
            "rotewatch.yaml:1:7: log.level: `loud` is not one of error, warn, info, debug, trace",
            "rotewatch.yaml:3:3: detect.smooth: 0 is not in 1..100",
            "rotewatch.yaml:4:3: detect.smoth: unknown key; did you mean `smooth`?",
            "rotewatch.yaml:5:3: detect.smooth: duplicate key, first used at 3:3",
            "rotewatch.yaml:6:24: detect.stop_on: `rote` is not one of shown, suspected, heuristic, baseline, example_level",
            "rotewatch.yaml:6:30: detect.stop_on: `heuristic` is listed twice",
            "rotewatch.yaml:7:1: listen: `localhost` is not an address: write an IP and a port, such as 127.0.0.1:19787 or \
             [::1]:19787, or `off`",
            "rotewatch.yaml:8:1: window: must be a section of keys, not one value",
        ]
    );
}

#[test]
fn wrong_types_are_named() {
    for (text, says) in [
        ("sampling: {rows: many}", "1:12: sampling.rows: `many` is not a whole number"),
        ("sampling: {rows: '1000'}", "1:12: sampling.rows: `1000` is not a whole number"),
        ("sampling: {rows: 1e3}", "1:12: sampling.rows: `1e3` is not a whole number"),
        ("sampling: {rows: -5}", "1:12: sampling.rows: -5 is not in 10..1000000"),
        ("sampling: {seed: 99999999999999999999}", "1:12: sampling.seed: 99999999999999999999 is not in 0..18446744073709551615"),
        ("sampling: {rows: }", "1:12: sampling.rows: has no value; remove the key to use its default"),
        ("sampling: {rows: [1]}", "1:12: sampling.rows: must be one value, not a list"),
        ("sampling: {on_full: block}", "1:12: sampling.on_full: `block` is not one of drop, wait, or `auto`"),
        ("web: {allow_reload: yes}", "1:7: web.allow_reload: `yes` is neither true nor false"),
        ("web: {hosts: example.org}", "1:7: web.hosts: must be a list, such as `[a, b]`, not one value"),
        ("web: {hosts: ['http://x']}", "1:15: web.hosts: `http://x` is not a host name: write it without scheme, port and path"),
        ("limits: {channel_bytes: lots}", "1:10: limits.channel_bytes: `lots` is not a size: write 268435456 or 256MiB"),
        ("limits: {channel_bytes: 1KiB}", "1:10: limits.channel_bytes: 1KiB is not in 1MiB..1TiB"),
        ("detect: {information: {decline: .nan}}", "1:24: detect.information.decline: `.nan` is not a number"),
        ("- a\n- b\n", "1:1: must be a section of keys, not a list"),
    ] {
        assert_eq!(messages(text), [format!("rotewatch.yaml:{says}")], "{text:?}");
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let says = messages(r#"{"a\u001b[2J": 1, log: {level: "\u001b[2Jx\ny"}}"#);
    assert_eq!(says[0], r"rotewatch.yaml:1:2: a\u{1b}[2J: unknown key");
    assert!(says[1].contains(r"`\u{1b}[2Jx\ny` is not one of"), "{says:?}");
    assert_eq!(says.len(), 2);
}

#[test]
fn keys_are_also_checked_together() {
    assert_eq!(
        messages("sampling: {rows: 40}\n"),
        ["rotewatch.yaml:1:12: sampling.rows: a window of 40 rows is too small for measures.bins = 10, which needs 50 (5 \
          per bin); no run could ever be called memorizing"]
    );
    // Not in the file: the message has the key but no position.
    assert!(messages("measures: {bins: 256}\n")[0].starts_with("rotewatch.yaml: sampling.rows: a window of 1000 rows"));
    assert!(Config::parse("sampling: {rows: 40, mode: stream}\n", "").is_ok(), "three epochs of 40 rows are 120");
    let too_wide = "sampling: {rows: 100000, neurons_per_layer: 4096}\n";
    assert!(
        messages(too_wide)[0].contains("limits.channel_bytes: too small for one full frame, which takes 1600000KiB"),
        "{:?}",
        messages(too_wide)
    );
}

#[test]
fn what_is_allowed_but_hardly_meant_is_a_warning() {
    let config = Config::parse("sampling: {rows: 400}\nwindow: {rows: 300}\n", "").unwrap();
    let keys: Vec<_> = config.warnings().into_iter().map(|warning| warning.key).collect();
    assert_eq!(keys, ["measures.network_bins", "window.rows"]);
}

#[test]
fn a_section_is_read_by_its_old_name_for_one_release() {
    let config = Config::parse("detect: {example_level: {decline: 0.2}}\n", "").unwrap();
    assert!((config.detect.information.decline - 0.2).abs() < f64::EPSILON);
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["detect.example_level: is now called detect.information; the old name goes with the next release"]);
    assert_eq!(Config::parse("detect: {information: {decline: 0.2}}\n", "").unwrap().warnings(), []);
    assert_eq!(
        messages("detect:\n  information: {decline: 0.2}\n  example_level: {decline: 0.1}\n"),
        [
            "rotewatch.yaml:3:3: detect.example_level: is the old name of detect.information, which the file has too; remove one of them"
        ]
    );
    assert_eq!(
        messages("detect: {example_level: {declin: 0.2}}\n"),
        ["rotewatch.yaml:1:26: detect.example_level.declin: unknown key; did you mean `decline`?"]
    );
}

#[test]
fn flags_are_held_to_the_same_ranges() {
    let mut config = Config::default();
    config.sampling.rows = 3;
    config.detect.information.decline = f64::NAN;
    assert_eq!(
        config.checked("command line").unwrap_err().to_string(),
        "command line: sampling.rows: 3 is not in 10..1000000\ncommand line: \
         detect.information.decline: NaN is not in 0..1 (a share, ends excluded: 0.05 means 5 %)"
    );
    assert!(Config::default().checked("command line").is_ok());
}

#[test]
fn bombs_and_broken_files_are_errors_with_a_place() {
    let error = Config::parse("detect: [\n", "rotewatch.yaml").unwrap_err();
    assert!(matches!(error, ConfigError::Yaml { .. }));
    assert!(error.to_string().starts_with("rotewatch.yaml:"), "{error}");
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\n".to_owned() + &"c: [*b, *b, *b, *b]\n".repeat(5000);
    assert!(matches!(Config::parse(&bomb, ""), Err(ConfigError::Yaml { .. })));
}

#[test]
fn only_a_file_of_bearable_size_is_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Config::read(folder.path()), Err(ConfigError::NotAFile { .. })));
    let path = folder.path().join("rotewatch.yaml");
    assert!(matches!(Config::read(&path), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&path, b"log: {level: \xff}\n").unwrap();
    assert!(matches!(Config::read(&path), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&path, vec![b'#'; yaml::MAX_BYTES + 1]).unwrap();
    let error = Config::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("rotewatch.yaml: 1048577 bytes exceed the limit of 1048576"), "{error}");
    std::fs::write(&path, "log: {level: warn}\n").unwrap();
    assert_eq!(Config::read(&path).unwrap().log.level, LogLevel::Warn);
}

#[test]
fn the_state_folder_follows_the_xdg_rules() {
    let environment = |xdg: Option<&'static str>| {
        move |name: &str| match name {
            "XDG_STATE_HOME" => xdg.map(PathBuf::from),
            "HOME" => Some(PathBuf::from("/home/ada")),
            _ => None,
        }
    };
    let config = Config::default();
    let folder = |xdg| config.state_dir(environment(xdg)).unwrap();
    assert_eq!(folder(None), PathBuf::from("/home/ada/.local/state/rotewatch"));
    assert_eq!(folder(Some("/state")), PathBuf::from("/state/rotewatch"));
    assert_eq!(folder(Some("relative")), PathBuf::from("/home/ada/.local/state/rotewatch"));
    assert_eq!(config.state_dir(|_| None), None);
    let named = Config { state: Some("here".into()), ..Config::default() };
    assert_eq!(named.state_dir(environment(None)), Some("here".into()));
}

/// Fragments of configurations, valid and invalid.
fn pieces() -> impl proptest::strategy::Strategy<Value = String> {
    "((listen|state|detect|  smooth|  stop_on|  example_level|    decline|limits|  body|  runs|hooks|- name|  command|  webhook|log|  level): \
     ?(127\\.0\\.0\\.1:0|off|auto|-?[0-9]{1,21}|0\\.[0-9]{1,3}|[0-9]{1,4}(MiB|GB)|\\[|\\]|\\{|\\}|info|[a-z]{0,5}|'|\"|\\PC)?\n){0,8}"
}

proptest::proptest! {
    #[test]
    fn no_configuration_breaks_it_and_one_that_is_taken_is_in_order(text in pieces()) {
        if let Ok(config) = Config::parse(&text, "test") {
            proptest::prop_assert_eq!(config.clone().checked("test").ok(), Some(config));
        }
    }

    #[test]
    fn a_letter_that_is_wrong_in_the_manual_is_refused_or_harmless(place: proptest::sample::Index, letter in "\\PC|\n|\t") {
        let manual = include_str!("../../config/rotewatch.yaml");
        let places: Vec<usize> = manual.char_indices().map(|(place, _)| place).collect();
        let place = places[place.index(places.len())];
        let end = place + manual[place..].chars().next().map_or(0, char::len_utf8);
        let text = format!("{}{letter}{}", &manual[..place], &manual[end..]);
        if let Err(refused) = Config::parse(&text, "test") {
            proptest::prop_assert!(refused.to_string().starts_with("test"), "{}", refused);
        }
    }
}

mod of_other_documents {
    use crate::config::document::{
        Given, Here, ListOf, OneOr, Placed, Sections, Text, Whole, mistake_lines, read_with_mistakes, section,
    };

    section! {
        /// A document that is no configuration.
        Library {
            /// Its shelves.
            shelves: Vec<Placed<Shelf>> = Vec::new(), Sections("a list of shelves");
        }
    }

    section! {
        /// A list's item.
        Shelf {
            /// How high it is.
            height: usize = 1, Whole(1..=9);
            /// Who put it there.
            owner: Option<Placed<String>> = None, Given(Here(Text));
        }
        rest {
            /// Books by their titles.
            books: Vec<Placed<String>>, OneOr(ListOf(Here(Text)));
        }
    }

    fn read(text: &str) -> (Library, String) {
        let (library, mistakes) = read_with_mistakes::<Library>(text, "l.yaml").unwrap();
        (library, mistake_lines("l.yaml", &mistakes))
    }

    #[test]
    fn a_section_may_take_keys_that_it_does_not_declare() {
        let (library, mistakes) = read("shelves:\n  - {owner: Ann, Emma: Austen, 'Good Omens': [Pratchett, Gaiman]}\n");
        assert_eq!(mistakes, "");
        let shelf = &library.shelves[0];
        let place = shelf.at.map(|at| (at.line, at.column));
        assert_eq!((place, shelf.value.height, shelf.value.books.len()), (Some((2, 5)), 1, 2));
        let [emma, omens] = &shelf.value.books[..] else { panic!("two books") };
        assert_eq!((emma.name.as_str(), emma.value[0].value.as_str(), omens.value.len()), ("Emma", "Austen", 2));
        assert_eq!(omens.value[1].at.map(|at| at.column), Some(58));
    }

    #[test]
    fn an_item_that_is_wrong_is_still_read_and_its_place_told() {
        let (library, mistakes) = read("shelves: [{height: 12, Emma: [Austen, Austen]}, {height: 2}]\n");
        let expected =
            "l.yaml:1:12: shelves[0].height: 12 is not in 1..9\nl.yaml:1:39: shelves[0].Emma: `Austen` is listed twice";
        assert_eq!(mistakes, expected);
        assert_eq!((library.shelves[0].value.height, library.shelves[1].value.height), (1, 2));
    }

    #[test]
    fn a_misplaced_key_is_looked_for_in_its_own_document() {
        let (_, mistakes) = read("smooth: 3\nshelf: []\n");
        assert_eq!(mistakes, "l.yaml:1:1: smooth: unknown key\nl.yaml:2:1: shelf: unknown key; did you mean `shelves`?");
    }
}
