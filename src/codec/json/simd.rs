//! The masks of a block by the vectors of x86_64: 16, 32 or 64 bytes a step.
//!
//! SSE2 is part of x86_64, AVX2 and AVX-512 are found at run time. The instructions used work on
//! values alone, no pointers, so that all there is to argue is that they exist.
#![expect(
    unsafe_code,
    reason = "the compiler asks for an argument that the CPU has an instruction"
)]

use std::sync::OnceLock;

use std::arch::x86_64::__m128i;
use std::arch::x86_64::__m256i;
use std::arch::x86_64::__m512i;
use std::arch::x86_64::_mm_cmpeq_epi8;
use std::arch::x86_64::_mm_min_epu8;
use std::arch::x86_64::_mm_movemask_epi8;
use std::arch::x86_64::_mm_or_si128;
use std::arch::x86_64::_mm_set_epi64x;
use std::arch::x86_64::_mm_set1_epi8;
use std::arch::x86_64::_mm256_and_si256;
use std::arch::x86_64::_mm256_broadcastsi128_si256;
use std::arch::x86_64::_mm256_cmpeq_epi8;
use std::arch::x86_64::_mm256_min_epu8;
use std::arch::x86_64::_mm256_movemask_epi8;
use std::arch::x86_64::_mm256_or_si256;
use std::arch::x86_64::_mm256_set_epi64x;
use std::arch::x86_64::_mm256_set1_epi8;
use std::arch::x86_64::_mm256_setzero_si256;
use std::arch::x86_64::_mm256_shuffle_epi8;
use std::arch::x86_64::_mm256_srli_epi16;
use std::arch::x86_64::_mm256_sub_epi8;
use std::arch::x86_64::_mm512_and_si512;
use std::arch::x86_64::_mm512_broadcast_i32x4;
use std::arch::x86_64::_mm512_cmpeq_epi8_mask;
use std::arch::x86_64::_mm512_cmplt_epu8_mask;
use std::arch::x86_64::_mm512_or_si512;
use std::arch::x86_64::_mm512_set_epi64;
use std::arch::x86_64::_mm512_set1_epi8;
use std::arch::x86_64::_mm512_shuffle_epi8;
use std::arch::x86_64::_mm512_srli_epi16;
use std::arch::x86_64::_mm512_sub_epi8;
use std::arch::x86_64::_mm512_testn_epi8_mask;

use crate::codec::json::block;
use crate::codec::json::block::Brackets;
use crate::codec::json::block::LEN;
use crate::codec::json::block::Masks;
use crate::codec::json::block::PART;
use crate::codec::json::block::Stop;
use crate::codec::json::escapes;
use crate::codec::json::vector;
use crate::codec::json::vector::Numerals;

#[cfg(not(target_feature = "sse2"))]
compile_error!("x86_64 without SSE2 is not supported");

/// The instructions to use. Values are made by `best` and `all` alone, of what the CPU has.
#[derive(Debug, Clone, Copy)]
pub struct Level(Set);

#[derive(Debug, Clone, Copy)]
enum Set {
    Sse2,
    Avx2,
    Avx512,
}

impl Level {
    /// The best that this CPU has.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(Self::detect)
    }

    fn detect() -> Self {
        if has_avx512() {
            Self(Set::Avx512)
        } else if has_avx2() {
            Self(Set::Avx2)
        } else {
            Self(Set::Sse2)
        }
    }

    /// All that this CPU has.
    #[cfg(test)]
    pub fn all() -> impl Iterator<Item = Self> {
        let sets = [(Set::Sse2, true), (Set::Avx2, has_avx2()), (Set::Avx512, has_avx512())];
        sets.into_iter().filter(|(_, there)| *there).map(|(set, _)| Self(set))
    }

    /// The first stop in `text` from `at` on; see `block::seek`.
    #[inline]
    pub fn seek(self, text: &[u8], at: usize, stop: &mut Stop) -> bool {
        match self.0 {
            // SAFETY: the only precondition is that the CPU has the instructions, without which
            // there is no such value.
            Set::Avx512 => unsafe { seek_avx512(text, at, stop) },
            // SAFETY: the same.
            Set::Avx2 => unsafe { seek_avx2(text, at, stop) },
            Set::Sse2 => seek_sse2(text, at, stop),
        }
    }

    /// The same in a text that was validated: the stops are the ends of strings alone.
    #[inline]
    pub fn seek_quote(self, text: &[u8], at: usize, stop: &mut Stop) -> bool {
        match self.0 {
            // SAFETY: the same as for `seek`.
            Set::Avx512 => unsafe { seek_quote_avx512(text, at, stop) },
            // SAFETY: the same.
            Set::Avx2 => unsafe { seek_quote_avx2(text, at, stop) },
            Set::Sse2 => seek_quote_sse2(text, at, stop),
        }
    }

    /// Passes numbers of a list; see `vector::pass`.
    #[inline]
    pub fn pass_numbers(self, text: &[u8], at: usize) -> usize {
        match self.0 {
            // SAFETY: the same as for `seek`.
            Set::Avx512 => unsafe { pass_numbers_avx512(text, at) },
            // SAFETY: the same.
            Set::Avx2 => unsafe { pass_numbers_avx2(text, at) },
            Set::Sse2 => vector::pass(text, at, vector::numerals),
        }
    }
}

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

fn has_avx512() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

#[inline(never)]
fn seek_sse2(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    block::seek(text, at, stop, masks, |_, rest, escaped| escapes::wrong(rest, escaped))
}

#[inline(never)]
fn seek_quote_sse2(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    block::seek(text, at, stop, |block| masks(block).unchecked(), |_, _, _| 0)
}

type Halves = [__m256i; 2];

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn seek_avx2(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    let wrong = |block: &[u8; LEN], rest: &[u8], escaped: u64| {
        let halves = load_256(block);
        let odd = escaped & gather_256(halves.map(|half| not_simple_256(half)));
        if odd == 0 {
            return 0;
        }
        let hex = gather_256(halves.map(|half| hex_256(half)));
        let behind = escapes::first_digits(rest.get(LEN..).unwrap_or_default());
        odd & !(equal_256(halves, b'u') & escapes::before_four(hex, behind))
    };
    block::seek(text, at, stop, |block| masks_256(block), wrong)
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn seek_quote_avx2(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    block::seek(text, at, stop, |block| masks_256(block).unchecked(), |_, _, _| 0)
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn pass_numbers_avx2(text: &[u8], at: usize) -> usize {
    vector::pass(text, at, |block| numerals_256(block))
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks_256(block: &[u8; LEN]) -> Masks {
    let [a, b] = load_256(block);
    let lowest = _mm256_min_epu8(a, b);
    // Most blocks have no control byte at all, so where they are is asked only if there are any.
    let control = match _mm256_movemask_epi8(at_most_256(lowest, 0x1F)) {
        0 => 0,
        _ => gather_256([at_most_256(a, 0x1F), at_most_256(b, 0x1F)]),
    };
    Masks { quote: equal_256([a, b], b'"'), slash: equal_256([a, b], b'\\'), control }
}

#[inline]
#[target_feature(enable = "avx2")]
fn numerals_256(block: &[u8; LEN]) -> Numerals {
    let halves = load_256(block);
    let digit = |half| at_most_256(_mm256_sub_epi8(half, splat_256(b'0')), 9);
    Numerals {
        digit: gather_256(halves.map(digit)),
        zero: equal_256(halves, b'0'),
        minus: equal_256(halves, b'-'),
        point: equal_256(halves, b'.'),
        comma: equal_256(halves, b','),
        space: equal_256(halves, b' ') | equal_256(halves, b'\n'),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_256(block: &[u8; LEN]) -> Halves {
    let mut halves = [_mm256_setzero_si256(); 2];
    for (half, part) in halves.iter_mut().zip(block.as_chunks::<32>().0) {
        let mut words = part.as_chunks::<8>().0.iter().map(|word| i64::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        let [a, b, c, d] = std::array::from_fn(|_| next());
        *half = _mm256_set_epi64x(d, c, b, a);
    }
    halves
}

#[inline]
#[target_feature(enable = "avx2")]
fn at_most_256(vector: __m256i, byte: u8) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_min_epu8(vector, splat_256(byte)), vector)
}

#[inline]
#[target_feature(enable = "avx2")]
fn not_simple_256(vector: __m256i) -> __m256i {
    let [low, high] = escapes::SIMPLE.map(|table| {
        _mm256_broadcastsi128_si256(_mm_set_epi64x((table >> 64) as i64, table as i64))
    });
    // Of bytes beyond ASCII the first look-up makes zero.
    let low = _mm256_shuffle_epi8(low, vector);
    let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(vector), splat_256(0x0F));
    let high = _mm256_shuffle_epi8(high, upper);
    _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256())
}

#[inline]
#[target_feature(enable = "avx2")]
fn hex_256(vector: __m256i) -> __m256i {
    let digit = at_most_256(_mm256_sub_epi8(vector, splat_256(b'0')), 9);
    let folded = _mm256_or_si256(vector, splat_256(0x20));
    let letter = at_most_256(_mm256_sub_epi8(folded, splat_256(b'a')), 5);
    _mm256_or_si256(digit, letter)
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_256(halves: Halves, byte: u8) -> u64 {
    gather_256(halves.map(|half| _mm256_cmpeq_epi8(half, splat_256(byte))))
}

#[inline]
#[target_feature(enable = "avx2")]
fn gather_256([a, b]: Halves) -> u64 {
    let bits = |v| u64::from(_mm256_movemask_epi8(v) as u32);
    bits(a) | bits(b) << 32
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat_256(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte as i8)
}

#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn seek_avx512(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    let wrong = |block: &[u8; LEN], rest: &[u8], escaped: u64| {
        let bytes = load_512(block);
        let odd = escaped & not_simple_512(bytes);
        if odd == 0 {
            return 0;
        }
        let behind = escapes::first_digits(rest.get(LEN..).unwrap_or_default());
        let digits = escapes::before_four(hex_512(bytes), behind);
        odd & !(_mm512_cmpeq_epi8_mask(bytes, splat_512(b'u')) & digits)
    };
    block::seek(text, at, stop, |block| masks_512(block), wrong)
}

#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn seek_quote_avx512(text: &[u8], at: usize, stop: &mut Stop) -> bool {
    block::seek(text, at, stop, |block| masks_512(block).unchecked(), |_, _, _| 0)
}

#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn pass_numbers_avx512(text: &[u8], at: usize) -> usize {
    vector::pass(text, at, |block| numerals_512(block))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn masks_512(block: &[u8; LEN]) -> Masks {
    let bytes = load_512(block);
    Masks {
        quote: _mm512_cmpeq_epi8_mask(bytes, splat_512(b'"')),
        slash: _mm512_cmpeq_epi8_mask(bytes, splat_512(b'\\')),
        control: _mm512_cmplt_epu8_mask(bytes, splat_512(b' ')),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn numerals_512(block: &[u8; LEN]) -> Numerals {
    let bytes = load_512(block);
    let equal = |byte| _mm512_cmpeq_epi8_mask(bytes, splat_512(byte));
    let values = _mm512_sub_epi8(bytes, splat_512(b'0'));
    Numerals {
        digit: _mm512_cmplt_epu8_mask(values, splat_512(10)),
        zero: equal(b'0'),
        minus: equal(b'-'),
        point: equal(b'.'),
        comma: equal(b','),
        space: equal(b' ') | equal(b'\n'),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_512(block: &[u8; LEN]) -> __m512i {
    let mut words = block.as_chunks::<8>().0.iter().map(|word| i64::from_le_bytes(*word));
    let mut next = || words.next().unwrap_or_default();
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|_| next());
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn not_simple_512(bytes: __m512i) -> u64 {
    let [low, high] = escapes::SIMPLE
        .map(|table| _mm512_broadcast_i32x4(_mm_set_epi64x((table >> 64) as i64, table as i64)));
    // Of bytes beyond ASCII the first look-up makes zero.
    let low = _mm512_shuffle_epi8(low, bytes);
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), splat_512(0x0F));
    _mm512_testn_epi8_mask(low, _mm512_shuffle_epi8(high, upper))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn hex_512(bytes: __m512i) -> u64 {
    let digit = _mm512_sub_epi8(bytes, splat_512(b'0'));
    let letter = _mm512_sub_epi8(_mm512_or_si512(bytes, splat_512(0x20)), splat_512(b'a'));
    _mm512_cmplt_epu8_mask(digit, splat_512(10)) | _mm512_cmplt_epu8_mask(letter, splat_512(6))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat_512(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte as i8)
}

type Vectors = [__m128i; 4];

/// Classifies the bytes of `block`.
#[inline]
pub fn masks(block: &[u8; LEN]) -> Masks {
    // SAFETY: the only precondition is that the CPU has SSE2, without which this does not compile.
    unsafe { masks_sse2(block) }
}

/// Finds the brackets of `block`, in strings too.
#[inline]
pub fn brackets(block: &[u8; LEN]) -> Brackets {
    // SAFETY: the only precondition is that the CPU has SSE2, without which this does not compile.
    unsafe { brackets_sse2(block) }
}

/// The same of a part of one.
#[inline]
pub fn masks_16(part: &[u8; PART]) -> Masks {
    // SAFETY: the only precondition is that the CPU has SSE2, without which this does not compile.
    unsafe { masks_16_sse2(part) }
}

/// The same of a part of one.
#[inline]
pub fn brackets_16(part: &[u8; PART]) -> Brackets {
    // SAFETY: the only precondition is that the CPU has SSE2, without which this does not compile.
    unsafe { brackets_16_sse2(part) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn masks_16_sse2(part: &[u8; PART]) -> Masks {
    let bytes = load_16(part);
    Masks {
        quote: bits(_mm_cmpeq_epi8(bytes, splat(b'"'))),
        slash: bits(_mm_cmpeq_epi8(bytes, splat(b'\\'))),
        control: bits(below_space(bytes)),
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn brackets_16_sse2(part: &[u8; PART]) -> Brackets {
    let folded = _mm_or_si128(load_16(part), splat(0x20));
    Brackets {
        open: bits(_mm_cmpeq_epi8(folded, splat(b'{'))),
        close: bits(_mm_cmpeq_epi8(folded, splat(b'}'))),
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn masks_sse2(block: &[u8; LEN]) -> Masks {
    let vectors = load(block);
    let [a, b, c, d] = vectors;
    let lowest = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
    // Most blocks have no control byte at all, so where they are is asked only if there are any.
    let control = match _mm_movemask_epi8(below_space(lowest)) {
        0 => 0,
        _ => gather([below_space(a), below_space(b), below_space(c), below_space(d)]),
    };
    Masks { quote: equal(vectors, b'"'), slash: equal(vectors, b'\\'), control }
}

#[inline]
#[target_feature(enable = "sse2")]
fn brackets_sse2(block: &[u8; LEN]) -> Brackets {
    // `[` and `{` differ in one bit, and so do `]` and `}`; no other byte becomes one of them.
    let [a, b, c, d] = load(block);
    let bit = splat(0x20);
    let folded =
        [_mm_or_si128(a, bit), _mm_or_si128(b, bit), _mm_or_si128(c, bit), _mm_or_si128(d, bit)];
    Brackets { open: equal(folded, b'{'), close: equal(folded, b'}') }
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(block: &[u8; LEN]) -> Vectors {
    let mut vectors = [splat(0); 4];
    for (vector, part) in vectors.iter_mut().zip(block.as_chunks().0) {
        *vector = load_16(part);
    }
    vectors
}

#[inline]
#[target_feature(enable = "sse2")]
fn load_16(part: &[u8; PART]) -> __m128i {
    let bits = u128::from_le_bytes(*part);
    _mm_set_epi64x((bits >> 64) as i64, bits as i64)
}

#[inline]
#[target_feature(enable = "sse2")]
fn splat(byte: u8) -> __m128i {
    _mm_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "sse2")]
fn equal(vectors: Vectors, byte: u8) -> u64 {
    let [a, b, c, d] = vectors;
    let byte = splat(byte);
    gather([
        _mm_cmpeq_epi8(a, byte),
        _mm_cmpeq_epi8(b, byte),
        _mm_cmpeq_epi8(c, byte),
        _mm_cmpeq_epi8(d, byte),
    ])
}

#[inline]
#[target_feature(enable = "sse2")]
fn below_space(vector: __m128i) -> __m128i {
    _mm_cmpeq_epi8(_mm_min_epu8(vector, splat(0x1F)), vector)
}

#[inline]
#[target_feature(enable = "sse2")]
fn gather([a, b, c, d]: Vectors) -> u64 {
    bits(a) | bits(b) << 16 | bits(c) << 32 | bits(d) << 48
}

#[inline]
#[target_feature(enable = "sse2")]
fn bits(vector: __m128i) -> u64 {
    u64::from(_mm_movemask_epi8(vector) as u32)
}
