//! The fixtures, and the goldens beside them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crabllm::chat::Protocol;

/// A file `NAME.PROTOCOL.EXTENSION`.
#[derive(Debug)]
pub struct Fixture {
    /// What it shows.
    pub name: String,
    /// Whose format it is in.
    pub protocol: Protocol,
    /// `json` of what is whole.
    pub extension: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Fixture {
    fn of(path: &Path) -> Self {
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let words: Vec<&str> = file.split('.').collect();
        let &[name, protocol, extension] = words.as_slice() else {
            panic!("{file}: not NAME.PROTOCOL.EXTENSION");
        };
        let protocol = Protocol::ALL.into_iter().find(|known| known.as_str() == protocol);
        Self {
            name: name.to_owned(),
            protocol: protocol.unwrap_or_else(|| panic!("{file}: no such protocol")),
            extension: extension.to_owned(),
            bytes: fs::read(path).expect("a fixture"),
        }
    }

    /// Its name in messages and the beginning of its golden's.
    pub fn label(&self) -> String {
        format!("{}.{}", self.name, self.protocol.as_str())
    }

    /// Whether it is a stream.
    pub fn is_stream(&self) -> bool {
        self.extension != "json"
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/fixtures").join(name)
}

fn files(name: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("the fixtures");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn is_golden(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".golden.json")
}

/// The fixtures of a folder, by name.
pub fn all(name: &str) -> Vec<Fixture> {
    files(name).iter().filter(|path| !is_golden(path)).map(|path| Fixture::of(path)).collect()
}

/// What is to be the same as before.
#[derive(Debug)]
pub struct Goldens {
    folder: &'static str,
    seen: BTreeSet<PathBuf>,
    problems: Vec<String>,
}

impl Goldens {
    /// The goldens of a folder.
    pub fn of(folder: &'static str) -> Self {
        Self { folder, seen: BTreeSet::new(), problems: Vec::new() }
    }

    /// Holds `text` against the golden `NAME.golden.json`.
    pub fn check(&mut self, name: &str, text: &str) {
        let path = folder(self.folder).join(format!("{name}.golden.json"));
        if std::env::var_os("CRABLLM_BLESS").is_some() {
            fs::write(&path, text).expect("a golden is written");
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        if let Some(difference) = difference(&golden, text) {
            self.problems.push(format!("{name}: {difference}"));
        }
        self.seen.insert(path);
    }

    /// All were checked: what differs, and goldens that belong to nothing.
    pub fn finish(mut self) {
        let stray = files(self.folder).into_iter().filter(|path| is_golden(path));
        let stray = stray.filter(|path| !self.seen.contains(path));
        self.problems.extend(stray.map(|path| format!("{}: of no fixture", path.display())));
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
    }
}

/// The first line that differs.
fn difference(golden: &str, text: &str) -> Option<String> {
    if golden == text {
        return None;
    }
    let (mut old, mut new) = (golden.lines(), text.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (old, new) = (old.next(), new.next());
        if old != new || old.is_none() {
            let (old, new) = (old.unwrap_or("(end)"), new.unwrap_or("(end)"));
            return Some(format!("line {number}\n  golden {old}\n  now    {new}"));
        }
    }
}

#[test]
fn a_difference_is_told() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert!(difference("a\nb\n", "a\nc\n").is_some_and(|told| told.starts_with("line 2")));
    assert!(difference("a\n", "a").is_some());
    assert!(difference("", "a\n").is_some());
}
