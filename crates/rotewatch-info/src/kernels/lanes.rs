//! The sizes and the one type that all variants share.

/// The bin of a value that is infinite or NaN.
pub const MASKED: u16 = u16::MAX;

/// Pairs that are counted side by side: one left neuron against this many right ones.
pub const LANES: usize = 8;

/// Eight 64-bit numbers, one for each right neuron of a panel, aligned as the widest load wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes(pub [u64; LANES]);

/// The most neighbours that [`Kernel::kth_distance`] keeps.
pub const NEIGHBOURS_LIMIT: usize = 10;
