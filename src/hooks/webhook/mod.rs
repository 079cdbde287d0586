//! The webhook: a POST of the JSON body. With its resolver and URL, the only hook code that uses `ureq` and rustls.
//!
//! Deliberately absent: redirects, proxies from the environment, cookies, compression, connections kept open. Certificates are
//! verified against those that the system trusts (including `SSL_CERT_FILE` and `SSL_CERT_DIR`), so that a receiver with a
//! certificate of an internal authority needs no setting here.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Error, http};

use super::addresses::{BoundedResolver, OutOfBounds};
use super::outcome::excerpt;
use super::{Attempted, Closing, Hook, HookName, HookResult, Notice, WebhookParams};
use rotewatch_core::vocabulary::verdict::Kind;

/// The most bytes of a reply that are read.
const REPLY_BYTES: u64 = 64 << 10;
/// The longest head of a reply that is read.
const REPLY_HEAD_BYTES: usize = 64 << 10;
/// The longest token file; a longer file does not contain a token.
const TOKEN_BYTES: u64 = 4096;

/// Posts to a URL.
pub struct WebhookHook {
    name: HookName,
    on: Vec<Kind>,
    params: WebhookParams,
    agent: OnceLock<Agent>,
}

/// Why there is no token.
#[derive(Debug, Error)]
enum TokenFileError {
    #[error("cannot read token_file: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("token_file has no token: write one line of at most {TOKEN_BYTES} visible ASCII characters")]
    NoToken,
}

impl WebhookHook {
    /// A webhook with this name.
    #[must_use]
    pub fn new(name: HookName, on: Vec<Kind>, params: WebhookParams) -> Self {
        WebhookHook { name, on, params, agent: OnceLock::new() }
    }

    /// Created with the first try, since reading the system's certificates takes a while.
    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let trusted = if self.params.url.is_encrypted() { system_certificates() } else { Vec::new() };
            agent(&self.params, trusted)
        })
    }

    fn post(&self, notice: &Notice, token: Option<&str>, patience: Duration) -> Result<http::Response<Body>, Error> {
        let request = self.agent().post(self.params.url.uri());
        let request = request
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", notice.idempotency_key())
            .config()
            .timeout_global(Some(patience))
            .build();
        let request = match token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        };
        request.send(notice.to_json())
    }
}

impl Hook for WebhookHook {
    fn name(&self) -> &HookName {
        &self.name
    }

    fn listens_to(&self, kind: Kind) -> bool {
        self.on.contains(&kind)
    }

    fn fire(&self, notice: &Notice, closing: &Closing) -> Attempted {
        let token = match self.params.token_file.as_deref().map(token).transpose() {
            Ok(token) => token,
            Err(reason) => return Attempted::last(HookResult::Unusable, reason.to_string()),
        };
        let patience = closing.cap(Duration::from_secs(self.params.timeout_seconds));
        match self.post(notice, token.as_deref(), patience) {
            Ok(response) => judged(response),
            Err(error) => failed(&error, patience),
        }
    }

    fn retries(&self) -> u32 {
        self.params.retries
    }
}

/// Judges a response. Only its status counts; its body is quoted if it may explain a failure.
fn judged(mut response: http::Response<Body>) -> Attempted {
    let status = response.status();
    let mut reply = Vec::new();
    // A truncated reply changes nothing.
    let _ = response.body_mut().as_reader().take(REPLY_BYTES).read_to_end(&mut reply);
    if status.is_success() {
        return Attempted::last(HookResult::Ok, format!("answered {}", status.as_u16()));
    }
    let detail = format!("answered {}: {}", status.as_u16(), excerpt(&reply));
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        Attempted::again(HookResult::Failed, detail)
    } else {
        Attempted::last(HookResult::Refused, detail)
    }
}

/// Judges a missing response. The messages are written here, since those of the library may contain the URL.
fn failed(error: &Error, patience: Duration) -> Attempted {
    match error {
        Error::Timeout(_) => Attempted::again(HookResult::Timeout, format!("no answer within {:.1} s", patience.as_secs_f64())),
        Error::Other(reason) if reason.is::<OutOfBounds>() => Attempted::last(HookResult::Unusable, reason.to_string()),
        Error::Http(_) | Error::BadUri(_) => {
            Attempted::last(HookResult::Unusable, "the configured URL and token do not form a valid request")
        }
        Error::HostNotFound => Attempted::again(HookResult::Unreachable, "host not found"),
        Error::Io(reason) => Attempted::again(HookResult::Unreachable, excerpt(reason.to_string().as_bytes())),
        Error::Rustls(reason) => Attempted::again(HookResult::Unreachable, excerpt(format!("TLS: {reason}").as_bytes())),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => {
            Attempted::again(HookResult::Unreachable, "the answer is not valid HTTP")
        }
        _ => Attempted::again(HookResult::Unreachable, "the connection failed"),
    }
}

/// Reads the token in a file: its only line, without surrounding white space.
fn token(path: &Path) -> Result<String, TokenFileError> {
    let mut text = String::new();
    File::open(path)?.take(TOKEN_BYTES + 1).read_to_string(&mut text)?;
    let token = text.trim();
    let fits = text.len() as u64 <= TOKEN_BYTES && !token.is_empty();
    if fits && token.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(token.to_owned()) } else { Err(TokenFileError::NoToken) }
}

fn agent(params: &WebhookParams, trusted: Vec<Certificate<'static>>) -> Agent {
    // The same TLS as everywhere in this program: rustls with ring.
    let encryption = TlsConfig::builder()
        .root_certs(RootCerts::from(trusted))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_idle_connections(0)
        .max_response_header_size(REPLY_HEAD_BYTES)
        .user_agent(concat!("rotewatch/", env!("CARGO_PKG_VERSION")))
        .tls_config(encryption.build());
    let resolver = BoundedResolver { allow_link_local: params.allow_link_local };
    Agent::with_parts(config.build(), DefaultConnector::default(), resolver)
}

fn system_certificates() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("cannot read some system certificates: {error}");
    }
    found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}

#[cfg(test)]
mod tests;
