//! `rotewatch`: the daemon and its commands. It does not use libtorch; `train` runs `rotewatch-trainer`.

use clap::Parser;
use rotewatch::cli::{self, Cli, exit::Exit};

fn main() -> Exit {
    #[cfg(target_env = "gnu")]
    keep_one_heap();
    cli::run(Cli::parse())
}

/// Bodies and frames are allocated by one thread and freed by another. By default the C library gives each thread its own heap, and
/// memory that one heap keeps cannot be used by another: resident memory grew without a visible end (`benches/record/load.md`).
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library's settings can be reached in no other way")]
fn keep_one_heap() {
    // SAFETY: it takes two numbers and changes only the allocator's settings; no other thread runs yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}
