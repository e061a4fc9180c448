//! How the mock answers, as set on the command line, by `/_mock/ctl` or by an `x-mock` header.

use std::time::Duration;

/// The most chunks a stream may be asked for: an hour at one a millisecond.
const MAX_CHUNKS: u32 = 3_600_000;

/// How an answer is timed and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Content events of a stream, before its last three.
    pub chunks: u32,
    /// Time between two content events; zero sends as fast as the socket takes.
    pub pace: Duration,
    /// Time before the first byte of an answer.
    pub delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { chunks: 100, pace: Duration::ZERO, delay: Duration::ZERO }
    }
}

impl Settings {
    /// These settings with what `text` changes: `chunks=N`, `pace_us=N` and `delay_us=N`, with a
    /// comma or an ampersand between them. `None` if it says anything else.
    pub fn with(mut self, text: &str) -> Option<Self> {
        for part in text.split([',', '&']).map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            let value: u32 = value.parse().ok()?;
            let time = Duration::from_micros(u64::from(value));
            match name {
                "chunks" if value <= MAX_CHUNKS => self.chunks = value,
                "pace_us" => self.pace = time,
                "delay_us" => self.delay = time,
                _ => return None,
            }
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_only_what_is_named() {
        let settings = Settings::default().with("chunks=3, pace_us=10000").unwrap();
        assert_eq!(settings.chunks, 3);
        assert_eq!(settings.pace, Duration::from_millis(10));
        assert_eq!(settings.delay, Duration::ZERO);
        assert_eq!(settings.with("delay_us=5&chunks=4").unwrap().pace, Duration::from_millis(10));
        assert_eq!(settings.with(""), Some(settings));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["chunk=1", "chunks", "chunks=-1", "chunks=x", "chunks=4000000000"] {
            assert_eq!(Settings::default().with(text), None, "{text}");
        }
    }
}
