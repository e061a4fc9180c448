//! The system's resolver, on threads that may block.

use std::net::IpAddr;
use std::net::ToSocketAddrs;
use std::thread;

use crate::net::resolve::Answer;
use crate::net::resolve::Question;

/// Questions answered at a time: one slow name must not hold up the others.
const THREADS: usize = 2;

/// Starts answering. The threads end when every asker is gone.
///
/// # Errors
/// Where the system has no thread to give.
pub fn start(questions: &flume::Receiver<Question>) -> std::io::Result<()> {
    for _ in 0..THREADS {
        let questions = questions.clone();
        thread::Builder::new().name("resolve".into()).spawn(move || {
            for question in questions {
                // The asker may have given up meanwhile.
                let _gone = question.answer.send(look_up(&question.host));
            }
        })?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this thread is the one that may block")]
fn look_up(host: &str) -> Answer {
    let found = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|address| address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::look_up;

    #[test]
    fn names_of_this_host_resolve_and_others_say_why_not() {
        let addresses = look_up("localhost").unwrap();
        assert!(addresses.iter().all(std::net::IpAddr::is_loopback) && !addresses.is_empty());
        assert!(!look_up("no-such-host.invalid").unwrap_err().is_empty());
    }
}
