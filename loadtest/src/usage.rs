//! CPU time and memory of a process and its children, and how busy a core was, from /proc.

use std::collections::HashMap;
use std::fs;

/// CPU time by thread at one moment.
///
/// The kernel brings a thread's figure up to date when it stops running or at the timer tick, so
/// a reading may be a few milliseconds old; over a window of seconds that does not matter.
#[derive(Clone, Debug, Default)]
pub struct CpuTime {
    /// Nanoseconds by thread id.
    threads: HashMap<u32, u64>,
}

impl CpuTime {
    /// Reads the figures of `pid` and all its descendants.
    pub fn of(pid: u32) -> Self {
        Self::of_all(&family(pid))
    }

    /// Reads the figures of these processes.
    pub fn of_all(processes: &[u32]) -> Self {
        let mut threads = HashMap::new();
        for process in processes {
            for thread in numbers_in(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{thread}/schedstat");
                let text = fs::read_to_string(path).unwrap_or_default();
                if let Some(time) = text.split_whitespace().next().and_then(|t| t.parse().ok()) {
                    threads.insert(thread, time);
                }
            }
        }
        Self { threads }
    }

    /// Microseconds used since `earlier`. Threads that ended in between are not counted.
    pub fn since(&self, earlier: &Self) -> f64 {
        let used = |(thread, time): (&u32, &u64)| {
            time.saturating_sub(earlier.threads.get(thread).copied().unwrap_or(0))
        };
        self.threads.iter().map(used).sum::<u64>() as f64 / 1e3
    }
}

/// Resident memory of `pid` and its descendants, in KiB; pages they share count once each.
pub fn resident_kib(pid: u32) -> u64 {
    family(pid)
        .into_iter()
        .filter_map(|process| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            parse_resident(&status)
        })
        .sum()
}

/// Microseconds for which `core` was not idle since the machine started, including what the
/// hypervisor took from it. The kernel counts in ticks of 10 ms.
pub fn busy_core(core: usize) -> Option<f64> {
    read_ticks(core, &[0, 1, 2, 5, 6, 7])
}

/// Microseconds that the hypervisor took from `core` since the machine started. The kernel counts
/// in ticks of 10 ms.
pub fn stolen(core: usize) -> Option<f64> {
    read_ticks(core, &[7])
}

fn read_ticks(core: usize, fields: &[usize]) -> Option<f64> {
    let ticks = parse_ticks(&fs::read_to_string("/proc/stat").ok()?, core, fields)?;
    Some(ticks as f64 * 1e6 / rustix::param::clock_ticks_per_second() as f64)
}

/// `pid` and its descendants.
pub fn family(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = numbers_in("/proc")
        .into_iter()
        .filter_map(|process| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, parse_parent(&stat)?))
        })
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    family
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The parent in /proc/PID/stat. The name before it may hold spaces and parentheses.
fn parse_parent(stat: &str) -> Option<u32> {
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Ticks in /proc/stat. The fields are user, nice, system, idle, iowait, irq, softirq, steal.
fn parse_ticks(stat: &str, core: usize, wanted: &[usize]) -> Option<u64> {
    let name = format!("cpu{core}");
    let fields = stat
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut fields| (fields.next() == Some(name.as_str())).then_some(fields))?;
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    wanted.iter().map(|index| ticks.get(*index).copied()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_hide_the_parent() {
        assert_eq!(parse_parent("7 (a) b (c)) S 42 7 7"), Some(42));
        assert_eq!(parse_parent("7 (a"), None);
    }

    #[test]
    fn busy_leaves_idle_and_waiting_out() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 100 200 4 5 6 0 0\n";
        assert_eq!(parse_ticks(stat, 1, &[0, 1, 2, 5, 6, 7]), Some(21));
        assert_eq!(parse_ticks(stat, 1, &[7]), Some(6));
        assert_eq!(parse_ticks(stat, 0, &[7]), None);
    }

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(parse_resident("VmHWM:\t 9 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
    }

    #[test]
    fn work_done_here_shows_in_the_figures() {
        let before = CpuTime::of(std::process::id());
        let start = crate::clock::now();
        while start.elapsed().as_millis() < 50 {
            std::hint::black_box(start);
        }
        let used = CpuTime::of(std::process::id()).since(&before);
        assert!(used > 5_000.0, "50 ms of work show as {used} us");
        assert!(resident_kib(std::process::id()) > 100);
    }
}
