//! What the operating system lets the process have: descriptors and locked memory.

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// The limits in force after they were raised as far as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Open descriptors (`RLIMIT_NOFILE`).
    pub descriptors: u64,
    /// Bytes of locked memory (`RLIMIT_MEMLOCK`), which rings were charged to before Linux 5.12.
    pub locked_memory: u64,
}

/// Raises both soft limits to their hard limits and reads what is then in force. A limit that
/// cannot be raised stays as it is.
#[must_use]
pub fn raise() -> Resources {
    Resources {
        descriptors: raise_one(Resource::Nofile),
        locked_memory: raise_one(Resource::Memlock),
    }
}

fn raise_one(resource: Resource) -> u64 {
    let limit = getrlimit(resource);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let in_force = match setrlimit(resource, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    // No limit at all is told as the largest number.
    in_force.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn raising_twice_changes_nothing() {
        let first = super::raise();
        assert!(first.descriptors > 0);
        assert_eq!(super::raise(), first);
    }
}
