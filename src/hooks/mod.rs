//! Hooks: webhooks and commands that run when an alarm is raised.
//!
//! ```text
//! monitor -> HookFeed -> bounded channel -> thread "hooks" -> webhook | command
//!                |                               |-> HookCounts (`rotewatch_hook_attempts_total{hook,result}`)
//!                `- full: counted as dropped     `-> HookOutcome to the subscribers
//! ```
//!
//! A hook fires once per run, attempt, kind, onset and level of harm, for the kinds listed in its `on`. The onset is recorded in an [`OnsetMemory`]
//! before the first hook fires, so that after a crash in between no hook fires twice; it may then not fire at all. The monitor never
//! waits for a hook, and the wait before a retry does not delay other hooks. Hooks can be set only in the configuration file.
//!
//! # The JSON body
//! A webhook receives it as the body of a POST, a command receives it on stdin, on one line:
//!
//! | name | value |
//! |---|---|
//! | `run`, `attempt` | the run's name; the id of the attempt |
//! | `verdict`, `kind`, `harm` | `memorizing`; `example_level` or `heuristic`; `suspected` or `shown` |
//! | `onset_epoch`, `alarm_epoch`, `epoch` | the onset, the epoch of the alarm, the newest reported epoch |
//! | `layers` | names of the layers that show it |
//! | `score` | 1 or more: the signal relative to its threshold |
//! | `evidence` | a list of `{signal, value, reference, reference_epoch, ratio, threshold}` |
//! | `why`, `remedy` | a sentence each |
//! | `time`, `version` | seconds since 1970 (UTC), and this program's version |
//!
//! Numbers that are not finite are `null`. A webhook also sends the header `Idempotency-Key`, which is the same for every try of the
//! same alarm: a receiver that answered too late receives the alarm again.
//!
//! # The environment of a command
//! `PATH` as the daemon has it, and `ROTEWATCH_HOOK` (the hook's name), `ROTEWATCH_RUN`, `ROTEWATCH_ATTEMPT`, `ROTEWATCH_VERDICT`,
//! `ROTEWATCH_KIND`, `ROTEWATCH_HARM`, `ROTEWATCH_ONSET_EPOCH`, `ROTEWATCH_ALARM_EPOCH`, `ROTEWATCH_EPOCH`, `ROTEWATCH_SCORE`, `ROTEWATCH_WHY`,
//! `ROTEWATCH_REMEDY`, `ROTEWATCH_TIME`, `ROTEWATCH_VERSION`, with the same values as in the body. Nothing else.

mod addresses;
mod closing;
mod command;
mod counts;
mod feed;
mod hook;
mod notice;
mod notified_onsets;
mod outcome;
mod params;
mod queue;
mod runner;
mod url;
mod webhook;

use std::path::Path;
use std::sync::Arc;

pub use closing::Closing;
pub use command::CommandHook;
pub use counts::{HookCounts, ResultCounts};
pub use feed::{HookFeed, HookSwitch};
pub use hook::Hook;
pub use notice::{Notice, Onset};
pub use notified_onsets::OnsetMemory;
pub use outcome::{Attempted, HookOutcome, HookResult};
pub use params::{
    Action, Argv, ArgvError, COMMAND_TIMEOUT_SECONDS, CommandParams, HOOKS_MAX, HookName, HookNameError, HookParams,
    WEBHOOK_RETRIES, WEBHOOK_TIMEOUT_SECONDS, WebhookParams,
};
pub use runner::Hooks;
pub use url::{WebhookUrl, WebhookUrlError};
pub use webhook::WebhookHook;

/// Builds the configured hook. A command runs in `state` if that folder exists.
fn build(params: &HookParams, state: Option<&Path>) -> Arc<dyn Hook> {
    let (name, on) = (params.name.clone(), params.on.clone());
    match &params.action {
        Action::Webhook(webhook) => Arc::new(WebhookHook::new(name, on, webhook.clone())),
        Action::Command(command) => Arc::new(CommandHook::new(name, on, command.clone(), state.map(Path::to_owned))),
    }
}
