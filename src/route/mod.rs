//! Which deployment answers a request: names to deployments, then a weighted choice.
//!
//! Pure: a decision is a function of the table, the name asked for and a seed.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::error::Error;
use crate::error::Kind;

/// One way to have a model answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Position of the provider in the configuration.
    pub provider: usize,
    /// The model's name there; none where it is the name the client used.
    pub upstream: Option<Box<str>>,
    /// Share of the traffic among the deployments of the same model. Zero: only by its own name.
    pub weight: u32,
}

/// All names and what they lead to, compiled once from the configuration.
#[derive(Debug, Default)]
pub struct Table {
    models: BTreeMap<Box<str>, Vec<Deployment>>,
    any: Vec<Deployment>,
    aliases: BTreeMap<Box<str>, Box<str>>,
    providers: HashMap<Box<str>, Named>,
}

/// What is reachable as `provider/model`.
#[derive(Debug, Default)]
struct Named {
    models: HashMap<Box<str>, Deployment>,
    any: Option<Deployment>,
}

/// Where a request may go, best first.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The model's name without alias and provider.
    pub model: &'a str,
    deployments: &'a [Deployment],
    first: usize,
}

impl<'a> Plan<'a> {
    /// The deployment that was chosen.
    #[must_use]
    pub fn first(&self) -> Option<&'a Deployment> {
        self.deployments.get(self.first)
    }

    /// What `deployment` calls the model.
    #[must_use]
    pub fn upstream_model(&self, deployment: &'a Deployment) -> &'a str {
        deployment.upstream.as_deref().unwrap_or(self.model)
    }
}

impl Table {
    /// Adds a provider's model. `name` is `*` for any model.
    pub fn add(&mut self, provider: &str, name: &str, deployment: Deployment) {
        let named = self.providers.entry(provider.into()).or_default();
        if name == "*" {
            named.any = Some(deployment.clone());
            self.any.push(deployment);
        } else {
            named.models.insert(name.into(), deployment.clone());
            self.models.entry(name.into()).or_default().push(deployment);
        }
    }

    /// Adds a provider whose models are not listed: any is reachable as `provider/model`.
    pub fn add_unlisted(&mut self, provider: &str, deployment: Deployment) {
        self.providers.entry(provider.into()).or_default().any = Some(deployment);
    }

    /// Adds a second name for a model.
    pub fn alias(&mut self, name: &str, model: &str) {
        self.aliases.insert(name.into(), model.into());
    }

    /// Finds the deployments of `asked` and chooses among them by weight. A listed name goes
    /// before `provider/model`, and both before a provider that takes any name.
    ///
    /// # Errors
    /// [`Kind::NoSuchModel`] where nothing serves that name.
    pub fn plan<'a>(&'a self, asked: &'a str, seed: u64) -> Result<Plan<'a>, Error> {
        let model = self.aliases.get(asked).map_or(asked, |name| &**name);
        if let Some(deployments) = self.models.get(model) {
            return Ok(choose(model, deployments, seed));
        }
        if let Some((provider, model)) = model.split_once('/')
            && let Some(named) = self.providers.get(provider)
        {
            let found = named.models.get(model).or(named.any.as_ref());
            return found
                .filter(|_| !model.is_empty())
                .map(|only| Plan { model, deployments: std::slice::from_ref(only), first: 0 })
                .ok_or_else(|| missing(asked));
        }
        if self.any.is_empty() || model.is_empty() {
            return Err(missing(asked));
        }
        Ok(choose(model, &self.any, seed))
    }

    /// Every listed name and alias, sorted, each with a provider that serves it.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let listed = self.models.iter().filter_map(|(name, deployments)| {
            deployments.first().map(|deployment| (&**name, deployment.provider))
        });
        let aliases = self.aliases.iter().filter_map(|(name, model)| {
            let plan = self.plan(model, 0).ok()?;
            Some((&**name, plan.first()?.provider))
        });
        listed.chain(aliases)
    }
}

fn missing(asked: &str) -> Error {
    let message = format!("the model `{asked}` does not exist; GET /v1/models lists those that do");
    Error { kind: Kind::NoSuchModel, message: message.into(), param: Some("model") }
}

/// A deployment's chance is its weight's share of the sum. With all weights zero each is as likely.
fn choose<'a>(model: &'a str, deployments: &'a [Deployment], seed: u64) -> Plan<'a> {
    if deployments.len() == 1 {
        return Plan { model, deployments, first: 0 };
    }
    let total: u64 = deployments.iter().map(|deployment| u64::from(deployment.weight)).sum();
    let first = if total == 0 {
        below(seed, deployments.len() as u64) as usize
    } else {
        let mut left = below(seed, total);
        let hit = deployments.iter().position(|deployment| {
            let weight = u64::from(deployment.weight);
            let here = left < weight;
            left = left.wrapping_sub(weight);
            here
        });
        hit.unwrap_or(0)
    };
    Plan { model, deployments, first }
}

/// Maps a uniform 64-bit number to `0..n` without division (Lemire, 2019, without the rejection
/// step: the bias is below n / 2^64).
const fn below(seed: u64, n: u64) -> u64 {
    ((seed as u128 * n as u128) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::{Deployment, Table};

    fn to(provider: usize, weight: u32) -> Deployment {
        Deployment { provider, upstream: None, weight }
    }

    fn table() -> Table {
        let mut table = Table::default();
        table.add("one", "a", to(0, 3));
        table.add("two", "a", to(1, 1));
        table.add("two", "b", Deployment { provider: 1, upstream: Some("b-2".into()), weight: 1 });
        table.add("two", "org/c", to(1, 1));
        table.add_unlisted("three", to(2, 1));
        table.alias("short", "b");
        table
    }

    fn provider(table: &Table, name: &str) -> Option<(usize, String)> {
        let plan = table.plan(name, 0).ok()?;
        let first = plan.first()?;
        Some((first.provider, plan.upstream_model(first).to_owned()))
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
        table.add("all", "*", to(3, 1));
        assert_eq!(provider(&table, "new"), Some((3, "new".to_owned())));
        assert_eq!(provider(&table, "a"), Some((0, "a".to_owned())));
        assert_eq!(provider(&table, "two/x"), None, "a listed provider stays listed");
    }

    #[test]
    fn the_choice_follows_the_weights() {
        let table = table();
        let mut hits = [0_u32; 2];
        let mut seed = 1_u64;
        for _ in 0..100_000 {
            // SplitMix64's increment spreads the seeds evenly over the whole range.
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            hits[table.plan("a", seed).unwrap().first().unwrap().provider] += 1;
        }
        assert!((74_000..=76_000).contains(&hits[0]), "{hits:?}");
    }

    #[test]
    fn names_are_listed_with_aliases() {
        let table = table();
        let names: Vec<_> = table.names().collect();
        assert_eq!(names, [("a", 0), ("b", 1), ("org/c", 1), ("short", 1)]);
    }
}
