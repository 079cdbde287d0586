//! SECURITY.md's table matches this folder: it lists every case with its tests, and every guard exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A row of the table.
struct Row {
    case: u32,
    guards: Vec<String>,
    tests: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("the document is there");
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [case, _, guard, tests] = cells[..] else { return None };
        Some(Row { case: case.parse().ok()?, guards: quoted(guard), tests: quoted(tests) })
    };
    text.lines().filter(|line| line.starts_with("| ")).filter_map(row).collect()
}

/// Finds the tests below a folder that are named after a case.
fn tests(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "py") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let name = |line: &str| {
                let line = line.trim_start();
                let name = line.strip_prefix("fn ").or_else(|| line.strip_prefix("def "))?.split('(').next()?;
                name.trim_start_matches("test_").starts_with("case_").then(|| name.to_owned())
            };
            into.extend(text.lines().filter_map(name));
        }
    }
}

#[test]
fn every_case_is_in_the_table_with_exactly_its_tests() {
    let rows = rows();
    let cases: Vec<u32> = rows.iter().map(|row| row.case).collect();
    assert_eq!(cases, (1..=35).chain([39]).collect::<Vec<_>>());
    let mut there = BTreeSet::new();
    for folder in ["src", "crates", "tests/it/faults", "python/tests"] {
        tests(&root().join(folder), &mut there);
    }
    let named: Vec<&String> = rows.iter().flat_map(|row| &row.tests).collect();
    assert_eq!(named.iter().copied().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(named.len(), there.len(), "each is in one row");
    for Row { case, guards, tests } in &rows {
        let number = format!("case_{case:02}_");
        assert!(!tests.is_empty() && tests.iter().all(|test| test.contains(&number)), "{case}: {tests:?}");
        assert!(!guards.is_empty(), "{case} has no guard");
        for path in guards.iter().filter(|guard| guard.contains('/')) {
            assert!(root().join(path).exists(), "{case}: {path} does not exist");
        }
    }
}
