//! Text behind a label, broken between words.

use std::io::{IsTerminal, stdout};

use textwrap::{Options, WordSplitter, fill, termwidth};

/// Columns of a paragraph: as many as of `--help`.
const WIDTH: usize = 100;

/// The label, and the text in what is left beside it of a line. What is longer than a line is not broken, so that it can be copied.
#[must_use]
pub fn paragraph(label: &str, text: &str) -> String {
    let width = if stdout().is_terminal() { termwidth().min(WIDTH) } else { WIDTH };
    wrapped(label, text, width)
}

fn wrapped(label: &str, text: &str, width: usize) -> String {
    let below = " ".repeat(label.len());
    let options = Options::new(width).initial_indent(label).subsequent_indent(&below);
    fill(text, options.break_words(false).word_splitter(WordSplitter::NoHyphenation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_stand_beside_the_label() {
        assert_eq!(wrapped("why: ", "one two three", 13), "why: one two\n     three");
        assert_eq!(wrapped("why: ", "a /very/long-path b", 12), "why: a\n     /very/long-path\n     b");
    }
}
