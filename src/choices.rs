//! Settings with a fixed set of values, spelled the same in the configuration file, in flags and in messages.
//!
//! The spellings are clap's: a variant's doc comment is its help text, and its name in kebab case (snake case where DESIGN says
//! so) is its spelling. `Display` and `FromStr` below use that spelling.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// Where the rows of an epoch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Mode {
    /// A fixed set of examples that are not trained on, passed through the network at the end of each epoch.
    Probe,
    /// Rows sampled from the training batches.
    Stream,
}

/// How a feature map or a sequence becomes one number per row and neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Reduce {
    /// The mean over all positions.
    Mean,
    /// The maximum over all positions.
    Max,
    /// Seeded random positions, each as a row of its own.
    Sample,
    /// The last position, as in a causal language model.
    Last,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Ending {
    /// The training is complete.
    Finished,
    /// The training failed.
    Failed,
    /// The training stopped because it was asked to.
    Stopped,
}

/// What the trainer does when the channel to the monitor is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum OnFull {
    /// Drop the frame and count it: training never waits.
    Drop,
    /// Wait for space and count the time: no frame is lost.
    Wait,
}

/// Which bin the maximum value falls in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum BinEdges {
    /// The last bin, as in `numpy.histogram`.
    #[default]
    Closed,
    /// An extra bin of its own, as in `numpy.digitize`: B + 1 bins.
    HalfOpen,
}

/// How the bin edges are placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum Binning {
    /// Bins of equal width between the smallest and the largest value.
    #[default]
    EqualWidth,
    /// Bins with equal numbers of values.
    EqualFrequency,
}

/// The two ways in which a network memorizes (Bansal, Pruthi, Belinkov, 2022, section 1), and a departure from a baseline run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// The network memorizes wrong labels or single examples: high entropy, low mutual information.
    ExampleLevel,
    /// The network memorizes a shortcut: low entropy, high mutual information.
    Heuristic,
    /// The run departs from the baseline run in the way that memorizing networks do.
    Baseline,
}

/// The lowest level of log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// Also warnings.
    Warn,
    /// Also events: starts, stops, verdicts, reloads.
    Info,
    /// Also the reasons behind them.
    Debug,
    /// Everything, including each frame.
    Trace,
}

/// Whether clients of the HTTP server must show a certificate. The format has two more values, which verify nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "verbatim")]
pub enum ClientAuth {
    /// No certificate is requested.
    NoClientCert,
    /// A certificate is optional, but must be valid if given.
    VerifyClientCertIfGiven,
    /// A valid certificate is required.
    RequireAndVerifyClientCert,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[value(name = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[value(name = "TLS13")]
    Tls13,
}

/// A key exchange curve, by its name in Go.
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

/// The value is not one of the choices of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not one of {}", .choices.join(", "))]
pub struct UnknownChoice {
    /// The value as given.
    pub got: String,
    /// The allowed values.
    pub choices: Vec<String>,
}

/// Returns the spellings of a choice, in declaration order.
#[must_use]
pub fn spellings<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(|choice| spelling(choice)).collect()
}

#[expect(clippy::expect_used, reason = "clap omits the spelling only of variants marked `skip`, and none here is")]
fn spelling<T: ValueEnum>(choice: &T) -> String {
    choice.to_possible_value().expect("no variant of a setting is skipped").get_name().to_owned()
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
                <$choice as ValueEnum>::from_str(word, false)
                    .map_err(|_| UnknownChoice { got: word.to_owned(), choices: spellings::<$choice>() })
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
