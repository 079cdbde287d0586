//! Counts the attempts of each hook by result.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{HookName, HookResult};

/// One hook's counts, in the order of [`HookResult::ALL`].
pub type ResultCounts = [u64; HookResult::ALL.len()];

/// The counts of all configured hooks. The lock is held only for an addition or a copy.
#[derive(Debug, Default)]
pub struct HookCounts(Mutex<BTreeMap<HookName, ResultCounts>>);

impl HookCounts {
    /// Every hook's counts.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<HookName, ResultCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts new hooks at 0, so that Prometheus sees their first increase, and removes hooks that are no longer configured.
    pub(super) fn configure<'a>(&self, hooks: impl Iterator<Item = &'a HookName>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts = hooks.map(|hook| (hook.clone(), counts.get(hook).copied().unwrap_or_default())).collect();
    }

    /// Counts a result. A hook that has since been removed from the configuration is not counted.
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for each of `HookResult::ALL`, which has every result in its order"
    )]
    pub(super) fn count(&self, hook: &HookName, result: HookResult) {
        if let Some(counts) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(hook) {
            counts[result as usize] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_start_at_zero_keep_their_counts_over_a_reload_and_end_with_their_configuration() {
        let name = |name: &str| name.parse::<HookName>().expect("a good name");
        let counts = HookCounts::default();
        counts.configure([name("a"), name("b")].iter());
        counts.count(&name("a"), HookResult::Failed);
        counts.count(&name("stranger"), HookResult::Ok);
        counts.configure([name("a"), name("c")].iter());
        let seen = counts.snapshot();
        assert_eq!(seen.keys().map(HookName::as_str).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(seen[&name("a")].iter().sum::<u64>(), 1);
        assert_eq!(seen[&name("a")][HookResult::Failed as usize], 1);
    }
}
