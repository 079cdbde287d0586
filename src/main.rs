//! `rotewatch`: the daemon and its commands. It calls nothing of libtorch; `train` hands over to `rotewatch-trainer`.

use clap::Parser;
use rotewatch::cli::{self, Cli, exit::Exit};

fn main() -> Exit {
    #[cfg(target_env = "gnu")]
    keep_one_heap();
    cli::run(Cli::parse())
}

/// Bodies and frames are made by one thread and freed by another. The C library would give each thread a heap of its own, and what one
/// heap keeps for itself no other can use: resident memory grew for as long as anybody looked (`benches/record/load.md`).
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library's settings have no other door")]
fn keep_one_heap() {
    // SAFETY: it takes two numbers and touches the allocator's own settings alone; no other thread runs yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}
