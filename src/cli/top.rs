//! `rotewatch top`: shows the runs of a daemon in a terminal.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use crossbeam_channel::{bounded, select};

use super::exit::{Exit, Failure};
use crate::app::signals::Interrupt;
use crate::app::state_folder;
use crate::config::Config;
use crate::top::{Client, Terminal, View, draw, follow, inputs};
use rotewatch_core::intake::stop::ServiceThread;

/// The file of the state folder that a daemon writes its address to.
const URL_FILE: &str = "url";
/// The default address of a daemon.
const URL_DEFAULT: &str = "http://127.0.0.1:19787";
/// How many updates may wait for the screen.
const UPDATES_AHEAD: usize = 16;

/// The flags of `rotewatch top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// URL of the daemon [default: the address in the state folder, else port 19787 of this machine]
    #[arg(long, value_name = "URL", env = "ROTEWATCH_URL")]
    url: Option<String>,
    /// State folder of the daemon [default: the user's state folder, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE")]
    state: Option<PathBuf>,
}

/// Shows the runs until `q`, Ctrl-C or a signal.
///
/// # Errors
/// If stdout is not a terminal, or the terminal fails. If the daemon does not answer, the screen says so and the connection is retried.
pub fn run(args: &TopArgs) -> Result<Exit, Failure> {
    if !stdout().is_terminal() {
        return Err(Failure::usage(anyhow!(
            "stdout is not a terminal; programs can use GET /api/v1/runs and GET /api/v1/events, see docs/protocol.md"
        )));
    }
    let client = Client::new(&args.url().map_err(Failure::usage)?);
    let interrupt = Interrupt::install(None).context("cannot install the signal handlers")?;
    let mut view = View::new(client.url());
    let (learn, updates) = bounded(UPDATES_AHEAD);
    // Disconnected when this function returns.
    let (_open, closing) = bounded::<()>(0);
    ServiceThread::spawn("follow", move || follow(&client, &learn, &closing))?;
    let mut terminal = Terminal::open().context("cannot open the terminal")?;
    let inputs = inputs()?;
    loop {
        terminal.draw(|frame| draw(frame, &view)).context("cannot draw on the terminal")?;
        select! {
            recv(updates) -> update => view.learn(update.context("the thread that follows the daemon ended")?),
            recv(inputs) -> input => match input {
                Ok(input) if view.heed(input) => {}
                // The terminal is gone, or the user quits.
                _ => return Ok(Exit::Done),
            },
            recv(interrupt.raised()) -> _ => return Ok(Exit::Interrupted),
        }
    }
}

impl TopArgs {
    fn url(&self) -> anyhow::Result<String> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.announced().unwrap_or_else(|| URL_DEFAULT.to_owned()),
        };
        if !url.starts_with("http://") {
            return Err(anyhow!("{url} does not start with http://; use a URL such as {URL_DEFAULT}"));
        }
        Ok(url)
    }

    /// The address that a daemon of the same user wrote into its state folder.
    fn announced(&self) -> Option<String> {
        let config = Config { state: self.state.clone(), ..Config::default() };
        let text = std::fs::read_to_string(state_folder(&config).ok()?.join(URL_FILE)).ok()?;
        Some(text.trim().to_owned())
    }
}
