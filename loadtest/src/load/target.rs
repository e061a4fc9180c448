//! Where the load goes.

use std::net::SocketAddr;

use crate::error::Failure;
use crate::error::Result;

/// A URL of plain HTTP on a numeric address or localhost. Names are not looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address to connect to.
    pub address: SocketAddr,
    /// The `Host` header.
    pub host: String,
    /// Path and query.
    pub path: String,
}

impl Target {
    /// Reads `http://ADDRESS:PORT/PATH`.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = || Failure::new(format!("{url}: not of the form http://ADDRESS:PORT/PATH"));
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let numeric = host.replace("localhost", "127.0.0.1");
        let address = numeric.parse().map_err(|_| wrong())?;
        Ok(Self { address, host: host.to_owned(), path: path.to_owned() })
    }

    /// The bytes of a POST of `body` with these headers.
    pub fn request(&self, headers: &[String], body: &[u8]) -> Vec<u8> {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: */*\r\n\
             content-length: {}\r\n",
            self.path,
            self.host,
            body.len()
        );
        for header in headers {
            head.push_str(header.trim());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        request
    }
}
