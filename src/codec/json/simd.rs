//! The masks of a block by SSE2, sixteen bytes a step.
//!
//! SSE2 is part of x86_64, so there is nothing to detect at run time. The instructions used work on
//! values alone, no pointers, so that all there is to argue is that they exist.
#![expect(
    unsafe_code,
    reason = "the compiler counts SSE2 as present and still asks for an argument"
)]

use std::arch::x86_64::__m128i;
use std::arch::x86_64::_mm_cmpeq_epi8;
use std::arch::x86_64::_mm_min_epu8;
use std::arch::x86_64::_mm_movemask_epi8;
use std::arch::x86_64::_mm_or_si128;
use std::arch::x86_64::_mm_set_epi64x;
use std::arch::x86_64::_mm_set1_epi8;

use crate::codec::json::block::Brackets;
use crate::codec::json::block::LEN;
use crate::codec::json::block::Masks;

#[cfg(not(target_feature = "sse2"))]
compile_error!("x86_64 without SSE2 is not supported");

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
    for (vector, part) in vectors.iter_mut().zip(block.as_chunks::<16>().0) {
        let bits = u128::from_le_bytes(*part);
        *vector = _mm_set_epi64x((bits >> 64) as i64, bits as i64);
    }
    vectors
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
    let bits = |v| u64::from(_mm_movemask_epi8(v) as u32);
    bits(a) | bits(b) << 16 | bits(c) << 32 | bits(d) << 48
}
