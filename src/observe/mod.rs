//! What is known of a request when it is over, and how that leaves the shard.

mod ledger;
mod record;

pub use ledger::Ledger;
pub use ledger::Meter;
pub use ledger::Reader;
pub use ledger::queue;
pub use record::Outcome;
pub use record::Record;
pub use record::Tried;
