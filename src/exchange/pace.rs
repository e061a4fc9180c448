//! How often a stream is read: at every event, unless they come faster than anybody can use them.

/// Microseconds of a wait for the next event below which a stream is too fast to be read event by event:
/// 2,000 tokens a second and more come from a backlog or a replay.
const FAST: u64 = 500;

/// The pace of one stream.
#[derive(Debug, Default)]
pub struct Pace {
    last: Last,
    /// Events before the last read.
    counted: u64,
}

/// What the last read brought.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    /// An event that had to be waited for.
    #[default]
    Awaited,
    /// One that came at once.
    Quick,
    /// What came between two beats.
    Gathered,
}

impl Pace {
    /// Whether the next read waits for the beat, so that it brings several events: where the last one came at
    /// once, and for as long as each beat does bring several. `events` have passed so far.
    pub const fn gathers(&mut self, events: u64) -> bool {
        let fresh = events.saturating_sub(self.counted);
        self.counted = events;
        match self.last {
            Last::Awaited => false,
            Last::Quick => true,
            Last::Gathered => fresh > 1,
        }
    }

    /// Notes a read that was waited for so many microseconds, or gathered for.
    pub const fn note(&mut self, waited: u64, gathered: bool) {
        self.last = match (gathered, waited < FAST) {
            (true, _) => Last::Gathered,
            (false, true) => Last::Quick,
            (false, false) => Last::Awaited,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{FAST, Pace};

    /// Which reads of a stream gather, by how long each would wait and the events it brings.
    fn gathered(reads: &[(u64, u64)]) -> Vec<bool> {
        let (mut pace, mut events) = (Pace::default(), 0);
        let read = |(wait, brought): &(u64, u64)| {
            let gathers = pace.gathers(events);
            pace.note(*wait, gathers);
            events += brought;
            gathers
        };
        reads.iter().map(read).collect()
    }

    #[test]
    fn a_stream_that_has_to_be_waited_for_is_read_event_by_event() {
        assert_eq!(gathered(&[(FAST, 1); 4]), [false; 4]);
    }

    #[test]
    fn a_fast_one_is_gathered_for_as_long_as_that_brings_several() {
        let reads = [(0, 1), (2000, 5), (2000, 2), (2000, 1), (FAST, 1), (FAST, 1)];
        assert_eq!(gathered(&reads), [false, true, true, true, false, false]);
    }

    #[test]
    fn one_that_is_fast_again_is_gathered_again() {
        let reads = [(0, 1), (2000, 1), (0, 1), (2000, 3), (2000, 1)];
        assert_eq!(gathered(&reads), [false, true, false, true, true]);
    }
}
