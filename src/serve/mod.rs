//! The HTTP/1.1 server. It runs on its own thread and serves what the monitor has published.
//!
//! ```text
//! GET  /metrics      Prometheus text 0.0.4, gzip if the client accepts it; 503 above 40 scrapes at a time
//! GET  /             the live page; its scripts and styles are below /assets/
//! GET  /-/healthy    200 while the process runs
//! GET  /-/ready      200; 503 while starting, while stopping, and while the monitor fails
//! POST /-/reload     reads the configuration file again; 403 unless web.allow_reload, 401 without the token
//!
//! PUT  /api/v1/runs/{run}                              declares a run
//! POST /api/v1/runs/{run}/epochs/{epoch}/activations   receives activations (safetensors)
//! POST /api/v1/runs/{run}/epochs/{epoch}/end           ends an epoch, returns the verdict
//! POST /api/v1/runs/{run}/finish                       ends a run
//! POST /api/v1/runs/{run}/stop                         asks its trainer to stop
//! GET  /api/v1/runs  /runs/{run}  .../epochs  .../verdict  .../surprisal  .../layers/{layer}/matrix
//! GET  /api/v1/compare?a=&b=                           compares two runs
//! POST /api/v1/hooks/alertmanager                      asks the runs of firing alerts to stop
//! GET  /api/v1/events                                  server-sent events
//! GET  /api/v1/sd                                      the scrape targets on this machine, for Prometheus
//! ```
//!
//! Runs that are no longer in memory are read from the history. `docs/protocol.md` documents the routes below `/api/v1/`. Their
//! PUT and POST requests need the token, and a daemon (`rotewatch serve`).
//!
//! A request must name this machine in its `Host` header and must not come from a page of another origin, so that other web pages
//! cannot reach the daemon. A connection is closed if its client is too slow to send headers or a body, or to read an answer. Only
//! this module uses hyper.

mod address;
mod admission;
mod alerts;
mod answer;
mod api;
mod archive;
mod basic_auth;
mod body;
mod comparison;
mod descriptors;
mod entry;
mod event_stream;
mod events;
mod feed;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod ingest;
mod origin;
mod page;
mod routes;
mod scrape;
mod site;
mod stall;
mod surprisal;
mod targets;
mod tls;
mod token;
mod web;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

pub use admission::{Connections, Requests};
pub use archive::Archive;
pub use descriptors::connections_within_limit;
pub use feed::EventFeed;
pub use host::AllowedHosts;
pub use ingest::IngestSite;
pub use scrape::ScrapeDesk;
pub use site::{Readiness, Reload, Site};
pub use tls::TlsError;
pub use web::{WebConfig, WebConfigError};

use admission::{Holding, Seat};
use stall::StallGuard;
use web::Entrance;

use rotewatch_core::intake::stop::ServiceThread;

/// How long a client may take to send its request's headers, to complete the TLS handshake, and to read any part of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests with longer headers are refused; at most twice as many bytes are received before that. More than 100 headers are
/// refused as well, which is hyper's own limit.
const HEAD_BYTES: usize = 32 << 10;
/// How long requests in flight may take to end after the server closes.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);
/// Threads that hash, parse and copy what clients send. Each works on one request; the others wait.
const WORKING_THREADS: usize = 4;
/// Connections that may wait to be accepted. The system's limit may be lower (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// How long the accept loop pauses after an error, usually a lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// An error that keeps the server from starting.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}: {reason}{}", listen_remedy(reason))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        reason: io::Error,
    },
    /// The thread or its runtime cannot be created.
    #[error("cannot start the HTTP thread: {0}")]
    Thread(#[source] io::Error),
}

fn listen_remedy(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::AddrInUse => "; another program uses it: choose another with --listen ADDR, or --listen off",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need administrator rights: choose another with --listen ADDR",
        _ => "",
    }
}

/// Listens on an address, so that a port in use is found out before anything else starts.
///
/// # Errors
/// With the address and the error of the system.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|reason| ServeError::Listen { address, reason })?;
    listener.set_nonblocking(true).map_err(|reason| ServeError::Listen { address, reason })?;
    // The library uses 128. In a burst of connections, clients beyond the backlog get no answer and retry a second later.
    rustix::net::listen(&listener, BACKLOG).map_err(|reason| ServeError::Listen { address, reason: reason.into() })?;
    Ok(listener)
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    close: oneshot::Sender<()>,
    thread: ServiceThread,
}

impl Server {
    /// Serves on a listener made by [`listen`].
    ///
    /// # Errors
    /// If the thread or its runtime cannot be created.
    pub fn start(listener: TcpListener, site: Arc<Site>) -> Result<Self, ServeError> {
        let address = listener.local_addr().map_err(ServeError::Thread)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(WORKING_THREADS)
            .thread_name("rotewatch-work")
            .build()
            .map_err(ServeError::Thread)?;
        let (close, closing) = oneshot::channel();
        let thread = ServiceThread::spawn("http", move || runtime.block_on(accept(listener, site, closing)))
            .map_err(ServeError::Thread)?;
        Ok(Server { address, close, thread })
    }

    /// Returns the address that it serves on, with the actual port if port 0 was requested.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting connections; requests in flight may go on for a short time. Returns the thread, so that the caller can wait
    /// for it.
    #[must_use]
    pub fn close(self) -> ServiceThread {
        drop(self.close);
        self.thread
    }
}

async fn accept(listener: TcpListener, site: Arc<Site>, mut closing: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("cannot serve HTTP: {error}");
            return;
        }
    };
    let graceful = GracefulShutdown::new();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut closing => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !failing {
                    tracing::warn!("cannot accept connections, so idle ones are being closed: {error}");
                }
                failing = true;
                // Usually file descriptors are missing, and closing an idle connection frees one.
                site.connections.free_one();
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        failing = false;
        let Some(seat) = site.connections.seat() else {
            tracing::debug!(
                "closed a new connection: limits.connections is reached, and all connections have requests in progress"
            );
            continue;
        };
        tokio::spawn(connected(stream, seat, Arc::clone(&site), graceful.watcher()));
    }
    drop(listener);
    site.events.close();
    let _ = tokio::time::timeout(CLOSING_TIMEOUT, graceful.shutdown()).await;
}

/// Serves one connection until either side ends it, or another needs its seat.
async fn connected(stream: TcpStream, seat: Seat, site: Arc<Site>, watcher: Watcher) {
    let seat = Arc::new(seat);
    tokio::select! {
        () = seat.is_given_away() => tracing::debug!("closed an idle connection to make room for a new one"),
        () = served(StallGuard::new(stream, PATIENCE), &seat, site, watcher) => {}
    }
}

/// Serves one connection, through TLS if that is configured.
async fn served(stream: StallGuard<TcpStream>, seat: &Arc<Seat>, site: Arc<Site>, watcher: Watcher) {
    let entrance = site.web.as_ref().map(WebConfig::entrance).unwrap_or_default();
    let ended = match &entrance.tls {
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(stream, seat, site, Arc::clone(&entrance), watcher).await,
            Ok(Err(error)) => return tracing::debug!("TLS handshake with a client failed: {error}"),
            Err(_) => return tracing::debug!("TLS handshake with a client took too long"),
        },
        None => requests(stream, seat, site, entrance, watcher).await,
    };
    // Clients often close connections early, so this is not worth a warning.
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

async fn requests<S>(stream: S, seat: &Arc<Seat>, site: Arc<Site>, entrance: Arc<Entrance>, watcher: Watcher) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let (site, entrance, answering) = (Arc::clone(&site), Arc::clone(&entrance), seat.answering());
        async move {
            let answer = entry::answer(&site, &entrance, request).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Holding::new(body, answering)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await
}
