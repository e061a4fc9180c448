//! What a run found, for people and for programs.

use std::fmt;

use serde_json::Value;
use serde_json::json;

use crate::load::calm::Work;
use crate::load::tally::Tally;
use crate::load::window::Reading;
use crate::stats::tenths;

/// All figures of one run.
#[derive(Debug)]
pub struct Report {
    /// What was counted in the window.
    pub tally: Tally,
    /// What was done while nothing was taken from the proxy's core.
    pub calm: Option<Work>,
    /// Connections open at its end.
    pub open: usize,
    /// Requests under way at its end.
    pub in_flight: usize,
    /// Streams under way at its end that had brought an event.
    pub streaming: usize,
    /// Requests of the open loop that were due and not sent at its end.
    pub overdue: u64,
    /// Before the first connection.
    pub first: Reading,
    /// When the window opened.
    pub opened: Reading,
    /// When it closed.
    pub closed: Reading,
}

impl Report {
    /// Length of the window, in seconds.
    fn seconds(&self) -> f64 {
        self.closed.at.saturating_duration_since(self.opened.at).as_secs_f64()
    }

    /// CPU time of the measured process in the window, in microseconds.
    fn cpu(&self) -> Option<f64> {
        Some(self.closed.cpu.as_ref()?.since(self.opened.cpu.as_ref()?))
    }

    /// The share of the watched core that went to anything but the measured process. Both are
    /// read by different clocks, so a quiet core may show a percent either way.
    fn others(&self) -> Option<f64> {
        let busy = self.closed.core_busy? - self.opened.core_busy?;
        Some(((busy - self.cpu()?) / (self.seconds() * 1e6)).max(0.0))
    }

    /// The report as JSON. Times are in microseconds unless the name says otherwise; what was not
    /// measured is null.
    pub fn to_json(&self) -> Value {
        let tally = &self.tally;
        let seconds = self.seconds();
        let each = |count: u64| self.cpu().filter(|_| count > 0).map(|cpu| cpu / count as f64);
        let calm = |count: fn(&Work) -> u64| {
            self.calm.filter(|work| count(work) > 0).map(|work| work.cpu / count(&work) as f64)
        };
        json!({
            "seconds": seconds,
            "requests": tally.requests,
            "requests_per_s": tenths(tally.requests as f64 / seconds),
            "errors": tally.errors,
            "non_2xx": tally.non_2xx,
            "truncated": tally.truncated,
            "closed_idle": tally.closed_idle,
            "overdue": self.overdue,
            "in_flight": self.in_flight,
            "latency_us": tally.latency.to_json(),
            "events": tally.events,
            "events_per_s": tenths(tally.events as f64 / seconds),
            "first_event_us": tally.first_event.to_json(),
            "gap_us": tally.gap.to_json(),
            "connections_open": self.open,
            "streams_open": self.streaming,
            "cpu_us": self.cpu(),
            "cpu_us_per_request": each(tally.requests),
            "cpu_us_per_event": each(tally.events),
            "calm_cpu_us_per_request": calm(|work| work.requests),
            "calm_cpu_us_per_event": calm(|work| work.events),
            "calm_share": self.calm.map(|work| work.seconds / seconds),
            "cpu_share": self.cpu().map(|cpu| cpu / (seconds * 1e6)),
            "others_share": self.others(),
            "rss_kib_before": self.first.resident_kib,
            "rss_kib": self.closed.resident_kib,
        })
    }
}

/// One figure a line; latencies on one line each.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = self.to_json();
        for (name, value) in json.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::Object(figures) => {
                    write!(out, "{name:>20}:")?;
                    for (name, figure) in figures {
                        write!(out, "  {name} {figure}")?;
                    }
                    writeln!(out)?;
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    writeln!(out, "{name:>20}: {value}")?;
                }
            }
        }
        Ok(())
    }
}
