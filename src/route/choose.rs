//! Whom of a pool a request goes to first: a function of the pool, the health, the time and a seed.

use crate::route::Deployment;
use crate::route::Gate;
use crate::route::Pool;
use crate::route::Strategy;
use crate::route::below;
use crate::route::health::Health;
use crate::route::health::Standing;

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
    pub slow: Option<&'t Deployment>,
}

impl View<'_> {
    /// Whether there is a place for one more request.
    #[must_use]
    pub fn has_room(&self, deployment: &Deployment) -> bool {
        self.gates.get(deployment.slot).is_none_or(Gate::has_room)
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
    let pick = |fits: &dyn Fn(&Deployment) -> bool| match pool.strategy {
        Strategy::Weighted => weighted(all, fits, view.seed),
        Strategy::LeastBusy => least_busy(all, fits, view),
        Strategy::Fastest => fastest(all, fits, view),
    };
    let chosen = pick(&fits).or_else(|| pick(&|deployment| view.is_ready(deployment)));
    let Some(chosen) = chosen else {
        return soonest(all, view).map(|deployment| Choice { deployment, slow: None });
    };
    if !is_slow(all, chosen, view) {
        return Some(Choice { deployment: chosen, slow: None });
    }
    let others = |deployment: &Deployment| fits(deployment) && deployment.slot != chosen.slot;
    match pick(&others) {
        Some(other) => Some(Choice { deployment: other, slow: Some(chosen) }),
        None => Some(Choice { deployment: chosen, slow: None }),
    }
}

/// A deployment's chance is its share of the sum. With all shares zero each is as likely.
fn weighted<'t>(
    all: &'t [Deployment],
    fits: &dyn Fn(&Deployment) -> bool,
    seed: u64,
) -> Option<&'t Deployment> {
    let (mut total, mut count) = (0, 0);
    for deployment in all.iter().filter(|deployment| fits(deployment)) {
        total += deployment.share;
        count += 1;
    }
    if count == 0 {
        return None;
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

/// Whoever has the fewest requests under way for its share; ties are broken by chance.
fn least_busy<'t>(
    all: &'t [Deployment],
    fits: &dyn Fn(&Deployment) -> bool,
    view: &View<'_>,
) -> Option<&'t Deployment> {
    let start = below(view.seed, all.len() as u64) as usize;
    let (head, tail) = all.split_at_checked(start)?;
    let with_share = |deployment: &Deployment| fits(deployment) && deployment.share > 0;
    let any_share = all.iter().any(with_share);
    let turned = tail.iter().chain(head);
    turned.filter(|deployment| fits(deployment) && (deployment.share > 0 || !any_share)).min_by_key(
        |deployment| {
            let busy = u64::from(view.health.in_flight(deployment)) + 1;
            // The smaller, the less of its share is in use.
            (u128::from(busy) << 64) / u128::from(deployment.share.max(1))
        },
    )
}

/// The faster of two random ones (Mitzenmacher, "The Power of Two Choices", 2001): the fastest
/// gets the most, and nobody all.
fn fastest<'t>(
    all: &'t [Deployment],
    fits: &dyn Fn(&Deployment) -> bool,
    view: &View<'_>,
) -> Option<&'t Deployment> {
    let one = weighted(all, fits, view.seed)?;
    let not_one = |deployment: &Deployment| fits(deployment) && deployment.slot != one.slot;
    let Some(other) = weighted(all, &not_one, view.seed.rotate_left(32)) else {
        return Some(one);
    };
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

/// Whether `one` is far slower than the best of the others that are well.
fn is_slow(all: &[Deployment], one: &Deployment, view: &View<'_>) -> bool {
    if view.health.standing(one, view.now) != Standing::Ready {
        return false;
    }
    let others = all.iter().filter(|other| other.slot != one.slot && view.is_ready(other));
    let best = others.filter_map(|other| view.health.latency(other).known()).min();
    best.is_some_and(|best| view.health.latency(one).is_slow(best, view.now))
}
