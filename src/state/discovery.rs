//! Scrape targets of the processes that share a state folder. Each process writes a file of its own into the folder `targets`,
//! in the format of Prometheus's file discovery, and removes it when it ends.
//!
//! ```yaml
//! scrape_configs:
//!   - job_name: rotewatch
//!     file_sd_configs: [{files: [/var/lib/rotewatch/targets/*.json]}]
//! ```
//!
//! A training takes any free port, so the targets cannot be listed in advance.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state::StateError;

/// The folder within the state folder.
const FOLDER: &str = "targets";

/// The address at which a process is scraped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address.
    pub address: SocketAddr,
    /// Whether it uses TLS.
    pub encrypted: bool,
}

impl Endpoint {
    /// The value of Prometheus's label `__scheme__`.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        if self.encrypted { "https" } else { "http" }
    }

    /// Reads what [`ScrapeTarget::announce`] wrote.
    fn read(text: &str) -> Option<Self> {
        let [group]: [Group; 1] = serde_json::from_str(text).ok()?;
        let [target] = group.targets;
        Some(Endpoint { address: target.parse().ok()?, encrypted: group.labels.scheme == "https" })
    }
}

/// One of the groups that Prometheus's discovery, by file or over HTTP, reads a list of.
#[derive(Debug, Serialize, Deserialize)]
pub struct Group {
    /// Host and port.
    targets: [String; 1],
    /// What the target is labelled with.
    labels: Labels,
}

/// The labels of a group.
#[derive(Debug, Serialize, Deserialize)]
struct Labels {
    #[serde(rename = "__scheme__")]
    scheme: String,
}

impl Group {
    /// The group of an endpoint that is reached as `target`.
    #[must_use]
    pub fn of(target: String, endpoint: Endpoint) -> Self {
        Group { targets: [target], labels: Labels { scheme: endpoint.scheme().to_owned() } }
    }
}

/// This process's entry in the list of targets, until it is dropped.
#[derive(Debug)]
pub struct ScrapeTarget {
    path: PathBuf,
    /// Locked while the process lives. Other processes test the lock to see whether the entry is still valid.
    _lock: File,
}

impl ScrapeTarget {
    /// Adds this process to the list of a state folder, and removes the entries of processes that ended without removing their own.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn announce(state: &Path, endpoint: Endpoint) -> Result<Self, StateError> {
        let folder = state.join(FOLDER);
        let path = folder.join(format!("{}-{}.json", std::process::id(), endpoint.address.port()));
        let written = || -> io::Result<File> {
            fs::create_dir_all(&folder)?;
            for (path, _) in entries(&folder).filter(|(_, lock)| lock.try_lock().is_ok()) {
                // Another process may have removed it first.
                let _ = fs::remove_file(path);
            }
            // Written to another file and renamed while locked, so that a reader never gets half a file or takes it for abandoned.
            let aside = path.with_extension("writing");
            let mut file = File::create(&aside)?;
            file.lock()?;
            serde_json::to_writer(&file, &[Group::of(endpoint.address.to_string(), endpoint)])?;
            writeln!(file)?;
            fs::rename(&aside, &path)?;
            Ok(file)
        };
        match written() {
            Ok(lock) => Ok(ScrapeTarget { path, _lock: lock }),
            Err(reason) => Err(StateError::Folder { path, reason }),
        }
    }
}

impl Drop for ScrapeTarget {
    fn drop(&mut self) {
        // The file may have been removed already.
        let _ = fs::remove_file(&self.path);
    }
}

/// The targets of a state folder whose processes are still alive, in the order of their addresses.
#[must_use]
pub fn targets(state: &Path) -> Vec<Endpoint> {
    let living = entries(&state.join(FOLDER)).filter(|(_, lock)| lock.try_lock().is_err());
    let mut found: Vec<Endpoint> = living.filter_map(|(path, _)| Endpoint::read(&fs::read_to_string(path).ok()?)).collect();
    found.sort_unstable();
    found
}

/// The files of the list; none if there is no list.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, File)> + use<> {
    let paths = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_entry = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    paths.filter(is_entry).filter_map(|path| File::open(&path).ok().map(|file| (path, file)))
}

/// An address at which this machine can reach what listens at `address`.
#[must_use]
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[{\"targets\":[\"127.0.0.1:2\"],\"labels\":{\"__scheme__\":\"http\"}}]\n";

    #[test]
    fn the_list_holds_those_who_live() {
        let state = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(targets(state.path()), []);
        let at = |port| Endpoint { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), encrypted: port % 2 == 1 };
        let one = ScrapeTarget::announce(state.path(), at(2)).expect("the folder is writable");
        let other = ScrapeTarget::announce(state.path(), at(1)).expect("the folder is writable");
        let left_behind = state.path().join("targets/0-3.json");
        fs::write(&left_behind, "[{\"targets\": [\"127.0.0.1:3\"]}]").expect("the folder is writable");
        assert_eq!(targets(state.path()), [at(1), at(2)]);
        assert_eq!(fs::read_to_string(&one.path).expect("the entry"), TWO);
        drop(one);
        assert_eq!(targets(state.path()), [at(1)]);
        let _third = ScrapeTarget::announce(state.path(), at(4)).expect("the folder is writable");
        assert!(!left_behind.exists(), "a new entry removes abandoned ones");
        drop(other);
        assert_eq!(targets(state.path()), [at(4)]);
    }

    #[test]
    fn what_is_served_everywhere_is_reached_here() {
        for (served, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.7:1", "10.0.0.7:1")] {
            let address: SocketAddr = served.parse().expect("an address");
            assert_eq!(reachable(address).to_string(), reached);
        }
    }
}
