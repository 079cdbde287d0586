//! Flags that take one of a few words: the words and their help come from the enum itself.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rotewatch_info::choice::Choice;

/// Parses a flag into a choice, and lists every word with its meaning in `--help`.
#[must_use]
pub fn choice<T: Choice + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
    let words = T::all().iter().zip(T::words()).map(|(choice, word)| {
        let word = PossibleValue::new(*word);
        match choice.get_documentation() {
            Some(meaning) => word.help(meaning.trim_end_matches('.').to_owned()),
            None => word,
        }
    });
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}
