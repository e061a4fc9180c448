//! Measures what a proxy costs: a mock LLM upstream, a load generator and a comparison of proxies.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod cli;
mod clock;
mod compare;
mod error;
mod host;
mod http;
mod load;
mod mock;
mod poller;
mod prompt;
mod slab;
mod sse;
mod stats;
mod usage;

fn main() -> std::process::ExitCode {
    match cli::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("loadtest: {failure}");
            std::process::ExitCode::FAILURE
        }
    }
}
