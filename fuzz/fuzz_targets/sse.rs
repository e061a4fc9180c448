//! Runs `sse::fuzz_sse` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::codec::sse::fuzz_sse(data));
