//! Accepting connections, bounded, until told to stop.

use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::Domain;
use socket2::Protocol;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;

use crate::exchange::core::Core;
use crate::net::buffers::SMALL;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::runtime;
use crate::runtime::Turns;
use crate::runtime::select::Either;
use crate::runtime::select::first;
use crate::runtime::tcp::Listener;
use crate::runtime::tcp::Tcp;
use crate::server::connection;

/// Connections the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 4096;

/// Waits after an accept that failed for want of descriptors or memory, doubled up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(50));

/// How long a shard waits for its last connections once their waits have been ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long an accept may take to end once its socket no longer listens: it is woken at once.
const LAST_ACCEPT: Duration = Duration::from_millis(100);

/// What a client is told that comes when there is no room.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 124\r\n\r\n\
    {\"error\":{\"message\":\"too many connections (limits.max_connections)\",\"type\":\
    \"server_error\",\"param\":null,\"code\":\"overloaded\"}}";

/// What a client is told that speaks plain HTTP where TLS is spoken.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\
    connection: close\r\ncontent-length: 146\r\n\r\n\
    {\"error\":{\"message\":\"this port speaks HTTPS: write https:// in the address\",\"type\":\
    \"invalid_request_error\",\"param\":null,\"code\":\"invalid_request\"}}";

/// What the control plane says to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Finish what is under way and take nothing new.
    Drain,
    /// The time to finish is over.
    Kill,
}

/// What a shard accepts with.
#[derive(Debug)]
pub struct Door {
    /// The shard's own socket.
    pub socket: std::net::TcpListener,
    /// Connections are under TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Connections open at most.
    pub max_connections: usize,
    /// What the control plane says.
    pub stop: flume::Receiver<Stop>,
}

/// One socket for each of `shards` on the same address: the kernel spreads connections over them.
///
/// # Errors
/// Where the address is not ours, or another process has it: `SO_REUSEPORT` alone would let two
/// gateways share a port without a word, so the address is first taken without it.
pub fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let probe = socket(address, false)?;
    let address = probe.local_addr()?;
    drop(probe);
    (0..shards).map(|_| socket(address, true)).collect()
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves connections until the control plane says stop and the last is gone.
///
/// # Errors
/// Where the socket cannot be listened on with this driver.
pub async fn serve(core: Rc<Core>, door: Door) -> io::Result<()> {
    let listener = Listener::new(door.socket.try_clone()?, core.driver)?;
    let open = Rc::new(Cell::new(0));
    let said = accept(&core, &listener, &door, &open).await;
    drop((listener, door.socket));
    core.draining.set(true);
    core.deadlines.expire_idle();
    core.pool.clear();
    if said == Stop::Drain {
        let emptied = pin!(empty(&open, None));
        let told = pin!(door.stop.recv_async());
        if let Either::Left(()) = first(emptied, told).await {
            return Ok(());
        }
    }
    core.deadlines.kill();
    empty(&open, Some(LAST_WORDS)).await;
    Ok(())
}

/// Waits until no connection is open, for so long at most.
async fn empty(open: &Cell<usize>, at_most: Option<Duration>) {
    const STEP: Duration = Duration::from_millis(2);
    let mut left = at_most.map(|time| time.as_millis() / STEP.as_millis());
    while open.get() > 0 && left != Some(0) {
        runtime::sleep(STEP).await;
        left = left.map(|left| left - 1);
    }
}

async fn accept(core: &Rc<Core>, listener: &Listener, door: &Door, open: &Rc<Cell<usize>>) -> Stop {
    let mut stopped = pin!(door.stop.recv_async());
    let (mut back_off, mut turns) = (BACK_OFF.0, Turns::default());
    loop {
        turns.next().await;
        let mut accepting = pin!(listener.accept());
        match first(stopped.as_mut(), accepting.as_mut()).await {
            Either::Left(said) => {
                // Dropping the accept would not do: it would keep the socket listening, and what it
                // may have been given already would stay open with nobody to close it.
                let _unlistened = SockRef::from(&door.socket).shutdown(Shutdown::Both);
                let ended = pin!(runtime::sleep(LAST_ACCEPT));
                if let Either::Left(Ok(tcp)) = first(accepting, ended).await {
                    admit(core, tcp, door, open);
                }
                return said.unwrap_or(Stop::Kill);
            }
            Either::Right(Ok(tcp)) => {
                back_off = BACK_OFF.0;
                admit(core, tcp, door, open);
            }
            Either::Right(Err(error)) => {
                core.notice(format!("cannot accept a connection: {error}"));
                runtime::sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF.1);
            }
        }
    }
}

/// Lets a connection in, if there is room.
fn admit(core: &Rc<Core>, tcp: Tcp, door: &Door, open: &Rc<Cell<usize>>) {
    if open.get() >= door.max_connections {
        return runtime::spawn(turn_away(tcp, door.tls.is_some()));
    }
    open.set(open.get() + 1);
    let guest = Guest { open: Rc::clone(open) };
    runtime::spawn(welcome(Rc::clone(core), tcp, door.tls.clone(), guest));
}

/// Counts an open connection for as long as it lives, panics included.
struct Guest {
    open: Rc<Cell<usize>>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

async fn welcome(core: Rc<Core>, tcp: Tcp, tls: Option<Arc<ServerConfig>>, _guest: Guest) {
    let deadline = core.deadlines.register();
    let stream = match tls {
        None => Stream::Plain(tcp),
        Some(config) => {
            deadline.set_busy(true);
            deadline.arm(core.snapshot.client.header_timeout);
            if deadline.limit(pin!(tcp.readable())).await.is_err() {
                return;
            }
            // A handshake begins with 22; requests begin with the name of a method.
            if tcp.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
                // What was not read when a connection is closed takes its last words with it.
                let (_read, buf) = tcp.recv(core.buffers.take(SMALL)).await;
                core.buffers.give(buf);
                return refuse(tcp, PLAIN).await;
            }
            // On the heap, so that its room is free again when it is over.
            let handshake = Box::pin(Tls::accept(tcp, config, core.buffers.clone()));
            match deadline.limit(handshake).await {
                Ok(Ok(tls)) => Stream::Tls(Box::new(tls)),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    connection::run(&core, stream, deadline).await;
}

async fn turn_away(tcp: Tcp, tls: bool) {
    if !tls {
        refuse(tcp, FULL).await;
    }
}

/// Sends one of the answers above, and nothing else.
async fn refuse(tcp: Tcp, answer: &'static [u8]) {
    let _gone = tcp.send(answer.to_vec(), 0..answer.len()).await;
    tcp.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::{FULL, PLAIN, bind};

    #[test]
    fn a_port_in_use_is_not_shared_in_silence() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let address = first[0].local_addr().unwrap();
        assert_eq!(first[1].local_addr().unwrap(), address);
        let again = bind(address, 1).unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AddrInUse);
    }

    #[test]
    fn canned_answers_have_the_length_they_say() {
        for answer in [FULL, PLAIN] {
            let text = std::str::from_utf8(answer).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            let line = format!("content-length: {}\r\n", body.len());
            assert!(text.contains(&line), "{line}");
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
        }
    }
}
