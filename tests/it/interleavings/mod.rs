//! The gate under the orders in which its threads may run and see each other's writes: a model of the memory stands in the place of
//! `intake/sync.rs`, and the gate is the program's own file.

#[path = "../../../crates/rotewatch-core/src/intake/gate.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unfulfilled_lint_expectations,
    reason = "what is not used here is used there, as are the lints of the library"
)]
mod gate;
mod sync;

use std::sync::Arc;

use gate::{Capacity, DropReason, FlowCounts, Gate, Permit};
use loom::sync::Mutex;
use loom::thread;
use rotewatch_core::vocabulary::choices::OnFull;

/// Every order in which a thread is interrupted at most three times, which is where faults of such size show; all of them are too many for
/// three threads.
fn try_orders(test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

fn settled(counts: &FlowCounts) -> u64 {
    counts.measured + counts.dropped.iter().sum::<u64>()
}

fn assert_at_rest(gate: &Gate, offered: u64) {
    let counts = gate.counts();
    assert_eq!((counts.offered, counts.queued), (offered, 0), "{counts:?}");
    assert_eq!(settled(&counts), offered, "{counts:?}");
}

/// A frame of so many bytes: measured if it is let in, else dropped with the reason.
fn offer(gate: &Arc<Gate>, on_full: OnFull, bytes: u64) -> Result<(), DropReason> {
    let mut permit = gate.admit(on_full)?;
    let claimed = permit.claim_bytes(bytes);
    match claimed {
        Ok(()) => permit.measured(1),
        Err(reason) => permit.dropped(reason),
    }
    claimed
}

#[test]
fn whoever_reads_the_counts_meanwhile_never_sees_more_frames_than_were_offered() {
    try_orders(|| {
        let gate = Gate::new(Capacity { frames: 1, bytes: 100 });
        let trainers = [(); 2].map(|()| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || offer(&gate, OnFull::Drop, 60))
        });
        let counts = gate.counts();
        assert!(settled(&counts) + counts.queued <= counts.offered, "{counts:?}");
        let outcomes = trainers.map(|trainer| trainer.join().expect("it ends"));
        assert!(outcomes.iter().any(Result::is_ok), "one of two had room");
        assert_at_rest(&gate, 2);
    });
}

#[test]
fn no_more_is_queued_than_may_be() {
    try_orders(|| {
        let gate = Gate::new(Capacity { frames: 2, bytes: 100 });
        // What lies in the channel, as the monitor would find it.
        let queued: Arc<Mutex<Vec<Permit>>> = Arc::default();
        let trainers = [(); 2].map(|()| {
            let (gate, queued) = (Arc::clone(&gate), Arc::clone(&queued));
            thread::spawn(move || {
                let mut permit = gate.admit(OnFull::Drop).expect("both have a place");
                match permit.claim_bytes(60) {
                    Ok(()) => queued.lock().expect("nobody panics").push(permit),
                    Err(reason) => permit.dropped(reason),
                }
            })
        });
        for trainer in trainers {
            trainer.join().expect("it ends");
        }
        let permits = std::mem::take(&mut *queued.lock().expect("nobody panics"));
        assert_eq!(permits.len(), 1, "60 bytes twice are more than 100, and once are less");
        for permit in permits {
            permit.measured(1);
        }
        assert_at_rest(&gate, 2);
        assert_eq!(gate.counts().dropped[DropReason::ByteBudget as usize], 1);
        offer(&gate, OnFull::Drop, 100).expect("all bytes came back");
    });
}

#[test]
fn who_waits_for_a_place_is_woken_by_the_one_that_becomes_free() {
    try_orders(|| {
        let gate = Gate::new(Capacity { frames: 1, bytes: 100 });
        let occupant = gate.admit(OnFull::Drop).expect("it is empty");
        let waiting = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || offer(&gate, OnFull::Wait, 100))
        };
        occupant.measured(1);
        waiting.join().expect("it ends").expect("a place became free");
        assert_at_rest(&gate, 2);
    });
}

#[test]
fn who_waits_when_the_monitor_ends_is_sent_away_and_what_lay_in_the_channel_is_counted() {
    try_orders(|| {
        let gate = Gate::new(Capacity { frames: 1, bytes: 100 });
        let occupant = gate.admit(OnFull::Drop).expect("it is empty");
        let waiting = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || offer(&gate, OnFull::Wait, 1))
        };
        gate.close();
        // The channel's receiver is gone: what lies in it is dropped as it is.
        drop(occupant);
        let _ = waiting.join().expect("it ends");
        assert_at_rest(&gate, 2);
        assert_eq!(gate.admit(OnFull::Wait).err(), Some(DropReason::MonitorGone));
    });
}
