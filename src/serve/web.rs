//! TLS, basic auth and headers from the file of `--web-config`. The file is read again for the next connection whenever it, or a file
//! that it names, has changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use super::address::PREFIX;
use super::admission::Holding;
use super::answer::{Content, error, text};
use super::basic_auth::Users;
use super::body::forget;
use super::ingest::carries;
use super::tls::{self, TlsError};
use super::{Site, routes};
use crate::config::{ConfigError, ExtraHeader, WebFile};

/// An error in a web configuration.
#[derive(Debug, Error)]
pub enum WebConfigError {
    /// The file is not valid.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The TLS settings are not valid.
    #[error("{}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: TlsError,
    },
}

/// A web configuration that is reloaded when its files change.
pub struct WebConfig {
    path: PathBuf,
    /// Accepted instead of user and password if basic auth is on.
    token: Option<String>,
    held: Mutex<Held>,
}

struct Held {
    entrance: Arc<Entrance>,
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

/// Shows that a file has changed, without reading it.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl WebConfig {
    /// Reads the file and all files that it names.
    ///
    /// # Errors
    /// If one of them cannot be read or is not valid.
    pub fn open(path: &Path, token: Option<String>) -> Result<Self, WebConfigError> {
        Ok(Self { path: path.to_owned(), token, held: Mutex::new(held(path)?) })
    }

    /// Returns whether connections use TLS at the moment.
    #[must_use]
    pub fn serves_tls(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).entrance.tls.is_some()
    }

    /// Returns the settings for a new connection. If the changed files are not valid, the old settings stay in use and the error is
    /// logged.
    pub(super) fn entrance(&self) -> Arc<Entrance> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(held.seen.iter().map(|(path, _)| path.clone()).collect());
        if now != held.seen {
            match self::held(&self.path) {
                Ok(newer) => {
                    tracing::info!("reloaded {}", self.path.display());
                    *held = newer;
                }
                Err(error) => {
                    tracing::error!("the web configuration was not reloaded, and the old one stays in use: {error}");
                    held.seen = now;
                }
            }
        }
        Arc::clone(&held.entrance)
    }

    fn carries_token(&self, request: &Request<Incoming>) -> bool {
        self.token.as_ref().is_some_and(|token| carries(request, token))
    }
}

/// The settings for one connection.
#[derive(Default)]
pub(super) struct Entrance {
    pub(super) tls: Option<TlsAcceptor>,
    users: Option<Arc<Users>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Answers a request, and counts it. If basic auth is on, the request needs a user and password, or the token.
pub(super) async fn answer(
    site: &Arc<Site>,
    entrance: &Entrance,
    mut request: Request<Incoming>,
) -> Response<Holding<Content, Option<OwnedSemaphorePermit>>> {
    let route = routes::route(request.uri().path());
    let counted = request.uri().path().starts_with(PREFIX);
    let place = counted.then(|| site.requests.place()).flatten();
    let mut answer = match &entrance.users {
        _ if counted && place.is_none() => {
            error(StatusCode::SERVICE_UNAVAILABLE, "too many requests at the same time (limits.requests); try again in a second")
        }
        Some(users)
            if !site.web.as_ref().is_some_and(|web| web.carries_token(&request)) && !users.let_in(request.headers()).await =>
        {
            forget(&mut request).await;
            let says = "user and password (or the token) are missing or wrong; this daemon's --web-config requires them\n";
            asking_for_a_password(text(StatusCode::UNAUTHORIZED, says))
        }
        _ => routes::answer(site, request).await,
    };
    site.metrics.requests().count(route, answer.status().as_u16());
    for (name, value) in &entrance.headers {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    answer.map(|body| Holding::new(body, place))
}

fn asking_for_a_password(mut refused: Response<Content>) -> Response<Content> {
    refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"rotewatch\""));
    refused
}

fn held(path: &Path) -> Result<Held, WebConfigError> {
    // Stamped before they are read, so that a change in between is noticed the next time.
    let own = stamps(vec![path.to_owned()]);
    let file = WebFile::read(path)?;
    let tls = &file.tls_server_config;
    let named = [&tls.cert_file, &tls.key_file, &tls.client_ca_file].into_iter().flatten().cloned().collect();
    let seen = own.into_iter().chain(stamps(named)).collect();
    let tls = tls::acceptor(tls).map_err(|reason| WebConfigError::Tls { path: path.to_owned(), reason })?;
    let entrance = Entrance { tls, users: Users::new(file.basic_auth_users), headers: headers(file.http_server_config.headers) };
    Ok(Held { entrance: Arc::new(entrance), seen })
}

fn headers(extra: Vec<ExtraHeader>) -> Vec<(HeaderName, HeaderValue)> {
    let header = |extra: ExtraHeader| Some((extra.name.parse().ok()?, extra.value.parse().ok()?));
    extra.into_iter().filter_map(header).collect()
}

fn stamps(paths: Vec<PathBuf>) -> Vec<(PathBuf, Option<Stamp>)> {
    let stamp = |path: &PathBuf| {
        let about = fs::metadata(path).ok()?;
        Some(Stamp { inode: about.ino(), length: about.len(), modified: (about.mtime(), about.mtime_nsec()) })
    };
    paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}
