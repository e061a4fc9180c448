//! Bytes compared eight at a time, as a word, in plain arithmetic.

/// 1 in each byte.
pub const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte.
pub const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero.
#[inline]
pub const fn zeros(word: u64) -> u64 {
    !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
}

/// The high bit of each byte that is a digit.
#[inline]
pub const fn digits(word: u64) -> u64 {
    // A digit is 0 to 9 now. To all else 0x76 carries into the high bit, if that is not set yet.
    let values = word ^ (ONES * 0x30);
    !(((values & !HIGHS) + ONES * 0x76) | values) & HIGHS
}

/// The high bits of what `find` makes of each word of `bytes`, one bit a byte.
#[inline]
pub fn gather(bytes: &[u8], find: impl Fn(u64) -> u64) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |mask, word| {
        let found = find(u64::from_le_bytes(*word)) >> 7;
        // The factor moves bit 8i to bit 56 + i, and no two products meet.
        mask << 8 | found.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}
