//! The gate's counts, one step after the other. `tests/interleavings` tries every order of threads.

use std::time::Duration;

use rotewatch_core::intake::gate::{Capacity, DropReason, Gate};
use rotewatch_core::vocabulary::choices::OnFull;

fn dropped(gate: &Gate, reason: DropReason) -> u64 {
    gate.counts().dropped[reason as usize]
}

fn assert_conserved(gate: &Gate) {
    let counts = gate.counts();
    assert_eq!(counts.offered, counts.measured + counts.dropped.iter().sum::<u64>() + counts.queued, "{counts:?}");
}

#[test]
fn every_reason_has_its_own_counter() {
    for (place, reason) in DropReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, place);
    }
}

#[test]
fn a_full_gate_drops_at_once_and_counts_it() {
    let gate = Gate::new(Capacity { frames: 2, bytes: 100 });
    let first = gate.admit(OnFull::Drop).expect("room for the first");
    let second = gate.admit(OnFull::Drop).expect("room for the second");
    assert_eq!(gate.admit(OnFull::Drop).err(), Some(DropReason::ChannelFull));
    assert_conserved(&gate);
    first.measured(10);
    drop(second);
    assert_conserved(&gate);
    assert_eq!(gate.counts().queued, 0);
    assert_eq!(gate.counts().rows_received, 10);
    assert_eq!(dropped(&gate, DropReason::Abandoned), 1);
    assert_eq!(gate.counts().tap_wait, Duration::ZERO);
}

#[test]
fn bytes_are_bounded_apart_from_frames_and_come_back() {
    let gate = Gate::new(Capacity { frames: 4, bytes: 100 });
    let mut large = gate.admit(OnFull::Drop).expect("a place");
    large.claim_bytes(90).expect("room for 90 bytes");
    let mut small = gate.admit(OnFull::Drop).expect("a place");
    assert_eq!(small.claim_bytes(11), Err(DropReason::ByteBudget));
    small.dropped(DropReason::ByteBudget);
    large.measured(1);
    let mut next = gate.admit(OnFull::Wait).expect("a place");
    assert_eq!(next.claim_bytes(u64::MAX), Err(DropReason::ByteBudget), "a sum that overflows does not fit");
    next.claim_bytes(100).expect("all bytes are free again");
    assert_eq!(dropped(&gate, DropReason::ByteBudget), 1);
}

#[test]
fn a_waiting_tap_gets_the_next_free_place_and_its_waiting_is_counted() {
    let gate = Gate::new(Capacity { frames: 1, bytes: 100 });
    let occupant = gate.admit(OnFull::Wait).expect("a place");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| gate.admit(OnFull::Wait).map(|permit| permit.measured(1)));
        while gate.counts().offered < 2 {
            std::thread::yield_now();
        }
        occupant.measured(1);
        waiting.join().expect("the waiting thread ends").expect("it got the place");
    });
    assert_eq!(gate.counts().measured, 2);
    assert_conserved(&gate);
}

#[test]
fn closing_the_gate_sends_the_waiting_away() {
    let gate = Gate::new(Capacity { frames: 1, bytes: 100 });
    let _occupant = gate.admit(OnFull::Wait).expect("a place");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| gate.admit(OnFull::Wait).err());
        while gate.counts().offered < 2 {
            std::thread::yield_now();
        }
        gate.close();
        assert_eq!(waiting.join().expect("the waiting thread ends"), Some(DropReason::MonitorGone));
    });
    assert_conserved(&gate);
}
