//! What is known of models: the table that is part of the binary, and what the operator says.

use super::Env;
use super::ModelFacts;
use super::Price;
use super::Problems;
use super::file::Table;
use super::file::Value;
use super::sections::MOST_PRICE;
use super::sections::PRICE_PLACES;
use super::source::Source;
use crate::chat::Facts;
use crate::chat::Protocol;
use std::borrow::Cow;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// The table.
const BUILT_IN: &str = include_str!("../../config/models.toml");

/// What an inference profile of Bedrock begins with.
const REGIONS: [&str; 8] = ["us.", "eu.", "apac.", "global.", "us-gov.", "jp.", "au.", "ca."];

/// Makers whose models have the same names elsewhere without them.
const MAKERS: [&str; 2] = ["anthropic.", "openai."];

/// What is known of every model, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Models {
    date: String,
    /// Of each protocol, the beginnings of names in their order.
    tables: [Vec<Entry>; Protocol::ALL.len()],
    /// Of a model that nothing is known of.
    unknown: Facts,
}

/// What is known of the models whose names begin so.
#[derive(Clone, Debug)]
struct Entry {
    prefix: String,
    facts: Facts,
    price: Option<Price>,
}

/// A rule of the table.
#[derive(Debug)]
struct Rule {
    prefixes: Vec<String>,
    protocol: Option<Protocol>,
    facts: ModelFacts,
    price: Option<Price>,
}

impl Models {
    /// The table with the operator's own facts over it.
    ///
    /// # Errors
    /// What is wrong with the table; a test holds that nothing is.
    pub fn new(own: &BTreeMap<String, ModelFacts>) -> Result<Self, Problems> {
        Self::read(BUILT_IN, "models.toml", own)
    }

    pub(super) fn read(
        text: &str,
        file: &str,
        own: &BTreeMap<String, ModelFacts>,
    ) -> Result<Self, Problems> {
        let env = Env::default();
        let source = Source::new(file, text, &env);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            source.fail(at, "", error.message().replace('\n', ", "));
        }
        let (mut date, mut rules) = (String::new(), Vec::new());
        if errors.is_empty() {
            let mut root = Table::root(&source, root.get_ref());
            date = root.need("date", "write the day").and_then(|v| v.text()).unwrap_or_default();
            let list = root.get("model").and_then(|list| list.list()).unwrap_or_default();
            rules = list.iter().filter_map(rule).collect();
            root.finish();
            once_each(&source, &rules);
        }
        let (problems, _) = source.into_findings();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let own: BTreeMap<&str, &ModelFacts> =
            own.iter().map(|(name, facts)| (bare(name), facts)).collect();
        let tables = Protocol::ALL.map(|protocol| compile(protocol, &rules, &own));
        Ok(Self { date, tables, unknown: Facts::default() })
    }

    /// The day the table is of.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// What is known of the upstream model `model`.
    #[must_use]
    pub fn facts(&self, protocol: Protocol, model: &str) -> &Facts {
        self.entry(protocol, model).map_or(&self.unknown, |entry| &entry.facts)
    }

    /// Its list price, where it is known.
    #[must_use]
    pub fn price(&self, protocol: Protocol, model: &str) -> Option<&Price> {
        self.entry(protocol, model)?.price.as_ref()
    }

    /// The entry with the longest beginning of the name. One that begins another sorts before it, so
    /// going back from the name the first found is the longest.
    fn entry(&self, protocol: Protocol, model: &str) -> Option<&Entry> {
        let model = plain_name(protocol, model);
        let table = self.tables.get(protocol as usize)?;
        let behind = table.partition_point(|entry| entry.prefix.as_str() <= model.as_ref());
        let first = model.as_bytes().first();
        let before = table.get(..behind)?.iter().rev();
        before
            .take_while(|entry| entry.prefix.as_bytes().first() == first)
            .find(|entry| model.starts_with(&entry.prefix))
    }
}

/// A model's name without where it runs.
fn bare(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let cut = |name: &'static [&str], from| name.iter().find_map(|start| strip(from, start));
    let name = cut(&REGIONS, name).unwrap_or(name);
    cut(&MAKERS, name).unwrap_or(name)
}

fn strip<'n>(name: &'n str, start: &str) -> Option<&'n str> {
    name.strip_prefix(start).filter(|rest| !rest.is_empty())
}

/// The name that rules are held against.
fn plain_name(protocol: Protocol, model: &str) -> Cow<'_, str> {
    let name = bare(model);
    if protocol == Protocol::Ollama && !name.contains(':') {
        return Cow::Owned(format!("{name}:latest"));
    }
    Cow::Borrowed(name)
}

/// The facts of each beginning that the table or the operator names.
fn compile(protocol: Protocol, rules: &[Rule], own: &BTreeMap<&str, &ModelFacts>) -> Vec<Entry> {
    let mut built_in: BTreeMap<&str, &Rule> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.protocol.is_none_or(|only| only == protocol)) {
        for prefix in &rule.prefixes {
            // A rule for one protocol is the closer one.
            if rule.protocol.is_some() || !built_in.contains_key(prefix.as_str()) {
                built_in.insert(prefix, rule);
            }
        }
    }
    let mut prefixes: Vec<&str> = built_in.keys().chain(own.keys()).copied().collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let entry = |prefix: &str| {
        let rule = longest(&built_in, prefix);
        let mut facts = Facts::default();
        rule.into_iter().for_each(|rule| rule.facts.apply(&mut facts));
        longest(own, prefix).into_iter().for_each(|own| own.apply(&mut facts));
        let price = rule.and_then(|rule| rule.price);
        Entry { prefix: prefix.to_owned(), facts, price }
    };
    prefixes.into_iter().map(entry).collect()
}

/// The value of the longest key that `name` begins with.
fn longest<T: Copy>(map: &BTreeMap<&str, T>, name: &str) -> Option<T> {
    map.range(..=name).rev().find(|(key, _)| name.starts_with(*key)).map(|(_, value)| *value)
}

fn rule(value: &Value<'_>) -> Option<Rule> {
    let mut table = value.table()?;
    let list = table.need("match", "write how the names of the models begin");
    let list = list.and_then(|list| list.list()).unwrap_or_default();
    let prefixes = list.iter().filter_map(|item| item.text()).collect();
    let protocol = table.get("protocol").and_then(|value| protocol(&value));
    let facts = ModelFacts::read(&mut table);
    let price = table.table("price").map(price);
    table.finish();
    Some(Rule { prefixes, protocol, facts, price })
}

fn protocol(value: &Value<'_>) -> Option<Protocol> {
    let name = value.choice(ProtocolName::ALL)?;
    Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == name.as_str())
}

fn price(mut table: Table<'_>) -> Price {
    let mut per_million = |name| {
        let units = table.get(name)?.usd(PRICE_PLACES, MOST_PRICE)?;
        u64::try_from(units).ok()
    };
    let price = Price {
        prompt: per_million("prompt"),
        completion: per_million("completion"),
        cached: per_million("cached"),
        cache_write: per_million("cache_write"),
        reasoning: per_million("reasoning"),
        audio: per_million("audio"),
    };
    table.finish();
    price
}

/// Two rules for the same names would make the order of the file decide.
fn once_each(source: &Source<'_>, rules: &[Rule]) {
    let mut seen = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        for prefix in &rule.prefixes {
            let protocol = rule.protocol.map(Protocol::as_str);
            if seen.insert((prefix.as_str(), protocol), at).is_some() {
                source.fail_key(&format!("model[{at}]"), format!("matches {prefix:?} again"));
            }
            if bare(prefix) != prefix {
                let what = format!("matches {prefix:?}, which no name begins with");
                source.fail_key(&format!("model[{at}]"), what);
            }
        }
    }
}

named! {
    /// The names of [`Protocol`].
    ProtocolName {
        /// [`Protocol::Openai`]
        Openai = "openai",
        /// [`Protocol::Anthropic`]
        Anthropic = "anthropic",
        /// [`Protocol::Gemini`]
        Gemini = "gemini",
        /// [`Protocol::Bedrock`]
        Bedrock = "bedrock",
        /// [`Protocol::Ollama`]
        Ollama = "ollama",
    }
}

impl ProtocolName {
    #[cfg(test)]
    pub(super) fn covers_all() -> bool {
        Protocol::ALL.iter().all(|protocol| protocol.as_str().parse::<Self>().is_ok())
    }
}
