//! Runs `codec::eventstream::fuzz_eventstream` of the tree on what the fuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crabllm::codec::eventstream::fuzz_eventstream(data));
