//! Numbers that look random and are the same each time: SplitMix64, seeded by a name.

use sha2::{Digest, Sha256};

/// A stream of numbers that belongs to a name.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let mut seed = [0; 8];
        seed.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(seed))
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit`, which is excluded and at least 1.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        (self.number() % u64::from(limit.max(1))) as u32
    }

    /// From `from` to `from + width`.
    pub(super) fn about(&mut self, from: u64, width: u32) -> u64 {
        from + u64::from(self.below(width))
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = self.below(u32::try_from(of.len()).unwrap_or(1));
        &of[place as usize]
    }
}
