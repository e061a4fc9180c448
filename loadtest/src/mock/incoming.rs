//! What a request asks of the mock.

use memchr::memmem;

use crate::http::Malformed;
use crate::http::body::Body;
use crate::http::head;
use crate::mock::settings::Settings;

/// The largest body that is kept to be looked at.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A request whose head has been read.
#[derive(Debug)]
pub struct Incoming {
    /// What is asked for, as far as the head tells.
    pub route: Route,
    /// The settings of this request's `x-mock` header, or the mock's own.
    pub settings: Settings,
    /// Whether the connection stays open.
    pub keep_alive: bool,
    /// The `Authorization` header is the one the mock wants, or it wants none.
    pub authorized: bool,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    reader: Body,
    body: Vec<u8>,
}

/// What a path and method mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A chat completion.
    Chat,
    /// An embedding.
    Embeddings,
    /// The figures of the mock.
    Stats,
    /// New settings.
    Control(Settings),
    /// A liveness question.
    Health,
    /// Nothing the mock knows.
    Unknown,
}

impl Incoming {
    /// Reads a head out of `input`: the request so far and the length of its head, or `None`
    /// until it is whole.
    pub fn read_head(
        input: &[u8],
        current: Settings,
        authorization: Option<&[u8]>,
    ) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((request, length)) = head::request(input)? else {
            return Ok(None);
        };
        let own = std::str::from_utf8(request.mock).ok().and_then(|text| current.with(text));
        let incoming = Self {
            route: own.map_or(Route::Unknown, |_| route(&request, current)),
            settings: own.unwrap_or(current),
            keep_alive: request.keep_alive,
            authorized: authorization.is_none_or(|wanted| wanted == request.authorization),
            expects_continue: request.expects_continue,
            reader: Body::new(request.framing),
            body: Vec::new(),
        };
        Ok(Some((incoming, length)))
    }

    /// Whether all of the body is there.
    pub const fn is_whole(&self) -> bool {
        self.reader.is_done()
    }

    /// Takes in more of the body and returns how much of `input` was used.
    pub fn read_body(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let body = &mut self.body;
        let used = self.reader.read(input, |bytes| body.extend_from_slice(bytes))?;
        if self.body.len() > MAX_BODY { Err(Malformed::Length) } else { Ok(used) }
    }

    /// Bytes of the body that have arrived.
    pub const fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Whether the body has the outer shape of a JSON object. A proxy that cuts or mixes bodies
    /// is caught by this; a full parse would cost more than the answer.
    pub fn is_object(&self) -> bool {
        let body = self.body.trim_ascii();
        body.starts_with(b"{") && body.ends_with(b"}")
    }

    /// Whether the body asks for a stream.
    pub fn wants_stream(&self) -> bool {
        is_true(&self.body, b"\"stream\"")
    }

    /// Whether the body asks for the usage at the end of the stream.
    pub fn wants_usage(&self) -> bool {
        is_true(&self.body, b"\"include_usage\"")
    }
}

fn route(request: &head::Request<'_>, current: Settings) -> Route {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    match (request.method, path) {
        ("POST", "/v1/chat/completions") => Route::Chat,
        ("POST", "/v1/embeddings") => Route::Embeddings,
        ("GET", "/_mock/stats") => Route::Stats,
        ("GET", "/_mock/ctl") => current.with(query).map_or(Route::Unknown, Route::Control),
        ("GET", "/health") => Route::Health,
        _ => Route::Unknown,
    }
}

/// Whether `key` is somewhere in `body` with `true` as its value. Inside a string the quotes of
/// the key would be escaped, so a prompt that speaks of the key is not mistaken for it.
fn is_true(body: &[u8], key: &[u8]) -> bool {
    memmem::find_iter(body, key).any(|at| {
        let rest = body.get(at + key.len()..).unwrap_or_default().trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"true"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_about_streams_asks_for_none() {
        assert!(is_true(b"{\"stream\" : true}", b"\"stream\""));
        assert!(!is_true(b"{\"stream\":false,\"a\":true}", b"\"stream\""));
        assert!(!is_true(b"{\"content\":\"{\\\"stream\\\":true}\"}", b"\"stream\""));
        assert!(is_true(b"{\"x\":\"stream\",\"stream\":true}", b"\"stream\""));
    }

    #[test]
    fn unknown_settings_make_an_unknown_route() {
        let head =
            |mock: &str| format!("POST /v1/chat/completions HTTP/1.1\r\nx-mock: {mock}\r\n\r\n");
        let read = |mock: &str| {
            let input = head(mock);
            Incoming::read_head(input.as_bytes(), Settings::default(), None).unwrap().unwrap().0
        };
        assert_eq!(read("chunks=7").route, Route::Chat);
        assert_eq!(read("chunks=7").settings.chunks, 7);
        assert_eq!(read("chanks=7").route, Route::Unknown);
    }
}
