//! Real traffic, recorded: every chat is read, written again, and taken through the other protocols,
//! and comes out as it went in but for what `docs/losses.md` names.
//!
//! The rows lie in the folder named by `CRABLLM_RECORDED` (default `../shared/recorded`). Without
//! that folder nothing is tested here.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may give up and say why"
)]

#[path = "recorded/answers.rs"]
mod answers;
#[path = "recorded/asked.rs"]
mod asked;
#[path = "conformance/drive.rs"]
mod drive;
#[path = "recorded/raw.rs"]
mod raw;
#[path = "recorded/requests.rs"]
mod requests;
#[path = "recorded/rows.rs"]
mod rows;
#[path = "recorded/table.rs"]
mod table;
#[path = "recorded/tree.rs"]
mod tree;
#[path = "recorded/view.rs"]
mod view;

use std::collections::BTreeMap;

use crabllm::chat::Protocol;

/// What became of a family's rows.
#[derive(Debug, Default)]
struct Count {
    rows: usize,
    skipped: BTreeMap<String, usize>,
    /// Rows whose request and answer were read, or rightly refused.
    read: usize,
    /// Of these, rows that came out as they went in.
    equal: usize,
    /// Frames of event streams, all of which have the right checksums.
    frames: usize,
    /// Recordings that are not whole, so that they must be refused.
    cut: usize,
    /// Each problem once, with how often it was met and where first.
    problems: BTreeMap<String, (usize, String)>,
}

impl Count {
    fn of(family: &str, usual: Protocol) -> Self {
        let mut count = Self::default();
        rows::rows(family, usual).iter().for_each(|row| count.add(row));
        count
    }

    fn add(&mut self, row: &rows::Row) {
        self.rows += 1;
        if row.framed {
            // Of other endpoints, too: the frames are the same.
            self.frames += raw::event_stream(&row.body).len();
        }
        let Some(protocol) = row.protocol else {
            *self.skipped.entry(row.path.clone()).or_default() += 1;
            return;
        };
        let mut problems = requests::problems(protocol, row);
        problems.extend(answers::problems(protocol, row));
        self.cut += usize::from(answers::is_cut(protocol, row));
        self.read += usize::from(problems.iter().all(|problem| !problem.contains("refused")));
        self.equal += usize::from(problems.is_empty());
        for problem in problems {
            let (kind, more) = problem.split_once('\n').unwrap_or((&problem, ""));
            let place = format!("{}\n{more}", row.source);
            self.problems.entry(kind.to_owned()).or_insert((0, place)).0 += 1;
        }
    }

    fn print(&self, family: &str) {
        let skipped: usize = self.skipped.values().sum();
        println!(
            "{family}: {} rows, {skipped} of other endpoints; {} read, {} equal; {} cut in recording",
            self.rows, self.read, self.equal, self.cut
        );
        if self.frames > 0 {
            println!("  {} frames of event streams", self.frames);
        }
        for (path, count) in &self.skipped {
            let path = if path.is_empty() { "(without a path, no chat)" } else { path };
            println!("  skipped {count} x {path}");
        }
        for (problem, (count, place)) in &self.problems {
            println!("  {count} x {problem}\n    {place}");
        }
    }
}

#[test]
fn what_was_recorded_comes_out_as_it_went_in() {
    if rows::folder().is_none() {
        println!("no recorded traffic: CRABLLM_RECORDED names no folder, nothing was tested");
        return;
    }
    let mut problems = 0;
    for (family, usual) in rows::FAMILIES {
        let count = Count::of(family, usual);
        count.print(family);
        problems += count.problems.len();
    }
    let faults = table::faults();
    faults.iter().for_each(|fault| println!("docs/losses.md: {fault}"));
    assert_eq!(problems + faults.len(), 0, "kinds of problems, listed above");
}
