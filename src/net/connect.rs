//! Connecting to an upstream: addresses side by side, through a proxy if there is one, under TLS.

use std::fmt::Write;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::codec::http1::Limits;
use crate::codec::http1::ResponseHead;
use crate::codec::http1::ResponseParser;
use crate::net::buffers::Buffers;
use crate::net::buffers::EVENT;
use crate::net::resolve::Resolver;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::runtime;
use crate::runtime::tcp::Tcp;

/// How long one address is tried alone before the next is tried too (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Where an upstream is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS, with the name its certificate must have.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// A proxy that connects in our place.
    pub proxy: Option<Proxy>,
}

/// An HTTP proxy that understands `CONNECT`.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The value of `proxy-authorization`.
    pub authorization: Option<crate::secret::Secret>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The name, the addresses or the proxy failed.
    Unreachable(String),
    /// The TLS handshake or the certificate failed.
    Tls(String),
}

/// Connects to `endpoint`. The caller bounds the time.
///
/// # Errors
/// What failed, with the name or address it failed for.
pub async fn connect(
    endpoint: &Endpoint,
    resolver: &Resolver,
    buffers: &Buffers,
) -> Result<Stream, ConnectError> {
    let (host, port) = match &endpoint.proxy {
        Some(proxy) => (&proxy.host, proxy.port),
        None => (&endpoint.host, endpoint.port),
    };
    let unreachable = |what: String| ConnectError::Unreachable(what);
    let addresses = resolver
        .resolve(host)
        .await
        .map_err(|error| unreachable(format!("cannot resolve {host}: {error}")))?;
    let tcp = any_of(&interleave(&addresses, port))
        .await
        .map_err(|error| unreachable(format!("cannot connect to {host}:{port}: {error}")))?;
    if let Some(proxy) = &endpoint.proxy {
        tunnel(&tcp, endpoint, proxy)
            .await
            .map_err(|error| unreachable(format!("proxy {host}:{port}: {error}")))?;
    }
    let Some((config, name)) = &endpoint.tls else {
        return Ok(Stream::Plain(tcp));
    };
    Tls::connect(tcp, name.clone(), Arc::clone(config), buffers.clone())
        .await
        .map(|tls| Stream::Tls(Box::new(tls)))
        .map_err(|error| {
            ConnectError::Tls(format!("TLS with {}:{}: {error}", endpoint.host, endpoint.port))
        })
}

/// Alternates between the families, the first address's family first (RFC 8305, 4).
fn interleave(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let six_first = addresses.first().is_some_and(IpAddr::is_ipv6);
    let family = |six: bool| addresses.iter().filter(move |address| address.is_ipv6() == six);
    let (mut one, mut other) = (family(six_first), family(!six_first));
    let mut out = Vec::with_capacity(addresses.len());
    loop {
        let (a, b) = (one.next(), other.next());
        if a.is_none() && b.is_none() {
            return out;
        }
        out.extend(a.into_iter().chain(b).map(|address| SocketAddr::new(*address, port)));
    }
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<Tcp>>>>;

/// The first connection that comes about; addresses are tried one after another, each getting a
/// head start over the next.
async fn any_of(addresses: &[SocketAddr]) -> io::Result<Tcp> {
    if let [only] = addresses {
        return Tcp::connect(*only).await;
    }
    let mut running: Vec<Attempt> = Vec::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        running.push(Box::pin(Tcp::connect(*address)));
        let mut head_start = pin!(runtime::sleep(STAGGER));
        let step = poll_fn(|context| {
            if let Poll::Ready(step) = poll_any(&mut running, &mut last, context) {
                return Poll::Ready(step);
            }
            head_start.as_mut().poll(context).map(|()| None)
        });
        if let Some(tcp) = step.await {
            return Ok(tcp);
        }
    }
    while !running.is_empty() {
        if let Some(tcp) = poll_fn(|context| poll_any(&mut running, &mut last, context)).await {
            return Ok(tcp);
        }
    }
    Err(last)
}

/// Ready with a connection, or with none where an attempt failed: the next may start at once.
fn poll_any(
    running: &mut Vec<Attempt>,
    last: &mut io::Error,
    context: &mut std::task::Context<'_>,
) -> Poll<Option<Tcp>> {
    let mut failed = false;
    let mut won = None;
    running.retain_mut(|attempt| match attempt.as_mut().poll(context) {
        Poll::Pending => true,
        Poll::Ready(Ok(tcp)) => {
            won = Some(tcp);
            false
        }
        Poll::Ready(Err(error)) => {
            *last = error;
            failed = true;
            false
        }
    });
    if won.is_some() || failed { Poll::Ready(won) } else { Poll::Pending }
}

/// Asks the proxy for a tunnel (RFC 9110, 9.3.6).
async fn tunnel(tcp: &Tcp, endpoint: &Endpoint, proxy: &Proxy) -> io::Result<()> {
    let colon = endpoint.host.contains(':');
    let (open, close) = if colon { ("[", "]") } else { ("", "") };
    let authority = format!("{open}{}{close}:{}", endpoint.host, endpoint.port);
    let mut ask = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(value) = &proxy.authorization {
        let _infallible = write!(ask, "Proxy-Authorization: {}\r\n", value.expose());
    }
    ask.push_str("\r\n");
    let end = ask.len();
    tcp.send(ask.into_bytes(), 0..end).await.0?;
    let limits = Limits { max_head: EVENT, max_headers: 64, max_target: 0 };
    let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::default());
    let mut buf = Vec::with_capacity(EVENT);
    loop {
        let n;
        (n, buf) = tcp.recv(buf).await;
        if n? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let complete = parser
            .parse(&buf, &limits, false, &mut head)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        if complete {
            break;
        }
    }
    match head.status {
        200..=299 if buf.len() == head.len => Ok(()),
        200..=299 => Err(io::Error::new(io::ErrorKind::InvalidData, "it spoke before its turn")),
        status => Err(io::Error::other(format!("it answered CONNECT with status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::interleave;

    #[test]
    fn families_alternate() {
        let addresses: Vec<IpAddr> =
            ["::1", "::2", "::3", "1.1.1.1"].iter().map(|text| text.parse().unwrap()).collect();
        let order: Vec<_> =
            interleave(&addresses, 1).iter().map(|address| address.ip().to_string()).collect();
        assert_eq!(order, ["::1", "1.1.1.1", "::2", "::3"]);
    }
}
