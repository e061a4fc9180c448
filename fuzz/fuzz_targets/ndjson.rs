//! Runs `codec::ndjson::fuzz_ndjson` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::codec::ndjson::fuzz_ndjson(data));
