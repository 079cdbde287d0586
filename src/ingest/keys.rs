//! Which frames of a run were received: sending one again, after an answer that got lost, must not count it twice.

use twox_hash::XxHash3_128;

use crate::newest::Newest;
use crate::units::Epoch;

/// The newest frames, which are remembered: a repetition comes soon or not at all.
const FRAMES_REMEMBERED: usize = 4096;

/// A frame's place in its run: its epoch, and its number within that.
pub type FrameKey = (Epoch, u64);

/// What tells the bytes of two frames apart: 128 bits, of which two frames share none by chance. Not made to withstand
/// somebody who looks for two such frames; whoever may send frames can do no harm with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// The digest of a frame's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Digest(XxHash3_128::oneshot(bytes))
    }
}

/// The newest frames of one attempt.
#[derive(Debug, Default)]
pub struct ReceivedKeys {
    queued: Newest<FRAMES_REMEMBERED, FrameKey, Digest>,
    refused: Newest<FRAMES_REMEMBERED, FrameKey>,
}

impl ReceivedKeys {
    /// The digest of the frame that was queued under a key.
    #[must_use]
    pub fn queued(&self, key: FrameKey) -> Option<Digest> {
        self.queued.get(&key).copied()
    }

    /// Remembers a frame that was queued.
    pub fn remember(&mut self, key: FrameKey, digest: Digest) {
        self.refused.forget(&key);
        self.queued.note(key, digest);
    }

    /// Remembers a frame for which there was no room. Whether it was remembered as such before.
    pub fn was_refused(&mut self, key: FrameKey) -> bool {
        !self.refused.note(key, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frames_are_remembered_and_no_more_than_that() {
        let mut keys = ReceivedKeys::default();
        let frames = FRAMES_REMEMBERED as u64 + 1;
        for seq in 0..frames {
            keys.remember((Epoch(1), seq), Digest::of(&seq.to_le_bytes()));
        }
        assert_eq!(keys.queued((Epoch(1), 0)), None);
        assert_eq!(keys.queued((Epoch(1), 1)), Some(Digest::of(&1_u64.to_le_bytes())));
        assert_ne!(keys.queued((Epoch(1), 1)), keys.queued((Epoch(1), 2)));
    }

    #[test]
    fn a_frame_that_was_refused_is_known_until_it_is_queued() {
        let mut keys = ReceivedKeys::default();
        let key = (Epoch(1), 0);
        assert!(!keys.was_refused(key));
        assert!(keys.was_refused(key));
        keys.remember(key, Digest::of(b""));
        assert!(!keys.was_refused(key));
    }
}
