//! `GET sd`: Prometheus's HTTP service discovery. Lists this process under the host name of the request, and the other processes
//! that share the state folder and can be reached from the client.

use std::net::IpAddr;

use hyper::StatusCode;
use serde_json::json;

use super::Site;
use super::answer::{Answer, json};
use super::host::without_port;
use crate::state::discovery::{self, Group};

/// Answers. Reads a folder, so it must not run on the server's thread. `host` is the request's `Host`.
pub(super) fn answer(site: &Site, host: &str) -> Answer {
    let others = site.state.as_deref().map(discovery::targets).unwrap_or_default().into_iter();
    let others = others.filter(|other| other.address != site.endpoint.address && is_reached(other.address.ip(), host));
    let others = others.map(|other| Group::of(other.address.to_string(), other));
    let groups: Vec<Group> = std::iter::once(Group::of(host.to_owned(), site.endpoint)).chain(others).collect();
    json(StatusCode::OK, &json!(groups))
}

/// Returns whether a client that asks for `host` can reach `ip`. A loopback address can be reached only from this machine.
fn is_reached(ip: IpAddr, host: &str) -> bool {
    let name = without_port(host).trim_matches(['[', ']']);
    let is_here = name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_here || !ip.is_loopback()
}
