//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::compare;
use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;
use crate::host;
use crate::load;
use crate::load::target::Target;
use crate::mock;
use crate::mock::settings::Settings;
use crate::prompt;

/// Measures what a proxy costs.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answers like an OpenAI upstream, very cheaply.
    Mock(MockArgs),
    /// Puts load on one URL and reports latencies and the CPU time of a process.
    Run(RunArgs),
    /// Puts the same loads on no proxy, nginx and the gateway, and prints tables.
    Compare(CompareArgs),
}

#[derive(Args, Debug)]
struct MockArgs {
    /// The address to listen on; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Content events of a stream.
    #[arg(long, default_value_t = 100)]
    chunks: u32,
    /// Microseconds between two of them; 0 sends as fast as the socket takes.
    #[arg(long, default_value_t = 0)]
    pace_us: u32,
    /// Microseconds before the first byte of an answer.
    #[arg(long, default_value_t = 0)]
    delay_us: u32,
    /// Refuse requests whose Authorization is not `Bearer KEY`.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    process: ProcessArgs,
}

#[derive(Args, Debug)]
struct RunArgs {
    /// http://ADDRESS:PORT/PATH
    #[arg(long)]
    url: String,
    /// A header to add, as "name: value"; may be repeated.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// A file to send as the body.
    #[arg(long, conflicts_with = "body_bytes")]
    body: Option<PathBuf>,
    /// The size of a chat request to send.
    #[arg(long, default_value_t = 1024)]
    body_bytes: usize,
    /// Connections kept open.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds measured.
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Requests a second, sent on schedule whatever comes back; closed loop without.
    #[arg(long)]
    rate: Option<f64>,
    /// Ask for streams and count their events.
    #[arg(long)]
    stream: bool,
    /// One request a connection, then leave it idle.
    #[arg(long)]
    once: bool,
    /// Report CPU time and memory of this process and its children.
    #[arg(long)]
    pid: Option<u32>,
    /// Report how much of this core went to anything but --pid.
    #[arg(long)]
    watch_core: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    process: ProcessArgs,
}

#[derive(Args, Debug)]
struct CompareArgs {
    /// The gateway's binary; without the file, nginx is compared to direct alone.
    #[arg(long, default_value = "target/release/crabllm")]
    gateway: PathBuf,
    /// The binary of another build, such as that of an older commit, to run beside it.
    #[arg(long)]
    other: Option<PathBuf>,
    /// How often each scenario runs through each candidate.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Scenarios, with commas between them; all without.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// The gateway's I/O drivers, with commas between them.
    #[arg(long, value_delimiter = ',', default_value = "io_uring,epoll")]
    drivers: Vec<String>,
    /// Seconds measured in each run.
    #[arg(long, default_value_t = 3.0)]
    duration: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Seconds of rest before each run: a machine that lends its cores by credit takes them back
    /// from who has used them for long.
    #[arg(long, default_value_t = 0.0)]
    rest: f64,
    /// Runs are repeated, a few times each, until this share of the window was calm.
    #[arg(long, default_value_t = 0.0)]
    calm: f64,
    /// Repeats an order of the candidates.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The priority of all that is started, -20 (root only) to 19: keeps others off both cores.
    #[arg(long, allow_negative_numbers = true)]
    nice: Option<i32>,
    /// A file for all figures of all runs.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ProcessArgs {
    /// Stay on this core.
    #[arg(long)]
    core: Option<usize>,
    /// End when the process that started this one ends.
    #[arg(long, hide = true)]
    end_with_parent: bool,
}

impl ProcessArgs {
    fn apply(&self) -> Result<()> {
        if self.end_with_parent {
            host::end_with_parent()?;
        }
        host::raise_open_files()?;
        host::sharpen_timers()?;
        self.core.map_or(Ok(()), host::pin)
    }
}

/// Does what the command line says.
pub fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Mock(args) => run_mock(args),
        Command::Run(args) => run_load(args),
        Command::Compare(args) => run_comparison(args),
    }
}

fn run_mock(args: MockArgs) -> Result<()> {
    args.process.apply()?;
    let micros = |count: u32| Duration::from_micros(u64::from(count));
    let settings =
        Settings { chunks: args.chunks, pace: micros(args.pace_us), delay: micros(args.delay_us) };
    let options = mock::Options { listen: args.listen, settings, key: args.key };
    mock::serve(&options, |address| println!("listening on {address}"))
}

fn run_load(args: RunArgs) -> Result<()> {
    args.process.apply()?;
    let target = Target::parse(&args.url)?;
    let body = match &args.body {
        Some(path) => std::fs::read(path).during(&format!("reading {}", path.display()))?,
        None => prompt::chat(&target.path, args.body_bytes, args.stream),
    };
    let options = load::Options {
        target,
        headers: args.headers,
        body,
        connections: args.connections,
        duration: seconds("--duration", args.duration)?,
        warmup: seconds("--warmup", args.warmup)?,
        rate: args.rate.filter(|rate| *rate > 0.0),
        stream: args.stream,
        once: args.once,
        pid: args.pid,
        watch_core: args.watch_core,
    };
    let report = load::run(&options)?;
    if args.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    Ok(())
}

fn run_comparison(args: CompareArgs) -> Result<()> {
    let options = compare::Options {
        gateway: args.gateway,
        other: args.other,
        rounds: args.rounds,
        scenarios: args.scenarios,
        drivers: args.drivers,
        duration: seconds("--duration", args.duration)?,
        warmup: seconds("--warmup", args.warmup)?,
        rest: seconds("--rest", args.rest)?,
        calm: args.calm,
        seed: args.seed,
        json: args.json,
    };
    let _priority = args.nice.map(host::Priority::change).transpose()?;
    print!("{}", compare::run(&options, |line| eprintln!("{line}"))?);
    Ok(())
}

/// A time between zero and an hour: every run ends.
fn seconds(name: &str, value: f64) -> Result<Duration> {
    if (0.0..=3600.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(Failure::new(format!("{name} {value}: not between 0 and 3600 seconds")))
    }
}
