//! TLS over a TCP connection, on rustls' buffered interface.
//!
//! Unlike ready-made wrappers this holds no read or write buffer while idle, and a read that is
//! dropped cannot leave it in a state that panics; see
//! `docs/decisions/2026-11-22-own-tls-stream.md`.

use std::cell::RefCell;
use std::io;
use std::io::BufRead;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::Connection;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::pki_types::ServerName;

use crate::net::buffers::Buffers;
use crate::runtime::tcp::Tcp;

/// Room for one TLS record with its overhead (RFC 8446, 5.2: 2^14 + 256 bytes, and 5 of header).
const RECORD: usize = 16 * 1024 + 512;

/// Bytes handed to the session between two flushes: a few records.
const PIECE: usize = 64 * 1024;

/// One TLS connection, client's or server's side, past its handshake.
pub struct Tls {
    tcp: Tcp,
    session: RefCell<Connection>,
    /// Ciphertext that the session has not taken yet: it takes none while it holds plaintext.
    pending: RefCell<Vec<u8>>,
    buffers: Buffers,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Shakes hands as the server of `tcp`.
    ///
    /// # Errors
    /// As the system or TLS tell them.
    pub async fn accept(tcp: Tcp, config: Arc<ServerConfig>, buffers: Buffers) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Self::shake_hands(tcp, session.into(), buffers).await
    }

    /// Shakes hands with the server `name` at the other end of `tcp`.
    ///
    /// # Errors
    /// As the system or TLS tell them; a certificate that does not hold is `InvalidData`.
    pub async fn connect(
        tcp: Tcp,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
        buffers: Buffers,
    ) -> io::Result<Self> {
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Self::shake_hands(tcp, session.into(), buffers).await
    }

    async fn shake_hands(tcp: Tcp, mut session: Connection, buffers: Buffers) -> io::Result<Self> {
        // Writes are bounded by whoever writes; what is written is sent before the next write.
        session.set_buffer_limit(None);
        let session = RefCell::new(session);
        let tls = Self { tcp, session, pending: RefCell::default(), buffers };
        loop {
            tls.flush().await?;
            if !tls.session.borrow().is_handshaking() {
                return Ok(tls);
            }
            if !tls.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The connection below.
    #[must_use]
    pub const fn tcp(&self) -> &Tcp {
        &self.tcp
    }

    /// Whether something read from the socket still waits to be read from here.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.pending.borrow().is_empty() || self.has_plaintext()
    }

    fn has_plaintext(&self) -> bool {
        let mut session = self.session.borrow_mut();
        let mut reader = session.reader();
        reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    /// Reads decrypted bytes into the spare room of `buf`; zero is a close the peer announced.
    ///
    /// # Errors
    /// `UnexpectedEof` where the peer closed without saying so, which may be an attacker's cut.
    pub async fn recv(&self, mut buf: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        loop {
            match self.take_plaintext(&mut buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return (result, buf),
            }
            if let Err(error) = self.fill().await {
                return (Err(error), buf);
            }
        }
    }

    fn take_plaintext(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let room = buf.capacity() - buf.len();
        let mut session = self.session.borrow_mut();
        let mut reader = session.reader();
        let bytes = reader.fill_buf()?;
        let (bytes, _later) = bytes.split_at(bytes.len().min(room));
        let n = bytes.len();
        buf.extend_from_slice(bytes);
        reader.consume(n);
        Ok(n)
    }

    /// Writes the bytes of `buf` in `range`, in as few records as it takes.
    ///
    /// # Errors
    /// As the system or TLS tell them.
    pub async fn send(&self, buf: Vec<u8>, range: Range<usize>) -> (io::Result<()>, Vec<u8>) {
        for piece in buf.get(range).unwrap_or_default().chunks(PIECE) {
            let queued = self.session.borrow_mut().writer().write_all(piece);
            if let Err(error) = queued {
                return (Err(error), buf);
            }
            if let Err(error) = self.flush().await {
                return (Err(error), buf);
            }
        }
        (Ok(()), buf)
    }

    /// Tells the peer that no more will be written.
    pub async fn close_notify(&self) {
        self.session.borrow_mut().send_close_notify();
        // A peer that is gone need not be told.
        let _gone = self.flush().await;
    }

    /// Whether nothing has arrived that nobody has read. A session ticket that comes late counts
    /// too: it costs a new connection at worst.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.has_more() && self.tcp.is_quiet()
    }

    /// Sends what the session has to say.
    async fn flush(&self) -> io::Result<()> {
        let mut out = {
            let mut session = self.session.borrow_mut();
            if !session.wants_write() {
                return Ok(());
            }
            let mut out = self.buffers.take(RECORD);
            while session.wants_write() {
                session.write_tls(&mut out)?;
            }
            out
        };
        let result;
        let all = 0..out.len();
        (result, out) = self.tcp.send(out, all).await;
        self.buffers.give(out);
        result
    }

    /// Hands the session more ciphertext, what is left over or what comes. False at the end.
    async fn fill(&self) -> io::Result<bool> {
        let pending = self.pending.take();
        let (result, mut raw) = if pending.is_empty() {
            self.tcp.recv(self.buffers.take(RECORD)).await
        } else {
            (Ok(pending.len()), pending)
        };
        let more = !raw.is_empty();
        let taken = match result {
            Ok(_) => self.process(&raw),
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) if taken < raw.len() => {
                raw.drain(..taken);
                *self.pending.borrow_mut() = raw;
            }
            Ok(_) | Err(_) => self.buffers.give(raw),
        }
        // An alert must go out before the error is told.
        let flushed = self.flush().await;
        taken?;
        flushed.map(|()| more)
    }

    /// How much of `raw` the session took. An empty `raw` tells it of the end.
    fn process(&self, raw: &[u8]) -> io::Result<usize> {
        let mut session = self.session.borrow_mut();
        let mut left = raw;
        loop {
            session.read_tls(&mut left)?;
            let state = session
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if left.is_empty() || state.plaintext_bytes_to_read() > 0 {
                return Ok(raw.len() - left.len());
            }
        }
    }
}
