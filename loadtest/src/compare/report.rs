//! The tables, and the same as JSON.

use std::fmt;

use serde_json::Value;
use serde_json::json;

use crate::compare::Options;
use crate::compare::candidate::Candidate;
use crate::compare::scenario::Measure;
use crate::compare::scenario::Scenario;
use crate::stats::Spread;

/// The figures of one run.
#[derive(Debug)]
pub struct Sample {
    /// What was run.
    pub scenario: &'static Scenario,
    /// Through what.
    pub candidate: Candidate,
    /// In which round, from zero.
    pub round: u32,
    /// What the load generator reported, and what follows from it.
    pub figures: Value,
}

/// All samples of a comparison.
#[derive(Debug)]
pub struct Report {
    scenarios: Vec<&'static Scenario>,
    candidates: Vec<Candidate>,
    samples: Vec<Sample>,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
struct Column {
    title: &'static str,
    /// A JSON pointer into the figures.
    figure: &'static str,
    digits: usize,
    /// A second column compares it to nginx.
    compared: bool,
}

impl Sample {
    fn figure(&self, pointer: &str) -> Option<f64> {
        self.figures.pointer(pointer)?.as_f64()
    }
}

/// One line for the user who waits.
impl fmt::Display for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<12} {:<16}", self.scenario.name, self.candidate)?;
        if let Some(failure) = self.figures.get("failure").and_then(Value::as_str) {
            return write!(out, " {failure}");
        }
        for column in columns(self.scenario.measure) {
            if let Some(value) = self.figure(column.figure) {
                write!(out, "  {} {value:.*}", column.title, column.digits)?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// A report without samples.
    pub fn new(scenarios: &[&'static Scenario], candidates: &[Candidate]) -> Self {
        Self { scenarios: scenarios.to_vec(), candidates: candidates.to_vec(), samples: Vec::new() }
    }

    /// Adds a sample.
    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Gives every sample at a fixed rate its latency beyond that of direct in the same round.
    pub fn derive_added_latency(&mut self) {
        for (figure, added) in [("p50", "added_p50_us"), ("p99", "added_p99_us")] {
            let pointer = format!("/latency_us/{figure}");
            let direct: Vec<(&str, u32, f64)> = self
                .samples
                .iter()
                .filter(|sample| sample.candidate == Candidate::Direct)
                .filter_map(|s| Some((s.scenario.name, s.round, s.figure(&pointer)?)))
                .collect();
            for sample in &mut self.samples {
                let same = |(scenario, round, _): &&(&str, u32, f64)| {
                    *scenario == sample.scenario.name && *round == sample.round
                };
                let base = direct.iter().find(same).map(|(_, _, value)| *value);
                let value = sample.figure(&pointer).zip(base).map(|(value, base)| value - base);
                if let Some(figures) = sample.figures.as_object_mut() {
                    figures.insert(added.to_owned(), json!(value));
                }
            }
        }
    }

    /// Every figure of every run, and what they were run with.
    pub fn to_json(&self, options: &Options) -> Value {
        let samples: Vec<Value> = self
            .samples
            .iter()
            .map(|sample| {
                json!({
                    "scenario": sample.scenario.name,
                    "candidate": sample.candidate.to_string(),
                    "round": sample.round,
                    "figures": sample.figures,
                })
            })
            .collect();
        json!({
            "rounds": options.rounds,
            "seconds": options.duration.as_secs_f64(),
            "seed": options.seed,
            "samples": samples,
        })
    }

    /// A figure of a candidate in every round; a hole where a round has none.
    fn rounds(&self, scenario: &Scenario, candidate: &Candidate, figure: &str) -> Vec<Option<f64>> {
        let mine = |sample: &&Sample| {
            sample.scenario.name == scenario.name && sample.candidate == *candidate
        };
        let mut samples: Vec<&Sample> = self.samples.iter().filter(mine).collect();
        samples.sort_by_key(|sample| sample.round);
        samples.into_iter().map(|sample| sample.figure(figure)).collect()
    }

    fn table(&self, scenario: &Scenario) -> Vec<Vec<String>> {
        let columns = columns(scenario.measure);
        let mut head = vec![String::new()];
        for column in &columns {
            head.push(column.title.to_owned());
            head.extend(column.compared.then(|| "x nginx".to_owned()));
        }
        head.push("faults".to_owned());
        let mut rows = vec![head];
        for candidate in &self.candidates {
            let faults = self.rounds(scenario, candidate, "/faults");
            if faults.is_empty() {
                continue;
            }
            let mut row = vec![candidate.to_string()];
            for column in &columns {
                row.extend(self.cells(scenario, candidate, *column));
            }
            row.push(faults.iter().flatten().sum::<f64>().to_string());
            rows.push(row);
        }
        rows
    }

    fn cells(&self, scenario: &Scenario, candidate: &Candidate, column: Column) -> Vec<String> {
        let ours = self.rounds(scenario, candidate, column.figure);
        let values: Vec<f64> = ours.iter().flatten().copied().collect();
        let mut cells = vec![cell(Spread::of(&values), column.digits)];
        if column.compared {
            let theirs = self.rounds(scenario, &Candidate::Nginx, column.figure);
            cells.push(cell(Spread::of_ratios(&ours, &theirs), 2));
        }
        cells
    }
}

/// The tables, one a scenario.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "median [smallest..largest] of the rounds")?;
        for scenario in &self.scenarios {
            writeln!(out, "\n{}: {}", scenario.name, scenario.title)?;
            write_table(out, &self.table(scenario))?;
        }
        let failed = self.samples.iter().filter(|sample| sample.figures.get("failure").is_some());
        for sample in failed {
            writeln!(out, "round {}: {sample}", sample.round + 1)?;
        }
        Ok(())
    }
}

fn cell(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |Spread { median, min, max }| format!("{median:.digits$} [{min:.digits$}..{max:.digits$}]"),
    )
}

/// Writes rows with aligned columns: the first to the left, figures to the right.
fn write_table(out: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |index: usize| rows.iter().filter_map(|row| row.get(index)).map(String::len).max();
    let widths: Vec<usize> = (0..columns).map(|index| width(index).unwrap_or(0)).collect();
    for row in rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if index == 0 {
                write!(out, "  {cell:<width$}")?;
            } else {
                write!(out, "  {cell:>width$}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

const fn column(title: &'static str, figure: &'static str, digits: usize) -> Column {
    Column { title, figure, digits, compared: false }
}

const fn compared(title: &'static str, figure: &'static str, digits: usize) -> Column {
    Column { title, figure, digits, compared: true }
}

/// How much of the proxy's core went to something else: how far to trust the row.
const OTHERS: Column = column("others", "/others_share", 2);

/// How much of the window was calm: CPU times are those of the calm parts.
const CALM: Column = column("calm", "/calm_share", 2);

fn columns(measure: Measure) -> Vec<Column> {
    match measure {
        Measure::Requests => vec![
            compared("cpu us/request", "/calm_cpu_us_per_request", 2),
            column("requests/s", "/requests_per_s", 0),
            column("p50 us", "/latency_us/p50", 0),
            column("p99 us", "/latency_us/p99", 0),
            CALM,
            OTHERS,
        ],
        Measure::Events => vec![
            compared("cpu us/event", "/calm_cpu_us_per_event", 2),
            column("events/s", "/events_per_s", 0),
            column("first p50 us", "/first_event_us/p50", 0),
            column("gap p50 us", "/gap_us/p50", 0),
            column("gap p99 us", "/gap_us/p99", 0),
            CALM,
            OTHERS,
        ],
        Measure::Latency => vec![
            compared("cpu us/request", "/calm_cpu_us_per_request", 2),
            column("p50 us", "/latency_us/p50", 0),
            column("p99 us", "/latency_us/p99", 0),
            column("added p50 us", "/added_p50_us", 0),
            column("added p99 us", "/added_p99_us", 0),
            CALM,
            OTHERS,
        ],
        Measure::Memory { streams } => {
            let each = if streams { "KiB/stream" } else { "KiB/connection" };
            let mut columns = vec![
                column("idle KiB", "/rss_kib_before", 0),
                column("loaded KiB", "/rss_kib", 0),
                compared(each, "/rss_kib_each", 2),
            ];
            if !streams {
                columns.push(column("idle KiB, 2 shards", "/rss_kib_two_shards", 0));
            }
            columns
        }
    }
}
