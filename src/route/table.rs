//! Names and what they lead to, compiled once from the configuration.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;

use crate::error::Error;
use crate::error::Kind;
use crate::route::Bounds;
use crate::route::Cause;
use crate::route::Deployment;
use crate::route::Gate;
use crate::route::Pool;
use crate::route::Strategy;

/// What a weight of one is worth, so that several keys can share it.
const SHARE: u64 = 1_000_000;

/// A provider, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'o> {
    /// Its name.
    pub name: &'o str,
    /// Its position in the configuration.
    pub provider: usize,
    /// Its share among the providers of a model; 0 = only when the others cannot.
    pub weight: u32,
    /// How many keys it has; a provider without any counts as one.
    pub keys: usize,
    /// Attempts after the first.
    pub retries: u32,
    /// How much each of its deployments takes at a time.
    pub bounds: Bounds,
}

/// A model that answers in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Its name, as a client would write it.
    pub model: Box<str>,
    /// What it stands in for.
    pub causes: Vec<Cause>,
}

/// All names and what they lead to.
#[derive(Debug, Default)]
pub struct Table {
    pools: Vec<Pool>,
    models: BTreeMap<Box<str>, usize>,
    any: Option<usize>,
    aliases: BTreeMap<Box<str>, Box<str>>,
    providers: HashMap<Box<str>, Named>,
    fallbacks: HashMap<Box<str>, Vec<Fallback>>,
    gates: Vec<Gate>,
    keys: usize,
}

/// What is reachable as `provider/model`.
#[derive(Debug, Default)]
struct Named {
    first_key: usize,
    models: HashMap<Box<str>, usize>,
    any: Option<usize>,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'t, 'a> {
    /// The model's name without alias and provider.
    pub model: &'a str,
    /// The name under which it has its fallbacks.
    pub full: &'a str,
    /// Who serves it.
    pub pool: &'t Pool,
}

impl Table {
    /// Adds a provider's model; `name` is `*` for any model. `upstream` is its name there, where
    /// that is another. The positions of its deployments among all.
    pub fn add(&mut self, offer: &Offer<'_>, name: &str, upstream: Option<&str>) -> Range<usize> {
        let deployments = self.deployments(offer, upstream);
        let slots = self.gates.len() - deployments.len()..self.gates.len();
        let alone = self.pool(deployments.clone());
        let shared = if name == "*" { self.any } else { self.models.get(name).copied() };
        match shared.and_then(|at| self.pools.get_mut(at)) {
            Some(pool) => pool.add(deployments),
            None => {
                let at = self.pool(deployments);
                if name == "*" {
                    self.any = Some(at);
                } else {
                    self.models.insert(name.into(), at);
                }
            }
        }
        if let Some(named) = self.providers.get_mut(offer.name) {
            if name == "*" {
                named.any = Some(alone);
            } else {
                named.models.insert(name.into(), alone);
            }
        }
        slots
    }

    /// Adds a provider whose models are not listed: any is reachable as `provider/model`.
    pub fn add_unlisted(&mut self, offer: &Offer<'_>) {
        let deployments = self.deployments(offer, None);
        let alone = self.pool(deployments);
        if let Some(named) = self.providers.get_mut(offer.name) {
            named.any = Some(alone);
        }
    }

    /// One deployment a key.
    fn deployments(&mut self, offer: &Offer<'_>, upstream: Option<&str>) -> Vec<Deployment> {
        let keys = offer.keys.max(1);
        let first_key = match self.providers.get(offer.name) {
            Some(named) => named.first_key,
            None => {
                let named = Named { first_key: self.keys, ..Named::default() };
                self.keys += keys;
                self.providers.entry(offer.name.into()).or_insert(named).first_key
            }
        };
        let first_slot = self.gates.len();
        self.gates.extend((0..keys).map(|_| Gate::new(offer.bounds)));
        let one = |at| Deployment {
            provider: offer.provider,
            server: at,
            key: first_key + at,
            slot: first_slot + at,
            upstream: upstream.map(Box::from),
            share: u64::from(offer.weight) * SHARE / keys as u64,
            retries: offer.retries,
            bounded: offer.bounds.parallel > 0,
        };
        (0..keys).map(one).collect()
    }

    fn pool(&mut self, deployments: Vec<Deployment>) -> usize {
        let at = self.pools.len();
        self.pools.push(Pool::new(at, deployments));
        at
    }

    /// Adds a second name for a model.
    pub fn alias(&mut self, name: &str, model: &str) {
        self.aliases.insert(name.into(), model.into());
    }

    /// Says what answers in the place of `model`, in this order.
    pub fn fall_back(&mut self, model: &str, chain: Vec<Fallback>) {
        let name = self.aliases.get(model).map_or(model, |name| name).into();
        self.fallbacks.insert(name, chain);
    }

    /// Says how a request for `model`, or with `*` for any other, finds its deployment.
    pub fn choose_by(&mut self, model: &str, strategy: Strategy) {
        if model == "*" {
            self.pools.iter_mut().for_each(|pool| pool.strategy = strategy);
        } else if let Ok(at) = self.find(model).map(|found| found.pool.at)
            && let Some(pool) = self.pools.get_mut(at)
        {
            pool.strategy = strategy;
        }
    }

    /// Finds who serves `asked`. A listed name goes before `provider/model`, and both before a
    /// provider that takes any name.
    ///
    /// # Errors
    /// [`Kind::NoSuchModel`] where nothing serves that name.
    pub fn find<'t: 'a, 'a>(&'t self, asked: &'a str) -> Result<Found<'t, 'a>, Error> {
        let full = self.aliases.get(asked).map_or(asked, |name| &**name);
        let found = |at: usize, model| {
            let pool = self.pools.get(at).ok_or_else(|| missing(asked))?;
            Ok(Found { model, full, pool })
        };
        if let Some(at) = self.models.get(full) {
            return found(*at, full);
        }
        if let Some((provider, model)) = full.split_once('/')
            && let Some(named) = self.providers.get(provider)
        {
            let at = named.models.get(model).copied().or(named.any).filter(|_| !model.is_empty());
            return found(at.ok_or_else(|| missing(asked))?, model);
        }
        let any = self.any.filter(|_| !full.is_empty()).ok_or_else(|| missing(asked))?;
        found(any, full)
    }

    /// What answers in the place of the model with this [`Found::full`] name.
    #[must_use]
    pub fn fallbacks(&self, full: &str) -> &[Fallback] {
        if self.fallbacks.is_empty() {
            return &[];
        }
        self.fallbacks.get(full).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every listed name and alias, sorted, each with a provider that serves it.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let provider = |at: usize| self.pools.get(at)?.deployments.first().map(|one| one.provider);
        let listed =
            self.models.iter().filter_map(move |(name, at)| Some((&**name, provider(*at)?)));
        let aliases = self.aliases.iter().filter_map(move |(name, model)| {
            let found = self.find(model).ok()?;
            Some((&**name, provider(found.pool.at)?))
        });
        listed.chain(aliases)
    }

    /// The doors of all deployments.
    #[must_use]
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// How many deployments, keys and pools there are.
    #[must_use]
    pub const fn sizes(&self) -> (usize, usize, usize) {
        (self.gates.len(), self.keys, self.pools.len())
    }
}

fn missing(asked: &str) -> Error {
    let message = format!("the model `{asked}` does not exist; GET /v1/models lists those that do");
    Error { kind: Kind::NoSuchModel, message: message.into(), param: Some("model") }
}

#[cfg(test)]
mod tests {
    use super::{Offer, Table};
    use crate::route::Bounds;

    pub fn offer(name: &str, provider: usize, weight: u32) -> Offer<'_> {
        let bounds = Bounds { parallel: 0, queue: 0 };
        Offer { name, provider, weight, keys: 1, retries: 2, bounds }
    }

    fn table() -> Table {
        let mut table = Table::default();
        table.add(&offer("one", 0, 3), "a", None);
        table.add(&offer("two", 1, 1), "a", None);
        table.add(&offer("two", 1, 1), "b", Some("b-2"));
        table.add(&offer("two", 1, 1), "org/c", None);
        table.add_unlisted(&offer("three", 2, 1));
        table.alias("short", "b");
        table
    }

    fn provider(table: &Table, name: &str) -> Option<(usize, String)> {
        let found = table.find(name).ok()?;
        let first = &found.pool.deployments[0];
        Some((first.provider, first.upstream.as_deref().unwrap_or(found.model).to_owned()))
    }

    #[test]
    fn names_resolve() {
        let table = table();
        for (name, expected) in [
            ("a", Some((0, "a"))),
            ("short", Some((1, "b-2"))),
            ("two/a", Some((1, "a"))),
            ("two/b", Some((1, "b-2"))),
            ("org/c", Some((1, "org/c"))),
            ("two/org/c", Some((1, "org/c"))),
            ("three/x/y", Some((2, "x/y"))),
            ("two/x", None),
            ("three/", None),
            ("x", None),
            ("", None),
        ] {
            let expected = expected.map(|(at, model): (usize, &str)| (at, model.to_owned()));
            assert_eq!(provider(&table, name), expected, "{name}");
        }
    }

    #[test]
    fn any_name_goes_to_a_provider_that_takes_all() {
        let mut table = table();
        table.add(&offer("all", 3, 1), "*", None);
        assert_eq!(provider(&table, "new"), Some((3, "new".to_owned())));
        assert_eq!(provider(&table, "a"), Some((0, "a".to_owned())));
        assert_eq!(provider(&table, "two/x"), None, "a listed provider stays listed");
    }

    #[test]
    fn both_names_of_a_deployment_share_its_health() {
        let table = table();
        let (shared, own) = (table.find("a").unwrap().pool, table.find("two/a").unwrap().pool);
        assert_eq!(shared.deployments[1], own.deployments[0]);
        assert_eq!((shared.deployments.len(), own.deployments.len()), (2, 1));
    }

    #[test]
    fn each_key_is_a_deployment_with_its_part_of_the_weight() {
        let mut table = Table::default();
        table.add(&Offer { keys: 3, ..offer("one", 0, 6) }, "a", None);
        table.add(&Offer { keys: 3, ..offer("one", 0, 6) }, "b", None);
        let (a, b) = (table.find("a").unwrap().pool, table.find("b").unwrap().pool);
        let told = |pool: &crate::route::Pool| -> Vec<_> {
            pool.deployments.iter().map(|d| (d.server, d.key, d.slot, d.share)).collect()
        };
        assert_eq!(told(a), [(0, 0, 0, 2_000_000), (1, 1, 1, 2_000_000), (2, 2, 2, 2_000_000)]);
        assert_eq!(told(b), [(0, 0, 3, 2_000_000), (1, 1, 4, 2_000_000), (2, 2, 5, 2_000_000)]);
        assert_eq!(table.sizes(), (6, 3, 4));
    }

    #[test]
    fn names_are_listed_with_aliases() {
        let table = table();
        let names: Vec<_> = table.names().collect();
        assert_eq!(names, [("a", 0), ("b", 1), ("org/c", 1), ("short", 1)]);
    }
}
