//! One small GET at a time: is a server ready, what does the mock count.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;
use crate::http::response::Reader;

/// No probe waits longer for one step.
const LIMIT: Duration = Duration::from_secs(5);

/// No probe reads more; a peer that sends without end is no answer.
const MAX_READS: usize = 256;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Gets `path` from `address`.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let step = format!("asking {address} for {path}");
    let mut socket = TcpStream::connect_timeout(&address, LIMIT).during(&step)?;
    socket.set_read_timeout(Some(LIMIT)).during(&step)?;
    socket.set_write_timeout(Some(LIMIT)).during(&step)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).during(&step)?;
    let mut reader = Reader::default();
    let mut body = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..MAX_READS {
        let count = socket.read(&mut buffer).during(&step)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        reader
            .read(bytes, |content| body.extend_from_slice(content))
            .map_err(|fault| Failure::new(format!("{step}: {fault:?}")))?;
        let ended = reader.is_done() || (count == 0 && reader.ends_at_close());
        if let Some(head) = reader.head().filter(|_| ended) {
            return Ok(Answer { status: head.status, body });
        }
        if count == 0 {
            break;
        }
    }
    Err(Failure::new(format!("{step}: no whole answer")))
}

/// Gets `path` from `address` and reads the body as JSON.
pub fn get_json(address: SocketAddr, path: &str) -> Result<Value> {
    let answer = get(address, path)?;
    if answer.status != 200 {
        return Err(Failure::new(format!("{address}{path}: status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).during(&format!("reading {address}{path}"))
}
