//! nginx as a candidate: the least a reverse proxy can do that checks a key and replaces it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::compare::candidate::CLIENT_KEY;
use crate::compare::candidate::Running;
use crate::compare::candidate::UPSTREAM_KEY;
use crate::compare::process::Process;
use crate::compare::site;
use crate::compare::site::Site;
use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;

/// Places where it may be; the second is not on every user's path.
const BINARIES: &[&str] = &["nginx", "/usr/sbin/nginx"];

/// Installs nginx from the distribution if it is missing.
pub fn ensure_installed(progress: &mut impl FnMut(&str)) -> Result<()> {
    if find().is_some() {
        return Ok(());
    }
    progress("installing nginx");
    let done = Command::new("apt-get")
        .args(["install", "-y", "nginx"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .during("running apt-get")?;
    if done.success() && find().is_some() {
        return Ok(());
    }
    Err(Failure::new("apt-get install nginx failed"))
}

/// Starts nginx with a prefix of its own and waits until it is ready.
pub fn start(site: &Site, mock: SocketAddr, core: Option<usize>) -> Result<Running> {
    let address = site::free_address()?;
    let config = site.folder().join("nginx.conf");
    let text = config_text(site.folder(), address, mock);
    std::fs::write(&config, text).during(&format!("writing {}", config.display()))?;
    let binary = find().ok_or_else(|| Failure::new("nginx is not installed"))?;
    let mut command = Command::new(binary);
    command.arg("-p").arg(site.folder()).arg("-c").arg(&config).arg("-e").arg("stderr");
    let log = site.folder().join("nginx.log");
    let mut process = Process::start("nginx", &mut command, core, &log)?;
    process.wait_until_ready(address, "/health", &site.stop)?;
    Ok(Running { address, key: CLIENT_KEY, process: Some(process) })
}

fn find() -> Option<&'static str> {
    BINARIES.iter().copied().find(|binary| {
        let mut command = Command::new(binary);
        let quiet = command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    })
}

/// Its best at this task: kept-alive connections on both sides, no log, no buffering of answers,
/// and room for the largest body in memory, so that none goes to a file.
fn config_text(folder: &Path, address: SocketAddr, mock: SocketAddr) -> String {
    let folder = folder.display();
    // A worker of root would become a user who may not write to the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes 1; worker_rlimit_nofile 20000;\n\
         pid {folder}/nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n\
           access_log off; tcp_nodelay on;\n\
           keepalive_requests 1000000000; keepalive_timeout 300s;\n\
           client_max_body_size 32m; client_body_buffer_size 512k;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           map_hash_bucket_size 256;\n\
           map $http_authorization $refused {{ default 1; \"Bearer {CLIENT_KEY}\" 0; }}\n\
           upstream mock {{\n\
             server {mock}; keepalive 4096; keepalive_requests 1000000000;\n\
           }}\n\
           server {{\n\
             listen {address} backlog=4096;\n\
             location = /health {{ return 200; }}\n\
             location / {{\n\
               if ($refused) {{ return 401; }}\n\
               proxy_pass http://mock; proxy_http_version 1.1;\n\
               proxy_set_header Connection \"\";\n\
               proxy_set_header Authorization \"Bearer {UPSTREAM_KEY}\";\n\
               proxy_buffering off; proxy_read_timeout 300s;\n\
             }}\n\
           }}\n\
         }}\n"
    )
}
