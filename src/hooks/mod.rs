//! Hooks: what happens outside of this program when an alarm is raised.
//!
//! ```text
//! monitor -> HookFeed -> bounded channel -> thread "hooks" -> webhook | command
//!                |                               |-> HookCounts (`rotewatch_hook_attempts_total{hook,result}`)
//!                `- no room: counted as dropped  `-> HookOutcome to the subscribers
//! ```
//!
//! A hook fires once per run, attempt, kind and onset, for the kinds listed in its `on`: the onset is noted in an [`OnsetMemory`]
//! before the first is told, so that a program that dies in between tells nobody rather than somebody twice. The monitor never waits for one, and the
//! wait before a retry holds up no other hook. Hooks are set in the configuration file and nowhere else.
//!
//! # The JSON body
//! A webhook receives it as the body of a POST, a command on stdin, on one line:
//!
//! | name | value |
//! |---|---|
//! | `run`, `attempt` | the run's name; the id of this training under it |
//! | `verdict`, `kind` | `memorizing`; `example_level` or `heuristic` |
//! | `onset_epoch`, `alarm_epoch`, `epoch` | when it set in, when it was found, the newest reported epoch |
//! | `layers` | names of the layers that show it |
//! | `score` | 1 or more: how far over the threshold |
//! | `evidence` | a list of `{signal, value, reference, reference_epoch, ratio, threshold}` |
//! | `why`, `remedy` | a sentence each |
//! | `time`, `version` | seconds since 1970 (UTC), and this program's version |
//!
//! Numbers that are not finite are `null`. A webhook also carries the header `Idempotency-Key`, the same for every attempt at the
//! same alarm: a receiver that answered too late is asked again.
//!
//! # The environment of a command
//! `PATH` as the daemon has it, and `ROTEWATCH_HOOK` (the hook's name), `ROTEWATCH_RUN`, `ROTEWATCH_ATTEMPT`, `ROTEWATCH_VERDICT`,
//! `ROTEWATCH_KIND`, `ROTEWATCH_ONSET_EPOCH`, `ROTEWATCH_ALARM_EPOCH`, `ROTEWATCH_EPOCH`, `ROTEWATCH_SCORE`, `ROTEWATCH_WHY`,
//! `ROTEWATCH_REMEDY`, `ROTEWATCH_TIME`, `ROTEWATCH_VERSION`, which say what the members of the body say. Nothing else.

mod addresses;
mod closing;
mod command;
mod counts;
mod feed;
mod notice;
mod outcome;
mod params;
mod queue;
mod runner;
mod told;
mod url;
mod webhook;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use closing::Closing;
pub use command::CommandHook;
pub use counts::{HookCounts, ResultCounts};
pub use feed::{HookFeed, HookSwitch};
pub use notice::{Notice, Onset};
pub use outcome::{Attempted, HookOutcome, HookResult};
pub use params::{
    Action, Argv, ArgvError, COMMAND_TIMEOUT_SECONDS, CommandParams, HOOKS_MAX, HookName, HookNameError, HookParams,
    WEBHOOK_RETRIES, WEBHOOK_TIMEOUT_SECONDS, WebhookParams,
};
pub use runner::Hooks;
pub use told::OnsetMemory;
pub use url::{WebhookUrl, WebhookUrlError};
pub use webhook::WebhookHook;

use rotewatch_core::vocabulary::verdict::Kind;

/// Something that is told of alarms.
pub trait Hook: Send + Sync {
    /// The name it is counted under.
    fn name(&self) -> &HookName;

    /// Whether it wants to know of alarms of this kind.
    fn listens_to(&self, kind: Kind) -> bool;

    /// Tells it, once; called from the hooks' own thread, which waits. It returns within its own time limit, and within what
    /// `closing` leaves of it. A panic ends this one firing.
    fn fire(&self, notice: &Notice, closing: &Closing) -> Attempted;

    /// How often it is tried again after an attempt that may be repeated.
    fn retries(&self) -> u32 {
        0
    }

    /// The wait before the first retry, before jitter; every further one is twice as long.
    fn first_wait(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// The hook that a configuration describes; a command works in `state`, where that folder exists.
fn build(params: &HookParams, state: Option<&Path>) -> Arc<dyn Hook> {
    let (name, on) = (params.name.clone(), params.on.clone());
    match &params.action {
        Action::Webhook(webhook) => Arc::new(WebhookHook::new(name, on, webhook.clone())),
        Action::Command(command) => Arc::new(CommandHook::new(name, on, command.clone(), state.map(Path::to_owned))),
    }
}
