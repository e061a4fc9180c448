//! One connection: requests one after another, each to the place its path names.

use std::rc::Rc;

use crate::codec::http1::HeadError;
use crate::codec::http1::Method;
use crate::codec::http1::RequestError;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange;
use crate::exchange::Asker;
use crate::exchange::Next;
use crate::exchange::core::Core;
use crate::net::downstream::Downstream;
use crate::net::downstream::NoRequest;
use crate::net::downstream::Request;
use crate::net::stream::Stream;
use crate::protocol::openai::Endpoint;
use crate::runtime::Turns;
use crate::runtime::deadline::Deadline;
use crate::server::models;

const CLOSE: &[u8] = b"connection: close\r\n";

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    Exchange(Endpoint),
    Models,
    Model(&'a [u8]),
    Health,
    Ready,
    Nowhere,
}

impl<'a> Place<'a> {
    fn of(path: &'a [u8]) -> Self {
        match path {
            b"/v1/chat/completions" => Self::Exchange(Endpoint::Chat),
            b"/v1/embeddings" => Self::Exchange(Endpoint::Embeddings),
            b"/v1/messages" => Self::Exchange(Endpoint::Messages),
            b"/v1/messages/count_tokens" => Self::Exchange(Endpoint::CountTokens),
            b"/v1/models" => Self::Models,
            b"/health" => Self::Health,
            b"/ready" => Self::Ready,
            _ => match path.strip_prefix(b"/v1/models/") {
                Some(id) if !id.is_empty() => Self::Model(id),
                Some(_) | None => Self::Nowhere,
            },
        }
    }

    /// The methods it takes.
    const fn allow(self) -> &'static str {
        match self {
            Self::Exchange(_) => "POST",
            Self::Models | Self::Model(_) => "GET",
            Self::Health | Self::Ready => "GET, HEAD",
            Self::Nowhere => "",
        }
    }

    const fn takes(self, method: Method) -> bool {
        match self {
            Self::Exchange(_) => matches!(method, Method::Post),
            Self::Models | Self::Model(_) => matches!(method, Method::Get),
            Self::Health | Self::Ready => matches!(method, Method::Get | Method::Head),
            Self::Nowhere => true,
        }
    }
}

/// Serves a connection to its end.
pub async fn run(core: &Rc<Core>, stream: Stream, deadline: Deadline) {
    let limits = Rc::new(core.snapshot.client);
    let draining = Rc::clone(&core.draining);
    let mut client = Downstream::new(stream, core.buffers.clone(), limits, deadline, draining);
    let mut turns = Turns::default();
    loop {
        let mut request = match client.read_head().await {
            Ok(request) => request,
            Err(reason) => return Box::pin(turn_down(core, &client, &reason)).await,
        };
        let next = dispatch(core, &client, &mut request).await;
        let next = next.unwrap_or(Next::Close);
        if !client.recycle(request) || next == Next::Close {
            return Box::pin(client.linger()).await;
        }
        turns.next().await;
    }
}

/// Says why a head is none, where there is somebody to hear it.
async fn turn_down(core: &Core, client: &Downstream, reason: &NoRequest) {
    let (status, error) = match reason {
        NoRequest::Closed => return,
        NoRequest::TimedOut => {
            let message = "the request's head did not come in time (limits.header_timeout)";
            (408, Error::new(Kind::RequestTimeout, message))
        }
        NoRequest::Invalid(error) => {
            let message = match limit_of(*error) {
                Some(limit) => format!("the request is larger than is served: {error} ({limit})"),
                None => format!("the request is not valid HTTP/1.1: {error}"),
            };
            (error.status(), Error::new(Kind::BadRequest, message))
        }
    };
    if client.send(exchange::refuse(core, status, Asker::UNKNOWN, &error, CLOSE)).await.is_ok() {
        client.linger().await;
    }
}

/// The setting that a head is too large for.
fn limit_of(error: RequestError) -> Option<&'static str> {
    if error == HeadError::TooLarge.into() {
        Some("limits.max_headers")
    } else if error == HeadError::TooManyHeaders.into() {
        Some("limits.max_header_count")
    } else {
        None
    }
}

/// None where the connection is at its end.
async fn dispatch(core: &Core, client: &Downstream, request: &mut Request) -> Option<Next> {
    let method = request.head.method;
    let place = Place::of(request.path());
    if let Place::Exchange(endpoint) = place
        && method == Method::Post
    {
        // On the heap, so that an idle connection does not hold the room for it, and made there:
        // `Box::pin` would copy its five kilobytes.
        let serving =
            Box::write(Box::new_uninit(), exchange::serve(core, client, request, endpoint));
        return Some(Box::into_pin(serving).await);
    }
    let keep = request.head.keep_alive && request.is_complete() && !client.is_draining();
    let lines: &[u8] = if keep { b"" } else { CLOSE };
    let asker = Asker::of(request);
    let mut out = refusal(place, request).map_or_else(
        || answer(core, place, request, asker, lines),
        |(error, more)| {
            let lines = [more.as_bytes(), lines].concat();
            exchange::refuse(core, error.kind.status(), asker, &error, &lines)
        },
    );
    if method == Method::Head {
        // The head is that of the answer to GET; the body stays away (RFC 9110, 9.3.2).
        let body = out.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        out.truncate(body.unwrap_or(out.len()));
    }
    client.send(out).await.ok()?;
    Some(if keep { Next::KeepAlive } else { Next::Close })
}

/// Why `place` does not take the request, and header lines that go with it.
fn refusal(place: Place<'_>, request: &Request) -> Option<(Error, String)> {
    if place == Place::Nowhere {
        let hint = if request.path().starts_with(b"/v1/v1/") {
            "/v1 stands there twice; the base_url of Anthropic's SDKs must not end in /v1, that of \
             OpenAI's must end in one"
        } else {
            "see POST /v1/chat/completions, POST /v1/embeddings, POST /v1/messages, GET /v1/models"
        };
        let path = String::from_utf8_lossy(request.path());
        let message = format!("there is nothing at {path}; {hint}");
        return Some((Error::new(Kind::NoSuchRoute, message), String::new()));
    }
    if !place.takes(request.head.method) {
        let allow = place.allow();
        let error = Error::new(Kind::MethodNotAllowed, format!("this path takes {allow} only"));
        return Some((error, format!("allow: {allow}\r\n")));
    }
    if request.is_complete() {
        return None;
    }
    Some((Error::new(Kind::BadRequest, "this path takes no request body"), String::new()))
}

fn answer(
    core: &Core,
    place: Place<'_>,
    request: &Request,
    asker: Asker<'_>,
    lines: &[u8],
) -> Vec<u8> {
    let told = |told: Result<Vec<u8>, Error>| match told {
        Ok(body) => exchange::simple(core, 200, asker, lines, &body),
        Err(error) => exchange::refuse(core, error.kind.status(), asker, &error, lines),
    };
    let (status, body) = match place {
        Place::Models => return told(models::list(core, request, asker.protocol)),
        Place::Model(model) => return told(models::one(core, request, model, asker.protocol)),
        Place::Ready if core.draining.get() => (503, &br#"{"status":"draining"}"#[..]),
        Place::Ready => (200, &br#"{"status":"ready"}"#[..]),
        Place::Health | Place::Exchange(_) | Place::Nowhere => (200, &br#"{"status":"ok"}"#[..]),
    };
    exchange::simple(core, status, asker, lines, body)
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::codec::http1::Method;
    use crate::protocol::openai::Endpoint;

    #[test]
    fn paths_match_to_the_letter() {
        for (path, place) in [
            (&b"/v1/chat/completions"[..], Place::Exchange(Endpoint::Chat)),
            (b"/v1/chat/completions/", Place::Nowhere),
            (b"//v1/chat/completions", Place::Nowhere),
            (b"/v1/chat%2fcompletions", Place::Nowhere),
            (b"/V1/chat/completions", Place::Nowhere),
            (b"/v1/models", Place::Models),
            (b"/v1/models/", Place::Nowhere),
            (b"/v1/models/a/b:c", Place::Model(b"a/b:c")),
            (b"/health", Place::Health),
            (b"/", Place::Nowhere),
        ] {
            assert_eq!(Place::of(path), place, "{}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn methods_are_those_told() {
        for place in [Place::Models, Place::Health, Place::Ready, Place::Exchange(Endpoint::Chat)] {
            for (method, name) in
                [(Method::Get, "GET"), (Method::Post, "POST"), (Method::Head, "HEAD")]
            {
                let told = place.allow().split(", ").any(|allowed| allowed == name);
                assert_eq!(place.takes(method), told, "{place:?} {name}");
            }
        }
    }
}
