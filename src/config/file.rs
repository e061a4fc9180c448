//! The shape of the file: tables and values that know their key and line, and report what is wrong
//! with them. A key is known because the code asked for it, so no list of names can fall behind.

use super::decimal;
use super::mask;
use super::size;
use super::source::Source;
use super::suggest;
use crate::secret::Secret;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// More of a wrong text than this is not repeated in a problem.
const LONGEST_QUOTE: usize = 64;

/// More known keys than these are not listed for an unknown one.
const LONGEST_LIST: usize = 16;

/// Where a table or value stands: its key, and the key with `*` for names the operator chooses.
#[derive(Clone)]
struct Place<'s> {
    source: &'s Source<'s>,
    key: String,
    pattern: String,
    at: usize,
}

impl<'s> Place<'s> {
    fn child(&self, name: &str, pattern: &str, at: usize) -> Self {
        let key = join(&self.key, &mask::key(name));
        let place = Self { source: self.source, key, pattern: join(&self.pattern, pattern), at };
        self.source.note_place(&place.key, at);
        place
    }

    fn fail(&self, what: impl Into<String>) {
        self.source.fail(self.at, &self.key, what);
    }

    /// What to add where a table stands unexpectedly under a name the operator chose.
    fn dot_hint(&self, is_table: bool) -> &'static str {
        let chosen = self.pattern.ends_with(".*") || self.pattern.rsplit_once(".*.").is_some();
        if is_table && chosen { "; quote a name that holds a dot" } else { "" }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A table whose keys are asked for one by one; what nobody asked for is a problem.
pub(super) struct Table<'s> {
    place: Place<'s>,
    entries: &'s DeTable<'s>,
    asked: Vec<&'static str>,
}

impl<'s> Table<'s> {
    /// The file's outermost table.
    pub(super) fn root(source: &'s Source<'s>, entries: &'s DeTable<'s>) -> Self {
        let place = Place { source, key: String::new(), pattern: String::new(), at: 0 };
        Self { place, entries, asked: Vec::new() }
    }

    /// The table's own key.
    pub(super) fn key(&self) -> &str {
        &self.place.key
    }

    /// The file this table stands in.
    pub(super) fn source(&self) -> &'s Source<'s> {
        self.place.source
    }

    /// Notes a problem of the table as a whole.
    pub(super) fn fail(&self, what: impl Into<String>) {
        self.place.fail(what);
    }

    /// The value of `name`, if there is one.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Value<'s>> {
        self.asked.push(name);
        let pattern = join(&self.place.pattern, name);
        self.place.source.note_known(pattern);
        let (key, value) = self.entries.get_key_value(name)?;
        Some(Value {
            place: self.place.child(name, name, key.span().start),
            value: value.get_ref(),
        })
    }

    /// The value of `name`, whose absence is a problem; `hint` says what to write.
    pub(super) fn need(&mut self, name: &'static str, hint: &str) -> Option<Value<'s>> {
        let value = self.get(name);
        if value.is_none() {
            let key = join(&self.place.key, name);
            self.place.source.fail(self.place.at, &key, format!("is missing; {hint}"));
        }
        value
    }

    /// The value of `name` or of its older name `old`; both at once are a problem.
    pub(super) fn either(&mut self, name: &'static str, old: &'static str) -> Option<Value<'s>> {
        let (new, older) = (self.get(name), self.get(old));
        if let (Some(_), Some(older)) = (&new, &older) {
            older.fail(format!("says the same as `{name}`; keep one of them"));
        }
        new.or(older)
    }

    /// The table called `name`, if there is one.
    pub(super) fn table(&mut self, name: &'static str) -> Option<Self> {
        self.get(name)?.table()
    }

    /// All entries in the order of the file, for a table whose names the operator chooses.
    pub(super) fn each(&self) -> Vec<(String, Value<'s>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&'s Spanned<_>, &'s Spanned<_>)| self.entry(key, value);
        entries.into_iter().map(entry).collect()
    }

    fn entry(
        &self,
        key: &'s Spanned<toml::de::DeString<'s>>,
        value: &'s Spanned<DeValue<'s>>,
    ) -> (String, Value<'s>) {
        let place = self.place.child(key.get_ref(), "*", key.span().start);
        (key.get_ref().clone().into_owned(), Value { place, value: value.get_ref() })
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let place = self.place.child(name, name, key.span().start);
            let hint = self.hint(name, &place, value.get_ref());
            place.fail(format!("unknown key{hint}"));
        }
    }

    /// What to do about the unknown key `name`.
    fn hint(&self, name: &str, place: &Place<'s>, value: &DeValue<'s>) -> String {
        if let Some(near) = suggest::nearest(name, self.asked.iter().copied()) {
            return format!("; did you mean `{near}`?");
        }
        let dot = place.dot_hint(value.is_table());
        if !dot.is_empty() {
            return dot.to_owned();
        }
        match self.asked.len() {
            0 => "; this table has no keys".to_owned(),
            1..=LONGEST_LIST => format!("; known are {}", self.asked.join(", ")),
            _ => String::new(),
        }
    }
}

/// A value and its place. Each reading reports what is wrong and then gives `None`.
pub(super) struct Value<'s> {
    place: Place<'s>,
    value: &'s DeValue<'s>,
}

impl<'s> Value<'s> {
    /// The value as the parser left it, for kinds that one key alone accepts.
    pub(super) fn inner(&self) -> &'s DeValue<'s> {
        self.value
    }

    /// Notes a problem of this value.
    pub(super) fn fail(&self, what: impl Into<String>) {
        self.place.fail(what);
    }

    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let hint = self.place.dot_hint(self.value.is_table());
        self.fail(format!("must be {wanted}, not {}{hint}", type_name(self.value)));
        None
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'s>> {
        let Some(entries) = self.value.as_table() else {
            return self.wrong_type("a table");
        };
        Some(Table { place: self.place.clone(), entries, asked: Vec::new() })
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            return self.wrong_type("a list");
        };
        let item = |(index, item): (usize, &'s Spanned<DeValue<'s>>)| {
            let mut place = self.place.clone();
            place.key = format!("{}[{index}]", place.key);
            place.at = item.span().start;
            place.source.note_place(&place.key, place.at);
            Self { place, value: item.get_ref() }
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A text as it stands in the file, `${VAR}` unexpanded: safe to repeat in a problem.
    pub(super) fn raw(&self) -> Option<&'s str> {
        self.value.as_str()
    }

    /// A text, `${VAR}` expanded, that is not empty.
    pub(super) fn text(&self) -> Option<String> {
        let Some(raw) = self.raw() else {
            return self.wrong_type("a string");
        };
        match self.place.source.expand(raw) {
            Ok(text) if text.is_empty() && !raw.is_empty() => {
                self.fail(format!("is empty after {} is filled in", quoted(raw)));
                None
            }
            Ok(text) if text.is_empty() => {
                self.fail("is empty");
                None
            }
            Ok(text) => Some(text),
            Err(error) => {
                self.fail(error.to_string());
                None
            }
        }
    }

    /// A text that can be sent in a header as a credential: visible ASCII.
    pub(super) fn credential(&self) -> Option<Secret> {
        let text = self.text()?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(Secret::new(text));
        }
        self.fail("holds a space, a line end or another character that a header cannot carry");
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// An integer within `range`.
    pub(super) fn whole<T>(&self, range: &RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i128> + PartialOrd + fmt::Display,
    {
        let Some(number) = self.value.as_integer() else {
            return self.wrong_type("an integer");
        };
        let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let number = number.and_then(|number| T::try_from(number).ok());
        number.filter(|number| range.contains(number)).or_else(|| {
            self.fail(format!("must be from {} to {}", range.start(), range.end()));
            None
        })
    }

    /// One of the names of an enumeration.
    pub(super) fn choice<T: Copy + fmt::Display + FromStr>(&self, all: &[T]) -> Option<T> {
        let text = self.text()?;
        let found = text.parse().ok();
        if found.is_none() {
            let names: Vec<String> = all.iter().map(T::to_string).collect();
            let hint = match suggest::nearest(&text, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("one of {}", names.join(", ")),
            };
            let raw = quoted(self.raw().unwrap_or_default());
            self.fail(format!("unknown value {raw}; {hint}"));
        }
        found
    }

    /// A duration in seconds, integer or decimal, within `range`.
    pub(super) fn seconds(&self, range: &RangeInclusive<Duration>) -> Option<Duration> {
        let nanoseconds = self.scaled("a number of seconds", NANOSECOND_PLACES)?;
        let whole = u64::try_from(nanoseconds / NANOSECONDS).ok();
        let rest = u32::try_from(nanoseconds % NANOSECONDS).ok();
        let duration = whole.zip(rest).map(|(whole, rest)| Duration::new(whole, rest));
        duration.filter(|duration| range.contains(duration)).or_else(|| {
            let (low, high) = (range.start().as_secs_f64(), range.end().as_secs_f64());
            self.fail(format!("must be from {low} to {high} seconds"));
            None
        })
    }

    /// A size in bytes, an integer or a text such as "32MiB", within `range`.
    pub(super) fn size(&self, range: &RangeInclusive<usize>) -> Option<usize> {
        let bytes = if self.value.is_str() {
            let bytes = size::parse_size(&self.text()?);
            if bytes.is_none() {
                self.fail("must be a size such as \"32MiB\" or a number of bytes");
                return None;
            }
            bytes.and_then(|bytes| usize::try_from(bytes).ok())
        } else if let Some(number) = self.value.as_integer() {
            usize::from_str_radix(number.as_str(), number.radix()).ok()
        } else {
            return self.wrong_type("a size such as \"32MiB\"");
        };
        bytes.filter(|bytes| range.contains(bytes)).or_else(|| {
            let show = |bytes: usize| size::format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
            self.fail(format!("must be from {} to {}", show(*range.start()), show(*range.end())));
            None
        })
    }

    /// An amount of USD in units of 10^-`places` USD, at most `most` units.
    pub(super) fn usd(&self, places: u32, most: u128) -> Option<u128> {
        let units = self.scaled("an amount in USD", places)?;
        if units > most {
            let most = decimal::unscaled(most, usize::try_from(places).unwrap_or(0));
            self.fail(format!("must be at most {most} USD"));
            return None;
        }
        Some(units)
    }

    fn scaled(&self, wanted: &str, places: u32) -> Option<u128> {
        use decimal::DecimalError;
        let text = match (self.value.as_integer(), self.value.as_float()) {
            (Some(number), _) if number.radix() == 10 => number.as_str(),
            (_, Some(number)) => number.as_str(),
            _ => return self.wrong_type(wanted),
        };
        match decimal::scaled(text, places) {
            Ok(units) => return Some(units),
            Err(DecimalError::NotANumber) => self.fail(format!("must be {wanted}")),
            Err(DecimalError::Negative) => self.fail("must not be negative"),
            Err(DecimalError::TooFine) => {
                self.fail(format!("has more than {places} digits after the point"));
            }
            Err(DecimalError::TooLarge) => self.fail("is too large"),
        }
        None
    }

    /// An address to listen on.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let address = self.text()?.parse().ok();
        if address.is_none() {
            let raw = quoted(self.raw().unwrap_or_default());
            let example = "\"127.0.0.1:8080\" or \"[::1]:8080\"";
            self.fail(format!("{raw} is not an IP address and port, such as {example}"));
        }
        address
    }
}

const NANOSECOND_PLACES: u32 = 9;
const NANOSECONDS: u128 = 1_000_000_000;

/// A text in quotes, cut and escaped so that a problem stays one line.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= LONGEST_QUOTE {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(LONGEST_QUOTE).collect();
    format!("{:?}", format!("{head}..."))
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date-time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
