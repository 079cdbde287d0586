//! `GET sd`: Prometheus's HTTP service discovery. The asker is told of this process under the name that it asked for, and of the
//! others that share the state folder as far as it can reach them.

use std::net::IpAddr;

use hyper::StatusCode;
use serde_json::json;

use super::Site;
use super::answer::{Answer, json};
use super::host::without_port;
use crate::discovery::{self, Group};

/// Answers; reads a folder, so not on the thread that serves. `host` is the request's.
pub(super) fn answer(site: &Site, host: &str) -> Answer {
    let others = site.state.as_deref().map(discovery::targets).unwrap_or_default().into_iter();
    let others = others.filter(|other| other.address != site.endpoint.address && is_reached(other.address.ip(), host));
    let others = others.map(|other| Group::of(other.address.to_string(), other));
    let groups: Vec<Group> = std::iter::once(Group::of(host.to_owned(), site.endpoint)).chain(others).collect();
    json(StatusCode::OK, &json!(groups))
}

/// Whether who asks for `host` reaches what is served at `ip`: loopback is another machine's elsewhere.
fn is_reached(ip: IpAddr, host: &str) -> bool {
    let name = without_port(host).trim_matches(['[', ']']);
    let is_here = name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_here || !ip.is_loopback()
}
