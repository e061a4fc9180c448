//! The way of one request from deployment to deployment, until one answers or nobody is left.

use crate::error::Error;
use crate::route::Cause;
use crate::route::Deployment;
use crate::route::Fallback;
use crate::route::Fault;
use crate::route::Found;
use crate::route::Order;
use crate::route::Pool;
use crate::route::Slow;
use crate::route::Table;
use crate::route::choose;
use crate::route::choose::View;
use crate::route::fault::Remedy;
use crate::route::wait;

/// The longest that a request waits for a provider that asked to be left alone, in microseconds.
const LONGEST_WAIT: u64 = 10_000_000;

/// The same where another model could answer at once.
const SHORT_WAIT: u64 = 1_000_000;

/// What was asked so far, and who is left.
#[derive(Debug)]
pub struct Journey<'t> {
    table: &'t Table,
    pool: &'t Pool,
    /// The pool that the request was for: its budget pays.
    origin: usize,
    fallbacks: &'t [Fallback],
    /// Attempts at deployments of `pool`.
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    slot: usize,
    provider: usize,
    /// Whether it may be asked again.
    again: bool,
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next<'t> {
    /// Who.
    pub deployment: &'t Deployment,
    /// The model, where it is another than before.
    pub model: Option<&'t str>,
    /// Microseconds to wait before.
    pub wait: u64,
    /// Who was found to be far slower than others on the way there.
    pub slow: Option<Slow<'t>>,
    /// Whether it counts as an extra request.
    pub extra: bool,
}

impl<'t> Journey<'t> {
    /// A request for what was found.
    #[must_use]
    pub fn new(table: &'t Table, found: &Found<'t, '_>) -> Self {
        let fallbacks = table.fallbacks(found.full);
        let (pool, origin) = (found.pool, found.pool.at);
        Self { table, pool, origin, fallbacks, asked: Vec::new() }
    }

    /// The pool whose budget pays for what goes beyond the first attempt.
    #[must_use]
    pub const fn origin(&self) -> usize {
        self.origin
    }

    /// The deployment that is asked first.
    #[must_use]
    pub fn first(&self, view: &View<'_>) -> Option<Next<'t>> {
        let choice = choose::first(self.pool, view)?;
        let (deployment, slow) = (choice.deployment, choice.slow);
        Some(Next { deployment, model: None, wait: 0, slow, extra: false })
    }

    /// Who is asked after `failed` failed by `fault`: another deployment of the model, or the same
    /// one again after a while, or another model; none where nothing of it makes sense. `ends` is
    /// when the request must be answered, and `may_use` says which models the client may use.
    pub fn next(
        &mut self,
        failed: &Deployment,
        fault: Fault,
        view: &View<'_>,
        ends: u64,
        may_use: &dyn Fn(&str) -> bool,
    ) -> Option<Next<'t>> {
        let remedy = fault.remedy();
        let (slot, provider) = (failed.slot, failed.provider);
        self.asked.push(Asked { slot, provider, again: remedy.again });
        let extra = !matches!(fault, Fault::Unfit | Fault::Full);
        let next = self
            .elsewhere(failed, &remedy, view)
            .or_else(|| self.again(&remedy, view, ends))
            .or_else(|| self.other_model(remedy.model?, view, may_use))?;
        Some(Next { extra, ..next })
    }

    /// A deployment of the model that was not asked yet.
    fn elsewhere(&self, failed: &Deployment, remedy: &Remedy, view: &View<'_>) -> Option<Next<'t>> {
        if !remedy.elsewhere {
            return None;
        }
        let is_new = |one: &&Deployment| {
            let asked = self.asked.iter().any(|asked| asked.slot == one.slot);
            !asked && view.is_ready(one) && view.has_room(one)
        };
        let all = || self.pool.deployments.iter().filter(is_new);
        let here = || all().find(|one| one.provider == failed.provider);
        let there = || all().find(|one| one.provider != failed.provider);
        let deployment = match remedy.order {
            Order::KeysFirst => here().or_else(there),
            Order::ProvidersFirst => there().or_else(here),
            Order::ProvidersOnly => there(),
        }?;
        Some(Next { deployment, model: None, wait: 0, slow: None, extra: true })
    }

    /// One that was asked before: the one asked least, by the order of the pool.
    fn again(&self, remedy: &Remedy, view: &View<'_>, ends: u64) -> Option<Next<'t>> {
        if !remedy.elsewhere && !remedy.again {
            return None;
        }
        let times = |slot: usize| self.asked.iter().filter(|asked| asked.slot == slot).count();
        let may = |one: &&Deployment| {
            let of_slot = || self.asked.iter().filter(|asked| asked.slot == one.slot);
            let is_dead = of_slot().any(|asked| !asked.again);
            !is_dead && of_slot().next().is_some() && self.repeats(one.provider) < one.retries
        };
        let deployment =
            self.pool.deployments.iter().filter(may).min_by_key(|one| times(one.slot))?;
        let turn = u32::try_from(times(deployment.slot)).unwrap_or(u32::MAX);
        let backoff = wait::backoff_us(turn.saturating_sub(1), view.seed);
        let rest = view.health.rests_until(deployment).saturating_sub(view.now);
        let most = if self.fallbacks.is_empty() { LONGEST_WAIT } else { SHORT_WAIT };
        let wait = backoff.max(rest);
        let in_time = view.now.saturating_add(wait) < ends;
        (rest <= most && in_time).then_some(Next {
            deployment,
            model: None,
            wait,
            slow: None,
            extra: true,
        })
    }

    /// Attempts of this request at `provider` beyond the first at each of its deployments.
    fn repeats(&self, provider: usize) -> u32 {
        let before = |at: usize, slot| self.asked.iter().take(at).any(|asked| asked.slot == slot);
        let repeats = self
            .asked
            .iter()
            .enumerate()
            .filter(|(at, asked)| asked.provider == provider && before(*at, asked.slot));
        u32::try_from(repeats.count()).unwrap_or(u32::MAX)
    }

    /// The first deployment of the next model in the list.
    fn other_model(
        &mut self,
        cause: Cause,
        view: &View<'_>,
        may_use: &dyn Fn(&str) -> bool,
    ) -> Option<Next<'t>> {
        while let Some((fallback, rest)) = self.fallbacks.split_first() {
            self.fallbacks = rest;
            if !fallback.causes.contains(&cause) {
                continue;
            }
            let found: Result<Found<'t, 't>, Error> = self.table.find(&fallback.model);
            let Ok(found) = found else { continue };
            if !may_use(&fallback.model) && !may_use(found.model) {
                continue;
            }
            let Some(choice) = choose::first(found.pool, view) else { continue };
            self.pool = found.pool;
            self.asked.clear();
            let (deployment, slow) = (choice.deployment, choice.slow);
            let model = Some(found.model);
            return Some(Next { deployment, model, wait: 0, slow, extra: true });
        }
        None
    }
}
