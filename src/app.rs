//! The composition root: builds the parts, wires their channels, starts them in order and stops them in order.

mod error;
mod params;
mod reference;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};

pub use error::StartError;
use params::{monitor_params, store_params};
use reference::reference;

use crate::board::{Board, Follower};
use crate::clock::{Stopwatch, wall_clock};
use crate::config::{Config, ConfigWatcher, LiveConfig, Wiring};
use crate::detect::DetectParams;
use crate::discovery::{self, Endpoint, ScrapeTarget};
use crate::gate::{Capacity, FlowCounts};
use crate::hooks::{HookOutcome, HookSwitch, Hooks, OnsetMemory};
use crate::identity::RunName;
use crate::inbox::Inbox;
use crate::ingest::{Ingest, IngestParams, Recall};
use crate::kernels::Kernel;
use crate::logging::LogLevelSwitch;
use crate::metrics::{Metrics, ReloadStatus};
use crate::monitor::{Downstream, MonitorThread, Pasts};
use crate::report::EpochReport;
pub use crate::roster::DeclareError;
use crate::roster::{Roster, RosterLimits};
use crate::run::{Attempt, Declaration};
use crate::serve::{
    self, AllowedHosts, Archive, Connections, EventFeed, IngestSite, Readiness, Requests, ScrapeDesk, ServeError, Server, Site,
    WebConfig,
};
use crate::state::{OwnedName, StateError};
use crate::stop::Part;
use crate::store::{Reader, Store, StoreFeed, ToldOnsets, note_interrupted};
use crate::tap::{Intake, SamplingParams, Tap};

/// What the hooks leave of `limits.shutdown_seconds` for the server, which needs a moment only.
const SERVER_RESERVE: Duration = Duration::from_millis(500);

/// What a monitor is started with.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The file that the configuration was read from, if it shall be followed.
    pub file: Option<ConfigFile>,
    /// Whether another port is taken where the configured one is in use.
    pub any_port_will_do: bool,
    /// Who gets every report. A subscriber that is full misses reports; one that is gone is forgotten.
    pub subscribers: Vec<Sender<Arc<EpochReport>>>,
    /// Whether runs that are trained elsewhere are taken in, over HTTP and from the inbox; needs a state folder.
    pub ingest: bool,
    /// The file that says how HTTP is guarded: TLS, passwords.
    pub web_config: Option<PathBuf>,
    /// Whether a history is kept in the state folder, for `rotewatch runs` and so that epochs outlive this process.
    pub history: bool,
    /// Whether the state folder tells Prometheus where this process is scraped, and holds the token by which runs may be asked to
    /// stop over HTTP; needs one.
    pub discoverable: bool,
    /// Who is told what came of each hook's firing, on the same terms.
    pub hook_subscribers: Vec<Sender<HookOutcome>>,
}

/// A configuration file that is read again when it changes.
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// Lays flags and the environment over what the file says.
    pub overlay: Box<dyn Fn(&mut Config) + Send + Sync>,
    /// Where a changed `log.level` takes effect.
    pub log_level: LogLevelSwitch,
}

/// A running monitor: its thread, the channel into it, and the HTTP server that shows what it finds.
///
/// Dropping it closes it, waiting at most `limits.shutdown_seconds`.
pub struct Monitor {
    config: Config,
    roster: Arc<Roster>,
    board: Arc<Board>,
    ready: Readiness,
    server: Option<Server>,
    encrypted: bool,
    target: Option<ScrapeTarget>,
    inbox: Option<Inbox>,
    closing: Option<Sender<()>>,
    thread: Option<Part>,
    hooks: Option<Hooks>,
    history: Option<Store>,
    /// Where the past of runs that go on is left for the monitor.
    pasts: Arc<Pasts>,
    watcher: Option<ConfigWatcher>,
}

impl Monitor {
    /// Starts with a configuration and nothing else.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Self, StartError> {
        Monitor::set_up(Setup { config, ..Setup::default() })
    }

    /// Starts everything: what can fail is tried before the first thread runs.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn set_up(setup: Setup) -> Result<Self, StartError> {
        let Setup {
            config,
            file,
            any_port_will_do,
            subscribers,
            ingest,
            web_config,
            history,
            discoverable,
            mut hook_subscribers,
        } = setup;
        let params = monitor_params(&config, reference(&config, history)?)?;
        Kernel::from_environment()?;
        let listener = config.listen.map(|address| listen(address, any_port_will_do)).transpose()?;
        let capacity = Capacity { frames: config.limits.channel_frames, bytes: config.limits.channel_bytes };
        let (intake, events) = Intake::new(capacity, config.limits.runs);
        let gate = Arc::clone(intake.gate());
        let limits = RosterLimits { runs: config.limits.runs, layers: config.limits.layers };
        let roster = Arc::new(Roster::new(intake, limits));
        let board = Arc::new(Board::default());
        let detect = Arc::new(ArcSwap::from_pointee(config.detect.clone()));
        // Without a state folder commands work elsewhere; that is no reason not to start.
        let state = state_folder(&config).ok();
        let web = web_config.map(|path| guard(&path, &config)).transpose()?;
        let history = history.then(|| History::start(&config)).transpose()?;
        let (history, history_feed, told) = match history {
            Some(History { store, feed, outcomes, told }) => {
                hook_subscribers.push(outcomes);
                (Some(store), Some(feed), Some(Box::new(told) as Box<dyn OnsetMemory>))
            }
            None => (None, None, None),
        };
        let (hooks, feed) =
            Hooks::start(&config.hooks, state.as_deref(), hook_subscribers, told).map_err(thread_failed("hooks"))?;
        let watcher = file.map(|file| watch(file, &config, Arc::clone(&detect), hooks.switch())).transpose()?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.measures.threads)
            .thread_name(|place| format!("rotewatch-cpu-{place}"))
            .build()
            .map_err(thread_failed("measuring threads"))?;
        let downstream = Downstream { subscribers, hooks: feed, history: history_feed };
        let pasts = Arc::<Pasts>::default();
        let thread = MonitorThread::new(params, detect, pool, gate, Arc::clone(&board), downstream, Arc::clone(&pasts));
        let (closing, closed) = bounded(0);
        let mut monitor = Monitor {
            roster,
            board,
            ready: Readiness::default(),
            server: None,
            encrypted: false,
            target: None,
            inbox: None,
            closing: Some(closing),
            thread: Some(Part::spawn("monitor", move || thread.run(&events, &closed)).map_err(thread_failed("monitor"))?),
            hooks: Some(hooks),
            history,
            pasts,
            watcher,
            config,
        };
        let ingest = ingest.then(|| monitor.ingest()).transpose()?;
        if let Some(listener) = listener {
            monitor.serve(listener, ingest.as_ref(), web, discoverable)?;
        }
        if let Some((ingest, folder)) = ingest.zip(monitor.config.inbox.clone()) {
            let inbox = Inbox::start(&folder, ingest, monitor.config.limits.body).map_err(StartError::Inbox)?;
            monitor.inbox = Some(inbox);
        }
        tracing::info!(kernel = Kernel::get().name(), threads = monitor.config.measures.threads, "monitoring");
        monitor.ready.set(true);
        Ok(monitor)
    }

    fn ingest(&self) -> Result<Arc<Ingest>, StartError> {
        let state = state_folder(&self.config)?;
        let recall = self.history.is_some().then(|| Recall::new(Reader::of(&state), Arc::clone(&self.pasts)));
        let params = IngestParams {
            sampling: self.sampling(),
            on_full: self.config.sampling.on_full_for(false),
            idle_seconds: self.config.limits.idle_seconds,
            ended_sessions: self.config.limits.runs,
            state,
            recall,
        };
        Ok(Arc::new(Ingest::new(Arc::clone(&self.roster), params)))
    }

    fn serve(
        &mut self,
        listener: TcpListener,
        ingest: Option<&Arc<Ingest>>,
        web: Option<WebConfig>,
        discoverable: bool,
    ) -> Result<(), StartError> {
        let reload = match &self.watcher {
            Some(watcher) if self.config.web.allow_reload => {
                let token = crate::token::read_or_create(&state_folder(&self.config)?)?;
                let reloader = watcher.reloader();
                let reload: serve::Reload = Box::new(move || match reloader.reload_now() {
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.to_string()),
                });
                Some((reload, token))
            }
            _ => None,
        };
        let has_token = ingest.is_some() || discoverable;
        let ingest = has_token.then(|| -> Result<IngestSite, StartError> {
            let token = crate::token::read_or_create(&state_folder(&self.config)?)?;
            let limits = &self.config.limits;
            Ok(IngestSite::new(ingest.cloned(), token, limits.body, limits.channel_bytes))
        });
        let status = self.watcher.as_ref().map(|watcher| watcher.live() as Arc<dyn ReloadStatus>);
        let hooks = self.hooks.as_ref().map(Hooks::counts).unwrap_or_default();
        let history = self.history.as_ref().map(Store::counts);
        let gate = Arc::clone(self.roster.intake().gate());
        let series_max = self.config.limits.series;
        let metrics = Metrics::new(Arc::clone(&self.board), gate, hooks, history.clone(), status, series_max);
        let limits = &self.config.limits;
        let events = Arc::new(EventFeed::new(limits.event_readers));
        self.board.follow(Arc::clone(&events) as Arc<dyn Follower>);
        self.encrypted = web.as_ref().is_some_and(WebConfig::serves_tls);
        let address = discovery::reachable(listener.local_addr().map_err(ServeError::Thread)?);
        let endpoint = Endpoint { address, encrypted: self.encrypted };
        let state = discoverable.then(|| state_folder(&self.config)).transpose()?;
        let site = Site {
            endpoint,
            state: state.clone(),
            connections: Connections::new(serve::connections_within_limit(limits.connections, limits.runs)),
            requests: Requests::new(limits.requests),
            metrics: Arc::new(metrics),
            scrapes: ScrapeDesk::default(),
            events,
            board: Arc::clone(&self.board),
            ready: self.ready.clone(),
            hosts: AllowedHosts::new(&self.config.web.hosts),
            reload,
            ingest: ingest.transpose()?,
            web,
            history: history
                .map(|counts| Ok::<_, StateError>(Archive::new(Reader::of(&state_folder(&self.config)?), counts)))
                .transpose()?,
        };
        let guarded = site.web.is_some();
        let server = Server::start(listener, Arc::new(site))?;
        if !server.address().ip().is_loopback() && !guarded {
            tracing::warn!(address = %server.address(), "HTTP is served beyond this machine, without encryption or passwords");
        }
        self.server = Some(server);
        self.target = state.map(|state| ScrapeTarget::announce(&state, endpoint)).transpose()?;
        Ok(())
    }

    /// Opens a run and hands out its tap. Frames for which there is no room are dropped, unless `sampling.on_full` says
    /// otherwise.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub fn declare(&self, declaration: Declaration) -> Result<Tap, DeclareError> {
        self.roster.open(declaration, Attempt::draw(), self.config.sampling.on_full_for(false))
    }

    /// What the configuration lets a tap look at.
    #[must_use]
    pub fn sampling(&self) -> SamplingParams {
        let sampling = &self.config.sampling;
        SamplingParams {
            rows: sampling.rows,
            every_steps: sampling.every_steps,
            neurons_per_layer: sampling.neurons_per_layer,
            reduce: sampling.reduce,
            seed: sampling.seed,
        }
    }

    /// Where HTTP is served, if it is.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Whether that is HTTPS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// What is known of every run.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The counts of all frames.
    #[must_use]
    pub fn flow(&self) -> FlowCounts {
        self.roster.intake().gate().counts()
    }

    /// Reads the configuration file again, as SIGHUP asks for; the log tells what came of it. `None` without a file.
    #[must_use]
    pub fn reload(&self) -> Option<impl Fn() + Send + use<>> {
        let reloader = self.watcher.as_ref()?.reloader();
        Some(move || drop(reloader.reload_now()))
    }

    /// The configuration it was started with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Closes the intake, measures what is queued, and stops the parts in order. Returns the names of the parts that
    /// were still busy when the time was over; they end with the process.
    pub fn close(mut self) -> Vec<&'static str> {
        self.stop_parts()
    }

    fn stop_parts(&mut self) -> Vec<&'static str> {
        let patience = Duration::from_secs(self.config.limits.shutdown_seconds);
        let since = Stopwatch::start();
        self.ready.set(false);
        // What is scraped no longer is not to be missed.
        self.target.take();
        let for_hooks = patience.saturating_sub(SERVER_RESERVE.min(patience / 10));
        if let Some(hooks) = &self.hooks {
            hooks.announce_end(since, for_hooks);
        }
        let mut late = Vec::new();
        // Before the monitor, which still measures what it has sent.
        if let Some(inbox) = self.inbox.take().map(Inbox::close).filter(|inbox| !inbox.wait(since, patience)) {
            late.push(inbox.name());
        }
        self.closing.take();
        // The monitor first: until it has ended, pages and scrapes show what it still finds.
        if let Some(thread) = self.thread.take().filter(|thread| !thread.wait(since, patience)) {
            late.push(thread.name());
        }
        // Then the hooks, which the monitor's end lets drain.
        if let Some(hooks) = self.hooks.take() {
            let name = hooks.name();
            if !hooks.wait(since, for_hooks) {
                late.push(name);
            }
        }
        // The monitor and the hooks have told it everything.
        if let Some(history) = self.history.take() {
            let name = history.name();
            if !history.wait(since, for_hooks) {
                late.push(name);
            }
        }
        if let Some(server) = self.server.take().map(Server::close).filter(|server| !server.wait(since, patience)) {
            late.push(server.name());
        }
        self.watcher.take();
        late
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop_parts();
    }
}

/// The history's parts, as they are handed out.
struct History {
    store: Store,
    feed: StoreFeed,
    outcomes: Sender<HookOutcome>,
    told: ToldOnsets,
}

impl History {
    fn start(config: &Config) -> Result<Self, StartError> {
        let folder = state_folder(config)?;
        // A run that counts as being trained and whose name is free was left by a process that did not end well.
        let is_trained = |name: &RunName| OwnedName::take(&folder, name.clone()).is_err();
        if let Err(error) = note_interrupted(&folder, is_trained) {
            tracing::warn!("which runs of the history were interrupted cannot be told: {error}");
        }
        let (store, feed, outcomes) = Store::start(&folder, store_params(config)).map_err(StartError::History)?;
        let told = ToldOnsets::of(&folder, store.counts());
        Ok(History { store, feed, outcomes, told })
    }
}

/// Where the history and the token are kept.
///
/// # Errors
/// If neither the configuration nor the environment says where.
pub fn state_folder(config: &Config) -> Result<PathBuf, StateError> {
    config.state_dir(|name| std::env::var_os(name).map(Into::into)).ok_or(StateError::Unknown)
}

fn watch(
    file: ConfigFile,
    config: &Config,
    detect: Arc<ArcSwap<DetectParams>>,
    hooks: HookSwitch,
) -> Result<ConfigWatcher, StartError> {
    let ConfigFile { path, overlay, log_level } = file;
    let on_change = move |config: &Config| {
        detect.store(Arc::new(config.detect.clone()));
        hooks.set(&config.hooks);
        log_level.set(config.log.level);
    };
    let wiring = Wiring { overlay, on_change: Box::new(on_change), now: Box::new(wall_clock) };
    ConfigWatcher::start(&path, config.clone(), wiring).map_err(thread_failed("watch over the configuration file"))
}

impl ReloadStatus for LiveConfig {
    fn last_reload_successful(&self) -> bool {
        self.last_reload().successful
    }

    fn last_success_unix_seconds(&self) -> f64 {
        self.last_reload().success_timestamp_seconds()
    }
}

/// The web configuration; whoever has the token needs no password.
fn guard(path: &Path, config: &Config) -> Result<WebConfig, StartError> {
    let token = crate::token::read_or_create(&state_folder(config)?)?;
    Ok(WebConfig::open(path, Some(token))?)
}

fn thread_failed<E: std::fmt::Display>(part: &'static str) -> impl FnOnce(E) -> StartError {
    move |reason| StartError::Thread { part, reason: reason.to_string() }
}

fn listen(address: SocketAddr, any_port_will_do: bool) -> Result<TcpListener, ServeError> {
    match serve::listen(address) {
        Err(ServeError::Listen { reason, .. }) if any_port_will_do && reason.kind() == std::io::ErrorKind::AddrInUse => {
            serve::listen(SocketAddr::new(address.ip(), 0))
        }
        listened => listened,
    }
}
