//! Every protocol's requests and answers for every other protocol, held to goldens beside the
//! fixtures. Pure: no socket, no clock.
//!
//! `CRABLLM_BLESS=1` writes the goldens anew; what changed in them is then to be read.

#![expect(clippy::expect_used, clippy::panic, reason = "a test gives up and says why")]

mod across;
mod answers;
mod drive;
mod errors;
mod fixture;
mod frames;
mod lent;
mod meaning;
mod pretty;
mod requests;
