//! `crabllm explain`: what a model's name leads to, who is asked first, and who after a failure.

use std::fmt::Write;

use serde_json::Value;
use serde_json::json;

use crate::auth::digest;
use crate::chat::Class;
use crate::config;
use crate::config::AuthMode;
use crate::config::Config;
use crate::config::Key;
use crate::config::KeySecret;
use crate::exchange::core::table;
use crate::route::Cause;
use crate::route::Deployment;
use crate::route::Fault;
use crate::route::Found;
use crate::route::Health;
use crate::route::Journey;
use crate::route::Strategy;
use crate::route::Table;
use crate::route::View;

/// Attempts that are shown of a request that goes on failing.
const SHOWN: usize = 12;

/// The faults whose ways differ.
const FAULTS: [(&str, Fault); 6] = [
    ("no connection, or no answer", Fault::Connect),
    ("5xx, a timeout, an answer that breaks off", refused(Class::Server)),
    ("429", refused(Class::RateLimit)),
    ("401, 403, no money left", refused(Class::Unauthorized)),
    ("prompt too long", refused(Class::ContextLength)),
    ("content filter", refused(Class::ContentFilter)),
];

const fn refused(class: Class) -> Fault {
    Fault::Refused { class, wait_ms: None, final_word: false }
}

/// Tells what would become of a request for `model` with `key`, which is a key or its name.
///
/// # Errors
/// Where the model or the key is not there.
pub fn explain(
    config: &Config,
    model: &str,
    key: Option<&str>,
    as_json: bool,
) -> Result<String, String> {
    let table = table(config);
    let found = table.find(model).map_err(|_missing| unknown(&table, model))?;
    let caller = key.map(|key| find_key(config, key)).transpose()?;
    let story = Story { config, table: &table, found, asked: model, caller };
    Ok(if as_json { format!("{}\n", story.json()) } else { story.text() })
}

fn unknown(table: &Table, model: &str) -> String {
    let names: Vec<&str> = table.names().map(|(name, _)| name).take(SHOWN).collect();
    let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("no provider serves the model `{model}`; by name there are: {list}")
}

fn find_key<'c>(config: &'c Config, wanted: &str) -> Result<&'c Key, String> {
    let is_it = |key: &&Key| {
        let same = match &key.secret {
            KeySecret::Plain(secret) => secret.expose() == wanted,
            KeySecret::Sha256(known) => *known == digest(wanted.as_bytes()),
        };
        key.name == wanted || same
    };
    config.keys.iter().find(is_it).ok_or_else(|| {
        let names: Vec<&str> = config.keys.iter().map(|key| key.name.as_str()).collect();
        format!("the configuration has no such key; its keys are: {}", names.join(", "))
    })
}

struct Story<'s> {
    config: &'s Config,
    table: &'s Table,
    found: Found<'s, 's>,
    asked: &'s str,
    caller: Option<&'s Key>,
}

impl Story<'_> {
    fn may_use(&self, model: &str) -> bool {
        let all = self.config.auth == AuthMode::None || self.caller.is_none();
        let listed = |key: &Key| key.models.iter().any(|name| name == "*" || name == model);
        all || self.caller.is_some_and(listed)
    }

    fn allowed(&self) -> bool {
        self.may_use(self.asked) || self.may_use(self.found.model)
    }

    fn provider(&self, deployment: &Deployment) -> Option<&config::Provider> {
        self.config.providers.get(deployment.provider)
    }

    /// `provider/model`, with the number of the key where there are several.
    fn name(&self, deployment: &Deployment, model: &str) -> String {
        let Some(provider) = self.provider(deployment) else { return String::new() };
        let model = deployment.upstream.as_deref().unwrap_or(model);
        match provider.api_keys.len() {
            0 | 1 => format!("{}/{model}", provider.name),
            _ => format!("{}/{model} (key {})", provider.name, deployment.server + 1),
        }
    }

    /// Each deployment's chance to be asked first, in percent, as far as chance decides.
    fn chance(&self, deployment: &Deployment) -> Option<f64> {
        let all = &self.found.pool.deployments;
        let total: u64 = all.iter().map(|one| one.share).sum();
        let percent = |share, total| (share as f64 * 1000.0 / total as f64).round() / 10.0;
        match (self.found.pool.strategy, total) {
            (Strategy::LeastBusy | Strategy::Fastest, _) => None,
            (Strategy::Weighted, 0) => Some(percent(1, all.len() as u64)),
            (Strategy::Weighted, total) => Some(percent(deployment.share, total)),
        }
    }

    /// Who is asked if everybody fails in this way, beginning with the first of the pool.
    fn way(&self, fault: Fault) -> Vec<String> {
        let (slots, keys, pools) = self.table.sizes();
        let health = Health::new(slots, keys, pools);
        let may_use = |model: &str| self.may_use(model);
        let mut journey = Journey::new(self.table, &self.found);
        let mut names = Vec::new();
        let (mut at, mut model) = (self.found.pool.deployments.first(), self.found.model);
        while let Some(deployment) = at {
            names.push(self.name(deployment, model));
            if names.len() == SHOWN {
                names.push("...".to_owned());
                break;
            }
            let view = View { health: &health, gates: self.table.gates(), now: 0, seed: 0 };
            let next = journey.next(deployment, fault, &view, u64::MAX, &may_use);
            model = next.and_then(|next| next.model).unwrap_or(model);
            at = next.map(|next| next.deployment);
        }
        names
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let said = self.write(&mut out);
        // Writing to a string cannot fail.
        debug_assert!(said.is_ok(), "{out}");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (asked, model) = (self.asked, self.found.model);
        match asked == model {
            true => writeln!(out, "model {asked}")?,
            false => writeln!(out, "model {asked}, which is {}", self.found.full)?,
        }
        if let Some(key) = self.caller {
            let may = if self.allowed() { "may" } else { "may NOT" };
            writeln!(out, "key {} {may} use it (models = {:?})", key.name, key.models)?;
        }
        writeln!(out, "strategy {}\n", strategy(self.found.pool.strategy))?;
        for deployment in &self.found.pool.deployments {
            self.write_deployment(out, deployment)?;
        }
        writeln!(out, "\nwhen all are well; if each that is asked fails by")?;
        for (name, fault) in FAULTS {
            writeln!(out, "  {name}:\n    {}", self.way(fault).join("\n    then "))?;
        }
        for fallback in self.table.fallbacks(self.found.full) {
            let causes: Vec<&str> = fallback.causes.iter().copied().map(cause).collect();
            let note = match (self.table.find(&fallback.model), self.may_use(&fallback.model)) {
                (Err(_), _) => "; no provider serves it",
                (Ok(_), false) => "; the key may not use it",
                (Ok(_), true) => "",
            };
            writeln!(out, "fallback {} on {}{note}", fallback.model, causes.join(", "))?;
        }
        Ok(())
    }

    fn write_deployment(&self, out: &mut String, deployment: &Deployment) -> std::fmt::Result {
        let Some(provider) = self.provider(deployment) else { return Ok(()) };
        let chance = match self.chance(deployment) {
            None => "  any".to_owned(),
            Some(0.0) => "  spare".to_owned(),
            Some(chance) => format!("{chance:5.1} %"),
        };
        let name = self.name(deployment, self.found.model);
        let bound = match provider.max_parallel {
            0 => String::new(),
            n => format!(", {n} at a time and {} waiting", provider.max_queue),
        };
        let seconds = |time: std::time::Duration| time.as_secs_f64();
        writeln!(
            out,
            "  {chance:8} {name}: weight {}, {} retries, timeouts {} s connect, {} s first byte, \
             {} s idle, {} s in all{bound}",
            provider.weight,
            provider.max_retries,
            seconds(provider.connect_timeout),
            seconds(provider.first_byte_timeout),
            seconds(provider.stream_idle_timeout),
            seconds(provider.timeout),
        )
    }

    fn json(&self) -> Value {
        let deployments: Vec<Value> = self
            .found
            .pool
            .deployments
            .iter()
            .filter_map(|one| {
                let provider = self.provider(one)?;
                Some(json!({
                    "provider": provider.name,
                    "upstream_model": one.upstream.as_deref().unwrap_or(self.found.model),
                    "key": one.server + 1,
                    "weight": provider.weight,
                    "chance_percent": self.chance(one),
                    "max_retries": provider.max_retries,
                    "max_parallel": provider.max_parallel,
                }))
            })
            .collect();
        let ways: serde_json::Map<String, Value> = FAULTS
            .iter()
            .map(|(name, fault)| ((*name).to_owned(), json!(self.way(*fault))))
            .collect();
        let fallbacks: Vec<Value> = self
            .table
            .fallbacks(self.found.full)
            .iter()
            .map(|fallback| {
                let causes: Vec<&str> = fallback.causes.iter().copied().map(cause).collect();
                json!({ "model": fallback.model, "on": causes })
            })
            .collect();
        json!({
            "asked": self.asked,
            "model": self.found.model,
            "key": self.caller.map(|key| key.name.as_str()),
            "allowed": self.allowed(),
            "strategy": strategy(self.found.pool.strategy),
            "deployments": deployments,
            "fallbacks": fallbacks,
            "ways": ways,
        })
    }
}

const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Weighted => config::Strategy::Weighted.as_str(),
        Strategy::LeastBusy => config::Strategy::LeastBusy.as_str(),
        Strategy::Fastest => config::Strategy::Fastest.as_str(),
    }
}

const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Error => config::FallbackOn::Error.as_str(),
        Cause::ContextLength => config::FallbackOn::ContextLength.as_str(),
        Cause::ContentFilter => config::FallbackOn::ContentFilter.as_str(),
    }
}
