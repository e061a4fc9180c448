//! Tables by rule, each row with the very fault; then cuts, random bytes and recorded attacks.

mod chunk;
mod corpus;
mod framing;
mod random;
mod request;
mod response;
