//! Which addresses are not the public internet: every special-purpose range of IANA's registries, the ways IPv4 hides in
//! IPv6, and the addresses at which clouds answer about their machines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Special-purpose IPv4 blocks (RFC 6890 and its successors), as address and prefix length.
const SPECIAL_V4: [([u8; 4], u32); 20] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, and the metadata service of most clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    // In a public range, but the agent of one cloud's machines answers there.
    ([168, 63, 129, 16], 32),
    ([255, 255, 255, 255], 32),
];

/// Special-purpose blocks inside 2000::/3; everything outside it is special.
const SPECIAL_V6: [([u16; 3], u32); 5] = [
    // Protocol assignments: Teredo (which hides IPv4), benchmarking, ORCHID.
    ([0x2001, 0, 0], 23),
    ([0x2001, 0xdb8, 0], 32),
    // 6to4, which hides IPv4.
    ([0x2002, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000], 48),
    ([0x3fff, 0, 0], 20),
];

/// True for every address that a stranger's URL must not lead to.
pub fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => match hidden_v4(address) {
            Some(hidden) => is_special_v4(hidden),
            None => is_special_v6(address),
        },
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|(block, bits)| {
        let block = u32::from(Ipv4Addr::from(*block));
        u32::from(address) >> (u32::BITS - bits) == block >> (u32::BITS - bits)
    })
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let is_global_unicast = address.segments()[0] & 0xe000 == 0x2000;
    let is_in_block = SPECIAL_V6.iter().any(|([a, b, c], bits)| {
        let block = u128::from(Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0));
        u128::from(address) >> (u128::BITS - bits) == block >> (u128::BITS - bits)
    });
    !is_global_unicast || is_in_block
}

/// The IPv4 address that a machine would talk to: mapped (`::ffff:a.b.c.d`), or behind NAT64's own prefix, by which
/// machines without IPv4 reach the public one. Other ways of hiding are special as they are.
fn hidden_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let is_mapped = [a, b, c, d, e, f] == [0, 0, 0, 0, 0, 0xffff];
    let is_nat64 = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let bits = (u32::from(high) << 16) | u32::from(low);
    (is_mapped || is_nat64).then(|| Ipv4Addr::from(bits))
}
