//! Which backslashes make an escape, one at a time, for where no vector instruction tells it.

/// Whether `bytes`, which follow a backslash, begin with what makes an escape of it.
#[inline]
pub fn is_escape(bytes: &[u8]) -> bool {
    match bytes {
        [b'u', rest @ ..] => rest.first_chunk().is_some_and(|four| hex_digits(*four) == ALL),
        [byte, ..] => is_simple(*byte),
        [] => false,
    }
}

/// Those of the bits `escaped` of a block whose bytes make no escape of the backslash before them.
/// The block starts `bytes`.
#[inline]
pub fn wrong(bytes: &[u8], mut escaped: u64) -> u64 {
    let mut wrong = 0;
    while escaped != 0 {
        let lowest = escaped & escaped.wrapping_neg();
        if !bytes.get(lowest.trailing_zeros() as usize..).is_some_and(is_escape) {
            wrong |= lowest;
        }
        escaped ^= lowest;
    }
    wrong
}

/// By the low and the high half of a byte: a bit that both have tells that the byte makes an escape
/// by itself. The bits stand for `"/`, for `\`, for `bfn` and for `rt`.
#[cfg(target_arch = "x86_64")]
pub const SIMPLE: [u128; 2] = [
    u128::from_le_bytes([0, 0, 0b1101, 0, 0b1000, 0, 0b0100, 0, 0, 0, 0, 0, 0b0010, 0, 0b0100, 1]),
    u128::from_le_bytes([0, 0, 0b0001, 0, 0, 0b0010, 0b0100, 0b1000, 0, 0, 0, 0, 0, 0, 0, 0]),
];

/// Whether `byte` makes an escape of the backslash before it all by itself.
///
/// Two sets of bits, because a `match` becomes a jump that is as hard to predict as the text.
#[inline]
const fn is_simple(byte: u8) -> bool {
    const LOW: u64 = 1 << b'"' | 1 << b'/';
    const HIGH: u64 = {
        let letters = 1 << (b'b' - 64) | 1 << (b'f' - 64) | 1 << (b'n' - 64) | 1 << (b'r' - 64);
        letters | 1 << (b't' - 64) | 1 << (b'\\' - 64)
    };
    let set = if byte < 64 { LOW } else { HIGH };
    (byte < 128) & (set >> (byte % 64) & 1 == 1)
}

/// What `hex_digits` says if all four bytes are digits.
const ALL: u64 = 0b1111;

/// Which of four bytes are hexadecimal digits; bit `i` stands for byte `i`.
///
/// All four at once, because some libraries escape every letter beyond ASCII.
#[inline]
const fn hex_digits(four: [u8; 4]) -> u64 {
    const ONES: u32 = 0x0101_0101;
    let word = u32::from_le_bytes(four);
    // Each sum stays below 0x100 because the bytes are ASCII; the high bit says that one is at least
    // the number which was taken from 0x80.
    let ascii = word & (ONES * 0x7F);
    let folded = ascii | (ONES * 0x20);
    let digit = (ascii + ONES * (0x80 - 0x30)) & !(ascii + ONES * (0x80 - 0x3A));
    let letter = (folded + ONES * (0x80 - 0x61)) & !(folded + ONES * (0x80 - 0x67));
    let found = ((digit | letter) & !word & (ONES * 0x80)) >> 7;
    // The factor moves bit 8i to bit 24 + i, and no two products meet.
    (found.wrapping_mul(0x0102_0408) >> 24 & 0b1111) as u64
}

/// Which of the first four bytes of `bytes` are hexadecimal digits.
#[inline]
pub fn first_digits(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(four) => hex_digits(*four),
        // Zeros are no digits. A loop because a copy would be a call.
        None => {
            let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            hex_digits(word.to_le_bytes())
        }
    }
}

/// For each bit, whether the four bits above it are set in `hex`, of which `behind` holds the next
/// four: the places of a `u` with its digits behind it, if it is one.
#[inline]
pub const fn before_four(hex: u64, behind: u64) -> u64 {
    let (two, two_behind) = (hex & (hex >> 1 | behind << 63), behind & behind >> 1);
    (two >> 1 | two_behind << 63) & (two >> 3 | two_behind << 61)
}
