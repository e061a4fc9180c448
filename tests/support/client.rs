//! A raw HTTP/1.1 client with control over every byte and every close.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use rustls::ClientConnection;
use rustls::StreamOwned;
use serde_json::Value;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::support::DEADLINE;
use crate::support::SEGMENT;
use crate::support::fixtures::KEY;
use crate::support::http;
use crate::support::http::Chunk;
use crate::support::http::Framing;
use crate::support::http::Head;

/// No answer of a test is this large: a flood must not keep a test from failing.
const TOO_MUCH: usize = 64 << 20;

/// The kernel's buffer for what is received.
const BUFFER: usize = 64 << 10;

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The message ended where its framing says.
    Complete,
    /// The peer closed in an orderly way before that.
    Closed,
    /// The peer reset the connection before that.
    Reset,
    /// Nothing more came within the deadline.
    Late,
    /// The bytes are not a message.
    Garbled,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One client connection.
pub struct Client {
    io: Io,
    buf: Vec<u8>,
    framing: Framing,
    left: usize,
    /// Longest wait of one read.
    pub patience: Duration,
}

/// A whole answer, or what arrived of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
    pub ending: Ending,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("not JSON ({error}): {self:?} {}", self.text()),
        }
    }

    /// `error.code` of an OpenAI-shaped error; the shape itself is asserted.
    pub fn error_code(&self) -> String {
        assert_eq!(self.ending, Ending::Complete, "{self:?}");
        assert_eq!(self.head.get("content-type"), Some("application/json"), "{:?}", self.head);
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.text());
        assert!(error["type"].is_string() && error.get("param").is_some(), "{}", self.text());
        error["code"].as_str().unwrap_or_default().to_owned()
    }

    /// `error.type` of an error in Anthropic's shape; the shape itself is asserted, and the id that
    /// Anthropic's clients look for.
    pub fn claude_error(&self) -> String {
        assert_eq!(self.ending, Ending::Complete, "{self:?}");
        assert_eq!(self.head.get("content-type"), Some("application/json"), "{:?}", self.head);
        let id = self.head.get("request-id");
        assert!(id.is_some() && id == self.head.get("x-request-id"), "{:?}", self.head);
        let body = self.json();
        assert_eq!(body["type"], "error", "{body}");
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(error.get("code").is_none() && error.get("param").is_none(), "{body}");
        error["type"].as_str().unwrap_or_default().to_owned()
    }

    /// The data of every server-sent event of the body.
    pub fn events(&self) -> Vec<String> {
        let text = self.text();
        let events = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        events.map(str::to_owned).collect()
    }
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // A reader that stops is noticed after little: the kernels would else take megabytes.
        socket.set_recv_buffer_size(BUFFER).expect("receive buffer");
        socket.set_tcp_mss(SEGMENT).expect("segment size");
        socket.connect(&addr.into()).expect("connect to the gateway");
        Self::over(socket.into())
    }

    /// Speaks over a connection that stands already.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("nodelay");
        Self::new(Io::Plain(stream))
    }

    pub fn tls(stream: StreamOwned<ClientConnection, TcpStream>) -> Self {
        Self::new(Io::Tls(Box::new(stream)))
    }

    fn new(io: Io) -> Self {
        Self { io, buf: Vec::new(), framing: Framing::Close, left: 0, patience: DEADLINE }
    }

    fn socket(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(stream) => stream,
            Io::Tls(stream) => stream.get_ref(),
        }
    }

    /// Sends all of `bytes` in one write where the socket takes it.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.io {
            Io::Plain(stream) => stream.write_all(bytes),
            Io::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("send to the gateway");
    }

    /// Sends a request and reads its whole answer.
    pub fn ask(&mut self, request: &Req) -> Answer {
        self.send(&request.bytes());
        self.answer_to(request.method == "HEAD")
    }

    /// Says that no more bytes will come (FIN), and can still read.
    pub fn finish_writing(&self) {
        // An error means that the peer has closed already, which is just as well.
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Drops the connection with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    /// Reads once into the buffer; the number of new bytes, or how reading ended.
    fn fill(&mut self) -> Result<usize, Ending> {
        let until = Instant::now() + self.patience;
        let mut piece = [0; 16 * 1024];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Ending::Late);
            }
            self.socket().set_read_timeout(Some(left)).expect("read timeout");
            let read = match &mut self.io {
                Io::Plain(stream) => stream.read(&mut piece),
                Io::Tls(stream) => stream.read(&mut piece),
            };
            match read {
                Ok(0) => return Err(Ending::Closed),
                Ok(count) => {
                    self.buf.extend_from_slice(&piece[..count]);
                    return Ok(count);
                }
                Err(error) => ending_of(&error)?,
            }
        }
    }

    /// Reads the next response head that is not an interim one.
    pub fn head(&mut self) -> Result<Head, Ending> {
        self.head_to(false)
    }

    fn head_to(&mut self, bodiless: bool) -> Result<Head, Ending> {
        loop {
            let head = self.any_head()?;
            if head.status() >= 200 {
                self.framing = http::response_framing(&head, bodiless);
                self.left = if let Framing::Length(length) = self.framing { length } else { 0 };
                return Ok(head);
            }
        }
    }

    /// Reads the next head, interim or final, without looking at a body.
    pub fn any_head(&mut self) -> Result<Head, Ending> {
        loop {
            if let Some(head) = Head::parse(&self.buf) {
                self.buf.drain(..head.len);
                return if head.status() == 0 { Err(Ending::Garbled) } else { Ok(head) };
            }
            self.fill()?;
        }
    }

    /// Reads the next piece of the body; `Complete` ends it.
    pub fn more(&mut self) -> Result<Vec<u8>, Ending> {
        loop {
            match self.framing {
                Framing::Length(_) if self.left == 0 => return Err(Ending::Complete),
                Framing::Length(_) | Framing::Close if !self.buf.is_empty() => {
                    let by_length = matches!(self.framing, Framing::Length(_));
                    let take =
                        if by_length { self.left.min(self.buf.len()) } else { self.buf.len() };
                    self.left = self.left.saturating_sub(take);
                    return Ok(self.buf.drain(..take).collect());
                }
                Framing::Length(_) | Framing::Close => {}
                Framing::Chunked => {
                    if let Some(piece) = self.chunk()? {
                        return Ok(piece);
                    }
                }
            }
            self.fill()?;
        }
    }

    fn chunk(&mut self) -> Result<Option<Vec<u8>>, Ending> {
        match http::chunk(&self.buf) {
            Chunk::Partial => Ok(None),
            Chunk::Broken => Err(Ending::Garbled),
            Chunk::Last { used } => {
                self.buf.drain(..used);
                self.framing = Framing::Length(0);
                self.left = 0;
                Err(Ending::Complete)
            }
            Chunk::Data { start, len, used } => {
                let piece = self.buf[start..start + len].to_vec();
                self.buf.drain(..used);
                Ok(Some(piece))
            }
        }
    }

    /// Reads a whole answer. The end of a close-delimited body counts as complete.
    pub fn answer(&mut self) -> Answer {
        self.answer_to(false)
    }

    fn answer_to(&mut self, bodiless: bool) -> Answer {
        let head = match self.head_to(bodiless) {
            Ok(head) => head,
            Err(ending) => return Answer { head: Head::default(), body: Vec::new(), ending },
        };
        self.rest(head)
    }

    /// Reads what is left of an answer whose head was read.
    pub fn rest(&mut self, head: Head) -> Answer {
        let mut body = Vec::new();
        loop {
            match self.more() {
                Ok(piece) if body.len() < TOO_MUCH => body.extend_from_slice(&piece),
                Ok(_) => return Answer { head, body, ending: Ending::Garbled },
                Err(Ending::Closed) if self.framing == Framing::Close => {
                    return Answer { head, body, ending: Ending::Complete };
                }
                Err(ending) => return Answer { head, body, ending },
            }
        }
    }

    /// Reads body pieces until `needle` has come; what was read so far.
    pub fn until(&mut self, needle: &str) -> String {
        let mut seen = Vec::new();
        while http::find(&seen, needle.as_bytes()).is_none() {
            match self.more() {
                Ok(piece) => seen.extend_from_slice(&piece),
                Err(ending) => {
                    let seen = String::from_utf8_lossy(&seen);
                    panic!("waiting for {needle:?}: {ending:?} after {seen:?}");
                }
            }
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Asserts that the peer closes without another byte.
    pub fn expect_close(&mut self) {
        assert!(self.buf.is_empty(), "extra bytes: {:?}", String::from_utf8_lossy(&self.buf));
        match self.fill() {
            Err(Ending::Closed | Ending::Reset) => {}
            other => panic!("expected the peer to close, got {other:?}"),
        }
    }
}

/// Nothing for a read that should be tried again, else how reading ended.
fn ending_of(error: &io::Error) -> Result<(), Ending> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(Ending::Late),
        io::ErrorKind::UnexpectedEof => Err(Ending::Closed),
        _ => Err(Ending::Reset),
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Req {
    pub method: String,
    pub target: String,
    pub version: &'static str,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    chunked: bool,
}

impl Req {
    fn new(method: &str, target: &str, body: Vec<u8>) -> Self {
        let fields = Vec::new();
        let (method, target) = (method.to_owned(), target.to_owned());
        let bare = Self { method, target, version: "HTTP/1.1", fields, body, chunked: false };
        bare.with("host", "gateway.test").with("authorization", &format!("Bearer {KEY}"))
    }

    /// POST /v1/chat/completions with the usual key.
    pub fn chat(body: impl Into<Vec<u8>>) -> Self {
        Self::post("/v1/chat/completions", body)
    }

    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target, body.into()).with("content-type", "application/json")
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target, Vec::new())
    }

    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Sets a field, in place of one of the same name.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut next = self.without(name);
        next.fields.push((name.to_owned(), value.to_owned()));
        next
    }

    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    pub fn id(self, id: &str) -> Self {
        self.with("x-request-id", id)
    }

    /// Speaks HTTP/1.0.
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Sends the body in chunks of at most seven bytes.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The head alone, announcing the body.
    pub fn head(&self) -> Vec<u8> {
        let mut out = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.chunked {
            out.push_str("transfer-encoding: chunked\r\n");
        } else if self.method == "POST" {
            out.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        out.into_bytes()
    }

    /// Head and body.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.head();
        if self.chunked {
            self.body.chunks(7).for_each(|piece| out.extend(http::as_chunk(piece)));
            out.extend_from_slice(b"0\r\n\r\n");
        } else {
            out.extend_from_slice(&self.body);
        }
        out
    }
}
