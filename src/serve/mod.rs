//! The HTTP server: one thread of its own, HTTP/1.1, reading what the monitor has published.
//!
//! ```text
//! GET  /metrics      Prometheus text 0.0.4, gzip where it is asked for; 503 above 40 at a time
//! GET  /             the live page; its scripts and styles are below /assets/
//! GET  /-/healthy    200 while the process lives
//! GET  /-/ready      200; 503 until everything is up, while stopping, and while the monitor fails
//! POST /-/reload     reads the configuration file again; 403 unless web.allow_reload, 401 without the token
//!
//! PUT  /api/v1/runs/{run}                              declares a run
//! POST /api/v1/runs/{run}/epochs/{epoch}/activations   takes safetensors
//! POST /api/v1/runs/{run}/epochs/{epoch}/end           ends an epoch, tells the verdict
//! POST /api/v1/runs/{run}/finish                       ends a run
//! POST /api/v1/runs/{run}/stop                         asks its trainer to stop
//! GET  /api/v1/runs  /runs/{run}  .../epochs  .../verdict  .../surprisal  .../layers/{layer}/matrix
//! GET  /api/v1/compare?a=&b=                           two runs held against each other
//! POST /api/v1/hooks/alertmanager                      asks the runs to stop that firing alerts name
//! GET  /api/v1/events                                  server-sent events
//! GET  /api/v1/sd                                      where Prometheus finds this machine's rotewatch
//! ```
//!
//! What is read of runs that left memory comes from the history. `docs/protocol.md` is the manual of the second half; its PUT and POST need the token, and a daemon (`rotewatch serve`).
//!
//! A request must name this machine in its `Host` header, and no page of another origin may have sent it, so that foreign web pages
//! reach nothing here. Whoever dawdles (over a head, a body, an answer) loses the connection. The only user of hyper.

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
mod stall;
mod surprisal;
mod targets;
mod tls;
mod web;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
pub use tls::TlsError;
pub use web::{WebConfig, WebConfigError};

use admission::{Holding, Seat};
use stall::StallGuard;
use web::Entrance;

use crate::metrics::Metrics;
use crate::state::discovery::Endpoint;
use rotewatch_core::intake::stop::Part;
use rotewatch_core::monitor::live_runs::Board;

/// How long a client may take to send its request's head or to agree on TLS, and to take any of what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// A request's head is refused once it fills so many bytes and is not at its end; what has come meanwhile is at most as much again. More
/// than 100 headers are refused as well, which is hyper's own limit.
const HEAD_BYTES: usize = 32 << 10;
/// How long requests in flight may take to end once the server closes.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);
/// Threads that hash, parse and copy what clients send. As many requests are worked on at a time; the others wait for them.
const WORKING_THREADS: usize = 4;
/// Connections that may wait to be accepted; the system may keep it lower (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// How long the accept loop rests after it could not accept, for want of file descriptors as a rule.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Why the server did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}{}", listen_remedy(reason))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// The thread or its runtime cannot be made.
    #[error("cannot start the HTTP thread: {0}")]
    Thread(#[source] io::Error),
}

fn listen_remedy(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::AddrInUse => "; another program has it: choose another with --listen ADDR, or --listen off",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are the administrator's: choose another with --listen ADDR",
        _ => "",
    }
}

/// Reads the configuration file again, or says why it keeps the old one.
pub type Reload = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What requests are answered from.
pub struct Site {
    /// The seats of connections.
    pub connections: Arc<Connections>,
    /// The places of requests below `/api/v1/`.
    pub requests: Requests,
    /// Every series.
    pub metrics: Arc<Metrics>,
    /// Where they are asked for.
    pub scrapes: ScrapeDesk,
    /// Every run.
    pub board: Arc<Board>,
    /// What has happened to them.
    pub events: Arc<EventFeed>,
    /// Where this process is reached from this machine.
    pub endpoint: Endpoint,
    /// The state folder, if the processes that share it are to be told of.
    pub state: Option<PathBuf>,
    /// Whether everything is up.
    pub ready: Readiness,
    /// The names under which this machine may be called.
    pub hosts: AllowedHosts,
    /// What `POST /-/reload` does and the token it asks for; `None` where that is not allowed.
    pub reload: Option<(Reload, String)>,
    /// Where runs that are trained elsewhere come in; `None` where they do not.
    pub ingest: Option<IngestSite>,
    /// TLS and basic auth; `None` where everybody on this machine may read.
    pub web: Option<WebConfig>,
    /// The history, if one is kept.
    pub history: Option<Archive>,
}

/// A latch that the composition root opens once everything is up and closes when it stops.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Opens or closes it.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Takes an address, so that a port in use is known before anything else starts.
///
/// # Errors
/// The address and what the system said.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|reason| ServeError::Listen { address, reason })?;
    listener.set_nonblocking(true).map_err(|reason| ServeError::Listen { address, reason })?;
    // The library asks for 128. What comes on top, in a burst of connections, is not answered and asks again a second later.
    rustix::net::listen(&listener, BACKLOG).map_err(|reason| ServeError::Listen { address, reason: reason.into() })?;
    Ok(listener)
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    close: oneshot::Sender<()>,
    thread: Part,
}

impl Server {
    /// Serves on a listener made by [`listen`].
    ///
    /// # Errors
    /// If the thread or its runtime cannot be made.
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
        let thread =
            Part::spawn("http", move || runtime.block_on(accept(listener, site, closing))).map_err(ServeError::Thread)?;
        Ok(Server { address, close, thread })
    }

    /// Where it serves; the port that was taken, where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more; requests in flight go on for a short while. Returns the thread, to be waited for.
    #[must_use]
    pub fn close(self) -> Part {
        drop(self.close);
        self.thread
    }
}

async fn accept(listener: TcpListener, site: Arc<Site>, mut closing: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("HTTP is not served: {error}");
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
                    tracing::warn!("connections cannot be accepted, and those that wait are closed meanwhile: {error}");
                }
                failing = true;
                // File descriptors are what is missing, as a rule, and this one's is free in a moment.
                site.connections.free_one();
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        failing = false;
        let Some(seat) = site.connections.seat() else {
            tracing::debug!("a connection was closed at once: as many requests as limits.connections are being answered");
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
        () = seat.is_given_away() => tracing::debug!("a connection that asked for nothing made room for another"),
        () = served(StallGuard::new(stream, PATIENCE), &seat, site, watcher) => {}
    }
}

/// Serves one connection, through TLS where that is asked for.
async fn served(stream: StallGuard<TcpStream>, seat: &Arc<Seat>, site: Arc<Site>, watcher: Watcher) {
    let entrance = site.web.as_ref().map(WebConfig::entrance).unwrap_or_default();
    let ended = match &entrance.tls {
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(stream, seat, site, Arc::clone(&entrance), watcher).await,
            Ok(Err(error)) => return tracing::debug!("no TLS with a client: {error}"),
            Err(_) => return tracing::debug!("a client was too slow for TLS"),
        },
        None => requests(stream, seat, site, entrance, watcher).await,
    };
    // What a client does to its own connection is no news.
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
            let answer = web::answer(&site, &entrance, request).await;
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
