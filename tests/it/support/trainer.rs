//! The built-in trainer, which is a package of its own: `cargo test --workspace` builds it, `cargo test` alone does not.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::need::or_skip;

/// Whether the trainer is there, beside `rotewatch`, and as new as the sources. Skips aloud where it is not.
pub(crate) fn or_skip_without() -> bool {
    let trainer = Path::new(env!("CARGO_BIN_EXE_rotewatch")).with_file_name("rotewatch-trainer");
    let fresh = modified(&trainer).filter(|built| *built >= newest_source());
    or_skip(fresh, "rotewatch-trainer is missing or older than its sources (cargo test --workspace builds it)").is_some()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

/// When a source file of the workspace was last changed.
fn newest_source() -> SystemTime {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src")];
    let crates = root.join("crates").read_dir().expect("the crates are there");
    folders.extend(crates.map(|entry| entry.expect("the crates are readable").path().join("src")));
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(modified(&path).expect("the sources are readable"));
            }
        }
    }
    newest
}
