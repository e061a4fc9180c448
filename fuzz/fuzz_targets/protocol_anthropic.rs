//! Runs `protocol::anthropic::fuzz::fuzz` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::protocol::anthropic::fuzz::fuzz(data));
