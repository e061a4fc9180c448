//! How the deployments of one shard are: who is benched and until when, who is slow, who is busy.
//!
//! Pure state: every change is told with its time, in microseconds of the shard's clock.

use crate::route::Blame;
use crate::route::Deployment;
use crate::route::budget::Budget;
use crate::route::latency::Latency;

/// Failures in a row after which a deployment is benched.
const FAILURES: u32 = 5;

/// Microseconds for which it is, and between two probes: so it is back soon after it recovered.
pub const COOL: u64 = 1_000_000;

/// Microseconds of rest for a rate limit without a time; doubled with each one in a row.
const REST: u64 = 1_000_000;

/// The longest of those.
const LONGEST_REST: u64 = 30_000_000;

/// What may be said of a deployment now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be asked.
    Ready,
    /// It was benched; one request may find out whether it is well again.
    Probe,
    /// Not before then.
    Benched(u64),
}

/// A change that the operator should hear of: it lasts, or somebody has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A deployment that was well has failed this often in a row.
    Fails(u32),
    /// A key that was taken before is not any more; it is left alone for so many milliseconds.
    Refused(u64),
    /// A deployment is so slow beside the others that it is benched.
    Slow,
    /// It answers again, after one of those.
    Back,
}

/// One deployment.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Failures in a row.
    failures: u32,
    /// When it may be probed, if it is benched.
    open: Option<u64>,
    /// If that is for being slow, the microseconds from which on it is.
    slow: Option<u64>,
    /// Refusals for its rate in a row, and until when it rests for them.
    limited: u32,
    rests: u64,
    in_flight: u32,
    latency: Latency,
}

impl Slot {
    /// It said no, which is an answer.
    fn answered(&mut self) -> Option<Turn> {
        self.failures = 0;
        if self.slow.is_some() {
            return None;
        }
        self.open.take().map(|_| Turn::Back)
    }
}

/// All deployments of a shard.
#[derive(Clone, Debug, Default)]
pub struct Health {
    slots: Vec<Slot>,
    /// Until when each key of each provider is left alone. Afterwards it is probed.
    keys: Vec<u64>,
    budgets: Vec<Budget>,
}

impl Health {
    /// Everybody well: so many deployments, keys and pools.
    #[must_use]
    pub fn new(slots: usize, keys: usize, pools: usize) -> Self {
        Self {
            slots: vec![Slot::default(); slots],
            keys: vec![0; keys],
            budgets: vec![Budget::default(); pools],
        }
    }

    fn slot(&mut self, deployment: &Deployment) -> Option<&mut Slot> {
        self.slots.get_mut(deployment.slot)
    }

    /// How `deployment` stands at `now`.
    #[must_use]
    pub fn standing(&self, deployment: &Deployment, now: u64) -> Standing {
        let (slot, key) = (self.slots.get(deployment.slot), self.keys.get(deployment.key));
        let (Some(slot), Some(key)) = (slot, key) else { return Standing::Ready };
        if slot.open.is_none() && slot.rests <= now && *key == 0 {
            return Standing::Ready;
        }
        let until = slot.rests.max(*key).max(slot.open.unwrap_or(0));
        if until > now {
            Standing::Benched(until)
        } else if slot.open.is_some() || *key > 0 {
            Standing::Probe
        } else {
            Standing::Ready
        }
    }

    /// Until when `deployment` rests because its provider said so.
    #[must_use]
    pub fn rests_until(&self, deployment: &Deployment) -> u64 {
        self.slots.get(deployment.slot).map_or(0, |slot| slot.rests)
    }

    /// Requests of this shard under way at `deployment`.
    #[must_use]
    pub fn in_flight(&self, deployment: &Deployment) -> u32 {
        self.slots.get(deployment.slot).map_or(0, |slot| slot.in_flight)
    }

    /// How fast `deployment` answers.
    #[must_use]
    pub fn latency(&self, deployment: &Deployment) -> Latency {
        self.slots.get(deployment.slot).map(|slot| slot.latency).unwrap_or_default()
    }

    /// `deployment` is asked at `now`. If that is a probe, the next one is not before a second has passed.
    pub fn begin(&mut self, deployment: &Deployment, now: u64) {
        if self.standing(deployment, now) == Standing::Probe {
            if let Some(key) = self.keys.get_mut(deployment.key).filter(|key| **key > 0) {
                *key = now + COOL;
            }
            if let Some(slot) = self.slot(deployment) {
                slot.open = slot.open.map(|_| now + COOL);
            }
        }
        if let Some(slot) = self.slot(deployment) {
            slot.in_flight += 1;
            slot.latency.asked(now);
        }
    }

    /// The first byte of an answer came after `waited` microseconds.
    pub fn first_byte(&mut self, deployment: &Deployment, now: u64, waited: u64) {
        if let Some(slot) = self.slot(deployment) {
            slot.latency.answered(now, waited);
        }
    }

    /// What was asked is over, whatever way. `waiting`: no first byte came.
    pub fn end(&mut self, deployment: &Deployment, now: u64, waiting: bool) {
        if let Some(slot) = self.slot(deployment) {
            slot.in_flight = slot.in_flight.saturating_sub(1);
            if waiting {
                slot.latency.gave_up(now);
            }
        }
    }

    /// `deployment` has answered as it should.
    pub fn succeeded(&mut self, deployment: &Deployment) -> Option<Turn> {
        let key = self.keys.get_mut(deployment.key).map(std::mem::take);
        let mut back = key.is_some_and(|until| until > 0);
        if let Some(slot) = self.slot(deployment) {
            (slot.failures, slot.limited) = (0, 0);
            if slot.slow.is_none_or(|limit| slot.latency.last() <= limit) {
                back |= slot.open.is_some();
                (slot.open, slot.slow) = (None, None);
            }
        }
        back.then_some(Turn::Back)
    }

    /// It has not, and this is whose fault it is.
    pub fn failed(&mut self, deployment: &Deployment, blame: Blame, now: u64) -> Option<Turn> {
        let mut turn = None;
        if let Blame::Key(rest) = blame
            && let Some(key) = self.keys.get_mut(deployment.key)
        {
            turn = (*key == 0).then_some(Turn::Refused(rest));
            *key = (*key).max(now + rest.saturating_mul(1000));
        }
        let slot = self.slot(deployment)?;
        match blame {
            // Whoever can say no is there.
            Blame::Nobody | Blame::Key(_) => turn = turn.or(slot.answered()),
            Blame::Deployment => {
                slot.failures = slot.failures.saturating_add(1);
                if slot.failures >= FAILURES || slot.open.is_some() {
                    turn = slot.open.is_none().then_some(Turn::Fails(slot.failures));
                    slot.open = Some(now + COOL);
                }
            }
            Blame::Rest(wait) => {
                let own = (REST << slot.limited.min(5)).min(LONGEST_REST);
                let rest = wait.map_or(own, |millis| millis.saturating_mul(1000));
                slot.rests = slot.rests.max(now + rest);
                slot.limited = slot.limited.saturating_add(1);
                turn = slot.answered();
            }
        }
        turn
    }

    /// `deployment` is far slower than the others: it is benched until a probe takes less than
    /// `limit` microseconds.
    pub fn bench_slow(&mut self, deployment: &Deployment, limit: u64, now: u64) -> Option<Turn> {
        let slot = self.slot(deployment)?;
        let turn = slot.open.is_none().then_some(Turn::Slow);
        (slot.open, slot.slow) = (Some(now + COOL), Some(limit));
        slot.latency.forget();
        turn
    }

    /// The budget of a pool.
    pub fn budget(&mut self, pool: usize) -> Option<&mut Budget> {
        self.budgets.get_mut(pool)
    }
}
