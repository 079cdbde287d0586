//! How clients come in, as `--web-config` says. A thread of its own reads its files again when one of them has changed; the connections that
//! begin then come in as they say.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::basic_auth::Users;
use super::tls::{self, TlsError};
use super::token::carries;
use crate::config::file_watcher::{Follower, Reading};
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
    /// The thread that follows it cannot be started.
    #[error("cannot start the thread that follows the web configuration: {0}")]
    Thread(#[source] io::Error),
}

/// A web configuration that is reloaded when its files change.
pub struct WebConfig {
    /// Stands in for user and password where basic auth is on.
    token: Option<String>,
    entrance: Arc<ArcSwap<Entrance>>,
    _follower: Follower,
}

impl WebConfig {
    /// Reads the file and all files that it names.
    ///
    /// # Errors
    /// Everything that is wrong with them; or no thread can be started that reads them again.
    pub fn open(path: &Path, token: Option<String>) -> Result<Self, WebConfigError> {
        let Found { contents: mut judged, entrance } = Found::at(path);
        let entrance = Arc::new(ArcSwap::from_pointee(entrance?));
        let (path, swapped_in, files) = (path.to_owned(), Arc::clone(&entrance), judged.keys().cloned().collect());
        let follower = Follower::start("web-watch", files, move |settled| {
            let Found { contents, entrance } = Found::at(&path);
            let reading = Reading { sound: entrance.is_ok(), files: contents.keys().cloned().collect() };
            if contents != judged && (reading.sound || settled) {
                judged = contents;
                match entrance {
                    Ok(entrance) => {
                        swapped_in.store(Arc::new(entrance));
                        tracing::info!("{} was read again", path.display());
                    }
                    Err(error) => tracing::error!("the web configuration stays as it was: {error}"),
                }
            }
            reading
        });
        Ok(Self { token, entrance, _follower: follower.map_err(WebConfigError::Thread)? })
    }

    /// Returns whether connections use TLS at the moment.
    #[must_use]
    pub fn serves_tls(&self) -> bool {
        self.entrance.load().tls.is_some()
    }

    /// How a connection that begins now comes in.
    pub(super) fn entrance(&self) -> Arc<Entrance> {
        self.entrance.load_full()
    }

    /// Returns whether a request carries the token, which stands in for user and password.
    pub(super) fn carries_token(&self, request: &Request<Incoming>) -> bool {
        self.token.as_ref().is_some_and(|token| carries(request, token))
    }
}

/// The settings for one connection.
#[derive(Default)]
pub(super) struct Entrance {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) users: Option<Arc<Users>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The files as they are.
struct Found {
    /// What each holds; nothing where it cannot be read.
    contents: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// What they say together.
    entrance: Result<Entrance, WebConfigError>,
}

impl Found {
    fn at(path: &Path) -> Self {
        let content = |path: &Path| (path.to_owned(), fs::read(path).ok());
        // Each is read once more for what it says: a change in between is seen the next time.
        let mut contents = BTreeMap::from([content(path)]);
        let entrance = WebFile::read(path).map_err(WebConfigError::File).and_then(|file| {
            let tls = &file.tls_server_config;
            contents.extend([&tls.cert_file, &tls.key_file, &tls.client_ca_file].into_iter().flatten().map(|path| content(path)));
            let tls = tls::acceptor(tls).map_err(|reason| WebConfigError::Tls { path: path.to_owned(), reason })?;
            Ok(Entrance { tls, users: Users::new(file.basic_auth_users), headers: headers(file.http_server_config.headers) })
        });
        Found { contents, entrance }
    }
}

fn headers(extra: Vec<ExtraHeader>) -> Vec<(HeaderName, HeaderValue)> {
    let header = |extra: ExtraHeader| Some((extra.name.parse().ok()?, extra.value.parse().ok()?));
    extra.into_iter().filter_map(header).collect()
}
