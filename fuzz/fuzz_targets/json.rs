//! Runs `json::fuzz_json` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::codec::json::fuzz_json(data));
