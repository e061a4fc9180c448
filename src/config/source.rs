//! The file being read and what was found out about it.

use super::env::Env;
use super::env::ExpandError;
use super::problem::Problem;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// After these nobody reads on; each further one would cost a walk through the text for its line.
const MOST_PROBLEMS: usize = 100;

/// The file being read and what was found out about it.
pub(super) struct Source<'s> {
    file: &'s str,
    text: &'s str,
    env: &'s Env,
    problems: RefCell<Vec<(usize, Problem)>>,
    warnings: RefCell<Vec<String>>,
    places: RefCell<BTreeMap<String, usize>>,
    known: RefCell<BTreeSet<String>>,
}

impl<'s> Source<'s> {
    pub(super) fn new(file: &'s str, text: &'s str, env: &'s Env) -> Self {
        Self {
            file,
            text,
            env,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            places: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// Notes a problem at byte `at` of the file.
    pub(super) fn fail(&self, at: usize, key: &str, what: impl Into<String>) {
        if self.problems.borrow().len() >= MOST_PROBLEMS {
            return;
        }
        let before = self.text.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        let (file, key) = (self.file.to_owned(), key.to_owned());
        let problem = Problem { file, line: Some(line), key, what: what.into() };
        self.problems.borrow_mut().push((at, problem));
    }

    /// Notes a problem where `key` stands, or in line 1 when the file does not have it.
    pub(super) fn fail_key(&self, key: &str, what: impl Into<String>) {
        let at = self.places.borrow().get(key).copied().unwrap_or(0);
        self.fail(at, key, what);
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.borrow().contains_key(key)
    }

    /// Whether something is already wrong with `key` or an item of it.
    pub(super) fn has_problem(&self, key: &str) -> bool {
        let problems = self.problems.borrow();
        problems.iter().any(|(_, problem)| problem.key.starts_with(key))
    }

    /// Notes what the operator should know though it is no problem.
    pub(super) fn warn(&self, what: impl Into<String>) {
        self.warnings.borrow_mut().push(what.into());
    }

    /// The problems in the order of the file, and the warnings.
    pub(super) fn into_findings(self) -> (Vec<Problem>, Vec<String>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(at, _)| *at);
        (problems.into_iter().map(|(_, problem)| problem).collect(), self.warnings.into_inner())
    }

    /// Every key that was asked for, with `*` for names that the operator chooses.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// Notes that `key` stands at byte `at`.
    pub(super) fn note_place(&self, key: &str, at: usize) {
        self.places.borrow_mut().insert(key.to_owned(), at);
    }

    /// Notes that the code asks for `pattern`.
    pub(super) fn note_known(&self, pattern: String) {
        self.known.borrow_mut().insert(pattern);
    }

    /// Fills in the variables of a text.
    pub(super) fn expand(&self, text: &str) -> Result<String, ExpandError> {
        self.env.expand(text)
    }
}
