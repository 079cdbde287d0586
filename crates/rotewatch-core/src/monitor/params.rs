//! What the monitor is told when it starts.

use std::sync::Arc;

use super::retirement::RetirementParams;
use super::window::WindowParams;
use crate::detect::Reference;
use rotewatch_info::measures::MeasureParams;

/// The monitor's fixed settings.
#[derive(Clone, Debug)]
pub struct MonitorParams {
    /// The rows that an epoch's measures are computed from.
    pub window: WindowParams,
    /// How the measures are computed.
    pub measures: MeasureParams,
    /// Number of reports in a rolling mean.
    pub rolling: usize,
    /// The baseline that every run is compared with, if any.
    pub reference: Option<Arc<Reference>>,
    /// When a run is removed from the live runs.
    pub retirement: RetirementParams,
}
