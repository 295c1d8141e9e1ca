//! Whose request it is: the socket's address, or what a configured proxy says (threat H5).

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

use crate::config::Network;

/// The header proxies append to. `Forwarded` (RFC 7239) is not read: one header, one truth.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Entries of the header that are looked at; a longer chain of proxies is nobody's setup.
const HOPS_MAX: usize = 16;

/// The address used for limits and audit; present in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of the request's origin. The header counts only if `peer` is a trusted proxy, read from its end, and
    /// only up to the first address that is no trusted proxy: everything before it is the client's own invention.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = peer.to_canonical();
        let is_trusted = |address: IpAddr| trusted.iter().any(|block| block.contains(address));
        if !is_trusted(peer) {
            return Self(peer);
        }
        let lines = headers.get_all(FORWARDED_FOR).into_iter();
        let texts: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let hops = texts
            .iter()
            .rev()
            .flat_map(|line| line.rsplit(','))
            .take(HOPS_MAX);
        let mut nearest = peer;
        for hop in hops {
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            nearest = address.to_canonical();
            if !is_trusted(nearest) {
                break;
            }
        }
        Self(nearest)
    }
}

/// What limits are counted by: an IPv4 address, or the /64 of an IPv6 address, because a home has a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl From<IpAddr> for AddressBlock {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => {
                Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> IpAddr {
        let trusted = ["10.0.0.0/8".parse().expect("valid")];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().expect("valid"));
        }
        ClientAddress::of(peer.parse().expect("valid"), &headers, &trusted).0
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("valid")
    }

    #[test]
    fn h5_forwarded_addresses_count_only_from_configured_proxies() {
        assert_eq!(
            client("203.0.113.9", &["198.51.100.1"]),
            address("203.0.113.9")
        );
        assert_eq!(
            client("10.0.0.2", &["198.51.100.1"]),
            address("198.51.100.1")
        );
        assert_eq!(
            client("::ffff:10.0.0.2", &["198.51.100.1"]),
            address("198.51.100.1")
        );
    }

    #[test]
    fn h5_what_a_client_wrote_before_the_proxy_is_ignored() {
        assert_eq!(
            client("10.0.0.2", &["1.1.1.1, 198.51.100.1, 10.0.0.3"]),
            address("198.51.100.1")
        );
        assert_eq!(
            client("10.0.0.2", &["1.1.1.1", "198.51.100.1"]),
            address("198.51.100.1")
        );
        assert_eq!(
            client("10.0.0.2", &["198.51.100.1, garbage"]),
            address("10.0.0.2")
        );
        assert_eq!(client("10.0.0.2", &[]), address("10.0.0.2"));
    }

    #[test]
    fn h5_ipv6_is_counted_by_its_64_bit_prefix() {
        let block = |text: &str| AddressBlock::from(address(text));
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::9"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
    }
}
