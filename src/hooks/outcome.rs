//! The outcome of firing a hook, as plain values.

use std::fmt;

use super::{HookName, Notice};
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Kind;

/// The result of a try, or of a firing without any try: every value of the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookResult {
    /// The receiver answered 2xx; the command exited with 0.
    Ok,
    /// The receiver answered 3xx (never followed) or 4xx; a retry would not help.
    Refused,
    /// The receiver answered 429 or 5xx; the command exited with another status than 0, or was ended by a signal.
    Failed,
    /// The time limit was reached.
    Timeout,
    /// The connection or its encryption failed, or the connection broke.
    Unreachable,
    /// It cannot work as configured: the address is not allowed, the program does not exist, or there is no token.
    Unusable,
    /// The code of the hook panicked.
    Panicked,
    /// A hook already fired for the same onset.
    Suppressed,
    /// The queue of alarms was full.
    Dropped,
    /// The program ended before the hook could fire.
    Abandoned,
}

impl HookResult {
    /// Every result, in the order of their declaration.
    pub const ALL: [HookResult; 10] = [
        HookResult::Ok,
        HookResult::Refused,
        HookResult::Failed,
        HookResult::Timeout,
        HookResult::Unreachable,
        HookResult::Unusable,
        HookResult::Panicked,
        HookResult::Suppressed,
        HookResult::Dropped,
        HookResult::Abandoned,
    ];

    /// The spelling of labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            HookResult::Ok => "ok",
            HookResult::Refused => "refused",
            HookResult::Failed => "failed",
            HookResult::Timeout => "timeout",
            HookResult::Unreachable => "unreachable",
            HookResult::Unusable => "unusable",
            HookResult::Panicked => "panicked",
            HookResult::Suppressed => "suppressed",
            HookResult::Dropped => "dropped",
            HookResult::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for HookResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One try of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The result.
    pub result: HookResult,
    /// The result in a few words, without control characters and secrets.
    pub detail: String,
    /// Whether a retry may succeed.
    pub again: bool,
}

impl Attempted {
    /// A try that is not repeated.
    #[must_use]
    pub fn last(result: HookResult, detail: impl Into<String>) -> Self {
        Attempted { result, detail: detail.into(), again: false }
    }

    /// A try that is repeated if the hook has retries left.
    #[must_use]
    pub fn again(result: HookResult, detail: impl Into<String>) -> Self {
        Attempted { result, detail: detail.into(), again: true }
    }
}

/// The outcome of one hook for one alarm, after all tries. Stored in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HookOutcome {
    /// The hook.
    pub hook: HookName,
    /// The run of the alarm.
    pub run: RunName,
    /// The attempt of the run.
    pub attempt: Attempt,
    /// The kind of memorization.
    pub kind: Kind,
    /// The epoch at which memorization set in.
    pub onset_epoch: Epoch,
    /// The epoch whose report raised the alarm.
    pub alarm_epoch: Epoch,
    /// The number of tries; 0 if the firing was suppressed or abandoned before the first.
    pub tries: u32,
    /// The result of the last try, or why there was none.
    pub result: HookResult,
    /// The result in words.
    pub detail: String,
    /// The time in seconds since 1970.
    pub at_unix_seconds: f64,
}

impl HookOutcome {
    pub(super) fn new(hook: &HookName, notice: &Notice, tries: u32, last: Attempted) -> Self {
        HookOutcome {
            hook: hook.clone(),
            run: notice.run().clone(),
            attempt: notice.attempt(),
            kind: notice.alarm().finding.kind,
            onset_epoch: notice.alarm().finding.onset_epoch,
            alarm_epoch: notice.alarm().alarm_epoch,
            tries,
            result: last.result,
            detail: last.detail,
            at_unix_seconds: rotewatch_core::vocabulary::clock::unix_seconds(),
        }
    }
}

/// The beginning of a text from outside, escaped for a log line.
pub(super) fn excerpt(said: &[u8]) -> String {
    const LETTERS: usize = 200;
    let text = String::from_utf8_lossy(said);
    let text = text.trim();
    let dots = if text.chars().count() > LETTERS { "..." } else { "" };
    let beginning: String = text.chars().take(LETTERS).collect();
    format!("{}{dots}", beginning.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_listed_under_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = HookResult::ALL.iter().map(|result| result.as_str()).collect();
        assert_eq!(names.len(), HookResult::ALL.len());
        assert!(HookResult::ALL.iter().enumerate().all(|(place, result)| *result as usize == place));
    }

    #[test]
    fn what_a_stranger_said_is_short_and_moves_no_cursor() {
        assert_eq!(excerpt(b" a\x1b[2J\nb\xff "), "a\\u{1b}[2J\\nb\u{fffd}");
        assert_eq!(excerpt("é".repeat(201).as_bytes()), "é".repeat(200) + "...");
    }
}
