//! The monitor's side of the channel: from rows to a published report.

pub mod live_runs;
mod params;
pub mod report;
pub mod retirement;
pub mod rows;
mod run_state;
mod sink;
mod thread;
pub mod window;

pub use params::MonitorParams;
pub use run_state::EPOCHS_KEPT;
pub use sink::{MeasuredEpoch, Sink, Subscriber, Unkept};
pub use thread::MonitorThread;
