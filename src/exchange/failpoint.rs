//! Panics on demand, for the tests of what a panic may cost; compiled out of every release.

use crate::net::downstream::Request;

/// Panics if the request asks for that in this phase.
#[cfg(feature = "failpoints")]
#[expect(clippy::panic, reason = "that is what it is for")]
pub fn hit(request: &Request, phase: &str) {
    let asked = request.known(crate::codec::http1::Known::XFailpoint);
    if asked == Some(phase.as_bytes()) {
        panic!("failpoint {phase}");
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
pub const fn hit(_request: &Request, _phase: &str) {}
