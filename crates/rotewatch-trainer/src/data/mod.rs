//! The examples that the built-in trainer learns, with their labels and what is wrong with them.

mod circles;
pub mod digits;
pub mod idx;
pub mod images;
pub mod seed;
pub mod split;
pub mod task_data;
pub mod tasks;
pub(crate) mod topics;

/// The folder of the real MNIST files, or `None` after saying aloud that a test skips.
///
/// # Panics
/// Where a test may not skip (`ROTEWATCH_REQUIRE_ALL=1`).
#[cfg(test)]
fn mnist_for_tests(test: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("ROTEWATCH_DATA").map(std::path::PathBuf::from);
    if folder.is_none() {
        let must_run = std::env::var_os("ROTEWATCH_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!must_run, "{test} needs MNIST: set ROTEWATCH_DATA to its folder");
        eprintln!("SKIPPED {test}: ROTEWATCH_DATA names no folder with MNIST's files");
    }
    folder
}
