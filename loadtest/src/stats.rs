//! Latency histograms, and medians over rounds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;
use serde_json::json;

/// The longest latency told apart from longer ones: 5 minutes, in nanoseconds.
const LONGEST: u64 = 300_000_000_000;

/// Durations, to three digits between 1 us and 5 minutes.
#[derive(Clone, Debug)]
pub struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    /// No durations.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1_000, LONGEST, 3).ok())
    }

    /// Adds one.
    pub fn record(&mut self, duration: Duration) {
        self.record_many(duration, 1);
    }

    /// Adds the same one `count` times.
    pub fn record_many(&mut self, duration: Duration, count: u64) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        if let Some(histogram) = &mut self.0 {
            // Cannot fail: the value is within the bounds.
            let _ = histogram.record_n(nanoseconds, count);
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// The duration that a share of all (0 to 1) does not exceed, in microseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| histogram.value_at_quantile(share) as f64 / 1e3)
    }

    /// Quantiles, mean and maximum in microseconds; null without any durations.
    pub fn to_json(&self) -> Value {
        let Some(histogram) = self.0.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return Value::Null;
        };
        json!({
            "count": self.len(),
            "mean": tenths(histogram.mean() / 1e3),
            "p50": tenths(self.quantile(0.5)),
            "p90": tenths(self.quantile(0.9)),
            "p99": tenths(self.quantile(0.99)),
            "p999": tenths(self.quantile(0.999)),
            "max": tenths(self.quantile(1.0)),
        })
    }
}

/// Rounds to one decimal, for readable output.
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// One figure over several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median: half the rounds were at or below it.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; `None` if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> =
            values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        let median = f64::midpoint(*sorted.get(low)?, *sorted.get(high)?);
        Some(Self { median, min: *sorted.first()?, max: *sorted.last()? })
    }

    /// The spread of `ours / theirs`, round by round, over the rounds in which both have a figure.
    /// Noise that both sides of a round share falls out of it.
    pub fn of_ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Self> {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .filter_map(|(ours, theirs)| Some((*ours)? / (*theirs).filter(|value| *value > 0.0)?))
            .collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_microseconds() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=100 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        assert_eq!(latencies.len(), 100);
        assert!((latencies.quantile(0.5) - 50_000.0).abs() < 100.0);
        assert!((latencies.quantile(0.99) - 99_000.0).abs() < 100.0);
        assert!((latencies.quantile(1.0) - 100_000.0).abs() < 100.0);
    }

    #[test]
    fn a_duration_beyond_the_bounds_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(3_600));
        latencies.record_many(Duration::ZERO, 2);
        assert_eq!(latencies.len(), 3);
        assert!(latencies.quantile(1.0) > 290e6);
    }

    #[test]
    fn no_durations_are_null() {
        assert_eq!(Latencies::new().to_json(), Value::Null);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[]), None);
        let spread = Spread::of(&[4.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of(&[5.0, 7.0, 6.0]).unwrap().median, 6.0);
    }

    #[test]
    fn ratios_pair_the_same_round_and_skip_holes() {
        let ours = [Some(2.0), None, Some(9.0), Some(1.0)];
        let theirs = [Some(4.0), Some(1.0), Some(3.0), Some(0.0)];
        let spread = Spread::of_ratios(&ours, &theirs).unwrap();
        assert_eq!(spread, Spread { median: 1.75, min: 0.5, max: 3.0 });
        assert_eq!(Spread::of_ratios(&[None], &[Some(1.0)]), None);
    }
}
