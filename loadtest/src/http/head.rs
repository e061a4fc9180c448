//! Request and response heads.

use crate::http::Framing;
use crate::http::Malformed;

/// The longest head that is read. Proxies add a few hundred bytes to what they relay.
pub const MAX_BYTES: usize = 32 * 1024;

const MAX_HEADERS: usize = 64;

/// What the load generator must know of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// How the body ends.
    pub framing: Framing,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
}

/// What the mock must know of a request; it borrows from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The request target, with its query.
    pub target: &'a str,
    /// How the body ends.
    pub framing: Framing,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
    /// The `Authorization` header.
    pub authorization: &'a [u8],
    /// The `x-mock` header.
    pub mock: &'a [u8],
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
}

/// Reads a response head: the head and its length, or `None` until it is whole.
pub fn response(input: &[u8]) -> Result<Option<(Response, usize)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let Some(length) = whole(head.parse(input), input)? else {
        return Ok(None);
    };
    let status = head.code.ok_or(Malformed::Head)?;
    let fields = Fields::read(head.headers)?;
    let framing = match fields.framing()? {
        _ if matches!(status, 100..=199 | 204 | 304) => Framing::Length(0),
        framing => framing.unwrap_or(Framing::UntilClose),
    };
    let keep_alive = framing != Framing::UntilClose && fields.keep_alive(head.version);
    Ok(Some((Response { status, framing, keep_alive }, length)))
}

/// Reads a request head: the head and its length, or `None` until it is whole.
pub fn request(input: &[u8]) -> Result<Option<(Request<'_>, usize)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let Some(length) = whole(head.parse(input), input)? else {
        return Ok(None);
    };
    let fields = Fields::read(head.headers)?;
    let request = Request {
        method: head.method.ok_or(Malformed::Head)?,
        target: head.path.ok_or(Malformed::Head)?,
        framing: fields.framing()?.unwrap_or(Framing::Length(0)),
        keep_alive: fields.keep_alive(head.version),
        authorization: fields.authorization,
        mock: fields.mock,
        expects_continue: fields.expects_continue,
    };
    Ok(Some((request, length)))
}

fn whole(parsed: httparse::Result<usize>, input: &[u8]) -> Result<Option<usize>, Malformed> {
    match parsed {
        Ok(httparse::Status::Complete(length)) => Ok(Some(length)),
        Ok(httparse::Status::Partial) if input.len() < MAX_BYTES => Ok(None),
        Ok(httparse::Status::Partial) => Err(Malformed::HeadTooLong),
        Err(_) => Err(Malformed::Head),
    }
}

#[derive(Default)]
struct Fields<'a> {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    authorization: &'a [u8],
    mock: &'a [u8],
    expects_continue: bool,
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        for header in headers {
            fields.add(header.name, header.value)?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, value: &'a [u8]) -> Result<(), Malformed> {
        if name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(value).map_err(|_| Malformed::Length)?;
            let length = text.trim().parse().map_err(|_| Malformed::Length)?;
            if self.length.replace(length).is_some_and(|earlier| earlier != length) {
                return Err(Malformed::Length);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            if !self.chunked {
                return Err(Malformed::Length);
            }
        } else if name.eq_ignore_ascii_case("connection") {
            self.close = value.trim_ascii().eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case("authorization") {
            self.authorization = value;
        } else if name.eq_ignore_ascii_case("x-mock") {
            self.mock = value;
        } else if name.eq_ignore_ascii_case("expect") {
            self.expects_continue = true;
        }
        Ok(())
    }

    fn framing(&self) -> Result<Option<Framing>, Malformed> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Malformed::Length),
            (true, None) => Ok(Some(Framing::Chunked)),
            (false, length) => Ok(length.map(Framing::Length)),
        }
    }

    fn keep_alive(&self, version: Option<u8>) -> bool {
        version == Some(1) && !self.close
    }
}
