//! What a shard's exchanges share: the configuration compiled for look-up, and the shard's state.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use crate::auth::Caller;
use crate::auth::Keys;
use crate::auth::Models;
use crate::auth::digest;
use crate::chat::Facts;
use crate::chat::Protocol;
use crate::codec::http1;
use crate::config;
use crate::config::AuthMode;
use crate::config::Config;
use crate::config::Env;
use crate::config::FallbackOn;
use crate::config::Key;
use crate::config::KeySecret;
use crate::exchange::Queues;
use crate::exchange::signatures::Signatures;
use crate::limit::Limits;
use crate::net::buffers::Buffers;
use crate::net::downstream::ClientLimits;
use crate::net::pool::Pool;
use crate::net::resolve::Resolver;
use crate::observe::Ledger;
use crate::provider::Provider;
use crate::provider::trust::Trust;
use crate::route::Blame;
use crate::route::Bounds;
use crate::route::Cause;
use crate::route::Deployment;
use crate::route::Fallback;
use crate::route::Health;
use crate::route::Offer;
use crate::route::Slow;
use crate::route::Strategy;
use crate::route::Table;
use crate::route::Turn;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Micros;
use crate::runtime::clock::unix_time;
use crate::runtime::deadline::Deadlines;
use crate::runtime::driver::Driver;
use crate::runtime::random::Random;

/// Longest request target.
const MAX_TARGET: usize = 8 * 1024;

/// The configuration, compiled. All shards read the same one.
#[derive(Debug)]
pub struct Snapshot {
    /// Who may ask.
    pub keys: Keys,
    /// Which deployment answers.
    pub table: Table,
    /// In the order of the configuration; deployments refer to them by position.
    pub providers: Vec<Provider>,
    /// What each model takes.
    models: config::Models,
    /// The same of the model of each deployment that has one.
    facts: Vec<Option<Facts>>,
    /// The name of that model at its provider.
    names: Vec<Option<Box<str>>>,
    /// What a client may take up.
    pub client: ClientLimits,
    /// Bytes of a whole upstream answer.
    pub max_response: usize,
    /// When it was made, in Unix seconds.
    pub created: u64,
}

impl Snapshot {
    /// Compiles `config`.
    ///
    /// # Errors
    /// What is wrong, and with which key.
    pub fn new(config: &Config, env: &Env) -> Result<Self, String> {
        let ((table, names), trust) = (table_and_names(config), Trust::default());
        let mut providers = Vec::with_capacity(config.providers.len());
        for provider in &config.providers {
            providers.push(Provider::new(provider, env, &trust)?);
        }
        let limits = &config.limits;
        let head = http1::Limits {
            max_head: limits.max_headers,
            max_headers: limits.max_header_count,
            max_target: MAX_TARGET,
        };
        let client = ClientLimits {
            head,
            max_body: limits.max_body,
            header_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
        };
        let (keys, created) = (keys(config), unix_time().as_secs());
        let max_response = limits.max_response;
        let models =
            config::Models::new(&config.models).map_err(|problems| problems.to_string())?;
        let facts = |(at, model)| {
            let protocol = providers.get(at).and_then(Provider::protocol)?;
            Some(models.facts(protocol, model).clone())
        };
        let facts = names.iter().map(|name| name.and_then(facts)).collect();
        let names = names.iter().map(|name| name.map(|(_, model)| model.into())).collect();
        Ok(Self { keys, table, providers, models, facts, names, client, max_response, created })
    }

    /// A deployment, for people: `provider azure, model gpt-5, key 2`.
    fn describe(&self, deployment: &Deployment) -> String {
        let provider = self.providers.get(deployment.provider);
        let mut text = format!("provider {}", provider.map_or("?", |provider| &provider.name));
        if let Some(Some(model)) = self.names.get(deployment.slot) {
            text.push_str(", model ");
            text.push_str(model);
        }
        if provider.is_some_and(|provider| provider.servers() > 1) {
            text.push_str(&format!(", key {}", deployment.server + 1));
        }
        text
    }

    /// What the model of a deployment takes that is called `model` by its provider.
    #[must_use]
    pub fn facts(&self, slot: usize, protocol: Protocol, model: &str) -> &Facts {
        let known = self.facts.get(slot).and_then(Option::as_ref);
        known.unwrap_or_else(|| self.models.facts(protocol, model))
    }
}

/// All names of `config`, and what they lead to.
#[must_use]
pub fn table(config: &Config) -> Table {
    table_and_names(config).0
}

/// The same, and of each deployment its provider and its model's name there; none where it serves any model.
fn table_and_names(config: &Config) -> (Table, Vec<Option<(usize, &str)>>) {
    let (mut table, mut names) = (Table::default(), Vec::new());
    for (at, provider) in config.providers.iter().enumerate() {
        let offer = Offer {
            name: &provider.name,
            provider: at,
            weight: provider.weight,
            keys: provider.api_keys.len(),
            retries: provider.max_retries,
            bounds: Bounds { parallel: provider.max_parallel, queue: provider.max_queue },
        };
        for model in &provider.models {
            let slots = table.add(&offer, &model.name, model.upstream.as_deref());
            let name = model.upstream.as_deref().unwrap_or(&model.name);
            names.resize(slots.start, None);
            names.resize(slots.end, (name != "*").then_some((at, name)));
        }
        if provider.models.is_empty() {
            table.add_unlisted(&offer);
        }
    }
    for (name, model) in &config.aliases {
        table.alias(name, model);
    }
    for (model, chain) in &config.fallbacks {
        table.fall_back(model, chain.iter().map(fallback).collect());
    }
    // What is said of all models comes first, so that what is said of one stays.
    let all = |(name, _): &(&String, &config::Strategy)| *name == "*";
    let (general, special): (Vec<_>, Vec<_>) = config.strategies.iter().partition(all);
    for (model, by) in general.into_iter().chain(special) {
        table.choose_by(model, strategy(*by));
    }
    (table, names)
}

fn fallback(fallback: &config::Fallback) -> Fallback {
    let cause = |on: &FallbackOn| match on {
        FallbackOn::Error => Cause::Error,
        FallbackOn::ContextLength => Cause::ContextLength,
        FallbackOn::ContentFilter => Cause::ContentFilter,
    };
    let causes = fallback.on.iter().map(cause).collect();
    Fallback { model: fallback.model.as_str().into(), causes }
}

const fn strategy(by: config::Strategy) -> Strategy {
    match by {
        config::Strategy::Weighted => Strategy::Weighted,
        config::Strategy::LeastBusy => Strategy::LeastBusy,
        config::Strategy::Fastest => Strategy::Fastest,
    }
}

fn keys(config: &Config) -> Keys {
    if config.keys.is_empty() || config.auth == AuthMode::None {
        let nobody = Caller { name: Box::default(), models: Models::All, expires: None };
        return Keys::Open(nobody);
    }
    let entry = |key: &Key| {
        let digest = match &key.secret {
            KeySecret::Plain(secret) => digest(secret.expose().as_bytes()),
            KeySecret::Sha256(digest) => *digest,
        };
        let all = key.models.iter().any(|name| name == "*");
        let names = || key.models.iter().map(|name| name.as_str().into()).collect();
        let models = if all { Models::All } else { Models::Only(names()) };
        (digest, Caller { name: key.name.as_str().into(), models, expires: key.expires })
    };
    Keys::Required(config.keys.iter().map(entry).collect())
}

/// One shard's own.
#[derive(Debug)]
pub struct Core {
    /// The configuration in force.
    pub snapshot: Arc<Snapshot>,
    /// Position among the shards.
    pub shard: usize,
    /// What the shard runs on.
    pub driver: Driver,
    /// Its clock.
    pub clock: Clock,
    /// Its deadlines.
    pub deadlines: Deadlines,
    /// Its buffers.
    pub buffers: Buffers,
    /// Its idle upstream connections.
    pub pool: Pool,
    /// Its table of names.
    pub resolver: Resolver,
    /// Where its records go.
    pub ledger: Rc<Ledger>,
    /// Its permits.
    pub limits: Rc<Limits>,
    /// How its deployments are.
    pub health: RefCell<Health>,
    /// Who waits at their doors.
    pub queues: Queues,
    /// What clients cannot hold of their answers. All shards have the same.
    pub signatures: Arc<Signatures>,
    /// Its random numbers.
    pub random: Random,
    /// Set when the gateway is on its way out.
    pub draining: Rc<Cell<bool>>,
    /// The value of `date`, and the second it is for.
    pub date: Date,
    /// What the control plane should log; never waited for.
    pub notices: flume::Sender<String>,
}

impl Core {
    /// Has something logged, if there is room for it: the data plane writes no log itself.
    pub fn notice(&self, text: String) {
        let _full = self.notices.try_send(text);
    }

    /// `deployment` has answered as it should.
    pub fn succeeded(&self, deployment: &Deployment) {
        let turn = self.health.borrow_mut().succeeded(deployment);
        self.tell(deployment, turn, String::new);
    }

    /// It has not, for the reason that `why` tells.
    pub fn failed(&self, deployment: &Deployment, blame: Blame, why: impl FnOnce() -> String) {
        let turn = self.health.borrow_mut().failed(deployment, blame, self.clock.now().0);
        self.tell(deployment, turn, why);
    }

    /// It is far slower than the others.
    pub fn bench_slow(&self, slow: Slow<'_>) {
        let (deployment, now) = (slow.deployment, self.clock.now().0);
        let turn = self.health.borrow_mut().bench_slow(deployment, slow.limit, now);
        self.tell(deployment, turn, String::new);
    }

    /// Has a turn of a deployment logged.
    fn tell(&self, deployment: &Deployment, turn: Option<Turn>, why: impl FnOnce() -> String) {
        let what = match turn {
            None => return,
            Some(Turn::Fails(times)) => format!("{times} failures in a row, the last: {}", why()),
            Some(Turn::Refused(rest)) => {
                format!("its key is left alone for {} s: {}", rest / 1000, why())
            }
            Some(Turn::Slow) => "far slower than the others".to_owned(),
            Some(Turn::Back) => "answers again".to_owned(),
        };
        let who = self.snapshot.describe(deployment);
        self.notice(format!("{who}: {what} (shard {})", self.shard));
    }

    /// Unix seconds, at most one second old.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        self.date.refresh(self.clock.now())
    }
}

/// The value of the `date` header, made once a second.
#[derive(Debug, Default)]
pub struct Date {
    read: Cell<Option<Micros>>,
    seconds: Cell<u64>,
    text: RefCell<String>,
}

impl Date {
    /// Looks at the system's clock if a second has passed since the last look.
    fn refresh(&self, now: Micros) -> u64 {
        let due = self.read.get().is_none_or(|read| now.since(read) >= 1_000_000);
        if due {
            let seconds = unix_time().as_secs();
            self.read.set(Some(now));
            self.seconds.set(seconds);
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            *self.text.borrow_mut() = httpdate::fmt_http_date(time);
        }
        self.seconds.get()
    }

    /// Appends the value.
    pub fn write(&self, out: &mut Vec<u8>, now: Micros) {
        self.refresh(now);
        out.extend_from_slice(self.text.borrow().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;
    use crate::chat::Protocol;
    use crate::config;

    const CONFIG: &str = r#"
        [providers.any]
        kind = "anthropic"
        base_url = "http://127.0.0.1:1"
        api_key = ["k1", "k2"]
        models = ["*", "claude-opus-4-1"]
        [providers.unlisted]
        kind = "openai"
        base_url = "http://127.0.0.1:1/v1"
        api_key = "k"
        [providers.two]
        kind = "openai"
        base_url = "http://127.0.0.1:1/v1"
        api_key = ["k1", "k2"]
        models = [{ name = "mine", upstream = "gpt-5" }, "gpt-4o"]
    "#;

    #[test]
    fn every_deployment_has_the_facts_of_its_model() {
        let env = config::Env::default();
        let config = config::parse(CONFIG, "test.toml", &env).expect("it is valid");
        let snapshot = Snapshot::new(&config, &env).expect("it compiles");
        for (asked, protocol, name) in [
            ("claude-opus-4-1", Protocol::Anthropic, "claude-opus-4-1"),
            ("any/claude-sonnet-4-5", Protocol::Anthropic, "claude-sonnet-4-5"),
            ("unlisted/o3", Protocol::Openai, "o3"),
            ("mine", Protocol::Openai, "gpt-5"),
            ("two/gpt-4o", Protocol::Openai, "gpt-4o"),
        ] {
            let found = snapshot.table.find(asked).expect("it is served");
            let expected = snapshot.models.facts(protocol, name);
            assert_ne!(*expected, crate::chat::Facts::default(), "{name} is known");
            for deployment in &found.pool.deployments {
                let upstream = deployment.upstream.as_deref().unwrap_or(found.model);
                assert_eq!(upstream, name);
                assert_eq!(snapshot.facts(deployment.slot, protocol, name), expected, "{asked}");
            }
        }
        let known = snapshot.facts.iter().filter(|facts| facts.is_some()).count();
        assert_eq!(known, 6, "three named models with two keys each");
    }
}
