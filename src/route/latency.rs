//! How fast a deployment answers, and whether it has fallen silent.

/// Answers after which the mean says something.
const ENOUGH: u32 = 5;

/// Requests that must wait together before their silence says something.
const CROWD: u32 = 3;

/// Microseconds after which half of what is known of a deployment that is not asked is forgotten,
/// so that it is tried again.
const HALF_LIFE: u64 = 10_000_000;

/// How many times slower than the best of the others is too slow.
const TOO_SLOW: u64 = 5;

/// Microseconds by which it must be slower at least: nobody is benched for a hiccup.
const AT_LEAST: u64 = 50_000;

/// A moving mean of the time to the first byte, and how long nothing came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Microseconds; each answer weighs an eighth.
    mean: u64,
    /// The last of them.
    last: u64,
    answers: u32,
    answered_at: u64,
    /// Requests without a first byte.
    waiting: u32,
    /// Since when none came although somebody waited.
    silent_since: u64,
}

impl Latency {
    /// A request goes out at `now`.
    pub const fn asked(&mut self, now: u64) {
        if self.waiting == 0 {
            self.silent_since = now;
        }
        self.waiting += 1;
    }

    /// A first byte came at `now`, `waited` microseconds after its request.
    pub fn answered(&mut self, now: u64, waited: u64) {
        self.gave_up(now);
        self.last = waited;
        self.mean = match self.answers {
            0 => waited,
            _ => self.mean - self.mean / 8 + waited / 8,
        };
        self.answers = self.answers.saturating_add(1);
        self.answered_at = now;
    }

    /// A request without a first byte is over at `now`.
    pub const fn gave_up(&mut self, now: u64) {
        self.waiting = self.waiting.saturating_sub(1);
        self.silent_since = now;
    }

    /// Nothing is known any more, but for who waits.
    pub const fn forget(&mut self) {
        (self.mean, self.answers) = (0, 0);
    }

    /// The mean in microseconds as far as it still holds at `now`; zero where nothing is known.
    #[must_use]
    pub fn estimate(&self, now: u64) -> u64 {
        let halvings = now.saturating_sub(self.answered_at) / HALF_LIFE;
        self.mean.checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0)
    }

    /// The mean, where enough answers came to say one.
    #[must_use]
    pub const fn known(&self) -> Option<u64> {
        if self.answers >= ENOUGH { Some(self.mean) } else { None }
    }

    /// Microseconds that the last answer took.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Microseconds from which on one is too slow beside another with this mean.
    #[must_use]
    pub const fn limit(best: u64) -> u64 {
        let (times, plus) = (best.saturating_mul(TOO_SLOW), best.saturating_add(AT_LEAST));
        if times > plus { times } else { plus }
    }

    /// Whether it is slower than `limit`: by its own mean, or because several requests wait and
    /// nothing comes.
    #[must_use]
    pub fn is_slow(&self, limit: u64, now: u64) -> bool {
        let silent = self.waiting >= CROWD && now.saturating_sub(self.silent_since) > limit;
        silent || self.known().is_some_and(|mean| mean > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;

    #[test]
    fn silence_of_several_is_slow_long_before_the_mean_is() {
        let mut latency = Latency::default();
        for at in 0..10 {
            latency.asked(at * 10_000);
            latency.answered(at * 10_000 + 9_000, 9_000);
        }
        let limit = Latency::limit(10_000);
        assert!(!latency.is_slow(limit, 100_000));
        latency.asked(100_000);
        latency.asked(110_000);
        assert!(!latency.is_slow(limit, 300_000), "two may be chance");
        latency.asked(120_000);
        assert!(!latency.is_slow(limit, 159_000) && latency.is_slow(limit, 161_000));
    }

    #[test]
    fn a_mean_far_above_the_others_is_slow() {
        let mut latency = Latency::default();
        for at in 0..5 {
            assert!(!latency.is_slow(60_000, at));
            latency.asked(at);
            latency.answered(at, 200_000);
        }
        assert!(latency.is_slow(60_000, 5) && !latency.is_slow(250_000, 5));
    }

    #[test]
    fn a_hiccup_is_no_slowness() {
        assert_eq!(Latency::limit(1_000), 51_000);
        assert_eq!(Latency::limit(1_000_000), 5_000_000);
    }

    #[test]
    fn what_is_known_fades() {
        let mut latency = Latency::default();
        latency.asked(0);
        latency.answered(8_000, 8_000);
        assert_eq!(latency.estimate(9_000), 8_000);
        assert_eq!(latency.estimate(10_008_000), 4_000);
        assert_eq!(latency.estimate(u64::MAX), 0);
    }
}
