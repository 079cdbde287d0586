//! Examples and their labels: rendered digits, MNIST, circles, made-up texts. Every draw comes from a generator of its own ([`seed`]).

mod circles;
pub mod digits;
pub mod idx;
pub mod images;
pub mod seed;
pub mod split;
pub mod task_data;
pub mod tasks;
pub(crate) mod topics;

/// The folder of the real MNIST files; or `None`, after a message that the test is skipped.
///
/// # Panics
/// If tests must not be skipped (`ROTEWATCH_REQUIRE_ALL=1`).
#[cfg(test)]
fn mnist_for_tests(test: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("ROTEWATCH_DATA").map(std::path::PathBuf::from);
    if folder.is_none() {
        let must_run = std::env::var_os("ROTEWATCH_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!must_run, "{test} needs MNIST: set ROTEWATCH_DATA to its folder");
        eprintln!("SKIPPED {test}: ROTEWATCH_DATA is not set to the folder with MNIST's files");
    }
    folder
}
