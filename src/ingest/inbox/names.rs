//! The file names in a run's folder, and their order.

use rotewatch_core::vocabulary::rows::RowSet;
use rotewatch_core::vocabulary::units::Epoch;

/// A file of the inbox. The order is the order of processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// `run.json` declares the run.
    Declaration,
    /// A file of an epoch.
    OfEpoch(Epoch, Part),
    /// `finish.json` ends the run.
    Finish,
}

/// A file of an epoch. Frames come before the epoch's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// `EPOCH.SEQ.safetensors`, or `EPOCH.SEQ.seen.safetensors` for rows of the training set.
    Frame(RowSet, u64),
    /// `EPOCH.json` ends the epoch.
    End,
}

impl Entry {
    /// Parses a file name; `None` if the file does not belong to the inbox.
    pub(super) fn of(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('.').collect();
        let epoch = |text| number(text).and_then(|number| u32::try_from(number).ok()).map(Epoch);
        match parts[..] {
            ["run", "json"] => Some(Entry::Declaration),
            ["finish", "json"] => Some(Entry::Finish),
            [number, "json"] => Some(Entry::OfEpoch(epoch(number)?, Part::End)),
            [of_epoch, seq, "safetensors"] => Some(Entry::OfEpoch(epoch(of_epoch)?, Part::Frame(RowSet::Unseen, number(seq)?))),
            [of_epoch, seq, "seen", "safetensors"] => {
                Some(Entry::OfEpoch(epoch(of_epoch)?, Part::Frame(RowSet::Seen, number(seq)?)))
            }
            _ => None,
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_taken_in_the_order_in_which_they_were_meant() {
        let mut names = [
            "finish.json",
            "10.json",
            "2.json",
            "10.0.safetensors",
            "2.0.seen.safetensors",
            "2.10.safetensors",
            "2.9.safetensors",
            "run.json",
        ];
        names.sort_by_key(|name| Entry::of(name));
        let meant = [
            "run.json",
            "2.9.safetensors",
            "2.10.safetensors",
            "2.0.seen.safetensors",
            "2.json",
            "10.0.safetensors",
            "10.json",
            "finish.json",
        ];
        assert_eq!(names, meant);
        assert_eq!(Entry::of("007.json"), Entry::of("7.json"));
    }

    #[test]
    fn other_names_are_passed_over() {
        for name in [
            "",
            ".",
            "..",
            "run.json.tmp",
            ".run.json",
            "json",
            ".json",
            "1.json~",
            "1.0.safetensors.tmp",
            ".1.0.safetensors",
            "-1.json",
            "+1.json",
            "1..safetensors",
            "1.safetensors",
            "1.2.3.safetensors",
            "1.2.unseen.safetensors",
            "1.seen.safetensors",
            "4294967296.json",
            "99999999999999999999.json",
            "1.18446744073709551616.safetensors",
            "١.json",
            "Run.json",
        ] {
            assert_eq!(Entry::of(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(epoch: u32, seq: u64) {
            let frame = Entry::OfEpoch(Epoch(epoch), Part::Frame(RowSet::Unseen, seq));
            let seen = Entry::OfEpoch(Epoch(epoch), Part::Frame(RowSet::Seen, seq));
            let end = Entry::OfEpoch(Epoch(epoch), Part::End);
            prop_assert_eq!(Entry::of(&format!("{epoch}.{seq}.safetensors")), Some(frame));
            prop_assert_eq!(Entry::of(&format!("{epoch}.{seq}.seen.safetensors")), Some(seen));
            prop_assert_eq!(Entry::of(&format!("{epoch}.json")), Some(end));
            prop_assert!(Entry::Declaration < frame && frame < seen && seen < end && end < Entry::Finish);
        }

        #[test]
        fn no_name_breaks_it(name in ".{0,40}") {
            let _ = Entry::of(&name);
        }
    }
}
