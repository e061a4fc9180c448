//! TLS on either leg: a certificate, a front that decrypts for the plain upstream, a client, and a
//! proxy that tunnels.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::ServerName;

use crate::support::http::Head;

/// How long one side of a pump looks for bytes before the other side gets its turn.
const TURN: Duration = Duration::from_millis(1);

/// A self-signed certificate, in every form a test needs.
pub struct Certificate {
    pub pem: String,
    pub key_pem: String,
    config: Arc<ServerConfig>,
    roots: RootCertStore,
}

impl Certificate {
    /// A certificate for these names and addresses.
    pub fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let chain = vec![made.cert.der().clone()];
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a usable certificate");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a usable root");
        let (pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
        Self { pem, key_pem, config: Arc::new(config), roots }
    }

    /// Connects to `addr` and trusts this certificate alone.
    pub fn client(&self, addr: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let stream = TcpStream::connect(addr).expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        StreamOwned::new(session, stream)
    }

    /// Listens with this certificate and passes the plain bytes on to `inner`.
    pub fn front(&self, inner: SocketAddr) -> SocketAddr {
        let config = Arc::clone(&self.config);
        serve(move |outer| {
            let Ok(session) = ServerConnection::new(Arc::clone(&config)) else { return };
            let Ok(plain) = TcpStream::connect(inner) else { return };
            let _ = outer.set_nodelay(true).and_then(|()| plain.set_nodelay(true));
            let mut secure = StreamOwned::new(session, outer);
            // The handshake runs before the first read, with as much time as it needs.
            if secure.conn.complete_io(&mut secure.sock).is_ok() {
                let _ = secure.sock.set_read_timeout(Some(TURN));
                let _ = plain.set_read_timeout(Some(TURN));
                pump(&mut secure, &plain);
            }
        })
    }
}

/// A proxy that answers CONNECT, and remembers what was asked of it.
pub struct Tunnel {
    pub addr: SocketAddr,
    asked: Arc<Mutex<Vec<Head>>>,
}

impl Tunnel {
    /// Answers each CONNECT with `reply` and, when that is a 200, passes the bytes on to `inner`.
    pub fn start(reply: &'static str, inner: SocketAddr) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let addr = serve(move |mut outer| {
            let Some(head) = read_head(&mut outer) else { return };
            log.lock().expect("log").push(head);
            if outer.write_all(reply.as_bytes()).is_err() || !reply.contains(" 200 ") {
                return;
            }
            let Ok(plain) = TcpStream::connect(inner) else { return };
            let _ = outer.set_nodelay(true).and_then(|()| plain.set_nodelay(true));
            let _ = outer.set_read_timeout(Some(TURN));
            let _ = plain.set_read_timeout(Some(TURN));
            pump(&mut outer, &plain);
        });
        Self { addr, asked }
    }

    pub fn asked(&self) -> Vec<Head> {
        self.asked.lock().expect("log").clone()
    }
}

/// Accepts connections on a port of its own, each served on a thread.
fn serve(work: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let addr = listener.local_addr().expect("local address");
    let work = Arc::new(work);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let work = Arc::clone(&work);
            thread::spawn(move || work(stream));
        }
    });
    addr
}

/// Reads one head byte by byte, so that nothing behind it is taken.
fn read_head(stream: &mut TcpStream) -> Option<Head> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        seen.extend_from_slice(&byte);
    }
    Head::parse(&seen)
}

/// Passes bytes both ways until one side ends; dropping the sockets then ends the other.
fn pump(outer: &mut (impl Read + Write), inner: &TcpStream) {
    let mut buf = vec![0; 64 * 1024];
    loop {
        let up = step(outer, &mut &*inner, &mut buf);
        let down = step(&mut &*inner, outer, &mut buf);
        if up.is_err() || down.is_err() {
            return;
        }
    }
}

/// Moves what one side has within a turn; an error once it has ended.
fn step(from: &mut impl Read, to: &mut impl Write, buf: &mut [u8]) -> io::Result<()> {
    match from.read(buf) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => to.write_all(&buf[..count]).and_then(|()| to.flush()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
