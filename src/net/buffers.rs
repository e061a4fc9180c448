//! The shard's read and write buffers: lent to what is under way, never to what is idle.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use crate::codec::http1::RequestHead;
use crate::codec::http1::ResponseHead;

/// Room of a common buffer: a request's head with a small body, or an answer's, in one read.
pub const SMALL: usize = 8 * 1024;

/// Room of a stream's read buffer. Events are small, and thousands of streams wait at a time.
pub const EVENT: usize = 4 * 1024;

/// Buffers above this size are given back to the allocator.
const LARGEST: usize = 1024 * 1024;

/// Bytes that lie unused at most, over all buffers of a shard.
const KEEP: usize = 2 * 1024 * 1024;

/// Classes of buffers above [`SMALL`].
const LARGE: usize = (LARGEST / SMALL).ilog2() as usize;

/// Request heads that lie unused at most.
const HEADS: usize = 256;

/// Room that the next request of about this size finds enough too.
fn rounded(room: usize) -> usize {
    if (SMALL..=LARGEST).contains(&room) { room.next_power_of_two() } else { room.max(EVENT) }
}

/// Buffers by size, for one shard.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    shared: Rc<Shelf>,
}

#[derive(Default)]
struct Shelf {
    events: RefCell<Vec<Vec<u8>>>,
    small: RefCell<Vec<Vec<u8>>>,
    /// From twice [`SMALL`] to [`LARGEST`], by powers of two.
    large: [RefCell<Vec<Vec<u8>>>; LARGE],
    kept: Cell<usize>,
    head: Cell<Option<ResponseHead>>,
    #[expect(clippy::vec_box, reason = "a request holds the box, and gives it back as it is")]
    request_heads: RefCell<Vec<Box<RequestHead>>>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("kept", &self.kept.get()).finish_non_exhaustive()
    }
}

impl Shelf {
    /// Where buffers of this capacity lie; none above [`LARGEST`].
    fn class(&self, capacity: usize) -> Option<&RefCell<Vec<Vec<u8>>>> {
        match (capacity / SMALL).checked_ilog2() {
            None => Some(&self.events),
            Some(0) => Some(&self.small),
            Some(n) => self.large.get(n as usize - 1),
        }
    }
}

impl Buffers {
    /// An empty buffer with room for at least `room` bytes; [`EVENT`] and [`SMALL`] are the
    /// common sizes.
    #[must_use]
    pub fn take(&self, room: usize) -> Vec<u8> {
        let shelf = &*self.shared;
        let room = rounded(room);
        let unused = shelf.class(room).and_then(|class| class.borrow_mut().pop());
        let Some(mut buf) = unused else { return Vec::with_capacity(room) };
        shelf.kept.set(shelf.kept.get().saturating_sub(buf.capacity()));
        if buf.capacity() < room {
            // To let it grow would copy what it held once.
            buf = Vec::with_capacity(room);
        }
        buf
    }

    /// Makes sure that `buf` can take `more` bytes, by a larger buffer if it comes to that.
    pub fn grow(&self, buf: &mut Vec<u8>, more: usize) {
        if buf.capacity() - buf.len() < more {
            let mut larger = self.take(buf.len() + more);
            larger.extend_from_slice(buf);
            self.give(std::mem::replace(buf, larger));
        }
    }

    /// A response head whose table of fields has its room already.
    #[must_use]
    pub fn take_head(&self) -> ResponseHead {
        self.shared.head.take().unwrap_or_default()
    }

    /// Takes a response head back.
    pub fn give_head(&self, head: ResponseHead) {
        self.shared.head.set(Some(head));
    }

    /// A request head whose table of fields has its room already.
    #[must_use]
    pub fn take_request_head(&self) -> Box<RequestHead> {
        self.shared.request_heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a request head back.
    pub fn give_request_head(&self, head: Box<RequestHead>) {
        let mut heads = self.shared.request_heads.borrow_mut();
        if heads.len() < HEADS {
            heads.push(head);
        }
    }

    /// Takes a buffer back.
    pub fn give(&self, mut buf: Vec<u8>) {
        let shelf = &*self.shared;
        let size = buf.capacity();
        let kept = shelf.kept.get() + size;
        if (EVENT..=LARGEST).contains(&size)
            && kept <= KEEP
            && let Some(class) = shelf.class(size)
        {
            buf.clear();
            shelf.kept.set(kept);
            class.borrow_mut().push(buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffers, EVENT, KEEP, LARGEST, SMALL};

    #[test]
    fn a_buffer_comes_back_empty() {
        let buffers = Buffers::default();
        let mut buf = buffers.take(SMALL);
        buf.extend_from_slice(b"secret");
        let place = buf.as_ptr();
        buffers.give(buf);
        let again = buffers.take(SMALL);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn there_is_room_for_what_was_asked() {
        let buffers = Buffers::default();
        for room in [1, EVENT, SMALL, 3 * SMALL, LARGEST, 2 * LARGEST] {
            buffers.give(buffers.take(room));
            assert!(buffers.take(room).capacity() >= room, "{room}");
        }
    }

    #[test]
    fn sizes_do_not_displace_each_other() {
        let buffers = Buffers::default();
        let rooms = [EVENT, SMALL, SMALL + 1, 5 * SMALL, 20 * SMALL, LARGEST / 2];
        let lent = rooms.map(|room| buffers.take(room));
        let places = lent.each_ref().map(|buf| buf.as_ptr());
        lent.into_iter().for_each(|buf| buffers.give(buf));
        let again = rooms.map(|room| buffers.take(room));
        assert_eq!(again.each_ref().map(|buf| buf.as_ptr()), places);
    }

    #[test]
    fn what_lies_unused_is_bounded() {
        let buffers = Buffers::default();
        let lent: Vec<_> = (0..2 * KEEP / SMALL).map(|_| buffers.take(SMALL)).collect();
        for buf in lent {
            buffers.give(buf);
        }
        assert!(buffers.shared.kept.get() <= KEEP);
        buffers.give(Vec::with_capacity(2 * LARGEST));
        assert!(buffers.shared.large.iter().all(|class| class.borrow().is_empty()));
    }
}
