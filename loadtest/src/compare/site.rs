//! Where a comparison happens: a folder, ports, cores, and the wish to stop.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;

use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;
use crate::host;

/// The core of the proxy.
pub const PROXY_CORE: usize = 0;

/// The core of the mock and the load generator.
pub const LOAD_CORE: usize = 1;

/// Ports tried for listeners: below the range from which the kernel takes those of clients.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The surroundings of one comparison. The folder goes when this does.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    /// Set when the user wants to stop.
    pub stop: Stop,
}

/// Whether the user has asked to stop, by Ctrl-C or SIGTERM.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Fails once the user has asked.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::new("stopped")) } else { Ok(()) }
    }
}

impl Site {
    /// A new folder. From here on Ctrl-C is a wish that is followed in order.
    pub fn new() -> Result<Self> {
        host::raise_open_files()?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).during("catching signals")?;
        }
        let folder = std::env::temp_dir().join(format!("loadtest-{}", std::process::id()));
        std::fs::create_dir(&folder).during(&format!("creating {}", folder.display()))?;
        Ok(Self { folder, stop: Stop(stop) })
    }

    /// The folder, which is this comparison's own.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What is left in a temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An address of this machine on which nothing listens.
pub fn free_address() -> Result<SocketAddr> {
    // Two comparisons on one machine begin at different ports.
    let first = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap_or(0);
    (PORTS.start + first..PORTS.end)
        .chain(PORTS)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .ok_or_else(|| Failure::new("no free port"))
}
