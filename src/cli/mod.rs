//! The command line.

mod explain;
mod init;

use std::io;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use tracing_subscriber::filter::LevelFilter;

use crate::config;
use crate::config::Config;
use crate::config::DriverChoice;
use crate::config::Env;
use crate::config::LogLevel;
use crate::config::Problems;
use crate::control;
use crate::runtime::clock::unix_time;

/// Read where `--config` is not given, if it is there.
const DEFAULT_FILE: &str = "crabllm.toml";

/// An LLM API gateway: one door to every provider, at the cost of a plain reverse proxy.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (the default)
    Serve(Serve),
    /// Check a configuration and print what is in force, secrets masked
    Check {
        /// The configuration file; without one, what `serve` would use
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON: {"ok", "problems", "warnings", "config"}
        #[arg(long)]
        json: bool,
    },
    /// Tell what a model's name leads to: who is asked first, who after a failure, and why
    Explain {
        /// The model, as a client would write it
        #[arg(short, long, value_name = "NAME")]
        model: String,
        /// A key of the configuration, or its name: whether it may use the model
        #[arg(short, long, value_name = "KEY")]
        key: Option<String>,
        /// The configuration file; without one, what `serve` would use
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a commented configuration with a fresh admin token and a first key
    Init {
        /// The file to write; it must not exist
        #[arg(short, long, value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,
    },
}

#[derive(Clone, Debug, Default, Args)]
struct Serve {
    /// The configuration file; without one, ./crabllm.toml if it is there, else what the
    /// environment offers
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen here instead of where the configuration says
    #[arg(short, long, value_name = "ADDR", visible_alias = "bind")]
    listen: Option<SocketAddr>,
    /// What shards run on
    #[arg(long, value_name = "DRIVER", value_parser = driver_parser())]
    driver: Option<DriverChoice>,
    /// Threads with an event loop each, 1024 at most; 0 is one a core
    #[arg(long, value_name = "N", value_parser = shards_parser())]
    shards: Option<usize>,
}

fn driver_parser() -> impl TypedValueParser<Value = DriverChoice> {
    let names = DriverChoice::ALL.iter().map(|driver| driver.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<DriverChoice>())
}

/// As many as a file may ask for.
fn shards_parser() -> impl TypedValueParser<Value = usize> {
    let most = *config::SHARDS.end() as u64;
    clap::value_parser!(u64).range(0..=most).map(|shards| usize::try_from(shards).unwrap_or(0))
}

/// Runs what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let env = Env::from_process();
    let done = match cli.command {
        None => serve(&cli.serve, &env),
        Some(Command::Serve(options)) => serve(&options, &env),
        Some(Command::Check { config, json }) => return check(config.as_deref(), json, &env),
        Some(Command::Explain { model, key, config, json }) => {
            explain(config.as_deref(), &model, key.as_deref(), json, &env)
        }
        Some(Command::Init { config }) => init::write(&config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    // Where not even standard error is left, the exit code has to do.
    let _gone = writeln!(io::stderr(), "crabllm: {message}");
    ExitCode::FAILURE
}

fn serve(options: &Serve, env: &Env) -> Result<(), String> {
    let (mut config, found) =
        configuration(options.config.as_deref(), env).map_err(|wrong| wrong.to_string())?;
    if let Some(listen) = options.listen {
        config.listen = listen;
    }
    if let Some(driver) = options.driver {
        config.runtime.driver = driver;
    }
    if let Some(shards) = options.shards {
        config.runtime.shards = shards;
    }
    start_log(&config);
    for line in found {
        tracing::info!("{line}");
    }
    control::run(&config, env)
}

/// What is in force, and where it is from, a line each.
fn configuration(file: Option<&Path>, env: &Env) -> Result<(Config, Vec<String>), Problems> {
    let default = Path::new(DEFAULT_FILE);
    let file = file.or_else(|| default.exists().then_some(default));
    match file {
        Some(file) => {
            let mut config = config::load(file, env)?;
            warn_of_expired(&mut config);
            Ok((config, vec![format!("configuration: {}", file.display())]))
        }
        None => Ok(config::from_environment(env)),
    }
}

/// A key that is of no use any more is not refused: tomorrow's start would fail for no change.
fn warn_of_expired(config: &mut Config) {
    let now = unix_time().as_secs();
    let expired = config.keys.iter().filter(|key| key.expires.is_some_and(|end| end <= now));
    let lines = expired.map(|key| format!("keys: {:?} has expired", key.name));
    config.warnings.extend(lines.collect::<Vec<_>>());
}

/// Lines for people go to standard error; records go to standard output (`control::log`).
fn start_log(config: &Config) {
    let level = match config.extensions.logging {
        Some(LogLevel::Error | LogLevel::Warn | LogLevel::Info) | None => LevelFilter::INFO,
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
        Some(LogLevel::Trace) => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&io::stderr()))
        .with_target(false)
        .with_max_level(level)
        .init();
}

fn explain(
    file: Option<&Path>,
    model: &str,
    key: Option<&str>,
    json: bool,
    env: &Env,
) -> Result<(), String> {
    let (config, _from) = configuration(file, env)
        .map_err(|problems| format!("the configuration is wrong\n{problems}"))?;
    let text = explain::explain(&config, model, key, json)?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// Everything that `serve` would refuse is refused here, files that the configuration names
/// included.
fn check(file: Option<&Path>, json: bool, env: &Env) -> ExitCode {
    let checked = configuration(file, env)
        .map_err(|Problems(list)| list.iter().map(ToString::to_string).collect())
        .and_then(|found| match control::compile(&found.0, env) {
            Ok(_compiled) => Ok(found),
            Err(problem) => Err(vec![problem]),
        });
    let text = match (&checked, json) {
        (Ok((config, from)), false) => in_force(config, from),
        (Err(problems), false) => {
            return fail(&format!("the configuration is wrong\n{}", problems.join("\n")));
        }
        (Ok((config, _)), true) => {
            let (warnings, masked) = (&config.warnings, config.to_toml_masked());
            let empty: [&str; 0] = [];
            let report = serde_json::json!({
                "ok": true, "problems": empty, "warnings": warnings, "config": masked,
            });
            format!("{report}\n")
        }
        (Err(problems), true) => {
            format!("{}\n", serde_json::json!({ "ok": false, "problems": problems }))
        }
    };
    if io::stdout().lock().write_all(text.as_bytes()).is_err() || checked.is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The configuration for people: where it is from and what to know of it, as comments, before it.
fn in_force(config: &Config, from: &[String]) -> String {
    let from = from.iter().map(|line| format!("# {line}\n"));
    let warnings = config.warnings.iter().map(|warning| format!("# warning: {warning}\n"));
    from.chain(warnings).chain([config.to_toml_masked()]).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::Parser;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn no_option_goes_unheard() {
        let parsed = |line: &str| super::Cli::try_parse_from(line.split(' ')).is_ok();
        for line in ["crabllm --config f.toml", "crabllm serve --config f.toml --shards 1"] {
            assert!(parsed(line), "{line}");
        }
        for line in [
            "crabllm --config f.toml serve",
            "crabllm --listen 127.0.0.1:1 --shards 1 serve",
            "crabllm --config f.toml check",
            "crabllm --config f.toml explain --model m",
            "crabllm --shards 1025",
        ] {
            assert!(!parsed(line), "{line}");
        }
    }
}
