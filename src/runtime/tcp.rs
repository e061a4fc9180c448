//! One TCP connection: read, written and watched at the same time, by one task.
#![expect(
    unsafe_code,
    reason = "monoio's streams ask for `&mut` where a connection is read and written at once"
)]

use std::cell::UnsafeCell;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::sync::OnceLock;

use monoio::buf::IoBuf;
use monoio::buf::IoBufMut;
use monoio::io::AsyncReadRent;
use monoio::io::AsyncWriteRent;
use monoio::net::TcpListener;
use monoio::net::TcpStream;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::net::RecvFlags;
use rustix::net::Shutdown;
use rustix::net::recv;
use rustix::net::shutdown;

use crate::runtime;
use crate::runtime::beat::Beat;
use crate::runtime::deadline::TICK;
use crate::runtime::driver::Driver;
use crate::runtime::pieces::Pieces;
use crate::runtime::select;

/// Bytes of a stream that are told of at once, beat or no beat.
const GATHERED: libc::c_int = 64 * 1024;

/// A connected TCP stream with `TCP_NODELAY` set.
pub struct Tcp {
    stream: UnsafeCell<TcpStream>,
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").finish_non_exhaustive()
    }
}

impl Tcp {
    /// Takes over a connected stream. Small writes must not wait for the peer's acknowledgement
    /// (Nagle's algorithm against delayed acknowledgements costs 40 ms), so `TCP_NODELAY` is set.
    ///
    /// # Errors
    /// Where the socket refuses the option: the peer is gone already.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: UnsafeCell::new(stream) })
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// As the system tells them.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect_addr(address).await?)
    }

    #[expect(clippy::mut_from_ref, reason = "argued at the one place below")]
    fn stream(&self) -> &mut TcpStream {
        // SAFETY: the cell never leaves its thread (`UnsafeCell` is not `Sync`), so no two
        // references are used at the same instant. monoio's methods use theirs only to clone the
        // descriptor into the operation, before the operation is first suspended; the stream has
        // no other state that they change. monoio's own split halves rest on the same fact.
        unsafe { &mut *self.stream.get() }
    }

    /// Waits until there is something to read (or the end) without lending a buffer. May be
    /// dropped and asked again: nothing is lost.
    ///
    /// # Errors
    /// As the system tells them.
    pub async fn readable(&self) -> io::Result<()> {
        if !monoio::utils::is_legacy() {
            return self.stream().readable(false).await;
        }
        // On epoll what is known of a socket may be out of date, so it is asked, once. After that
        // every event is news, and need not be checked again.
        let asked = pin!(self.stream().readable(false));
        if let Some(ready) = select::now(asked).await {
            return ready;
        }
        self.stream().readable(true).await
    }

    /// Reads what has arrived into the spare room of `buf`, behind its content. Zero is the end
    /// of the stream. A caller that drops this future must drop the connection too: what arrived
    /// for it is lost.
    ///
    /// # Errors
    /// As the system tells them; `InvalidInput` where `buf` has no room.
    pub async fn recv(&self, buf: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        let (len, room) = (buf.len(), buf.capacity());
        if len == room {
            return (Err(io::ErrorKind::InvalidInput.into()), buf);
        }
        let (result, slice) = self.stream().read(buf.slice_mut(len..room)).await;
        (result, slice.into_inner())
    }

    /// Writes the bytes of `buf` in `range`.
    ///
    /// # Errors
    /// As the system tells them; some of it may have been written.
    pub async fn send(&self, mut buf: Vec<u8>, range: Range<usize>) -> (io::Result<()>, Vec<u8>) {
        let (mut sent, end) = (range.start, range.end.min(buf.len()));
        while sent < end {
            let (result, slice) = self.stream().write(buf.slice(sent..end)).await;
            buf = slice.into_inner();
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), buf),
                Ok(n) => sent += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (Err(error), buf),
            }
        }
        (Ok(()), buf)
    }

    /// Writes `outer` up to `at`, the bytes of `inner` in `range`, and the rest of `outer`, as one.
    ///
    /// # Errors
    /// As the system tells them; some of it may have been written.
    pub async fn send_both(
        &self,
        outer: Vec<u8>,
        at: usize,
        inner: Vec<u8>,
        range: Range<usize>,
    ) -> (io::Result<()>, Vec<u8>, Vec<u8>) {
        let mut pieces = Pieces::new(outer, at, inner, range);
        let mut result = Ok(());
        while result.is_ok() && !pieces.is_done() {
            let written;
            (written, pieces) = self.stream().writev(pieces).await;
            match written {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => pieces.advance(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
        }
        let (outer, inner) = pieces.into_bufs();
        (result, outer, inner)
    }

    /// Waits until the peer has closed or reset the connection, also behind data nobody has read.
    pub async fn hung_up(&self) {
        let _woken = self.readable().await;
        // Either the end, or data (a pipelined request) that must stay where it is. Data makes
        // the socket readable for good, so from here on it is asked once a tick.
        while self.events(PollFlags::RDHUP).is_none_or(|events| events.is_empty()) {
            runtime::sleep(TICK).await;
        }
    }

    /// Whether nothing has happened to the connection: no data, no end, no error.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let wanted = PollFlags::IN | PollFlags::RDHUP;
        self.events(wanted).is_some_and(|events| events.is_empty())
    }

    /// The next byte that was not read yet, if it has come. It stays unread.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        // SAFETY: the descriptor is open for as long as the stream, which `self` owns.
        let fd = unsafe { BorrowedFd::borrow_raw(self.stream().as_raw_fd()) };
        let mut byte = [0];
        let (read, _len) = recv(fd, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT).ok()?;
        (read > 0).then_some(byte[0])
    }

    /// Which of `wanted`, or of the errors that are always told, hold now. None where the system
    /// cannot say.
    fn events(&self, wanted: PollFlags) -> Option<PollFlags> {
        // SAFETY: the descriptor is open for as long as the stream, which `self` owns.
        let fd = unsafe { BorrowedFd::borrow_raw(self.stream().as_raw_fd()) };
        let mut fds = [PollFd::from_borrowed_fd(fd, wanted)];
        poll(&mut fds, Some(&Timespec::default())).ok()?;
        let [only] = fds;
        Some(only.revents())
    }

    /// Waits for the beat, after which several pieces may have come. Until then epoll is told of none of
    /// them: it wakes the shard for each, whoever waits.
    pub async fn gather(&self, beat: &Beat) {
        let told = monoio::utils::is_legacy() && tells_of_less();
        if told {
            self.set_low_water(GATHERED);
        }
        beat.next().await;
        if told {
            self.set_low_water(1);
        }
    }

    /// Has nobody told of data before so many bytes of it, or the end, have come (`SO_RCVLOWAT`). A read takes
    /// what there is all the same.
    fn set_low_water(&self, bytes: libc::c_int) {
        let value = std::ptr::from_ref(&bytes).cast();
        let len = size_of_val(&bytes) as libc::socklen_t;
        let fd = self.stream().as_raw_fd();
        // A system that refuses wakes us more often, no more.
        // SAFETY: the descriptor is open for as long as the stream, which `self` owns, and `value` points to
        // `len` bytes that live until the call is over.
        let _refused =
            unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, len) };
    }

    /// Says that nothing more will be written; the peer sees the end once it has read all.
    pub async fn shutdown(&self) {
        // The peer may be gone already; then there is nobody to tell.
        let _gone = self.stream().shutdown().await;
    }

    /// Ends what is being read and written, with an error, and the connection with it.
    pub fn break_off(&self) {
        // SAFETY: the descriptor is open for as long as the stream, which `self` owns.
        let fd = unsafe { BorrowedFd::borrow_raw(self.stream().as_raw_fd()) };
        // Refused where it has ended already.
        let _ended = shutdown(fd, Shutdown::Both);
    }

    /// The peer's address.
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.stream().peer_addr()
    }
}

/// Whether the kernel tells of data that is enough because less is asked for now. Before Linux 4.18 epoll hears
/// of it when more comes, which may be never.
fn tells_of_less() -> bool {
    static TELLS: OnceLock<bool> = OnceLock::new();
    *TELLS.get_or_init(|| is_since_4_18(&rustix::system::uname().release().to_string_lossy()))
}

fn is_since_4_18(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0_u32);
    (next(), next()) >= (4, 18)
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
}

impl Listener {
    /// Takes over a socket that listens.
    ///
    /// # Errors
    /// Where the driver cannot take it.
    pub fn new(socket: std::net::TcpListener, driver: Driver) -> io::Result<Self> {
        // epoll asks for sockets that do not block; io_uring answers EAGAIN on those.
        socket.set_nonblocking(driver == Driver::Epoll)?;
        Ok(Self { listener: TcpListener::from_std(socket)? })
    }

    /// The next connection. One whose peer has left already is passed over.
    ///
    /// # Errors
    /// As the system tells them; out of descriptors, most of all.
    pub async fn accept(&self) -> io::Result<Tcp> {
        loop {
            let (stream, _peer) = self.listener.accept().await?;
            if let Ok(tcp) = Tcp::new(stream) {
                return Ok(tcp);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_since_4_18;

    #[test]
    fn kernels_are_told_apart() {
        for release in ["4.18.0-553.el8.x86_64", "5.4.0", "6.18.44-fc", "10.0"] {
            assert!(is_since_4_18(release), "{release}");
        }
        for release in ["4.17.19", "4.14.355-271.amzn2", "4.4.0", "3.10.0-1160.el7", "4", "x"] {
            assert!(!is_since_4_18(release), "{release}");
        }
    }
}
