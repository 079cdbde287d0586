//! The onsets for which hooks have fired, so that no hook fires twice.

use super::notice::Onset;
use rotewatch_core::vocabulary::newest::Newest;

/// The most onsets that are kept here. A repeated one belongs to a current attempt, so it is among the newest few.
const ONSETS_KEPT: usize = 4096;

/// Stores onsets beyond the end of this program.
pub trait OnsetMemory: Send {
    /// Records an onset before hooks fire for it. Returns whether it is new, as far as is known. Called on the hooks' thread, which
    /// waits for it.
    fn note(&self, onset: &Onset) -> bool;
}

/// The newest onsets for which hooks have fired.
#[derive(Default)]
pub(super) struct NotifiedOnsets {
    memory: Option<Box<dyn OnsetMemory>>,
    onsets: Newest<ONSETS_KEPT, Onset>,
}

impl NotifiedOnsets {
    /// Starts with the onsets that `memory` contains.
    pub(super) fn before(memory: Option<Box<dyn OnsetMemory>>) -> Self {
        NotifiedOnsets { memory, ..NotifiedOnsets::default() }
    }

    /// Records an onset. Returns whether it is new.
    pub(super) fn note(&mut self, onset: &Onset) -> bool {
        self.onsets.note(onset.clone(), ()) && self.memory.as_ref().is_none_or(|memory| memory.note(onset))
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::notice;
    use super::*;
    use rotewatch_core::vocabulary::identity::Attempt;
    use rotewatch_core::vocabulary::verdict::Kind;

    /// Contains every onset up to an epoch.
    struct UpTo(u32);

    impl OnsetMemory for UpTo {
        fn note(&self, onset: &Onset) -> bool {
            onset.epoch.0 > self.0
        }
    }

    #[test]
    fn an_onset_is_new_once_and_the_memory_of_them_is_bounded() {
        let attempt = Attempt::draw();
        let onset = |epoch| notice(attempt, Kind::Heuristic, epoch).onset();
        let mut told = NotifiedOnsets::default();
        assert!(told.note(&onset(0)));
        assert!(!told.note(&onset(0)));
        assert!(told.note(&notice(Attempt::draw(), Kind::Heuristic, 0).onset()), "another attempt is another onset");
        for epoch in 1..5000 {
            assert!(told.note(&onset(epoch)));
        }
        assert!(!told.note(&onset(4999)));
        assert!(told.note(&onset(0)), "it was forgotten");
    }

    #[test]
    fn what_was_told_before_this_program_began_is_not_new() {
        let mut told = NotifiedOnsets::before(Some(Box::new(UpTo(3))));
        let attempt = Attempt::draw();
        assert!(!told.note(&notice(attempt, Kind::Heuristic, 3).onset()));
        assert!(told.note(&notice(attempt, Kind::Heuristic, 4).onset()));
        assert!(!told.note(&notice(attempt, Kind::Heuristic, 4).onset()), "it was just noted");
    }
}
