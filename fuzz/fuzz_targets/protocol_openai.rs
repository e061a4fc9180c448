//! Runs `protocol::openai::chat::fuzz::fuzz` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::protocol::openai::chat::fuzz::fuzz(data));
