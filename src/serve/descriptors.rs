//! Limits how many file descriptors connections may use, so that the daemon always has some for its own files.

use rustix::process::{Resource, getrlimit};

/// Reserved for the daemon: its database, locks, hook programs with their pipes, webhook connections, reloads.
const OWN: usize = 64;

/// Returns the configured number of connections, or fewer if the process's limit leaves less beside the daemon's own files and a
/// lock for each run.
#[must_use]
pub fn connections_within_limit(asked: usize, runs: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return asked };
    let most = most_of(usize::try_from(limit).unwrap_or(usize::MAX), runs);
    if most < asked {
        tracing::warn!(
            "limits.connections is {asked}, but only {most} connections are accepted: the process may open {limit} file \
             descriptors, and the daemon needs the others; raise `ulimit -n`"
        );
    }
    asked.min(most)
}

/// At least half of the descriptors: if there are too few for the daemon's needs, the daemon and its clients get half each.
fn most_of(limit: usize, runs: usize) -> usize {
    limit.saturating_sub(OWN.saturating_add(runs)).max(limit / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::most_of;

    #[test]
    fn the_daemons_own_files_come_first() {
        for (limit, runs, most) in [(1024, 64, 896), (1 << 20, 64, (1 << 20) - 128), (200, 64, 100), (64, 64, 32), (1, 1, 1)] {
            assert_eq!(most_of(limit, runs), most, "{limit} descriptors, {runs} runs");
        }
        assert_eq!(most_of(usize::MAX, usize::MAX), usize::MAX / 2);
    }
}
