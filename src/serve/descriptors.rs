//! How many file descriptors connections may take, so that the daemon's own files always find one.

use rustix::process::{Resource, getrlimit};

/// For the daemon's own: its database, its locks, the programs of hooks with their pipes, connections to webhooks, reloads.
const OWN: usize = 64;

/// So many connections as were asked for, or as many as the process's limit leaves beside its own files and a lock for each run.
#[must_use]
pub fn connections_within_limit(asked: usize, runs: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return asked };
    let most = most_of(usize::try_from(limit).unwrap_or(usize::MAX), runs);
    if most < asked {
        tracing::warn!(
            "limits.connections is {asked}, and with {limit} file descriptors (`ulimit -n`) it is {most}: the rest is for the \
             daemon's own files"
        );
    }
    asked.min(most)
}

/// Half of the descriptors at least: where there are fewer than the daemon may need, it and its clients share what there is.
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
