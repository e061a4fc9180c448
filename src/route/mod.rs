//! Which deployment answers a request, and which one is asked after it.
//!
//! Pure: a decision is a function of the table, the health, the time and a seed. The health
//! belongs to one shard; only the doors ([`Gate`]) are shared.

mod budget;
mod choose;
mod fault;
mod gate;
mod health;
mod journey;
mod latency;
mod table;
#[cfg(test)]
mod tests;
pub mod wait;

pub use budget::Budget;
pub use choose::Choice;
pub use choose::Slow;
pub use choose::View;
pub use choose::first;
pub use fault::Blame;
pub use fault::Cause;
pub use fault::Fault;
pub use fault::Order;
pub use fault::Remedy;
pub use gate::Bounds;
pub use gate::Gate;
pub use health::Health;
pub use health::Standing;
pub use health::Turn;
pub use journey::Journey;
pub use journey::Next;
pub use latency::Latency;
pub use table::Fallback;
pub use table::Found;
pub use table::Offer;
pub use table::Table;

/// One way to have a model answered: a provider, its name for the model, and one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Position of the provider in the configuration.
    pub provider: usize,
    /// Which of the provider's keys.
    pub server: usize,
    /// The same among the keys of all providers.
    pub key: usize,
    /// Position among all deployments.
    pub slot: usize,
    /// The model's name there; none where it is the name the client used.
    pub upstream: Option<Box<str>>,
    /// Share of the traffic among the deployments of the same model. Zero: only when no other can.
    pub share: u64,
    /// Attempts after the first that its provider takes from one request.
    pub retries: u32,
    /// Whether its [`Gate`] ever stays shut.
    pub bounded: bool,
}

/// The deployments of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct Pool {
    /// Position among all pools.
    pub at: usize,
    /// Those that carry most first.
    pub deployments: Vec<Deployment>,
    /// How a request finds its deployment.
    pub strategy: Strategy,
    /// For each deployment the sum of the shares up to and with its own.
    sums: Vec<u64>,
}

impl Pool {
    fn new(at: usize, deployments: Vec<Deployment>) -> Self {
        let mut pool =
            Self { at, deployments: Vec::new(), strategy: Strategy::default(), sums: Vec::new() };
        pool.add(deployments);
        pool
    }

    fn add(&mut self, more: Vec<Deployment>) {
        self.deployments.extend(more);
        self.deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.share));
        let mut sum = 0;
        let add = |deployment: &Deployment| {
            sum += deployment.share;
            sum
        };
        self.sums = self.deployments.iter().map(add).collect();
    }

    /// One by chance, in proportion to the shares; none where all shares are zero.
    fn by_share(&self, seed: u64) -> Option<&Deployment> {
        let at = below(seed, *self.sums.last()?);
        self.deployments.get(self.sums.partition_point(|sum| *sum <= at))
    }
}

/// How a request finds its deployment among those that are well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By chance, in proportion to the weights.
    #[default]
    Weighted,
    /// The one with the fewest requests under way for its weight.
    LeastBusy,
    /// The faster of two by the time to the first byte.
    Fastest,
}

/// Maps a uniform 64-bit number to `0..n` without division (Lemire, 2019, without the rejection
/// step: the bias is below n / 2^64).
const fn below(seed: u64, n: u64) -> u64 {
    ((seed as u128 * n as u128) >> 64) as u64
}
