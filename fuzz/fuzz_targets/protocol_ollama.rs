//! Runs `protocol::ollama::fuzz::fuzz` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::protocol::ollama::fuzz::fuzz(data));
