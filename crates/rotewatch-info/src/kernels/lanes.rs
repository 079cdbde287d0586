//! The sizes and the one type that all variants share.

/// The bin of a value that is infinite or NaN.
pub const MASKED: u16 = u16::MAX;

/// Number of right neurons that are counted side by side with one left neuron.
pub const LANES: usize = 8;

/// Eight 64-bit numbers, one per right neuron of a panel, aligned for the widest load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes(pub [u64; LANES]);

/// Maximum number of neighbours that `Kernel::kth_distance` keeps.
pub const NEIGHBOURS_LIMIT: usize = 10;
