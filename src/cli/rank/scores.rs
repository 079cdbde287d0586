//! Reads scores by network name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

/// Reads one line per network: its name, a comma or space, a number. Empty lines and text after a `#` are ignored. Every name must be one
/// of `names`; not every network needs a score.
pub(super) fn read(path: &Path, names: &[&str]) -> anyhow::Result<BTreeMap<String, f64>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text, names).with_context(|| path.display().to_string())
}

fn parse(text: &str, names: &[&str]) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut scores = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let number = at + 1;
        let Some((name, score)) = line.rsplit_once(|letter: char| letter == ',' || letter.is_whitespace()) else {
            bail!("line {number}: write a name and a number, such as `mlp-seed1 0.93`");
        };
        let name = name.trim_end_matches(|letter: char| letter == ',' || letter.is_whitespace());
        let Some(score) = score.parse::<f64>().ok().filter(|score| score.is_finite()) else {
            bail!("line {number}: `{score}` is not a number; write a name and a number, such as `mlp-seed1 0.93`");
        };
        if !names.contains(&name) {
            bail!("line {number}: unknown network `{name}`; the networks are {}", names.join(", "));
        }
        if scores.insert(name.to_owned(), score).is_some() {
            bail!("line {number}: `{name}` already has a score; remove one of the two lines");
        }
    }
    if scores.is_empty() {
        bail!("no scores in the file; write one line per network with its name and a number");
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_separated_by_a_comma_or_spaces() {
        let scores = parse("# accuracies\na, 0.5\nb c\t0.25  # low\n\nd,-1e-3\n", &["a", "b c", "d", "e"]).unwrap();
        assert_eq!(scores.into_iter().collect::<Vec<_>>(), [("a".into(), 0.5), ("b c".into(), 0.25), ("d".into(), -0.001)]);
    }

    #[test]
    fn mistakes_are_named_by_their_line() {
        let table = [
            ("a 0.5\na 0.6", "line 2: `a` already has a score"),
            ("name,score", "line 1: `score` is not a number"),
            ("a NaN", "`NaN` is not a number"),
            ("\nb 1", "line 2: unknown network `b`; the networks are a"),
            ("a", "line 1: write a name and a number"),
            ("# nothing", "no scores in the file"),
        ];
        for (text, expected) in table {
            let error = parse(text, &["a"]).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
