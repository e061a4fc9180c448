//! Runs the same load through several proxies, side by side, and compares what they cost.
//!
//! The proxy has one core, the mock and the load generator have the other. In every round each
//! scenario runs once through every candidate, in random order, each time through a proxy that
//! was just started, so that drift of the machine hits all alike and no run inherits state.

mod candidate;
mod gateway;
mod nginx;
mod order;
mod probe;
mod process;
mod report;
mod runner;
mod scenario;
mod site;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::clock;
use crate::compare::candidate::Candidate;
use crate::compare::order::Order;
use crate::compare::report::Report;
use crate::compare::report::Sample;
use crate::compare::runner::Runner;
use crate::compare::scenario::Measure;
use crate::compare::scenario::Scenario;
use crate::compare::site::Site;
use crate::error::Context;
use crate::error::Result;

/// What to compare.
#[derive(Debug)]
pub struct Options {
    /// The gateway's binary; left out of the comparison if there is none.
    pub gateway: PathBuf,
    /// The binary of another build, to compare with.
    pub other: Option<PathBuf>,
    /// How often each scenario runs through each candidate.
    pub rounds: u32,
    /// Names of scenarios; all if empty.
    pub scenarios: Vec<String>,
    /// The gateway's I/O drivers to compare.
    pub drivers: Vec<String>,
    /// Length of a measured window.
    pub duration: Duration,
    /// Time before it.
    pub warmup: Duration,
    /// Time before each run in which nothing is done.
    pub rest: Duration,
    /// The share of a window that must be calm; a run that is not is repeated.
    pub calm: f64,
    /// Where the order of the candidates comes from.
    pub seed: u64,
    /// A file for all figures.
    pub json: Option<PathBuf>,
}

/// Runs the comparison, with a line to `progress` for every run, and returns its tables.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> Result<String> {
    let scenarios = scenario::select(&options.scenarios)?;
    let candidates = candidate::available(options, &mut progress)?;
    let site = Site::new()?;
    let runner = Runner::start(&site, options)?;
    let mut order = Order::new(options.seed);
    let mut report = Report::new(&scenarios, &candidates);
    for round in 0..options.rounds {
        for scenario in &scenarios {
            let mut turn = fitting(scenario, &candidates);
            order.shuffle(&mut turn);
            for candidate in turn {
                site.stop.check()?;
                let figures = calm_run(&runner, options, scenario, candidate)?;
                let sample = Sample { scenario, candidate: candidate.clone(), round, figures };
                progress(&format!("round {}: {sample}", round + 1));
                report.add(sample);
            }
        }
    }
    report.derive_added_latency();
    if let Some(path) = &options.json {
        let text = report.to_json(options).to_string();
        std::fs::write(path, text).during(&format!("writing {}", path.display()))?;
    }
    Ok(report.to_string())
}

/// Runs until the machine was calm enough to tell, or gives up and takes what there is.
fn calm_run(
    runner: &Runner<'_>,
    options: &Options,
    scenario: &Scenario,
    candidate: &Candidate,
) -> Result<Value> {
    const TRIES: usize = 12;
    let mut figures = Value::Null;
    for _ in 0..TRIES {
        clock::pause(options.rest);
        figures = runner.run(scenario, candidate)?;
        let calm = figures.get("calm_share").and_then(Value::as_f64);
        if calm.is_none_or(|share| share >= options.calm) {
            break;
        }
    }
    Ok(figures)
}

/// The candidates for which a scenario measures something.
fn fitting<'a>(scenario: &Scenario, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    let memory = matches!(scenario.measure, Measure::Memory { .. });
    let fits = |candidate: &&Candidate| match candidate {
        Candidate::Direct => !memory && !scenario.is_translated(),
        Candidate::Nginx => !scenario.is_translated(),
        Candidate::Gateway(_) | Candidate::Other(_) => true,
    };
    candidates.iter().filter(fits).collect()
}
