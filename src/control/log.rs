//! Records, taken from the shards, counted, and written to standard output where that is wanted.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::config::LogLevel;
use crate::observe::Outcome;
use crate::observe::Reader;
use crate::observe::Record;
use crate::observe::Tried;

/// How often the queues are emptied.
const PERIOD: Duration = Duration::from_millis(20);

/// Records counted since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// All.
    pub requests: u64,
    /// Those that were not answered.
    pub failed: u64,
    /// Tokens, prompt and completion.
    pub tokens: u64,
}

/// The thread that takes the records.
#[derive(Debug)]
pub struct Log {
    thread: thread::JoinHandle<Totals>,
    stop: Arc<AtomicBool>,
}

impl Log {
    /// Starts taking records from `readers`; `level` says which are written.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start(mut readers: Vec<Reader>, level: Option<LogLevel>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("records".into()).spawn(move || {
            let mut totals = Totals::default();
            loop {
                // Asked first, so that what came before the word is still taken.
                let last = stopped.load(Ordering::Acquire);
                take(&mut readers, level, &mut totals);
                if last {
                    return totals;
                }
                thread::park_timeout(PERIOD);
            }
        })?;
        Ok(Self { thread, stop })
    }

    /// Takes what is left, and ends.
    #[must_use]
    pub fn finish(self) -> Totals {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_default()
    }
}

fn take(readers: &mut [Reader], level: Option<LogLevel>, totals: &mut Totals) {
    let mut out = Vec::new();
    for reader in readers {
        while let Some(record) = reader.take() {
            count(totals, &record);
            if is_wanted(level, record.outcome) {
                line(&mut out, &record);
            }
        }
    }
    if !out.is_empty() {
        // Whoever reads our output may be gone; the gateway goes on.
        let _gone = io::stdout().lock().write_all(&out);
    }
}

fn count(totals: &mut Totals, record: &Record) {
    totals.requests += 1;
    totals.failed += u64::from(record.outcome != Outcome::Answered);
    totals.tokens += record.usage.prompt.saturating_add(record.usage.completion);
}

fn is_wanted(level: Option<LogLevel>, outcome: Outcome) -> bool {
    match level {
        None => false,
        Some(LogLevel::Error | LogLevel::Warn) => outcome != Outcome::Answered,
        Some(LogLevel::Info | LogLevel::Debug | LogLevel::Trace) => true,
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn tried(attempt: &Tried) -> serde_json::Value {
    json!({
        "provider": attempt.provider,
        "model": attempt.model,
        "key": attempt.key,
        "why": attempt.why,
        "ms": millis(attempt.took_us),
    })
}

fn line(out: &mut Vec<u8>, record: &Record) {
    let text = json!({
        "time": record.unix_ms,
        "request_id": record.request_id,
        "key": record.key,
        "model": record.model,
        "upstream_model": record.provider_model(),
        "provider": record.provider,
        "path": record.path,
        "stream": record.stream,
        "status": record.status,
        "outcome": record.outcome.label(),
        "error": record.error.as_ref().map(|error| error.kind.label()),
        "message": record.error.as_ref().map(|error| &*error.message),
        "attempts": record.attempts,
        "tried": record.tried.iter().map(tried).collect::<Vec<_>>(),
        "prompt_tokens": record.usage.prompt,
        "completion_tokens": record.usage.completion,
        "cached_tokens": record.usage.cached,
        "reasoning_tokens": record.usage.reasoning,
        "usage_exact": record.usage_exact,
        "request_bytes": record.request_bytes,
        "response_bytes": record.response_bytes,
        "first_byte_ms": record.first_byte_us.map(millis),
        "duration_ms": millis(record.duration_us),
    });
    out.extend_from_slice(text.to_string().as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::{is_wanted, line};
    use crate::config::LogLevel;
    use crate::observe::{Outcome, Record};

    #[test]
    fn a_record_is_one_line_of_json() {
        let mut record = Record::new("id\n".into(), "/v1/x");
        record.duration_us = 1500;
        let mut out = Vec::new();
        line(&mut out, &record);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["request_id"], "id\n");
        assert_eq!(
            (&value["duration_ms"], &value["outcome"]),
            (&1.5.into(), &"client_gone".into())
        );
    }

    #[test]
    fn levels_choose() {
        assert!(!is_wanted(None, Outcome::Panicked));
        assert!(!is_wanted(Some(LogLevel::Error), Outcome::Answered));
        assert!(is_wanted(Some(LogLevel::Error), Outcome::ClientGone));
        assert!(is_wanted(Some(LogLevel::Info), Outcome::Answered));
    }
}
