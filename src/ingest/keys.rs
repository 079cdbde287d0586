//! Remembers which frames of a run were received, so that a frame that is sent again after a lost answer is not counted twice.

use twox_hash::XxHash3_128;

use rotewatch_core::vocabulary::newest::Newest;
use rotewatch_core::vocabulary::rows::RowSet;
use rotewatch_core::vocabulary::units::Epoch;

/// Number of newest frames that are remembered. A client resends a frame soon or not at all.
const FRAMES_REMEMBERED: usize = 4096;

/// Identifies a frame within its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameKey {
    /// Its epoch.
    pub epoch: Epoch,
    /// The set that its rows belong to.
    pub set: RowSet,
    /// Its number within the set's rows of the epoch.
    pub seq: u64,
}

/// A 128-bit digest that identifies the bytes of a frame; an accidental collision is practically impossible. It is not
/// cryptographic: a client could construct two frames with the same digest, but could do no harm with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(u128);

impl Digest {
    /// Computes the digest of a frame's bytes.
    #[must_use]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Digest(XxHash3_128::oneshot(bytes))
    }
}

/// The newest frames of one attempt.
#[derive(Debug, Default)]
pub(super) struct ReceivedKeys {
    queued: Newest<FRAMES_REMEMBERED, FrameKey, Digest>,
    refused: Newest<FRAMES_REMEMBERED, FrameKey>,
}

impl ReceivedKeys {
    /// Returns the digest of the frame that was queued under a key.
    #[must_use]
    pub(super) fn queued(&self, key: FrameKey) -> Option<Digest> {
        self.queued.get(&key).copied()
    }

    /// Remembers a frame that was queued.
    pub(super) fn remember(&mut self, key: FrameKey, digest: Digest) {
        self.refused.forget(&key);
        self.queued.note(key, digest);
    }

    /// Remembers a frame for which there was no room. Returns whether it was already remembered as such.
    pub(super) fn was_refused(&mut self, key: FrameKey) -> bool {
        !self.refused.note(key, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seq: u64) -> FrameKey {
        FrameKey { epoch: Epoch(1), set: RowSet::Unseen, seq }
    }

    #[test]
    fn the_newest_frames_are_remembered_and_no_more_than_that() {
        let mut keys = ReceivedKeys::default();
        let frames = FRAMES_REMEMBERED as u64 + 1;
        for seq in 0..frames {
            keys.remember(key(seq), Digest::of(&seq.to_le_bytes()));
        }
        assert_eq!(keys.queued(key(0)), None);
        assert_eq!(keys.queued(key(1)), Some(Digest::of(&1_u64.to_le_bytes())));
        assert_ne!(keys.queued(key(1)), keys.queued(key(2)));
    }

    #[test]
    fn a_frame_that_was_refused_is_known_until_it_is_queued() {
        let mut keys = ReceivedKeys::default();
        let key = key(0);
        assert!(!keys.was_refused(key));
        assert!(keys.was_refused(key));
        assert!(!keys.was_refused(FrameKey { set: RowSet::Seen, ..key }), "the sets count their frames apart");
        keys.remember(key, Digest::of(b""));
        assert!(!keys.was_refused(key));
    }
}
