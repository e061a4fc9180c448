//! An edge-triggered epoll set and the sockets that go into it.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net;
use rustix::net::AddressFamily;
use rustix::net::SocketFlags;
use rustix::net::SocketType;

use crate::slab::Token;

/// Events taken from the kernel in one call: many, so that a busy loop makes few calls.
const BATCH: usize = 1024;

/// What is new about one socket.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The token the socket was added under.
    pub token: Token,
    /// The peer sends no more, or the socket failed.
    pub closed: bool,
    /// There is something to read, or to learn by reading.
    pub readable: bool,
    /// The send buffer has room again.
    pub writable: bool,
}

/// Waits for many sockets in one thread.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(BATCH) })
    }

    /// Watches `socket` for every change, until it is closed.
    pub fn add(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token.0), flags)?;
        Ok(())
    }

    /// Waits for a change, at most `timeout` (nanoseconds count), and puts what is new into `ready`.
    pub fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        ready.clear();
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let closing = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        ready.extend(self.events.iter().map(|event| {
            let flags = event.flags;
            Ready {
                token: Token(event.data.u64()),
                closed: flags.intersects(closing),
                readable: flags.intersects(closing | EventFlags::IN),
                writable: flags.contains(EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

/// A non-blocking listener with the longest queue the kernel allows.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = new_socket(address)?;
    net::sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, 65_535)?;
    Ok(TcpListener::from(socket))
}

/// Starts to connect; a failure shows at the first read or write.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = new_socket(address)?;
    net::sockopt::set_tcp_nodelay(&socket, true)?;
    match net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

fn new_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}
