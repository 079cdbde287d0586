//! The composition root: builds the parts, connects their channels, and starts and stops them in order.

mod error;
mod folder;
pub mod logging;
mod params;
mod reference;
pub mod signals;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};

pub use error::StartError;
pub use folder::state_folder;
use params::{monitor_params, store_params};
use reference::reference;

use crate::app::logging::LogLevelSwitch;
use crate::config::{Config, ConfigWatcher, LiveConfig, Wiring};
use crate::history::{Reader, Store, StoreFeed, StoredOnsets, note_interrupted};
use crate::hooks::{HookOutcome, HookSwitch, Hooks, OnsetMemory};
use crate::ingest::inbox::Inbox;
use crate::ingest::{Ingest, IngestParams, Recall};
use crate::metrics::{Metrics, ReloadStatus};
use crate::serve::{
    self, AllowedHosts, Archive, Connections, EventFeed, IngestSite, Readiness, Requests, ScrapeDesk, ServeError, Server, Site,
    WebConfig,
};
use crate::state::discovery::{self, Endpoint, ScrapeTarget};
use crate::state::{OwnedName, StateError};
use rotewatch_core::detect::DetectParams;
use rotewatch_core::intake::gate::{Capacity, FlowCounts};
pub use rotewatch_core::intake::open_runs::DeclareError;
use rotewatch_core::intake::open_runs::{OpenRuns, OpenRunsLimits};
use rotewatch_core::intake::run::Declaration;
use rotewatch_core::intake::stop::ServiceThread;
use rotewatch_core::intake::tap::{Intake, SamplingParams, Tap};
use rotewatch_core::monitor::live_runs::{Follower, LiveRuns};
use rotewatch_core::monitor::{MeasuredEpoch, MonitorThread, Sink, Subscriber, Unkept};
use rotewatch_core::vocabulary::clock::{Stopwatch, wall_clock};
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_info::kernels::Kernel;

/// The part of `limits.shutdown_seconds` that is reserved for the server, which stops within a moment.
const SERVER_RESERVE: Duration = Duration::from_millis(500);

/// The settings that a monitor starts with.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent choice")]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The file that the configuration was read from, if changes to it should be applied.
    pub file: Option<ConfigFile>,
    /// Whether to take another port if the configured one is in use.
    pub any_port_will_do: bool,
    /// Receive every report. A subscriber whose channel is full misses reports; one that is gone is removed.
    pub subscribers: Vec<Sender<MeasuredEpoch>>,
    /// Whether to accept runs from other processes, over HTTP and from the inbox. Needs a state folder.
    pub ingest: bool,
    /// The web configuration file: TLS, passwords.
    pub web_config: Option<PathBuf>,
    /// Whether to keep a history in the state folder, for `rotewatch runs` and so that epochs outlive this process.
    pub history: bool,
    /// Whether to list this process in the state folder for Prometheus, and to accept requests over HTTP that stop runs, with the
    /// token of the state folder. Needs a state folder.
    pub discoverable: bool,
    /// Receive the outcome of each hook's firing, under the same rules.
    pub hook_subscribers: Vec<Sender<HookOutcome>>,
}

/// A configuration file that is reloaded when it changes.
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// Applies flags and environment variables over the values of the file.
    pub overlay: Box<dyn Fn(&mut Config) + Send + Sync>,
    /// Applies a changed `log.level`.
    pub log_level: LogLevelSwitch,
}

/// A running monitor: its thread, the channel into it, and the HTTP server that shows its results.
///
/// Dropping it closes it and waits at most `limits.shutdown_seconds`.
pub struct Monitor {
    config: Config,
    open_runs: Arc<OpenRuns>,
    live_runs: Arc<LiveRuns>,
    ready: Readiness,
    server: Option<Server>,
    encrypted: bool,
    target: Option<ScrapeTarget>,
    inbox: Option<Inbox>,
    closing: Option<Sender<()>>,
    thread: Option<ServiceThread>,
    hooks: Option<Hooks>,
    history: Option<Store>,
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

    /// Starts every part. Steps that can fail come before the first thread where possible.
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
        let limits = OpenRunsLimits { runs: config.limits.runs, layers: config.limits.layers };
        let open_runs = Arc::new(OpenRuns::new(intake, limits));
        let live_runs = Arc::new(LiveRuns::default());
        let detect = Arc::new(ArcSwap::from_pointee(config.detect.clone()));
        // Without a state folder, hook commands run in another folder; that is no reason not to start.
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
        let mut sinks: Vec<Box<dyn Sink>> = subscribers.into_iter().map(|sender| Box::new(Subscriber(sender)) as _).collect();
        sinks.push(Box::new(feed));
        sinks.push(history_feed.map_or_else(|| Box::new(Unkept) as _, |feed| Box::new(feed) as _));
        let thread = MonitorThread::new(params, detect, pool, gate, Arc::clone(&live_runs), sinks);
        let (closing, closed) = bounded(0);
        let mut monitor = Monitor {
            open_runs,
            live_runs,
            ready: Readiness::default(),
            server: None,
            encrypted: false,
            target: None,
            inbox: None,
            closing: Some(closing),
            thread: Some(
                ServiceThread::spawn("monitor", move || thread.run(&events, &closed)).map_err(thread_failed("monitor"))?,
            ),
            hooks: Some(hooks),
            history,
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
        let recall = self.history.is_some().then(|| Recall::new(Reader::of(&state)));
        let params = IngestParams {
            sampling: self.sampling(),
            on_full: self.config.sampling.on_full_for(false),
            idle_seconds: self.config.limits.idle_seconds,
            ended_sessions: self.config.limits.runs,
            state,
            recall,
        };
        Ok(Arc::new(Ingest::new(Arc::clone(&self.open_runs), params)))
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
                let token = crate::state::token::read_or_create(&state_folder(&self.config)?)?;
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
            let token = crate::state::token::read_or_create(&state_folder(&self.config)?)?;
            let limits = &self.config.limits;
            Ok(IngestSite::new(ingest.cloned(), token, limits.body, limits.channel_bytes))
        });
        let status = self.watcher.as_ref().map(|watcher| watcher.live() as Arc<dyn ReloadStatus>);
        let hooks = self.hooks.as_ref().map(Hooks::counts).unwrap_or_default();
        let history = self.history.as_ref().map(Store::counts);
        let gate = Arc::clone(self.open_runs.intake().gate());
        let series_max = self.config.limits.series;
        let metrics = Metrics::new(Arc::clone(&self.live_runs), gate, hooks, history.clone(), status, series_max);
        let limits = &self.config.limits;
        let events = Arc::new(EventFeed::new(limits.event_readers));
        self.live_runs.follow(Arc::clone(&events) as Arc<dyn Follower>);
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
            live_runs: Arc::clone(&self.live_runs),
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
            tracing::warn!(
                address = %server.address(),
                "HTTP is reachable from other machines without TLS or passwords; use --web-config"
            );
        }
        self.server = Some(server);
        self.target = state.map(|state| ScrapeTarget::announce(&state, endpoint)).transpose()?;
        Ok(())
    }

    /// Opens a run and returns its tap. Frames that do not fit into the queue are dropped, unless `sampling.on_full` says
    /// otherwise.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub fn declare(&self, declaration: Declaration) -> Result<Tap, DeclareError> {
        self.open_runs.open(declaration, Attempt::draw(), self.config.sampling.on_full_for(false))
    }

    /// The sampling parameters of a tap.
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

    /// The address at which HTTP is served, if it is.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Whether HTTP is served with TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The current state of every run.
    #[must_use]
    pub fn live_runs(&self) -> &LiveRuns {
        &self.live_runs
    }

    /// The counts of all frames.
    #[must_use]
    pub fn flow(&self) -> FlowCounts {
        self.open_runs.intake().gate().counts()
    }

    /// Returns a function that reloads the configuration file, as SIGHUP does, and logs the result. `None` without a file.
    #[must_use]
    pub fn reload(&self) -> Option<impl Fn() + Send + use<>> {
        let reloader = self.watcher.as_ref()?.reloader();
        Some(move || drop(reloader.reload_now()))
    }

    /// The configuration that the monitor was started with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Closes the intake, measures the queued frames, and stops the parts in order. Returns the names of the parts that
    /// were still busy when the time ran out; they end with the process.
    pub fn close(mut self) -> Vec<&'static str> {
        self.stop_parts()
    }

    fn stop_parts(&mut self) -> Vec<&'static str> {
        let patience = Duration::from_secs(self.config.limits.shutdown_seconds);
        let since = Stopwatch::start();
        self.ready.set(false);
        // Removed first, so that Prometheus does not report this process as down.
        self.target.take();
        let for_hooks = patience.saturating_sub(SERVER_RESERVE.min(patience / 10));
        if let Some(hooks) = &self.hooks {
            hooks.announce_end(since, for_hooks);
        }
        let mut late = Vec::new();
        // Before the monitor, which still measures what the inbox has sent.
        if let Some(inbox) = self.inbox.take().map(Inbox::close).filter(|inbox| !inbox.wait(since, patience)) {
            late.push(inbox.name());
        }
        self.closing.take();
        // Before the server: until the monitor has ended, pages and scrapes show its last results.
        if let Some(thread) = self.thread.take().filter(|thread| !thread.wait(since, patience)) {
            late.push(thread.name());
        }
        // Then the hooks, whose queue ends with the monitor.
        if let Some(hooks) = self.hooks.take() {
            let name = hooks.name();
            if !hooks.wait(since, for_hooks) {
                late.push(name);
            }
        }
        // Then the history, which has received everything from the monitor and the hooks.
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

/// The history and its handles.
struct History {
    store: Store,
    feed: StoreFeed,
    outcomes: Sender<HookOutcome>,
    told: StoredOnsets,
}

impl History {
    fn start(config: &Config) -> Result<Self, StartError> {
        let folder = state_folder(config)?;
        // A run that is recorded as being trained but whose name is not locked belongs to a process that crashed.
        let is_trained = |name: &RunName| OwnedName::take(&folder, name.clone()).is_err();
        if let Err(error) = note_interrupted(&folder, is_trained) {
            tracing::warn!("cannot look for interrupted runs in the history: {error}");
        }
        let (store, feed, outcomes) = Store::start(&folder, store_params(config)).map_err(StartError::History)?;
        let told = StoredOnsets::of(&folder, store.counts());
        Ok(History { store, feed, outcomes, told })
    }
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
    ConfigWatcher::start(&path, config.clone(), wiring).map_err(thread_failed("configuration file watcher"))
}

impl ReloadStatus for LiveConfig {
    fn last_reload_successful(&self) -> bool {
        self.last_reload().successful
    }

    fn last_success_unix_seconds(&self) -> f64 {
        self.last_reload().success_timestamp_seconds()
    }
}

/// Reads the web configuration. Requests with the token need no password.
fn guard(path: &Path, config: &Config) -> Result<WebConfig, StartError> {
    let token = crate::state::token::read_or_create(&state_folder(config)?)?;
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
