//! Expands a cell with lists into its variations.

/// An option and the values that the file lists for it.
pub(super) type Values = (String, Vec<String>);

/// One combination of the values of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variation {
    /// The cell's name and the values of its lists.
    pub(super) name: String,
    /// One value per option.
    pub(super) options: Vec<(String, String)>,
}

/// Every combination; the last list varies fastest.
pub(super) fn variations(cell: &str, values: &[Values]) -> Vec<Variation> {
    let mut all = vec![Variation { name: cell.to_owned(), options: Vec::new() }];
    for (option, values) in values {
        let varied = values.len() > 1;
        let with = |variation: &Variation, value: &String| {
            let mut next = variation.clone();
            next.options.push((option.clone(), value.clone()));
            if varied {
                next.name.push('-');
                next.name.push_str(&short(option, value));
            }
            next
        };
        all = all.iter().flat_map(|variation| values.iter().map(move |value| with(variation, value))).collect();
    }
    all
}

/// A value as part of a name: words as they are, numbers and switches with their option's name.
fn short(option: &str, value: &str) -> String {
    let text = match value {
        "true" => option.to_owned(),
        "false" => format!("no-{option}"),
        word if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) => word.to_owned(),
        number => format!("{option}{number}"),
    };
    text.replace(|letter: char| !(letter.is_ascii_alphanumeric() || "._-".contains(letter)), "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(option: &str, values: &[&str]) -> Values {
        (option.to_owned(), values.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lists_multiply_and_name_their_variations() {
        let cell = [
            values("model", &["mlp", "cnn"]),
            values("task", &["digits"]),
            values("label-noise", &["0.2", "0.4"]),
            values("augment", &["false", "true"]),
        ];
        let all = variations("noisy", &cell);
        let names: Vec<&str> = all.iter().map(|variation| variation.name.as_str()).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "noisy-mlp-label-noise0.2-no-augment");
        assert_eq!(names[7], "noisy-cnn-label-noise0.4-augment");
        assert_eq!(all[7].options[1], ("task".to_owned(), "digits".to_owned()));
    }

    #[test]
    fn characters_that_run_names_cannot_have_are_replaced() {
        assert_eq!(variations("step", &[values("lr-step", &["10:0.1", "20:0.1"])])[0].name, "step-lr-step10_0.1");
    }
}
