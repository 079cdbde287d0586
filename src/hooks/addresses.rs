//! Which addresses a webhook may connect to. The check applies to the resolved addresses, not to the name.
//!
//! The connection is made to exactly the addresses that were checked, so a name that resolves differently a moment later
//! changes nothing. Loopback and private addresses are allowed, since receivers often run there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Addresses outside of the link-local ranges at which cloud providers serve credentials.
/// Source: the documentation of Azure (wire server), Alibaba Cloud, AWS (IPv6) and Google Cloud (IPv6).
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// A name resolves only to addresses that hooks may not connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("hooks may not connect to {address}: {reason}")]
pub(super) struct OutOfBounds {
    address: IpAddr,
    reason: &'static str,
}

/// Whether a hook may connect to this address.
pub(super) fn check(address: IpAddr, allow_link_local: bool) -> Result<(), OutOfBounds> {
    let refused = |reason| Err(OutOfBounds { address, reason });
    if is_nobodys(address) {
        return refused("not the address of a single machine");
    }
    if !allow_link_local && is_link_local_or_metadata(address) {
        return refused("link-local and metadata addresses need `allow_link_local: true`");
    }
    Ok(())
}

fn is_nobodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_nobodys(IpAddr::V4(v4)),
            None => v6.is_unspecified() || v6.is_multicast(),
        },
    }
}

fn is_link_local_or_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_link_local_or_metadata(IpAddr::V4(v4)),
            None => v6.is_unicast_link_local() || METADATA_V6.contains(&v6),
        },
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), translated (RFC 6052), or tunnelled (RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => v6.to_ipv4_mapped(),
    }
}

/// Resolves names as the system does, and keeps only the allowed addresses.
#[derive(Debug)]
pub(super) struct BoundedResolver {
    pub(super) allow_link_local: bool,
}

impl Resolver for BoundedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let checked = |address: &SocketAddr| (*address, check(address.ip(), self.allow_link_local));
        let mut allowed = self.empty();
        let mut refused = None;
        for (address, verdict) in found.iter().map(checked) {
            match verdict {
                Ok(()) => allowed.push(address),
                Err(reason) => refused = Some(reason),
            }
        }
        match refused {
            Some(reason) if allowed.is_empty() => Err(ureq::Error::Other(Box::new(reason))),
            _ => Ok(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_may_live_anywhere_but_where_credentials_are_handed_out() {
        let allowed =
            ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "8.8.8.8", "::1", "fd00::1", "2001:db8::1"];
        for address in allowed {
            assert_eq!(check(address.parse().expect("an address"), false), Ok(()), "{address}");
        }
        let link_local = [
            "169.254.169.254",
            "169.254.0.1",
            "168.63.129.16",
            "100.100.100.200",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ];
        for address in link_local {
            let address: IpAddr = address.parse().expect("an address");
            assert!(check(address, false).is_err(), "{address}");
            assert_eq!(check(address, true), Ok(()), "{address}");
        }
        for address in ["0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(check(address.parse().expect("an address"), true).is_err(), "{address}");
        }
    }
}
