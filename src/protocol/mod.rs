//! The wire formats of providers: bytes to the vocabulary and back. Pure.

pub mod openai;
