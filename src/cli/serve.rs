//! `rotewatch serve`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::{Exit, Failure};
use crate::app::signals::Interrupt;
use crate::app::{ConfigFile, Monitor, Setup, state_folder};
use crate::config::Config;
use crate::state::ServedFolder;
use crate::state::discovery::reachable;

/// The flags of `rotewatch serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file [default: the built-in settings]
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_CONFIG")]
    config: Option<PathBuf>,
    /// Address to serve HTTP at [default: `listen` of the configuration]
    #[arg(long, value_name = "ADDR", env = "ROTEWATCH_LISTEN")]
    listen: Option<SocketAddr>,
    /// State folder with the token, the history and the daemon's address [default: the user's state folder, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE")]
    state: Option<PathBuf>,
    /// Folder where trainers put runs as files [default: `inbox` of the configuration]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_INBOX")]
    inbox: Option<PathBuf>,
    /// File with TLS and passwords, in the format of Prometheus' exporter-toolkit; reloaded when it changes
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_WEB_CONFIG")]
    web_config: Option<PathBuf>,
}

impl ServeArgs {
    /// Applies the flags to a configuration. Runs again whenever the configuration file changes.
    fn overlay(&self) -> impl Fn(&mut Config) + Send + Sync + use<> {
        let (listen, state, inbox) = (self.listen, self.state.clone(), self.inbox.clone());
        move |config| {
            config.listen = listen.or(config.listen);
            config.state = state.clone().or(config.state.take());
            config.inbox = inbox.clone().or(config.inbox.take());
        }
    }
}

/// Serves until SIGINT or SIGTERM, then measures what is queued and closes everything.
///
/// # Errors
/// Wrong usage or configuration, or an address or a state folder that is in use. Nothing was started then.
pub fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read).map_err(Failure::usage)?;
    args.overlay()(&mut config);
    let config = config.checked("the command line").map_err(Failure::usage)?;
    if config.listen.is_none() {
        return Err(Failure::usage(anyhow!("`listen` is off, but the daemon needs an address; set one with --listen ADDR")));
    }
    let log_level = crate::app::logging::start(config.log.level, std::io::stderr)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let served = ServedFolder::take(&state_folder(&config).map_err(Failure::usage)?).map_err(Failure::usage)?;
    let file = args.config.clone().map(|path| ConfigFile { path, overlay: Box::new(args.overlay()), log_level });
    let web_config = args.web_config.clone();
    let setup = Setup { config, file, ingest: true, web_config, history: true, discoverable: true, ..Setup::default() };
    let monitor = Monitor::set_up(setup).map_err(Failure::usage)?;
    let on_hangup = monitor.reload().map(|reload| Box::new(reload) as Box<dyn Fn() + Send>);
    let interrupt = Interrupt::install(on_hangup).context("cannot install the signal handlers")?;
    let address = monitor.address().context("the HTTP server did not start")?;
    let scheme = if monitor.is_encrypted() { "https" } else { "http" };
    let url = format!("{scheme}://{}", reachable(address));
    served.announce(&url)?;
    println!("serving at {url}/");
    interrupt.wait();
    let late = monitor.close();
    drop(served);
    if late.is_empty() { Ok(Exit::Done) } else { Err(anyhow!("these threads did not end in time: {}", late.join(", ")).into()) }
}
