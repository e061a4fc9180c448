//! The table at the end of `docs/losses.md`, which explains its columns: read, so that it is held
//! to, and found out which of its rows are needed.

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crabllm::chat::Protocol;
use serde_json::Map;
use serde_json::Value;

use crate::tree;

const TEXT: &str = include_str!("../../docs/losses.md");

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| TEXT.lines().filter_map(Row::of).collect());

/// One row.
#[derive(Debug)]
struct Row {
    protocols: Vec<String>,
    place: String,
    field: String,
    becomes: Becomes,
    why: String,
    steps: Vec<String>,
    /// With which value alone it counts.
    only: Option<Value>,
    /// By protocol: whether something was equal with this row only.
    needed: [AtomicBool; Protocol::ALL.len()],
}

#[derive(Debug)]
enum Becomes {
    Nothing,
    Added,
    Plain,
    Camel,
    Id,
    Base64,
    Grouped,
    Lower,
    First,
    Behind,
    Turns,
    List,
    Unique,
    Sum,
    Late,
    Attached,
    Inline,
    Allowed,
    Noted,
    Cut(String),
    Value(Value),
    Name(String),
}

fn word(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

impl Becomes {
    fn of(text: &str) -> Self {
        match (text, text.split_once(' ')) {
            (_, Some(("=", value))) => Self::Value(word(value)),
            (_, Some(("cut", words))) => Self::Cut(word(words).as_str().expect("words").to_owned()),
            (_, Some((">", name))) => Self::Name(name.to_owned()),
            ("-", _) => Self::Nothing,
            ("+", _) => Self::Added,
            ("~", _) => Self::Plain,
            ("camel", _) => Self::Camel,
            ("id", _) => Self::Id,
            ("base64", _) => Self::Base64,
            ("grouped", _) => Self::Grouped,
            ("lower", _) => Self::Lower,
            ("first", _) => Self::First,
            ("behind", _) => Self::Behind,
            ("turns", _) => Self::Turns,
            ("list", _) => Self::List,
            ("unique", _) => Self::Unique,
            ("sum", _) => Self::Sum,
            ("late", _) => Self::Late,
            ("attached", _) => Self::Attached,
            ("inline", _) => Self::Inline,
            ("noted", _) => Self::Noted,
            ("allowed", _) => Self::Allowed,
            _ => panic!("what is {text:?} to become?"),
        }
    }

    const fn is_loose(&self) -> bool {
        match self {
            Self::Behind | Self::Grouped | Self::Sum | Self::Turns | Self::Inline => true,
            Self::Nothing
            | Self::Added
            | Self::Plain
            | Self::Camel
            | Self::Id
            | Self::Base64
            | Self::Lower
            | Self::First
            | Self::List
            | Self::Unique
            | Self::Late
            | Self::Attached
            | Self::Allowed
            | Self::Noted
            | Self::Cut(_)
            | Self::Value(_)
            | Self::Name(_) => false,
        }
    }

    /// Changes `value` in place; whether it is to be left out.
    fn change(&self, value: &mut Value) -> bool {
        match self {
            Self::Nothing => return true,
            Self::Value(new) => value.clone_from(new),
            Self::Plain => tree::plain(value),
            Self::Camel => *value = tree::camel(value),
            Self::Id => tree::characters(value, |c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
                _ => '_',
            }),
            Self::Base64 => tree::characters(value, |c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            }),
            Self::Lower => tree::characters(value, |c| c.to_ascii_lowercase()),
            Self::Grouped => tree::grouped(value),
            Self::First => {
                if let Some(list) = value.as_array_mut() {
                    list.truncate(1);
                }
            }
            Self::Behind => tree::behind(value),
            Self::Turns => tree::turns(value),
            Self::List => {
                if !value.is_array() {
                    *value = Value::Array(vec![value.take()]);
                }
            }
            Self::Unique => tree::unnumbered(value),
            Self::Sum => tree::sum(value),
            Self::Late => tree::late(value),
            Self::Attached => tree::attached(value),
            Self::Inline => tree::inline(value),
            Self::Noted => tree::noted(value),
            Self::Allowed => tree::allowed(value),
            Self::Cut(words) => tree::cut(value, words),
            Self::Name(_) | Self::Added => {}
        }
        false
    }
}

impl Row {
    fn of(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [who, place, field, becomes, why] = cells[..] else { return None };
        let [field, becomes] = [field, becomes].map(|cell| cell.trim_matches('`'));
        if ["protocol", "---"].contains(&who) {
            return None;
        }
        let (path, only) = match field.split_once('=') {
            Some((path, value)) => (path, Some(word(value))),
            None => (field, None),
        };
        Some(Self {
            protocols: who.split(", ").map(str::to_owned).collect(),
            place: place.to_owned(),
            field: field.to_owned(),
            becomes: Becomes::of(becomes),
            why: why.to_owned(),
            steps: path.split('.').map(str::to_owned).collect(),
            only,
            needed: Default::default(),
        })
    }

    fn is_of(&self, protocol: Protocol) -> bool {
        self.protocols.iter().any(|who| who == "all" || who == protocol.as_str())
    }

    fn need(&self, protocol: Protocol) -> &AtomicBool {
        &self.needed[protocol as usize]
    }

    fn meets(&self, value: &Value) -> bool {
        self.only.as_ref().is_none_or(|only| tree::same(only, value))
    }

    /// Applies the row to a tree from step `at` on.
    fn apply(&self, tree: &mut Value, at: usize) {
        let (Some(step), last) = (self.steps.get(at), at + 1 == self.steps.len()) else { return };
        if step == "**" {
            if last {
                self.becomes.change(tree);
                return;
            }
            self.apply(tree, at + 1);
            tree::children(tree).for_each(|child| self.apply(child, at));
            return;
        }
        if !last {
            tree::matching(tree, step).for_each(|child| self.apply(child, at + 1));
            return;
        }
        if let Value::Array(list) = tree {
            list.retain_mut(|value| {
                !(step == "*" && self.meets(value) && self.becomes.change(value))
            });
        }
        let Value::Object(object) = tree else { return };
        let fits = |name: &&String| step == "*" || *name == step;
        let names: Vec<String> = object.keys().filter(fits).cloned().collect();
        names.iter().for_each(|name| self.change(object, name));
    }

    fn change(&self, object: &mut Map<String, Value>, name: &str) {
        let Some(value) = object.get_mut(name).filter(|value| self.meets(value)) else { return };
        if let Becomes::Name(new) = &self.becomes {
            let value = value.take();
            object.remove(name);
            // Null says nothing, and takes nobody's place.
            if !value.is_null() {
                tree::put(object, new, value);
            }
        } else if self.becomes.change(value) {
            object.remove(name);
        }
    }

    /// Leaves out of `after` what the row allows to be added to `before`.
    fn subtract(&self, before: &Value, after: &mut Value, at: usize) {
        let (Some(step), last) = (self.steps.get(at), at + 1 == self.steps.len()) else { return };
        match (before, after) {
            (Value::Array(before), Value::Array(after)) if step == "*" && !last => {
                let pairs = before.iter().zip(after);
                pairs.for_each(|(before, after)| self.subtract(before, after, at + 1));
            }
            (Value::Object(before), Value::Object(after)) if last => {
                after.retain(|key, value| {
                    let added = key == step && !before.contains_key(key);
                    !(added && self.meets(value))
                });
            }
            (Value::Object(before), Value::Object(after)) => {
                for (key, after) in after.iter_mut().filter(|(key, _)| step == "*" || *key == step)
                {
                    let before = before.get(key).unwrap_or(&Value::Null);
                    self.subtract(before, after, at + 1);
                }
            }
            _ => {}
        }
    }
}

/// Applies rows to a tree, and leaves out what says nothing.
fn without(tree: &mut Value, rows: &[&Row]) {
    for _ in 0..2 {
        rows.iter().for_each(|row| row.apply(tree, 0));
        tree::strip(tree);
        tree::regroup(tree);
        tree::strip(tree);
    }
}

/// Where two trees differ but for the rows.
fn difference(rows: &[&Row], before: &Value, after: &Value) -> Option<String> {
    let [mut before, mut after] = [before.clone(), after.clone()];
    without(&mut before, rows);
    without(&mut after, rows);
    let added = rows.iter().filter(|row| matches!(row.becomes, Becomes::Added));
    added.for_each(|row| row.subtract(&before, &mut after, 0));
    tree::strip(&mut after);
    tree::difference(&before, &after, "")
}

/// How `after` differs from `before`, but for the rows of a protocol and a place.
pub fn compare(protocol: Protocol, place: &str, before: &Value, after: &Value) -> Option<String> {
    let rows = |row: &&Row| row.place == place && row.is_of(protocol);
    let rows: Vec<&Row> = TABLE.iter().filter(rows).collect();
    let only = |takes: &dyn Fn(&Row) -> bool| -> Vec<&Row> {
        rows.iter().copied().filter(|row| takes(row)).collect()
    };
    let known = |row: &Row| row.need(protocol).load(Ordering::Relaxed);
    // Some rows forgive much: they count only where the others do not suffice.
    for loose in [false, true] {
        let takes = |row: &Row| loose || !row.becomes.is_loose();
        difference(&only(&|row| takes(row) && known(row)), before, after)?;
        let all = only(&takes);
        if difference(&all, before, after).is_none() {
            note(&all, protocol, |rows| difference(rows, before, after).is_none());
            return None;
        }
    }
    difference(&rows, before, after).map(|found| format!("{place} {found}"))
}

/// Notes the rows without which it is not equal. Together, since one can be of use to another.
fn note(rows: &[&Row], protocol: Protocol, equal: impl Fn(&[&Row]) -> bool) {
    let mut kept = rows.to_vec();
    for row in rows.iter().filter(|row| !row.need(protocol).load(Ordering::Relaxed)) {
        let at = kept.iter().position(|kept| std::ptr::eq(*kept, *row)).expect("it is there");
        kept.remove(at);
        if !equal(&kept) {
            kept.insert(at, row);
            row.need(protocol).store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a refusal is in the table: of the place `refused`, by a part of its words.
pub fn refused(protocol: Protocol, message: &str) -> bool {
    is_there(protocol, "refused", |row| message.contains(&row.field))
}

/// Whether what a request loses in its own protocol is in the table.
pub fn told(protocol: Protocol, name: &str) -> bool {
    is_there(protocol, "told", |row| row.field == name)
}

fn is_there(protocol: Protocol, place: &str, fits: impl Fn(&Row) -> bool) -> bool {
    let mut rows = TABLE.iter().filter(|row| row.place == place && row.is_of(protocol));
    let row = rows.find(|row| fits(row));
    row.inspect(|row| row.need(protocol).store(true, Ordering::Relaxed)).is_some()
}

/// What is wrong with the table: rows that nothing needs, and those that do not say why.
pub fn faults() -> Vec<String> {
    let mut found = Vec::new();
    for row in TABLE.iter() {
        if row.why.len() < 5 {
            found.push(format!("why {} of {}?", row.field, row.place));
        }
        for protocol in Protocol::ALL.into_iter().filter(|protocol| row.is_of(*protocol)) {
            if !row.need(protocol).load(Ordering::Relaxed) {
                let Row { place, field, becomes, .. } = row;
                found.push(format!("no {} needs {place}: {field} {becomes:?}", protocol.as_str()));
            }
        }
    }
    found
}
