//! Every lost frame is counted: offered = measured + dropped{reason} + queued, exactly, and a trainer waits only if it is configured to.

use std::time::Duration;

use crossbeam_channel::bounded;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::gate::{Capacity, DropReason};
use rotewatch_core::intake::run::Run;
use rotewatch_core::intake::tap::Intake;
use rotewatch_core::vocabulary::choices::OnFull;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::RowSet;
use rotewatch_core::vocabulary::units::Epoch;

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::monitored::{assert_conserved, config, dropped, monitor, scrape, slow};
use crate::support::until::{DEADLINE, until};

const ROWS: usize = 2048;
const WIDE: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn a_tap_that_may_wait_loses_nothing_and_its_waiting_is_counted() {
    let monitor = monitor(slow(OnFull::Wait));
    let tap = monitor.declare(declaration("patient", &WIDE)).expect("the name is free");
    let layers = [layer(ROWS, 256, 1.0), layer(ROWS, 256, 2.0), layer(ROWS, 256, 3.0), layer(ROWS, 256, 4.0)];
    let watch = Stopwatch::start();
    let mut epoch = 0;
    while monitor.flow().tap_wait.is_zero() || epoch < 2 {
        epoch += 1;
        for _ in 0..5 {
            assert!(send(&tap, epoch, ROWS, &layers), "the tap waits until there is space");
        }
        tap.end_epoch(Epoch(epoch), EpochMetrics::default());
        assert!(watch.elapsed() < DEADLINE, "five frames never filled a channel of two");
    }
    until("an empty channel", || (monitor.flow().queued == 0).then_some(()));
    let counts = monitor.flow();
    assert_conserved(&counts);
    assert_eq!((counts.offered, counts.measured, counts.queued), (5 * u64::from(epoch), 5 * u64::from(epoch), 0));
    let seen = scrape(&monitor);
    assert!(seen.value("tap_wait_seconds_total") > 0.0);
    assert_eq!(seen.sum("frames_dropped_total"), 0.0);
}

#[test]
fn a_frame_that_holds_a_place_counts_as_queued_and_an_abandoned_one_as_dropped() {
    let monitor = monitor(config());
    let tap = monitor.declare(declaration("abandons", &["a"])).expect("the name is free");
    let begun = tap.offer(Epoch(1), RowSet::Unseen, 100).expect("the channel is empty");
    assert_eq!(monitor.flow().queued, 1);
    assert_conserved(&monitor.flow());
    drop(begun);
    let counts = monitor.flow();
    assert_eq!((counts.queued, dropped(&counts, DropReason::Abandoned)), (0, 1));
    assert_conserved(&counts);
}

#[test]
fn a_frame_beyond_the_byte_budget_is_dropped_even_by_a_tap_that_may_wait() {
    for on_full in [OnFull::Drop, OnFull::Wait] {
        let mut config = config();
        config.sampling.on_full = Some(on_full);
        config.limits.channel_bytes = 1 << 20;
        let monitor = monitor(config);
        let tap = monitor.declare(declaration("large", &["a"])).expect("the name is free");
        assert!(!send(&tap, 1, 4096, &[layer(4096, 65, 1.0)]), "1.02 MiB does not fit into 1 MiB");
        assert!(send(&tap, 1, 4096, &[layer(4096, 64, 1.0)]), "1 MiB does");
        judged(&tap, 1);
        let counts = monitor.flow();
        assert_eq!((dropped(&counts, DropReason::ByteBudget), counts.measured), (1, 1));
        assert_conserved(&counts);
    }
}

#[test]
fn a_frame_that_comes_after_its_epoch_was_reported_is_dropped_as_late() {
    let monitor = monitor(config());
    let tap = monitor.declare(declaration("late", &["a"])).expect("the name is free");
    let layers = [layer(100, 8, 3.0)];
    assert!(send(&tap, 1, 100, &layers));
    judged(&tap, 1);
    assert!(send(&tap, 1, 100, &layers), "there is space, so the tap accepts the frame");
    assert!(send(&tap, 2, 100, &layers));
    judged(&tap, 2);
    let counts = monitor.flow();
    assert_eq!((counts.measured, dropped(&counts, DropReason::Late)), (2, 1));
    assert_conserved(&counts);
}

#[test]
fn a_frame_without_a_usable_layer_is_rejected_and_one_with_another_goes_on() {
    let monitor = monitor(config());
    let tap = monitor.declare(declaration("widths", &["a", "b"])).expect("the name is free");
    assert!(send(&tap, 1, 100, &[layer(100, 8, 3.0), layer(100, 8, 3.0)]));
    assert!(send(&tap, 1, 100, &[layer(100, 8, 3.0), layer(100, 9, 3.0)]));
    assert!(send(&tap, 1, 100, &[layer(100, 9, 3.0), layer(100, 9, 3.0)]));
    judged(&tap, 1);
    let counts = monitor.flow();
    assert_eq!((counts.measured, dropped(&counts, DropReason::Rejected)), (2, 1));
    assert_conserved(&counts);
}

#[test]
fn the_end_of_an_epoch_that_got_lost_is_inferred_from_the_next_frame() {
    let (subscriber, reports) = bounded(16);
    let setup = Setup { config: config(), subscribers: vec![subscriber], ..Setup::default() };
    let monitor = Monitor::set_up(setup).expect("the monitor starts");
    let tap = monitor.declare(declaration("silent", &["a"])).expect("the name is free");
    assert!(send(&tap, 1, 100, &[layer(100, 8, 3.0)]));
    assert!(send(&tap, 2, 100, &[layer(100, 8, 3.0)]));
    judged(&tap, 2);
    assert!(send(&tap, 3, 100, &[layer(100, 8, 3.0)]));
    drop(tap);
    let third = until("the report on an epoch that only the run's end has ended", || {
        reports.iter().map(|of| of.report).find(|of| of.epoch.0 == 3)
    });
    assert!(third.end_inferred);
    drop(monitor);
}

#[test]
fn an_inferred_end_is_marked_and_its_coverage_left_open() {
    let (subscriber, reports) = bounded(16);
    let setup = Setup { config: config(), subscribers: vec![subscriber], ..Setup::default() };
    let monitor = Monitor::set_up(setup).expect("the monitor starts");
    let tap = monitor.declare(declaration("marked", &["a"])).expect("the name is free");
    assert!(send(&tap, 1, 100, &[layer(100, 8, 3.0)]));
    assert!(send(&tap, 2, 100, &[layer(100, 8, 3.0)]));
    judged(&tap, 2);
    let told: Vec<_> =
        reports.try_iter().map(|of| of.report).map(|report| (report.epoch.0, report.end_inferred, report.coverage)).collect();
    assert_eq!(told, [(1, true, None), (2, false, Some(1.0))]);
}

#[test]
fn ends_of_epochs_never_wait_for_a_monitor_that_reads_nothing() {
    let (intake, events) = Intake::new(Capacity { frames: 2, bytes: 1 << 20 }, 1);
    let tap = intake.open(Run::new(declaration("unread", &["a"])), OnFull::Drop);
    for epoch in 1..=100 {
        tap.end_epoch(Epoch(epoch), EpochMetrics::default());
    }
    let announcement_and_ends = 1 + 3;
    assert_eq!(events.len(), announcement_and_ends, "one end for every frame and one more are kept, the others are left out");
}

#[test]
fn taps_of_several_runs_share_one_channel_and_every_frame_is_accounted_for() {
    let mut config = config();
    config.limits.channel_frames = 3;
    config.measures.threads = 2;
    let monitor = monitor(config);
    let frames_each = 200;
    std::thread::scope(|scope| {
        for run in ["one", "two", "three", "four"] {
            let tap = monitor.declare(declaration(run, &["a"])).expect("the name is free");
            scope.spawn(move || {
                let layers = [layer(64, 16, 2.0)];
                for frame in 0..frames_each {
                    send(&tap, frame / 10, 64, &layers);
                    if frame % 10 == 9 {
                        tap.end_epoch(Epoch(frame / 10), EpochMetrics::default());
                    }
                }
            });
        }
    });
    until("an empty channel", || (monitor.flow().queued == 0).then_some(()));
    let counts = until("counts at rest", || {
        let counts = monitor.flow();
        (counts.offered == counts.measured + counts.dropped.iter().sum::<u64>()).then_some(counts)
    });
    assert_eq!(counts.offered, 4 * u64::from(frames_each));
    assert_eq!(counts.tap_wait, Duration::ZERO);
    until("the end of all runs", || (scrape(&monitor).sum("run_active") == 0.0).then_some(()));
}

#[test]
fn a_tap_that_outlives_its_monitor_is_sent_away_at_once() {
    for on_full in [OnFull::Drop, OnFull::Wait] {
        let monitor = monitor(slow(on_full));
        let tap = monitor.declare(declaration("survivor", &["a"])).expect("the name is free");
        assert!(send(&tap, 1, 100, &[layer(100, 8, 3.0)]));
        assert_eq!(monitor.close(), Vec::<&str>::new(), "every thread ended in time");
        assert!(!send(&tap, 2, 100, &[layer(100, 8, 3.0)]));
        tap.end_epoch_and_await(Epoch(2), EpochMetrics::default(), DEADLINE);
        assert_eq!(tap.run().newest_verdict().epoch, Some(Epoch(1)), "queued frames are measured before the end");
    }
}
