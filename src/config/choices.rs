//! Settings of the daemon that are one of a few words.

pub use rotewatch_core::vocabulary::choices::{Choice, Kind, Mode, OnFull, Reduce, UnknownChoice};
pub use rotewatch_info::measures::{BinEdges, Binning};
use strum::{Display, EnumMessage, EnumString, VariantArray, VariantNames};

/// The lowest level of log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<LogLevel>)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<ClientAuth>)]
pub enum ClientAuth {
    /// No certificate is requested.
    NoClientCert,
    /// A certificate is optional, but must be valid if given.
    VerifyClientCertIfGiven,
    /// A valid certificate is required.
    RequireAndVerifyClientCert,
}

/// A TLS version.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames,
)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<TlsVersion>)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[strum(serialize = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[strum(serialize = "TLS13")]
    Tls13,
}

/// A key exchange curve, by its name in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Curve>)]
pub enum Curve {
    /// X25519.
    X25519,
    /// NIST P-256.
    CurveP256,
    /// NIST P-384.
    CurveP384,
}

/// A cipher suite, by its name in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[allow(non_camel_case_types, reason = "the names of the standard")]
#[expect(missing_docs, reason = "the names of the standard")]
#[strum(parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<CipherSuite>)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn every_choice_reads_back<T: Choice + PartialEq + std::fmt::Debug>() {
        for choice in T::all() {
            assert_eq!(choice.to_string().parse::<T>().as_ref(), Ok(choice));
        }
    }

    #[test]
    fn what_display_writes_from_str_reads() {
        every_choice_reads_back::<LogLevel>();
        every_choice_reads_back::<ClientAuth>();
        every_choice_reads_back::<TlsVersion>();
        every_choice_reads_back::<Curve>();
        every_choice_reads_back::<CipherSuite>();
    }
}
