//! Two buffers that go out in one write, one in the middle of the other, without copying either.
#![expect(unsafe_code, reason = "monoio takes several buffers through an unsafe trait")]

use std::ops::Range;

use monoio::buf::IoVecBuf;

/// A buffer, and what stands in its middle. What was written is taken off the front.
pub(super) struct Pieces {
    outer: Vec<u8>,
    inner: Vec<u8>,
    /// Of the outer, of the inner, and of the outer again.
    left: [Range<usize>; 3],
    /// On the heap, so that it stays where it is when this value moves.
    vector: Box<[libc::iovec; 3]>,
}

impl Pieces {
    /// `outer` up to `at`, of `inner` what is in `range`, and the rest of `outer`.
    pub(super) fn new(outer: Vec<u8>, at: usize, inner: Vec<u8>, range: Range<usize>) -> Self {
        let (at, end) = (at.min(outer.len()), range.end.min(inner.len()));
        let left = [0..at, range.start.min(end)..end, at..outer.len()];
        let none = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut pieces = Self { outer, inner, left, vector: Box::new([none; 3]) };
        pieces.point();
        pieces
    }

    /// Points the vector at what is left.
    fn point(&mut self) {
        let bufs = [&self.outer, &self.inner, &self.outer];
        for ((slot, buf), left) in self.vector.iter_mut().zip(bufs).zip(&self.left) {
            let bytes = buf.get(left.clone()).unwrap_or_default();
            // Nobody writes through it: the operation is a write from it.
            *slot =
                libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        }
    }

    /// Whether all has been written.
    pub(super) fn is_done(&self) -> bool {
        self.left.iter().all(Range::is_empty)
    }

    /// Takes off what was written.
    pub(super) fn advance(&mut self, mut written: usize) {
        for left in &mut self.left {
            let step = written.min(left.len());
            left.start += step;
            written -= step;
        }
        self.point();
    }

    /// The buffers, as they came.
    pub(super) fn into_bufs(self) -> (Vec<u8>, Vec<u8>) {
        (self.outer, self.inner)
    }
}

// SAFETY: the vector lives on the heap and is changed by `point` alone, which needs the value back
// from the runtime. Each entry points into the heap part of a buffer that the value owns and does
// not change meanwhile, or at nothing with length zero. There are three entries.
unsafe impl IoVecBuf for Pieces {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.vector.as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        self.vector.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{IoVecBuf, Pieces};

    /// What a kernel would read.
    fn read(pieces: &Pieces) -> Vec<u8> {
        let mut out = Vec::new();
        for at in 0..pieces.read_iovec_len() {
            // SAFETY: `at` is below the number of entries.
            let entry = unsafe { pieces.read_iovec_ptr().add(at) };
            // SAFETY: the entry is one of a live array.
            let entry = unsafe { *entry };
            // SAFETY: the trait promises that an entry points at so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(entry.iov_base.cast(), entry.iov_len) };
            out.extend_from_slice(bytes);
        }
        out
    }

    #[test]
    fn it_is_one_text_however_little_is_taken_at_a_time() {
        for step in 1..12 {
            let pieces = Pieces::new(b"headtail".to_vec(), 4, b"..body!".to_vec(), 2..6);
            let mut moved = Box::new(pieces);
            let (mut taken, mut rest) = (Vec::new(), read(&moved));
            assert_eq!(rest, b"headbodytail");
            while !moved.is_done() {
                let now = step.min(rest.len());
                taken.extend_from_slice(&rest[..now]);
                moved.advance(now);
                rest = read(&moved);
            }
            assert_eq!(taken, b"headbodytail");
            assert_eq!(moved.into_bufs(), (b"headtail".to_vec(), b"..body!".to_vec()));
        }
    }

    #[test]
    fn what_lies_beyond_a_buffer_is_cut() {
        assert_eq!(read(&Pieces::new(b"x".to_vec(), 3, b"abc".to_vec(), 1..9)), b"xbc");
        assert!(Pieces::new(Vec::new(), 0, b"abc".to_vec(), 7..9).is_done());
    }
}
