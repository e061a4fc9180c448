//! A scripted upstream on loopback: threads, plain sockets, and a memory of every byte and close.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::DEADLINE;
use crate::support::SEGMENT;
use crate::support::http::Head;
use crate::support::script::Cut;
use crate::support::script::Script;
use crate::support::script::Step;

/// The kernel's buffer for what is sent: a gateway that stops reading is noticed after little.
const BUFFER: usize = 64 << 10;

/// A write that waits this long counts as blocked: the gateway has stopped reading, and is not only
/// busy with others.
const BLOCKED: Duration = Duration::from_millis(250);

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The connection it came on, counted from zero.
    pub conn: usize,
    pub head: Head,
    pub raw_head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the gateway sent JSON")
    }

    /// The `user` field, by which tests tell their requests apart.
    pub fn user(&self) -> String {
        self.json()["user"].as_str().unwrap_or_default().to_owned()
    }
}

/// One connection, from accept to its end.
#[derive(Clone, Debug, Default)]
pub struct Conn {
    /// When and how the gateway closed it.
    pub closed: Option<(Instant, Option<Cut>)>,
    /// Bytes that the kernel has taken from the upstream.
    pub sent: usize,
    /// Whether a write is waiting for the gateway.
    pub blocked: bool,
}

impl Conn {
    fn progress(&mut self, count: usize) {
        self.sent += count;
        self.blocked = false;
    }
}

/// All that the upstream has seen.
#[derive(Debug, Default)]
pub struct Log {
    pub requests: Vec<Seen>,
    pub conns: Vec<Conn>,
    /// What a strict server would have refused.
    pub violations: Vec<String>,
}

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no test panics with the log in hand")
    }

    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

type Answer = dyn Fn(&Seen) -> Script + Send + Sync;

/// A running upstream; it stops accepting when dropped.
pub struct Upstream {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
}

impl Upstream {
    /// Starts an upstream that answers each request with the script chosen for it.
    pub fn start(answer: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Self {
        Self::start_with(true, answer)
    }

    /// As `start`; `nodelay` false leaves Nagle's algorithm on.
    pub fn start_with(
        nodelay: bool,
        answer: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the upstream");
        socket2::SockRef::from(&listener).set_tcp_mss(SEGMENT).expect("segment size");
        let addr = listener.local_addr().expect("local address");
        let shared = Arc::new(Shared::default());
        let stop = Arc::new(AtomicBool::new(false));
        let answer: Arc<Answer> = Arc::new(answer);
        let (ours, flag) = (Arc::clone(&shared), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_nodelay(nodelay).expect("nodelay");
                socket2::SockRef::from(&stream).set_send_buffer_size(BUFFER).expect("send buffer");
                stream.set_write_timeout(Some(BLOCKED)).expect("write timeout");
                Line::open(stream, Arc::clone(&ours), Arc::clone(&answer));
            }
        });
        Self { addr, shared, stop }
    }

    /// The base URL a provider is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().requests.clone()
    }

    /// Connections accepted so far.
    pub fn conns(&self) -> Vec<Conn> {
        self.shared.lock().conns.clone()
    }

    /// What a strict server would have refused.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }

    /// Waits until the log satisfies `ready`; fails the test after [`DEADLINE`].
    pub fn wait<T>(&self, what: &str, ready: impl Fn(&Log) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        let mut log = self.shared.lock();
        loop {
            if let Some(found) = ready(&log) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The threads of the upstream go on with the log.
                drop(log);
                panic!("the upstream never saw: {what}");
            }
            log = self.shared.changed.wait_timeout(log, left).expect("log").0;
        }
    }

    /// Waits for the n-th request (counted from one).
    pub fn wait_request(&self, n: usize) -> Seen {
        self.wait(&format!("request {n}"), |log| log.requests.get(n - 1).cloned())
    }

    /// Waits for the request that carries `user`.
    pub fn wait_user(&self, user: &str) -> Seen {
        let mark = format!("\"user\":\"{user}\"");
        self.wait(&mark, |log| log.requests.iter().find(|r| r.text().contains(&mark)).cloned())
    }

    /// Waits until the gateway has closed a connection; when, and how.
    pub fn wait_closed(&self, conn: usize) -> (Instant, Option<Cut>) {
        self.wait(&format!("the end of connection {conn}"), |log| log.conns.get(conn)?.closed)
    }

    /// Waits until there was a connection and every one has been closed by the gateway.
    pub fn wait_all_closed(&self) {
        self.wait("the end of every connection", |log| {
            let all = log.conns.iter().all(|conn| conn.closed.is_some());
            (all && !log.conns.is_empty()).then_some(())
        });
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The accepting thread looks at the flag when somebody connects.
        let _ = TcpStream::connect(self.addr);
    }
}

/// One connection: a reader that stamps the close, and this side that plays scripts.
struct Line {
    id: usize,
    stream: Arc<TcpStream>,
    shared: Arc<Shared>,
    incoming: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
    buf: Vec<u8>,
}

/// The connection is over.
struct Over;

impl Line {
    fn open(stream: TcpStream, shared: Arc<Shared>, answer: Arc<Answer>) {
        let mut id = 0;
        shared.change(|log| {
            id = log.conns.len();
            log.conns.push(Conn::default());
        });
        let stream = Arc::new(stream);
        let (sender, incoming) = mpsc::channel();
        let (source, notes) = (Arc::clone(&stream), Arc::clone(&shared));
        let reader = thread::spawn(move || read_all(id, &source, &notes, &sender));
        let line = Self { id, stream, shared, incoming, reader: Some(reader), buf: Vec::new() };
        thread::spawn(move || line.run(&*answer));
    }

    fn run(mut self, answer: &Answer) {
        while let Ok(request) = self.next_request() {
            self.shared.change(|log| log.requests.push(request.clone()));
            for step in answer(&request).0 {
                if self.play(step).is_err() {
                    return;
                }
            }
        }
    }

    fn more(&mut self) -> Result<(), Over> {
        let bytes = self.incoming.recv().map_err(|_| Over)?;
        self.buf.extend_from_slice(&bytes);
        Ok(())
    }

    fn next_request(&mut self) -> Result<Seen, Over> {
        let head = loop {
            if let Some(head) = Head::parse(&self.buf) {
                break head;
            }
            self.more()?;
        };
        let length = self.checked_length(&head);
        while self.buf.len() < head.len + length {
            self.more()?;
        }
        let raw_head = self.buf[..head.len].to_vec();
        let body = self.buf[head.len..head.len + length].to_vec();
        self.buf.drain(..head.len + length);
        if !self.buf.is_empty() {
            self.violation("bytes behind the request");
        }
        Ok(Seen { conn: self.id, head, raw_head, body })
    }

    /// The one length of a request, with everything noted that leaves room for another reading.
    fn checked_length(&self, head: &Head) -> usize {
        if head.get("transfer-encoding").is_some() {
            self.violation("transfer-encoding");
        }
        if head.count("content-length") != 1 || head.count("host") != 1 {
            self.violation("not exactly one content-length and one host");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if head.fields.iter().any(|(name, _)| name.is_empty() || !name.bytes().all(plain)) {
            self.violation("a strange field name");
        }
        let words = head.start.split(' ').count();
        if words != 3 || !head.start.ends_with(" HTTP/1.1") || !head.start.starts_with("POST /") {
            self.violation("a strange request line");
        }
        head.get("content-length").and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            self.violation("content-length is not a number");
            0
        })
    }

    fn violation(&self, what: &str) {
        let line = format!("connection {}: {what}", self.id);
        self.shared.change(|log| log.violations.push(line));
    }

    fn play(&mut self, step: Step) -> Result<(), Over> {
        match step {
            Step::Send(bytes) => self.write(&bytes),
            Step::Pause(time) => {
                thread::sleep(time);
                Ok(())
            }
            Step::Wait(gate) => gate.wait().then_some(()).ok_or(Over),
            Step::Fin => self.fin(),
            Step::Last(bytes) => {
                // What is written waits for more; the end sends it on its way.
                socket2::SockRef::from(&*self.stream).set_tcp_cork(true).map_err(|_| Over)?;
                self.write(&bytes)?;
                self.fin()
            }
            Step::Hold => self.drain(),
            Step::Reset => self.reset(),
            Step::Flood(bytes) => loop {
                self.write(&bytes)?;
            },
        }
    }

    fn fin(&self) -> Result<(), Over> {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.drain()
    }

    /// Waits for the gateway's close; what it sends meanwhile on this connection is a fault.
    fn drain(&self) -> Result<(), Over> {
        if self.incoming.recv().is_ok() {
            self.violation("bytes after the answer");
        }
        Err(Over)
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Over> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match (&*self.stream).write(rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.shared.change(|log| log.conns[self.id].progress(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.shared.change(|log| log.conns[self.id].blocked = true);
                }
                Err(_) => return Err(Over),
            }
        }
        Ok(())
    }

    /// A reset goes out when the last handle is closed with lingering off, so the reader ends first.
    fn reset(&mut self) -> Result<(), Over> {
        socket2::SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO)).map_err(|_| Over)?;
        let _ = self.stream.shutdown(Shutdown::Read);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        Err(Over)
    }
}

/// Reads until the end of the connection and stamps it.
fn read_all(id: usize, stream: &TcpStream, shared: &Shared, sender: &Sender<Vec<u8>>) {
    let mut piece = vec![0; 64 * 1024];
    let how = loop {
        match (&*stream).read(&mut piece) {
            Ok(0) => break Some(Cut::Fin),
            Ok(count) => {
                let _ = sender.send(piece[..count].to_vec());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break Some(Cut::Reset),
            Err(_) => break None,
        }
    };
    let now = Instant::now();
    shared.change(|log| log.conns[id].closed = Some((now, how)));
}
