//! What is compared: no proxy, nginx, and the gateway once for each I/O driver.

use std::fmt;
use std::net::SocketAddr;

use crate::compare::Options;
use crate::compare::gateway;
use crate::compare::nginx;
use crate::compare::process::Process;
use crate::compare::site::Site;
use crate::error::Failure;
use crate::error::Result;

/// The key clients show to a proxy.
pub const CLIENT_KEY: &str = "sk-bench-0123456789abcdef";

/// The key a proxy shows to the mock.
pub const UPSTREAM_KEY: &str = "sk-upstream";

/// One way from the load to the mock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// No proxy.
    Direct,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// The gateway with this I/O driver.
    Gateway(String),
    /// Another build of it, such as that of an older commit.
    Other(String),
}

impl fmt::Display for Candidate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => out.pad("direct"),
            Self::Nginx => out.pad("nginx"),
            Self::Gateway(driver) => out.pad(&format!("crabllm {driver}")),
            Self::Other(driver) => out.pad(&format!("other {driver}")),
        }
    }
}

/// A candidate that takes requests.
#[derive(Debug)]
pub struct Running {
    /// Where it takes them.
    pub address: SocketAddr,
    /// The key it wants.
    pub key: &'static str,
    /// Its process; none for direct.
    pub process: Option<Process>,
}

impl Candidate {
    /// Starts it on `core`, before the mock at `mock`, and waits until it is ready.
    pub fn start(
        &self,
        options: &Options,
        site: &Site,
        mock: SocketAddr,
        place: Place,
    ) -> Result<Running> {
        match self {
            Self::Direct => Ok(Running { address: mock, key: UPSTREAM_KEY, process: None }),
            Self::Nginx => nginx::start(site, mock, place.core),
            Self::Gateway(driver) => gateway::start(&options.gateway, driver, site, mock, place),
            Self::Other(driver) => {
                let path = options.other.as_deref().unwrap_or(&options.gateway);
                gateway::start(path, driver, site, mock, place)
            }
        }
    }
}

/// Where a proxy may run.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The only core, or all.
    pub core: Option<usize>,
    /// Threads the gateway is told to have.
    pub shards: u32,
}

/// The candidates this machine has. What is missing is said through `progress`.
pub fn available(options: &Options, progress: &mut impl FnMut(&str)) -> Result<Vec<Candidate>> {
    let mut candidates = vec![Candidate::Direct];
    match nginx::ensure_installed(progress) {
        Ok(()) => candidates.push(Candidate::Nginx),
        Err(failure) => progress(&format!("without nginx: {failure}")),
    }
    for driver in &options.drivers {
        if !matches!(driver.as_str(), "io_uring" | "epoll") {
            return Err(Failure::new(format!("no driver {driver}; there are io_uring, epoll")));
        }
    }
    if options.gateway.is_file() {
        candidates.extend(options.drivers.iter().cloned().map(Candidate::Gateway));
    } else {
        progress(&format!("without the gateway: no file {}", options.gateway.display()));
    }
    if options.other.as_ref().is_some_and(|path| path.is_file()) {
        candidates.extend(options.drivers.iter().cloned().map(Candidate::Other));
    }
    Ok(candidates)
}
