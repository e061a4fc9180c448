//! How many requests may go upstream beside the clients' own.
//!
//! Each request of a client puts [`SHARE`] of an attempt into the budget of its model, and each
//! attempt after the first takes a whole one out (as in Finagle's `RetryBudget`). A reserve lets
//! a model with little traffic be tried again too; it fills up slowly by itself.

/// In thousandths of an attempt: what one request puts in. Below the fifth that is promised, to
/// leave room for the reserve.
const SHARE: u64 = 150;

/// In thousandths: the most that is kept, and what there is at first.
const RESERVE: u64 = 10_000;

/// Microseconds in which a thousandth comes back by itself: an attempt a second.
const DRIP: u64 = 1_000;

/// Extra attempts that one model may still make, on one shard.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u64,
    filled: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: RESERVE, filled: 0 }
    }
}

impl Budget {
    /// A client's request came.
    pub fn put(&mut self) {
        self.left = (self.left + SHARE).min(RESERVE);
    }

    /// Takes out an attempt at `now` (microseconds), if there is one.
    pub fn take(&mut self, now: u64) -> bool {
        let drops = now.saturating_sub(self.filled) / DRIP;
        self.left = self.left.saturating_add(drops).min(RESERVE);
        self.filled += drops * DRIP;
        let enough = self.left >= 1000;
        if enough {
            self.left -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn an_outage_is_amplified_by_less_than_a_fifth() {
        let (mut budget, mut extra) = (Budget::default(), 0);
        for at in 0..2000_u64 {
            budget.put();
            // Two thousand requests in ten seconds, each of which would try thrice.
            extra += u32::from(budget.take(at * 5000)) + u32::from(budget.take(at * 5000));
        }
        assert!((300..=400).contains(&extra), "{extra}");
    }

    #[test]
    fn a_quiet_model_can_be_tried_again() {
        let mut budget = Budget::default();
        let taken = (0..20).filter(|_| budget.take(0)).count();
        assert_eq!(taken, 10);
        assert!(budget.take(1_000_000) && !budget.take(1_000_000), "an attempt a second");
    }
}
