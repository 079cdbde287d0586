//! Settings that are one of a few words, spelled the same in the file, in a flag and in a message.
//!
//! The words are clap's: a variant's doc comment is its help, its name in kebab case (snake case where
//! DESIGN says so) is its spelling, and `Display` and `FromStr` below read that one spelling back.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// Where an epoch's rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Mode {
    /// A fixed, unlabelled set of examples, passed through the network at the end of each epoch.
    Probe,
    /// Rows sampled from the training batches themselves.
    Stream,
}

/// How a map or a sequence of a neuron becomes one number a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Reduce {
    /// The mean over all positions.
    Mean,
    /// The largest value over all positions.
    Max,
    /// Positions sampled by seed, each a row of its own.
    Sample,
    /// The last position, as in a causal language model.
    Last,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Ending {
    /// It did all that it was to do.
    Finished,
    /// Something went wrong.
    Failed,
    /// It was asked to stop, and did.
    Stopped,
}

/// What the trainer's side does when the channel to the monitor is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum OnFull {
    /// Drop the frame and count it: training never waits.
    Drop,
    /// Wait for room and count the time: no frame is lost.
    Wait,
}

/// Where the maximum of the values goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum BinEdges {
    /// Into the last bin, as `numpy.histogram` counts.
    #[default]
    Closed,
    /// Into a further bin of its own, as `numpy.digitize` counts: B + 1 bins.
    HalfOpen,
}

/// How the edges of the bins are laid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum Binning {
    /// Bins of the same width between the smallest and the largest value.
    #[default]
    EqualWidth,
    /// Bins that hold the same number of values.
    EqualFrequency,
}

/// The two ways in which a network memorizes (Bansal, Pruthi, Belinkov, 2022, section 1), and what looks like either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// Single examples are learnt by heart, wrong labels for instance: high entropy, low mutual information.
    ExampleLevel,
    /// A shortcut is learnt in place of the task: low entropy, high mutual information.
    Heuristic,
    /// The run departs from a reference run as memorizing networks do.
    Baseline,
}

/// The least important line that is still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum LogLevel {
    /// Only what went wrong.
    Error,
    /// Also what is likely to go wrong.
    Warn,
    /// Also what happened: starts, stops, verdicts, reloads.
    Info,
    /// Also why it happened.
    Debug,
    /// Everything, each frame included.
    Trace,
}

/// Whether clients of the HTTP server show certificates. The format knows two more, in which nobody verifies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "verbatim")]
pub enum ClientAuth {
    /// Nobody is asked.
    NoClientCert,
    /// Whoever shows one must show a good one.
    VerifyClientCertIfGiven,
    /// Everybody must show a good one.
    RequireAndVerifyClientCert,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[value(name = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[value(name = "TLS13")]
    Tls13,
}

/// A curve for the exchange of keys, by its name in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "verbatim")]
pub enum Curve {
    /// X25519.
    X25519,
    /// NIST P-256.
    CurveP256,
    /// NIST P-384.
    CurveP384,
}

/// A cipher suite, by its name in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "verbatim")]
#[allow(non_camel_case_types, reason = "the names of the standard")]
#[expect(missing_docs, reason = "the names of the standard")]
pub enum CipherSuite {
    TLS_AES_128_GCM_SHA256,
    TLS_AES_256_GCM_SHA384,
    TLS_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

/// A word that is not among the choices of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not one of {}", .choices.join(", "))]
pub struct UnknownChoice {
    /// The word that was given.
    pub got: String,
    /// The words that are known.
    pub choices: Vec<String>,
}

/// The spellings of a choice, in the order of its declaration.
#[must_use]
pub fn spellings<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(|choice| spelling(choice)).collect()
}

/// The spelling of a choice.
///
/// # Panics
/// On a variant that clap is told to skip: it has none.
#[expect(clippy::expect_used, reason = "clap has no spelling for variants marked `skip` alone, and no choice here is")]
#[must_use]
pub fn spelling<T: ValueEnum>(choice: &T) -> String {
    choice.to_possible_value().expect("no variant of a setting is skipped").get_name().to_owned()
}

/// The choice that a word names.
///
/// # Errors
/// If it names none.
pub fn choice<T: ValueEnum>(word: &str) -> Result<T, UnknownChoice> {
    <T as ValueEnum>::from_str(word, false).map_err(|_| UnknownChoice { got: word.to_owned(), choices: spellings::<T>() })
}

macro_rules! spelled_as_in_the_file {
    ($($choice:ty),+) => {$(
        impl fmt::Display for $choice {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&spelling(self))
            }
        }

        impl FromStr for $choice {
            type Err = UnknownChoice;

            fn from_str(word: &str) -> Result<Self, UnknownChoice> {
                choice(word)
            }
        }
    )+};
}

spelled_as_in_the_file!(
    Mode,
    Reduce,
    Ending,
    OnFull,
    BinEdges,
    Binning,
    Kind,
    LogLevel,
    ClientAuth,
    TlsVersion,
    Curve,
    CipherSuite
);

#[cfg(test)]
mod tests {
    use super::*;

    fn every_choice_reads_back<T>()
    where
        T: ValueEnum + FromStr<Err = UnknownChoice> + fmt::Display + fmt::Debug + PartialEq,
    {
        for choice in T::value_variants() {
            let back: T = FromStr::from_str(&choice.to_string()).unwrap();
            assert_eq!(&back, choice);
        }
    }

    #[test]
    fn what_display_writes_from_str_reads() {
        every_choice_reads_back::<Mode>();
        every_choice_reads_back::<Reduce>();
        every_choice_reads_back::<Ending>();
        every_choice_reads_back::<OnFull>();
        every_choice_reads_back::<BinEdges>();
        every_choice_reads_back::<Binning>();
        every_choice_reads_back::<Kind>();
        every_choice_reads_back::<LogLevel>();
        every_choice_reads_back::<ClientAuth>();
        every_choice_reads_back::<TlsVersion>();
        every_choice_reads_back::<Curve>();
        every_choice_reads_back::<CipherSuite>();
    }

    #[test]
    fn spellings_are_those_of_the_design() {
        assert_eq!(BinEdges::HalfOpen.to_string(), "half-open");
        assert_eq!(Binning::EqualFrequency.to_string(), "equal-frequency");
        assert_eq!(Kind::ExampleLevel.to_string(), "example_level");
        assert_eq!(OnFull::Drop.to_string(), "drop");
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let refused: UnknownChoice = <Mode as FromStr>::from_str("Probe").unwrap_err();
        assert_eq!(refused.to_string(), "`Probe` is not one of probe, stream");
    }
}
