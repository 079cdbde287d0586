//! What came of telling a hook: plain values.

use std::fmt;

use super::{HookName, Notice};
use rotewatch_core::intake::run::Attempt;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Kind;

/// What came of an attempt, or of a firing that got none: every value of the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookResult {
    /// The receiver answered 2xx; the command ended with 0.
    Ok,
    /// The receiver answered 3xx (never followed) or 4xx: asking again would not help.
    Refused,
    /// The receiver answered 429 or 5xx; the command ended with another status than 0, or by a signal.
    Failed,
    /// The time was over.
    Timeout,
    /// No connection, no encryption, or the connection broke.
    Unreachable,
    /// It cannot work as configured: an address that is not allowed, no such program, no token.
    Unusable,
    /// The hook's own code failed.
    Panicked,
    /// The same onset was told before.
    Suppressed,
    /// The hooks were so far behind that there was no room for the alarm.
    Dropped,
    /// The program ended before the hook could be told.
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

/// One attempt to tell a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// What came of it.
    pub result: HookResult,
    /// The same for people, in a few words, without control characters and secrets.
    pub detail: String,
    /// Whether another attempt may end better.
    pub again: bool,
}

impl Attempted {
    /// An attempt that stays the last.
    #[must_use]
    pub fn last(result: HookResult, detail: impl Into<String>) -> Self {
        Attempted { result, detail: detail.into(), again: false }
    }

    /// An attempt after which it is tried again, if it has retries left.
    #[must_use]
    pub fn again(result: HookResult, detail: impl Into<String>) -> Self {
        Attempted { result, detail: detail.into(), again: true }
    }
}

/// What came of telling one hook of one alarm, all attempts taken together: for the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HookOutcome {
    /// The hook.
    pub hook: HookName,
    /// The run of the alarm.
    pub run: RunName,
    /// The training under that name.
    pub attempt: Attempt,
    /// The kind of memorization.
    pub kind: Kind,
    /// When it set in.
    pub onset_epoch: Epoch,
    /// The epoch whose report raised the alarm.
    pub alarm_epoch: Epoch,
    /// How often the hook was tried; 0 where the firing was suppressed or abandoned before.
    pub tries: u32,
    /// What came of the last attempt, or why there was none.
    pub result: HookResult,
    /// The same for people.
    pub detail: String,
    /// When, in seconds since 1970.
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

/// The beginning of what a stranger said, fit for a log line.
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
