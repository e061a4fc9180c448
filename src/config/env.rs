//! The environment: a snapshot of it, and `${VAR}` in texts.

use std::collections::BTreeMap;
use std::fmt;

/// The environment's variables at one moment. Those that are not UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's own.
    pub fn from_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            name.into_string().ok().zip(value.into_string().ok())
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// These and no others.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's value, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable's value, if it is set and not empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Replaces each `${VAR}` of `text` by the variable's value, and `$${` by `${`. A value is not
    /// looked into again.
    pub(super) fn expand(&self, text: &str) -> Result<String, ExpandError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            let (before, from) = rest.split_at_checked(dollar).unwrap_or((rest, ""));
            out.push_str(before);
            rest = if let Some(after) = from.strip_prefix("$${") {
                out.push_str("${");
                after
            } else if let Some(after) = from.strip_prefix("${") {
                let (name, after) = after.split_once('}').ok_or(ExpandError::Open)?;
                if !is_variable(name) {
                    return Err(ExpandError::Name);
                }
                out.push_str(self.get(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?);
                after
            } else {
                out.push('$');
                from.strip_prefix('$').unwrap_or_default()
            };
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl fmt::Debug for Env {
    /// Names only: the values hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Env").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

fn is_variable(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.bytes().all(part)
}

/// Why `${...}` cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// The variable is not set.
    Unset(String),
    /// No `}` follows.
    Open,
    /// What stands between the braces is no variable's name.
    Name,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "the environment variable {name} is not set"),
            Self::Open => f.write_str("has `${` without `}`; write `$${` for a plain `${`"),
            Self::Name => f.write_str(
                "has `${...}` without a variable's name in it; write `$${` for a plain `${`",
            ),
        }
    }
}
