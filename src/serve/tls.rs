//! TLS of the server, with rustls and ring, as everywhere in this program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFile;
use crate::config::choices::{CipherSuite, ClientAuth, Curve, TlsVersion};

/// An error in the TLS settings.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A key is missing that another key needs.
    #[error("tls_server_config.{there} is set, but {missing} is missing")]
    Missing {
        /// The key that is set.
        there: &'static str,
        /// The key that it needs, or several keys of which it needs one.
        missing: &'static str,
    },
    /// The same setting is given twice.
    #[error("tls_server_config.{file} and tls_server_config.{inline} are both set; keep one")]
    Twice {
        /// The key of the path.
        file: &'static str,
        /// The key of the text.
        inline: &'static str,
    },
    /// A file cannot be used.
    #[error("tls_server_config.{key}: {}: {reason}", path.display())]
    File {
        /// The key.
        key: &'static str,
        /// The file; empty if the text is in the configuration itself.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Settings that contradict each other.
    #[error("tls_server_config: {0}")]
    Choice(String),
}

/// Creates the acceptor of TLS connections. Returns `None` if the file names neither a certificate nor a key.
///
/// # Errors
/// If rustls cannot serve with these settings.
pub(super) fn acceptor(file: &TlsFile) -> Result<Option<TlsAcceptor>, TlsError> {
    let chain = pem("cert_file", "cert", file.cert_file.as_deref(), file.cert.as_deref())?;
    let key = pem("key_file", "key", file.key_file.as_deref(), file.key.as_deref())?;
    let authorities = pem("client_ca_file", "client_ca", file.client_ca_file.as_deref(), file.client_ca.as_deref())?;
    let (chain, key) = match (chain, key) {
        (Some(chain), Some(key)) => (chain, key),
        (Some(chain), None) => return Err(TlsError::Missing { there: chain.key, missing: "key_file or key" }),
        (None, Some(key)) => return Err(TlsError::Missing { there: key.key, missing: "cert_file or cert" }),
        (None, None) if *file == TlsFile::default() => return Ok(None),
        (None, None) => {
            return Err(TlsError::Choice("neither cert_file nor key_file is set; TLS needs both".into()));
        }
    };
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&chain.text).collect::<Result<_, _>>().map_err(|error| chain.refused(&error))?;
    if certificates.is_empty() {
        return Err(chain.refused(&"it contains no certificate"));
    }
    let private = PrivateKeyDer::from_pem_slice(&key.text).map_err(|error| key.refused(&error))?;
    let provider = Arc::new(provider(file));
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions(file)?).map_err(|error| {
            TlsError::Choice(format!("cipher_suites, curve_preferences and the versions leave no usable combination: {error}"))
        })?;
    let builder = match (file.client_auth_type, authorities) {
        (ClientAuth::NoClientCert, None) => builder.with_no_client_auth(),
        (ClientAuth::NoClientCert, Some(authorities)) => {
            return Err(TlsError::Missing { there: authorities.key, missing: "a client_auth_type that verifies certificates" });
        }
        (_, None) => return Err(TlsError::Missing { there: "client_auth_type", missing: "client_ca_file or client_ca" }),
        (wanted, Some(authorities)) => {
            let mut roots = RootCertStore::empty();
            for authority in CertificateDer::pem_slice_iter(&authorities.text) {
                let added = authority
                    .map_err(|error| error.to_string())
                    .and_then(|authority| roots.add(authority).map_err(|error| error.to_string()));
                added.map_err(|error| authorities.refused(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match wanted {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| authorities.refused(&error))?)
        }
    };
    let mut config = builder.with_single_cert(certificates, private).map_err(|error| key.refused(&error))?;
    config.ignore_client_order = file.prefer_server_cipher_suites;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// A PEM text and where it came from.
struct Pem {
    key: &'static str,
    path: PathBuf,
    text: Vec<u8>,
}

impl Pem {
    fn refused(&self, reason: &dyn std::fmt::Display) -> TlsError {
        TlsError::File { key: self.key, path: self.path.clone(), reason: reason.to_string() }
    }
}

fn pem(file: &'static str, inline: &'static str, path: Option<&Path>, text: Option<&str>) -> Result<Option<Pem>, TlsError> {
    match (path, text) {
        (Some(_), Some(_)) => Err(TlsError::Twice { file, inline }),
        (Some(path), None) => match fs::read(path) {
            Ok(text) => Ok(Some(Pem { key: file, path: path.to_owned(), text })),
            Err(error) => Err(TlsError::File { key: file, path: path.to_owned(), reason: format!("cannot read it: {error}") }),
        },
        (None, Some(text)) => Ok(Some(Pem { key: inline, path: PathBuf::new(), text: text.as_bytes().to_vec() })),
        (None, None) => Ok(None),
    }
}

fn versions(file: &TlsFile) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let all = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
    let range = file.min_version..=file.max_version;
    let kept: Vec<_> = all.into_iter().filter(|(version, _)| range.contains(version)).map(|(_, version)| version).collect();
    if kept.is_empty() {
        let (lowest, highest) = (file.min_version, file.max_version);
        return Err(TlsError::Choice(format!("min_version {lowest} is above max_version {highest}")));
    }
    Ok(kept)
}

fn provider(file: &TlsFile) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !file.cipher_suites.is_empty() {
        provider.cipher_suites = file.cipher_suites.iter().map(|suite| cipher_suite(*suite)).collect();
    }
    if !file.curve_preferences.is_empty() {
        provider.kx_groups = file.curve_preferences.iter().map(|curve| group(*curve)).collect();
    }
    provider
}

fn cipher_suite(suite: CipherSuite) -> SupportedCipherSuite {
    use rustls::crypto::ring::cipher_suite as known;
    match suite {
        CipherSuite::TLS_AES_128_GCM_SHA256 => known::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384 => known::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256 => known::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => known::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => known::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => known::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => known::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => known::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => known::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => ring::kx_group::X25519,
        Curve::CurveP256 => ring::kx_group::SECP256R1,
        Curve::CurveP384 => ring::kx_group::SECP384R1,
    }
}
