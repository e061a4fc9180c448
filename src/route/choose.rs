//! Whom of a pool a request goes to first: a function of the pool, the health, the time and a seed.

use crate::route::Deployment;
use crate::route::Gate;
use crate::route::Latency;
use crate::route::Pool;
use crate::route::Strategy;
use crate::route::below;
use crate::route::health::Health;
use crate::route::health::Standing;

/// Draws by weight before all are looked at.
const DRAWS: usize = 8;

/// Others with which a deployment's speed is compared.
const COMPARED: usize = 8;

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// How the deployments are.
    pub health: &'v Health,
    /// Their doors.
    pub gates: &'v [Gate],
    /// Microseconds of the shard's clock.
    pub now: u64,
    /// A random number.
    pub seed: u64,
}

/// What a choice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'t> {
    /// Who is asked.
    pub deployment: &'t Deployment,
    /// Who was found to be far slower than the others on the way there.
    pub slow: Option<Slow<'t>>,
}

/// Who is far slower than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow<'t> {
    /// Who.
    pub deployment: &'t Deployment,
    /// The microseconds from which on that is so.
    pub limit: u64,
}

impl View<'_> {
    /// Whether there is a place for one more request.
    #[must_use]
    pub fn has_room(&self, deployment: &Deployment) -> bool {
        !deployment.bounded || self.gates.get(deployment.slot).is_none_or(Gate::has_room)
    }

    /// Whether `deployment` may be asked at all now.
    #[must_use]
    pub fn is_ready(&self, deployment: &Deployment) -> bool {
        !matches!(self.health.standing(deployment, self.now), Standing::Benched(_))
    }
}

/// Chooses among those of `pool` that are well and have room; where none is, among those that are
/// well; and where none is well, whoever will be first: the last one is never benched.
#[must_use]
pub fn first<'t>(pool: &'t Pool, view: &View<'_>) -> Option<Choice<'t>> {
    let all = &*pool.deployments;
    if let [only] = all {
        return Some(Choice { deployment: only, slow: None });
    }
    let fits = |deployment: &Deployment| view.is_ready(deployment) && view.has_room(deployment);
    let chosen = pick(pool, &fits, view);
    let chosen = chosen.or_else(|| pick(pool, &|deployment| view.is_ready(deployment), view));
    let Some(chosen) = chosen else {
        return soonest(all, view).map(|deployment| Choice { deployment, slow: None });
    };
    let others = |deployment: &Deployment| fits(deployment) && deployment.slot != chosen.slot;
    if let Some(limit) = slower_than(all, chosen, view)
        && let Some(other) = pick(pool, &others, view)
    {
        return Some(Choice { deployment: other, slow: Some(Slow { deployment: chosen, limit }) });
    }
    Some(Choice { deployment: chosen, slow: None })
}

fn pick<'t>(
    pool: &'t Pool,
    fits: &impl Fn(&Deployment) -> bool,
    view: &View<'_>,
) -> Option<&'t Deployment> {
    match pool.strategy {
        Strategy::Weighted => weighted(pool, fits, view.seed),
        Strategy::LeastBusy => least_busy(&pool.deployments, fits, view),
        Strategy::Fastest => fastest(pool, fits, view),
    }
}

/// A deployment's chance is its share of the sum. With all shares zero each is as likely.
fn weighted<'t>(
    pool: &'t Pool,
    fits: &impl Fn(&Deployment) -> bool,
    seed: u64,
) -> Option<&'t Deployment> {
    // Most are well, so that one drawn from all of them fits soon; drawing again where it does not
    // leaves the chances of the others as they are.
    let mut draw = seed;
    for _ in 0..DRAWS {
        let drawn = pool.by_share(draw)?;
        if fits(drawn) {
            return Some(drawn);
        }
        draw = mix(draw);
    }
    among(&pool.deployments, fits, draw)
}

/// The same, by looking at each.
fn among<'t>(
    all: &'t [Deployment],
    fits: &impl Fn(&Deployment) -> bool,
    seed: u64,
) -> Option<&'t Deployment> {
    let (mut total, mut count) = (0, 0);
    for deployment in all.iter().filter(|deployment| fits(deployment)) {
        total += deployment.share;
        count += 1;
    }
    let mut left = below(seed, if total == 0 { count } else { total });
    let mut hit = |deployment: &&Deployment| {
        let share = if total == 0 { 1 } else { deployment.share };
        let here = left < share;
        left = left.wrapping_sub(share);
        here
    };
    all.iter().filter(|deployment| fits(deployment)).find(|deployment| hit(deployment))
}

/// The next of a row of random numbers (SplitMix64; Steele, Lea and Flood, 2014).
const fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whoever has the fewest requests under way for its share; ties are broken by chance.
fn least_busy<'t>(
    all: &'t [Deployment],
    fits: &impl Fn(&Deployment) -> bool,
    view: &View<'_>,
) -> Option<&'t Deployment> {
    let start = below(view.seed, all.len() as u64) as usize;
    let (head, tail) = all.split_at_checked(start)?;
    let mut best: Option<(&Deployment, u64)> = None;
    for deployment in [tail, head].into_iter().flatten() {
        let busy = u64::from(view.health.in_flight(deployment)) + 1;
        // Less of its share is in use, or the other has none.
        let less = |(other, others): (&Deployment, u64)| {
            (deployment.share > 0 && other.share == 0)
                || busy.saturating_mul(other.share) < others.saturating_mul(deployment.share)
        };
        // Most are no better than the best so far: only of those that are it is asked more.
        if best.is_none_or(less) && fits(deployment) {
            best = Some((deployment, busy));
        }
    }
    best.map(|(deployment, _)| deployment)
}

/// The faster of two random ones (Mitzenmacher, "The Power of Two Choices", 2001): the fastest
/// gets the most, and nobody all.
fn fastest<'t>(
    pool: &'t Pool,
    fits: &impl Fn(&Deployment) -> bool,
    view: &View<'_>,
) -> Option<&'t Deployment> {
    let one = weighted(pool, fits, view.seed)?;
    let not_one = |deployment: &Deployment| deployment.slot != one.slot && fits(deployment);
    let Some(other) = weighted(pool, &not_one, mix(view.seed)) else { return Some(one) };
    let wait = |deployment| {
        let latency = view.health.latency(deployment).estimate(view.now);
        // Who is asked by many at once answers each of them later.
        latency.saturating_mul(u64::from(view.health.in_flight(deployment)) + 1)
    };
    Some(if wait(other) < wait(one) { other } else { one })
}

/// Whoever may be asked first again.
fn soonest<'t>(all: &'t [Deployment], view: &View<'_>) -> Option<&'t Deployment> {
    all.iter().min_by_key(|deployment| match view.health.standing(deployment, view.now) {
        Standing::Ready | Standing::Probe => 0,
        Standing::Benched(until) => until,
    })
}

/// The limit, if `one` is beyond what the best of the others allows: the best of those that are
/// well among a few of them, by chance.
fn slower_than(all: &[Deployment], one: &Deployment, view: &View<'_>) -> Option<u64> {
    if view.health.standing(one, view.now) != Standing::Ready {
        return None;
    }
    let start = below(mix(view.seed), all.len() as u64) as usize;
    let (head, tail) = all.split_at_checked(start)?;
    let others = tail.iter().chain(head).filter(|other| other.slot != one.slot).take(COMPARED);
    let well = others.filter(|other| view.is_ready(other));
    let best = well.filter_map(|other| view.health.latency(other).known()).min()?;
    let limit = Latency::limit(best);
    view.health.latency(one).is_slow(limit, view.now).then_some(limit)
}
