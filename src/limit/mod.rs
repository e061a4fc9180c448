//! Whether a request may go on, and giving back what it held.
//!
//! The step has its final shape: a [`Permit`] is reserved before an upstream is called and settled
//! when the answer is known, whatever way it ended. For now nothing is refused; the permit counts
//! the requests in flight, and the tokens they used.

use std::cell::Cell;
use std::rc::Rc;

use crate::chat::Usage;
use crate::error::Error;

/// Counters of one shard.
#[derive(Debug, Default)]
pub struct Limits {
    in_flight: Cell<u64>,
    tokens: Cell<u64>,
}

impl Limits {
    /// Requests that hold a permit now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    /// Tokens settled so far, prompt and completion.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens.get()
    }

    /// Takes what a request needs.
    ///
    /// # Errors
    /// None yet: every caller is unlimited.
    pub fn reserve(self: &Rc<Self>) -> Result<Permit, Error> {
        self.in_flight.set(self.in_flight.get() + 1);
        Ok(Permit { limits: Rc::clone(self), used: Usage::default() })
    }
}

/// What a request holds; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    limits: Rc<Limits>,
    used: Usage,
}

impl Permit {
    /// Says what was used, so that dropping the permit settles it.
    pub fn settle(&mut self, used: Usage) {
        self.used = used;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let limits = &self.limits;
        limits.in_flight.set(limits.in_flight.get().saturating_sub(1));
        let used = self.used.prompt.saturating_add(self.used.completion);
        limits.tokens.set(limits.tokens.get().saturating_add(used));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::Limits;
    use crate::chat::Usage;

    #[test]
    fn a_permit_gives_back_and_settles_when_dropped() {
        let limits = Rc::new(Limits::default());
        let mut first = limits.reserve().unwrap();
        let second = limits.reserve().unwrap();
        assert_eq!(limits.in_flight(), 2);
        first.settle(Usage { prompt: 3, completion: 4, ..Usage::default() });
        drop(first);
        drop(second);
        assert_eq!((limits.in_flight(), limits.tokens()), (0, 7));
    }
}
