//! A byte stream to a peer: plain or under TLS.

use std::io;
use std::ops::Range;

use crate::net::tls::Tls;
use crate::runtime::beat::Beat;
use crate::runtime::tcp::Tcp;

/// A connection to a peer. All methods take `&self`: one task may write, and wait for a hang-up
/// at the same time.
#[derive(Debug)]
pub enum Stream {
    /// TCP as it is.
    Plain(Tcp),
    /// TLS over TCP.
    Tls(Box<Tls>),
}

impl Stream {
    /// Reads what has arrived into the spare room of `buf`; zero is the end. A caller that drops
    /// this future must drop the connection too.
    ///
    /// # Errors
    /// As the system or TLS tell them.
    pub async fn recv(&self, buf: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => tcp.recv(buf).await,
            Self::Tls(tls) => tls.recv(buf).await,
        }
    }

    /// Writes the bytes of `buf` in `range`.
    ///
    /// # Errors
    /// As the system or TLS tell them.
    pub async fn send(&self, buf: Vec<u8>, range: Range<usize>) -> (io::Result<()>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => tcp.send(buf, range).await,
            Self::Tls(tls) => tls.send(buf, range).await,
        }
    }

    /// Writes `outer` up to `at`, the bytes of `inner` in `range`, and the rest of `outer`, as one where
    /// that is possible.
    ///
    /// # Errors
    /// As the system or TLS tell them.
    pub async fn send_both(
        &self,
        outer: Vec<u8>,
        at: usize,
        inner: Vec<u8>,
        range: Range<usize>,
    ) -> (io::Result<()>, Vec<u8>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => tcp.send_both(outer, at, inner, range).await,
            Self::Tls(tls) => {
                let rest = at..outer.len();
                let (sent, outer) = tls.send(outer, 0..at).await;
                if sent.is_err() {
                    return (sent, outer, inner);
                }
                let (sent, inner) = tls.send(inner, range).await;
                if sent.is_err() {
                    return (sent, outer, inner);
                }
                let (sent, outer) = tls.send(outer, rest).await;
                (sent, outer, inner)
            }
        }
    }

    /// Waits until there is something to read, holding no buffer.
    ///
    /// # Errors
    /// As the system tells them.
    pub async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.readable().await,
            Self::Tls(tls) if tls.has_more() => Ok(()),
            Self::Tls(tls) => tls.tcp().readable().await,
        }
    }

    /// Waits for the beat, so that the next read brings all that has come until then.
    pub async fn gather(&self, beat: &Beat) {
        self.tcp().gather(beat).await;
    }

    /// Waits until the peer has closed or reset the connection.
    pub async fn hung_up(&self) {
        self.tcp().hung_up().await;
    }

    /// Whether nothing has happened to the connection since it was last read.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_quiet(),
            Self::Tls(tls) => tls.is_quiet(),
        }
    }

    /// Says that nothing more will be written (`close_notify` first, under TLS).
    pub async fn shutdown(&self) {
        if let Self::Tls(tls) = self {
            tls.close_notify().await;
        }
        self.tcp().shutdown().await;
    }

    /// Ends what is being read and written, and the connection with it.
    pub fn break_off(&self) {
        self.tcp().break_off();
    }

    fn tcp(&self) -> &Tcp {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }
}
