//! Random numbers of a shard: seeds for choices and request ids. Not for secrets.

use std::cell::Cell;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

/// SplitMix64 (Steele, Lea, Flood 2014), seeded by the operating system.
#[derive(Debug)]
pub struct Random {
    state: Cell<u64>,
}

impl Random {
    /// A generator that starts where nobody can guess; at a fixed point where the system has no
    /// randomness to give.
    #[must_use]
    pub fn from_system() -> Self {
        let mut seed = [0; 8];
        let known = SystemRandom::new().fill(&mut seed).is_ok();
        Self::new(if known { u64::from_le_bytes(seed) } else { 0x6372_6162_6c6c_6d00 })
    }

    /// A generator with a known start.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// The next number, uniform over all 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn first_numbers_are_those_of_splitmix64() {
        let random = Random::new(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }
}
