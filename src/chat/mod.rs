//! What every chat protocol can say, in no provider's words.

mod usage;

pub use usage::Usage;
