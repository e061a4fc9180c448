//! The tool's one error: a sentence for the person who ran it.

use std::fmt;

/// What went wrong, outermost step first.
#[derive(Debug)]
pub struct Failure(String);

/// The result of every step that can fail for the user to see.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that is this sentence.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Names the step in which an error arose.
pub trait Context<T> {
    /// Turns the error into "`step`: error".
    fn during(self, step: &str) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn during(self, step: &str) -> Result<T> {
        self.map_err(|error| Failure(format!("{step}: {error}")))
    }
}
