//! Who is asking: virtual keys, kept as SHA-256 and looked up by digest.
//!
//! A look-up compares digests, never keys, so how long it takes tells nothing about a key. There
//! is no query language and no side effect between a request and its caller.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use ring::digest;

use crate::error::Error;
use crate::error::Kind;

/// SHA-256 of a key.
pub type Digest = [u8; 32];

/// Which models a key may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// Every model.
    All,
    /// These names only, as clients say them or as aliases resolve.
    Only(HashSet<Box<str>>),
}

impl Models {
    /// Whether the list names `model`.
    #[must_use]
    pub fn allow(&self, model: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(model),
        }
    }
}

/// The owner of a key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's name in the configuration; empty where authentication is off.
    pub name: Box<str>,
    /// What the key may use.
    pub models: Models,
    /// Unix seconds after which the key is refused.
    pub expires: Option<u64>,
}

/// All keys, or the decision to do without.
#[derive(Debug)]
pub enum Keys {
    /// `auth = "none"`: everybody is this caller.
    Open(Caller),
    /// A key is required.
    Required(Callers),
}

/// The owners of the keys.
pub type Callers = HashMap<Digest, Caller, BuildHasherDefault<Uniform>>;

/// Hashes a digest by folding it: its bits are as good as random already.
#[derive(Debug, Default)]
pub struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.as_chunks().0 {
            self.0 ^= u64::from_le_bytes(*word);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The digest under which a key is kept.
#[must_use]
pub fn digest(key: &[u8]) -> Digest {
    let mut out = [0; 32];
    // SHA-256 is 32 bytes long, so the slices have the same length.
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, key).as_ref()) {
        *to = *from;
    }
    out
}

/// The key in an `authorization` value: the scheme is case-insensitive (RFC 9110, 11.1).
#[must_use]
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

impl Keys {
    /// Finds the caller who presented `key` at `now` (Unix seconds).
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] for a missing, unknown or expired key.
    pub fn identify(&self, key: Option<&[u8]>, now: u64) -> Result<&Caller, Error> {
        let callers = match self {
            Self::Open(caller) => return Ok(caller),
            Self::Required(callers) => callers,
        };
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Err(refuse(
                "no API key: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`",
            ));
        };
        let Some(caller) = callers.get(&digest(key)) else {
            return Err(refuse("this API key is not known to the gateway"));
        };
        match caller.expires {
            Some(end) if now >= end => Err(refuse("this API key has expired")),
            Some(_) | None => Ok(caller),
        }
    }
}

fn refuse(message: &'static str) -> Error {
    Error::new(Kind::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Caller, Keys, Models, bearer, digest};

    fn keys(expires: Option<u64>) -> Keys {
        let caller = Caller { name: "team".into(), models: Models::All, expires };
        Keys::Required([(digest(b"sk-1"), caller)].into_iter().collect())
    }

    #[test]
    fn digest_is_sha256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            digest(b"abc").map(|byte| format!("{byte:02x}")).concat(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn only_the_right_key_passes() {
        let keys = keys(None);
        assert_eq!(&*keys.identify(Some(b"sk-1"), 0).unwrap().name, "team");
        for wrong in [None, Some(&b""[..]), Some(b"sk-"), Some(b"sk-12"), Some(b"SK-1")] {
            assert!(keys.identify(wrong, 0).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_ends_when_it_expires() {
        let keys = keys(Some(100));
        assert!(keys.identify(Some(b"sk-1"), 99).is_ok());
        assert_eq!(
            keys.identify(Some(b"sk-1"), 100).unwrap_err().message,
            "this API key has expired"
        );
    }

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        assert_eq!(bearer(b"Bearer sk"), Some(&b"sk"[..]));
        assert_eq!(bearer(b"bearer  sk "), Some(&b"sk"[..]));
        assert_eq!(bearer(b"Basic sk"), None);
        assert_eq!(bearer(b"Bearer"), None);
    }

    #[test]
    fn a_list_names_models() {
        let models = Models::Only(HashSet::from(["a".into()]));
        assert!(models.allow("a") && !models.allow("b") && Models::All.allow("b"));
    }
}
