//! The types of `[[keys]]`.

use crate::secret::Secret;

/// One client key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in logs and usage; unique.
    pub name: String,
    /// What the client shows.
    pub secret: KeySecret,
    /// The models it may use; `["*"]` = all.
    pub models: Vec<String>,
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Requests at a time.
    pub max_parallel: Option<u32>,
    /// What it may spend.
    pub budget: Option<Budget>,
    /// When it ends, in seconds since 1970-01-01T00:00:00Z.
    pub expires: Option<u64>,
}

/// A client key's text, or the hash of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySecret {
    /// The text, visible ASCII.
    Plain(Secret),
    /// SHA-256 of the text.
    Sha256([u8; 32]),
}

/// What a key may spend in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The amount; 1 USD = 10^12 picodollars.
    pub picodollars: u128,
    /// After which the count starts anew.
    pub period: Period,
}

named! {
    /// After which a budget's count starts anew.
    Period {
        /// Each day, UTC.
        Day = "day",
        /// Each week, from Monday, UTC.
        Week = "week",
        /// Each month, UTC.
        Month = "month",
        /// Never.
        Total = "total",
    }
}
