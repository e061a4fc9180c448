//! Runs `http1::fuzz::fuzz_chunked` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::codec::http1::fuzz::fuzz_chunked(data));
