//! One run: start the candidate, put the load on it, read the figures, stop it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::clock;
use crate::compare::Options;
use crate::compare::candidate::Candidate;
use crate::compare::candidate::Place;
use crate::compare::candidate::Running;
use crate::compare::candidate::UPSTREAM_KEY;
use crate::compare::probe;
use crate::compare::process::Process;
use crate::compare::scenario::Measure;
use crate::compare::scenario::Scenario;
use crate::compare::site;
use crate::compare::site::LOAD_CORE;
use crate::compare::site::PROXY_CORE;
use crate::compare::site::Site;
use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;
use crate::usage;

/// A run may take this much longer than its window and warm-up before it counts as stuck.
const GRACE: Duration = Duration::from_secs(30);

/// A proxy closes its upstream streams within this time of its clients' leaving.
const CLEARS_WITHIN: Duration = Duration::from_secs(3);

/// The time a fresh process gets to come to rest before its idle memory is read.
const RESTS_FOR: Duration = Duration::from_millis(500);

/// The mock, and all that is needed to run a load.
#[derive(Debug)]
pub struct Runner<'a> {
    site: &'a Site,
    options: &'a Options,
    /// This program, which is also the mock and the load generator.
    program: PathBuf,
    mock: SocketAddr,
    /// Ends with the runner.
    _mock_process: Process,
}

impl<'a> Runner<'a> {
    /// Starts the mock.
    pub fn start(site: &'a Site, options: &'a Options) -> Result<Self> {
        let program = std::env::current_exe().during("finding this program")?;
        let mock = site::free_address()?;
        let mut command = Command::new(&program);
        command.args(["mock", "--end-with-parent", "--key", UPSTREAM_KEY]);
        command.args(["--listen", &mock.to_string()]);
        let log = site.folder().join("mock.log");
        let mut process = Process::start("the mock", &mut command, Some(LOAD_CORE), &log)?;
        process.wait_until_ready(mock, "/health", &site.stop)?;
        Ok(Self { site, options, program, mock, _mock_process: process })
    }

    /// Runs a scenario through a candidate: its figures, or `failure` in their place. An error
    /// means that the comparison cannot go on.
    pub fn run(&self, scenario: &Scenario, candidate: &Candidate) -> Result<Value> {
        let figures = self.measure(scenario, candidate);
        self.site.stop.check()?;
        Ok(figures.unwrap_or_else(|failure| json!({"failure": failure.to_string(), "faults": 1})))
    }

    fn measure(&self, scenario: &Scenario, candidate: &Candidate) -> Result<Value> {
        probe::get_json(self.mock, &format!("/_mock/ctl?{}", scenario.mock))?;
        let before = self.mock_figure("bad_requests")?;
        let place = Place { core: Some(PROXY_CORE), shards: 1 };
        let running = candidate.start(self.options, self.site, self.mock, place)?;
        if running.process.is_some() && scenario.once() {
            clock::pause(RESTS_FOR);
        }
        let mut figures = self.load(scenario, &running)?;
        let left_open = self.streams_left_open()?;
        let refused = self.mock_figure("bad_requests")? - before;
        drop(running);
        add_derived(&mut figures, scenario, left_open + refused);
        if scenario.once() && matches!(candidate, Candidate::Gateway(_) | Candidate::Other(_)) {
            set(&mut figures, "rss_kib_two_shards", json!(self.idle_memory_of_two(candidate)?));
        }
        Ok(figures)
    }

    /// Runs the load generator as a process of its own and reads what it prints.
    fn load(&self, scenario: &Scenario, running: &Running) -> Result<Value> {
        let duration = scenario.duration(self.options.duration);
        let warmup = scenario.warmup(self.options.warmup);
        let mut command = Command::new(&self.program);
        command.args(["run", "--json", "--end-with-parent"]);
        let mut add = |name: &str, value: String| {
            command.arg(name).arg(value);
        };
        add("--url", format!("http://{}{}", running.address, scenario.path));
        add("--header", format!("authorization: Bearer {}", running.key));
        add("--connections", scenario.connections.to_string());
        add("--body-bytes", scenario.body_bytes.to_string());
        add("--duration", duration.as_secs_f64().to_string());
        add("--warmup", warmup.as_secs_f64().to_string());
        if let Some(rate) = scenario.rate {
            add("--rate", rate.to_string());
        }
        if let Some(process) = &running.process {
            add("--pid", process.id().to_string());
            add("--watch-core", PROXY_CORE.to_string());
        }
        if scenario.streams() {
            command.arg("--stream");
        }
        if scenario.once() {
            command.arg("--once");
        }
        let log = self.site.folder().join("load.log");
        let mut load = Process::start("the load", &mut command, Some(LOAD_CORE), &log)?;
        match load.wait(warmup + duration + GRACE, &self.site.stop)? {
            Some(status) if status.success() => {
                serde_json::from_str(&load.printed()).during("reading the figures of the load")
            }
            Some(_) => Err(load.failure("failed")),
            None => Err(load.failure("did not end in time")),
        }
    }

    /// Streams the proxy still holds open at the mock after its clients have left.
    fn streams_left_open(&self) -> Result<u64> {
        let start = clock::now();
        loop {
            let open = self.mock_figure("streams_active")?;
            if open == 0 || start.elapsed() > CLEARS_WITHIN {
                return Ok(open);
            }
            self.site.stop.check()?;
            clock::pause(Duration::from_millis(20));
        }
    }

    fn idle_memory_of_two(&self, candidate: &Candidate) -> Result<Option<u64>> {
        let place = Place { core: None, shards: 2 };
        let running = candidate.start(self.options, self.site, self.mock, place)?;
        clock::pause(RESTS_FOR);
        Ok(running.process.as_ref().map(|process| usage::resident_kib(process.id())))
    }

    fn mock_figure(&self, name: &str) -> Result<u64> {
        let stats = probe::get_json(self.mock, "/_mock/stats")?;
        let figure = stats.get(name).and_then(Value::as_u64);
        figure.ok_or_else(|| Failure::new(format!("the mock has no figure {name}")))
    }
}

/// Adds what follows from the figures: memory of one connection, and all that went wrong.
pub fn add_derived(figures: &mut Value, scenario: &Scenario, seen_by_mock: u64) {
    let count = |name: &str| figures.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut faults = seen_by_mock;
    for name in ["errors", "non_2xx", "truncated", "overdue"] {
        faults += count(name);
    }
    let wanted = scenario.connections as u64;
    let mut each = None;
    match scenario.measure {
        Measure::Requests | Measure::Latency => faults += u64::from(count("requests") == 0),
        Measure::Events => faults += u64::from(count("events") == 0),
        Measure::Memory { streams } => {
            let open = count(if streams { "streams_open" } else { "connections_open" });
            faults += wanted.saturating_sub(open);
            let grown = count("rss_kib").saturating_sub(count("rss_kib_before"));
            each = (open > 0).then(|| grown as f64 / open as f64);
        }
    }
    set(figures, "faults", json!(faults));
    set(figures, "rss_kib_each", json!(each));
}

fn set(figures: &mut Value, name: &str, value: Value) {
    if let Some(figures) = figures.as_object_mut() {
        figures.insert(name.to_owned(), value);
    }
}
