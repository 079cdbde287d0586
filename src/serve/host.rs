//! Checks that the `Host` header of a request names this machine.
//!
//! A page of another site can make a browser send requests here under a domain name that its owner points at 127.0.0.1 (DNS
//! rebinding). Such a name is not in the list, so the request is refused before it reaches a route.

use std::net::IpAddr;

/// IP literals, `localhost`, the machine's own name, and the names that the configuration adds.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    names: Vec<String>,
}

impl AllowedHosts {
    /// Allows the machine's own name and the `added` ones.
    #[must_use]
    pub fn new(added: &[String]) -> Self {
        let own = hostname::get().ok().and_then(|name| name.into_string().ok());
        let names =
            added.iter().cloned().chain(own).chain(["localhost".to_owned()]).map(|name| name.to_ascii_lowercase()).collect();
        AllowedHosts { names }
    }

    /// Returns whether a `Host` header names this machine.
    #[must_use]
    pub fn allows(&self, header: &str) -> bool {
        let host = without_port(header);
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        literal.parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }
}

/// Returns the name in a `Host` header.
pub(super) fn without_port(header: &str) -> &str {
    match header.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) => host,
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_allowed() {
        let hosts = AllowedHosts::new(&["Train.example".to_owned()]);
        for good in [
            "127.0.0.1",
            "127.0.0.1:19787",
            "[::1]:80",
            "[::1]",
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "train.example:19787",
            "10.0.0.7",
        ] {
            assert!(hosts.allows(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:19787",
            "[::1",
            "user@localhost",
        ] {
            assert!(!hosts.allows(bad), "{bad}");
        }
    }
}
