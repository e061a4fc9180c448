//! The gateway as a candidate.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::compare::candidate::CLIENT_KEY;
use crate::compare::candidate::Place;
use crate::compare::candidate::Running;
use crate::compare::candidate::UPSTREAM_KEY;
use crate::compare::process::Process;
use crate::compare::site;
use crate::compare::site::Site;
use crate::error::Context;
use crate::error::Result;
use crate::prompt::MODEL;

/// Starts the gateway at `path` and waits until it is ready.
pub fn start(
    path: &Path,
    driver: &str,
    site: &Site,
    mock: SocketAddr,
    place: Place,
) -> Result<Running> {
    let address = site::free_address()?;
    let config = site.folder().join("gateway.toml");
    let text = config_text(address, driver, mock, place.shards);
    std::fs::write(&config, text).during(&format!("writing {}", config.display()))?;
    let mut command = Command::new(path);
    command.arg("serve").arg("--config").arg(&config);
    let log = site.folder().join("gateway.log");
    let mut process = Process::start("the gateway", &mut command, place.core, &log)?;
    process.wait_until_ready(address, "/health", &site.stop)?;
    Ok(Running { address, key: CLIENT_KEY, process: Some(process) })
}

/// One provider, one key, no retries: a failure must show as one. Cores are not pinned by the
/// gateway, for its place is given from outside.
fn config_text(address: SocketAddr, driver: &str, mock: SocketAddr, shards: u32) -> String {
    format!(
        "listen = \"{address}\"\n\
         [runtime]\n\
         shards = {shards}\n\
         pin = false\n\
         driver = \"{driver}\"\n\
         [providers.mock]\n\
         kind = \"openai\"\n\
         base_url = \"http://{mock}/v1\"\n\
         api_key = \"{UPSTREAM_KEY}\"\n\
         models = [\"{MODEL}\"]\n\
         max_retries = 0\n\
         timeout = 300\n\
         [[keys]]\n\
         name = \"bench\"\n\
         key = \"{CLIENT_KEY}\"\n\
         models = [\"*\"]\n"
    )
}
