//! The `crabllm` binary.

use std::process::ExitCode;

/// Many small allocations of a few sizes on every core: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    crabllm::cli::main()
}
