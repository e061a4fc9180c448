//! The loads that are compared.

use std::time::Duration;

use crate::error::Failure;
use crate::error::Result;
use crate::prompt::MESSAGES;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for the heading of its table.
    pub title: &'static str,
    /// Where it is sent, which decides on the format.
    pub path: &'static str,
    /// Connections kept open.
    pub connections: usize,
    /// The size of a request's body.
    pub body_bytes: usize,
    /// Requests a second of the open loop; closed loop without.
    pub rate: Option<u32>,
    /// Settings of the mock.
    pub mock: &'static str,
    /// What it is about.
    pub measure: Measure,
}

/// What a scenario is about, which decides the columns of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// CPU time of a request.
    Requests,
    /// CPU time of an event of a stream.
    Events,
    /// Latency at a fixed rate, against direct.
    Latency,
    /// Memory of an open connection.
    Memory {
        /// Each connection carries a slow stream instead of being idle.
        streams: bool,
    },
}

impl Scenario {
    /// Whether only the gateway can serve it.
    pub fn is_translated(&self) -> bool {
        // The mock speaks the other format alone.
        self.path == MESSAGES
    }

    /// Whether it asks for streams.
    pub const fn streams(&self) -> bool {
        matches!(self.measure, Measure::Events | Measure::Memory { streams: true })
    }

    /// Whether each connection has one request and is then left idle.
    pub const fn once(&self) -> bool {
        matches!(self.measure, Measure::Memory { streams: false })
    }

    /// Time before the window, which all connections need to open.
    pub fn warmup(&self, usual: Duration) -> Duration {
        match self.measure {
            Measure::Memory { streams: true } => Duration::from_secs(4),
            // At most; the window opens as soon as every connection has had its answer.
            Measure::Memory { streams: false } => Duration::from_secs(15),
            Measure::Requests | Measure::Events | Measure::Latency => usual,
        }
    }

    /// Length of the window.
    pub fn duration(&self, usual: Duration) -> Duration {
        match self.measure {
            Measure::Memory { .. } => Duration::from_secs(2),
            Measure::Requests | Measure::Events | Measure::Latency => usual,
        }
    }
}

const BURST: &str = "chunks=100&pace_us=0&delay_us=0";

/// OpenAI's format, which the mock speaks.
const CHAT: &str = "/v1/chat/completions";

/// All scenarios, in the order of the report.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "small",
        title: "64 connections, 1 KB chat request, 600 B answer, closed loop",
        path: CHAT,
        connections: 64,
        body_bytes: 1_024,
        rate: None,
        mock: BURST,
        measure: Measure::Requests,
    },
    Scenario {
        name: "20k",
        title: "16 connections, 20 KB chat request, 600 B answer, closed loop",
        path: CHAT,
        connections: 16,
        body_bytes: 20_480,
        rate: None,
        mock: BURST,
        measure: Measure::Requests,
    },
    Scenario {
        name: "200k",
        title: "8 connections, 200 KB chat request, 600 B answer, closed loop",
        path: CHAT,
        connections: 8,
        body_bytes: 204_800,
        rate: None,
        mock: BURST,
        measure: Measure::Requests,
    },
    Scenario {
        name: "stream-paced",
        title: "100 streams of 100 events, one every 10 ms",
        path: CHAT,
        connections: 100,
        body_bytes: 1_024,
        rate: None,
        mock: "chunks=100&pace_us=10000&delay_us=0",
        measure: Measure::Events,
    },
    Scenario {
        name: "stream-burst",
        title: "32 streams of 100 events, as fast as they are taken",
        path: CHAT,
        connections: 32,
        body_bytes: 1_024,
        rate: None,
        mock: BURST,
        measure: Measure::Events,
    },
    Scenario {
        name: "messages-small",
        title: "translated: 64 connections, 1 KB request, 600 B answer, closed loop",
        path: MESSAGES,
        connections: 64,
        body_bytes: 1_024,
        rate: None,
        mock: BURST,
        measure: Measure::Requests,
    },
    Scenario {
        name: "messages-200k",
        title: "translated: 8 connections, 200 KB request, 600 B answer, closed loop",
        path: MESSAGES,
        connections: 8,
        body_bytes: 204_800,
        rate: None,
        mock: BURST,
        measure: Measure::Requests,
    },
    Scenario {
        name: "messages-burst",
        title: "translated: 32 streams of 100 events, as fast as they are taken",
        path: MESSAGES,
        connections: 32,
        body_bytes: 1_024,
        rate: None,
        mock: BURST,
        measure: Measure::Events,
    },
    Scenario {
        name: "rate2000",
        title: "2,000 requests/s over 64 connections, 1 KB chat request, open loop",
        path: CHAT,
        connections: 64,
        body_bytes: 1_024,
        rate: Some(2_000),
        mock: BURST,
        measure: Measure::Latency,
    },
    Scenario {
        name: "idle",
        title: "memory: 5,000 idle connections that have each had one request",
        path: CHAT,
        connections: 5_000,
        body_bytes: 1_024,
        rate: None,
        mock: BURST,
        measure: Measure::Memory { streams: false },
    },
    Scenario {
        name: "streams-open",
        title: "memory: 5,000 open streams, one event a second each",
        path: CHAT,
        connections: 5_000,
        body_bytes: 1_024,
        rate: None,
        mock: "chunks=3600&pace_us=1000000&delay_us=0",
        measure: Measure::Memory { streams: true },
    },
];

/// The scenarios of these names; all without names.
pub fn select(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            ALL.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
                let known: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
                Failure::new(format!("no scenario {name}; there are {}", known.join(", ")))
            })
        })
        .collect()
}
