//! The framing of streams: fixtures into bytes, and what is written for a client out of its frames,
//! strictly.

use crabllm::chat::Protocol;
use crabllm::codec::eventstream;
use crabllm::codec::json;
use crabllm::codec::json::Value;

use crate::pretty;

/// The bytes of a stream's fixture. Bedrock's are binary; their fixture has a line
/// `{"type":EVENT,"payload":{..}}` or `{"exception":KIND,"payload":{..}}` for each message.
pub fn bytes(protocol: Protocol, fixture: &[u8]) -> Vec<u8> {
    match protocol {
        Protocol::Openai | Protocol::Anthropic | Protocol::Ollama => fixture.to_vec(),
        // Google ends lines as HTTP does; fixtures end them plainly.
        Protocol::Gemini => lines(fixture).collect::<Vec<_>>().join("\r\n").into_bytes(),
        Protocol::Bedrock => {
            let mut out = Vec::new();
            lines(fixture).filter(|line| !line.is_empty()).for_each(|line| message(line, &mut out));
            out
        }
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(text).expect("UTF-8").split('\n')
}

fn text_of(value: Value<'_>, name: &str) -> Option<String> {
    value.get(name).and_then(|value| Some(value.as_str()?.decode().into_owned()))
}

fn message(line: &str, out: &mut Vec<u8>) {
    let value = json::validate(line.as_bytes()).expect("a line of JSON");
    let payload = value.get("payload").expect("a payload").raw();
    let json = (":content-type", "application/json");
    if let Some(kind) = text_of(value, "exception") {
        let headers = [(":exception-type", kind.as_str()), json, (":message-type", "exception")];
        eventstream::write(out, &headers, payload);
    } else {
        let kind = text_of(value, "type").expect("a type");
        let headers = [(":event-type", kind.as_str()), json, (":message-type", "event")];
        eventstream::write(out, &headers, payload);
    }
}

/// What every frame of a stream must repeat.
const fn repeated(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Openai => &["id", "object", "created", "model"],
        Protocol::Gemini => &["modelVersion", "responseId"],
        Protocol::Ollama => &["model", "created_at"],
        Protocol::Anthropic | Protocol::Bedrock => &[],
    }
}

/// What stands in the frames of a stream for a client, a JSON value for each. What each repeats is
/// shown of the first alone.
pub fn shown(protocol: Protocol, bytes: &[u8]) -> Vec<String> {
    let values = values(protocol, bytes);
    let Some(first) = values.first() else { return Vec::new() };
    let rest = values.iter().skip(1).map(|value| without(repeated(protocol), value, first));
    std::iter::once(first.clone()).chain(rest).collect()
}

fn without(names: &[&str], text: &str, first: &str) -> String {
    let own = json::validate(text.as_bytes()).expect("JSON");
    let first = json::validate(first.as_bytes()).expect("JSON");
    if own.as_str().is_some() || own.get("error").is_some() {
        return text.to_owned();
    }
    for name in names {
        let raw = |value: Value<'_>| value.get(name).map(|value| value.raw().to_vec());
        assert!(raw(own).is_some() && raw(own) == raw(first), "`{name}` of {text}");
    }
    let kept = own.members().filter(|member| !names.iter().any(|name| member.key.is(name)));
    let kept: Vec<String> = kept
        .map(|member| {
            let value = String::from_utf8_lossy(member.value.raw());
            format!("\"{}\":{value}", member.key.decode())
        })
        .collect();
    format!("{{{}}}", kept.join(","))
}

/// The values of all frames.
fn values(protocol: Protocol, bytes: &[u8]) -> Vec<String> {
    match protocol {
        Protocol::Openai | Protocol::Anthropic | Protocol::Gemini => events(protocol, bytes),
        Protocol::Bedrock => messages(bytes),
        Protocol::Ollama => {
            let text = std::str::from_utf8(bytes).expect("UTF-8");
            let text = text.strip_suffix('\n').expect("a last line with its end");
            text.split('\n').map(str::to_owned).collect()
        }
    }
}

fn events(protocol: Protocol, bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let end = if protocol == Protocol::Gemini { "\r\n" } else { "\n" };
    let blank = format!("{end}{end}");
    let text = text.strip_suffix(&blank).expect("a last event with its end");
    text.split(&blank).map(|event| data(protocol, event, end)).collect()
}

/// The data of one event, which names itself where the protocol has names.
fn data(protocol: Protocol, event: &str, end: &str) -> String {
    let lines: Vec<&str> = event.split(end).collect();
    let (name, data) = match *lines.as_slice() {
        [comment] if comment.starts_with(": ") => return pretty::quoted(comment),
        [data] => (None, data),
        [name, data] => (name.strip_prefix("event: "), data),
        _ => panic!("{event:?} is no event of ours"),
    };
    let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("{event:?} has no data"));
    if data == "[DONE]" {
        assert_eq!((protocol, name), (Protocol::Openai, None));
        return pretty::quoted(data);
    }
    let value = json::validate(data.as_bytes()).unwrap_or_else(|error| panic!("{data}: {error}"));
    if protocol == Protocol::Anthropic {
        assert_eq!(text_of(value, "type").as_deref(), name, "{event}");
    } else {
        assert_eq!(name, None, "{event}");
    }
    data.to_owned()
}

fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut decoder = eventstream::Decoder::new(eventstream::MAX_MESSAGE);
    let mut values = Vec::new();
    while let Some(message) = decoder.decode(bytes).expect("a message") {
        let payload = String::from_utf8_lossy(message.payload());
        assert_eq!(message.header(":content-type"), Some("application/json"));
        let kind = message.header(":message-type").expect("its kind");
        let (label, name) = match kind {
            "event" => ("type", message.header(":event-type")),
            _ => (kind, message.header(":exception-type")),
        };
        let name = pretty::quoted(name.expect("its type"));
        values.push(format!("{{\"{label}\":{name},\"payload\":{payload}}}"));
        bytes = bytes.get(message.len()..).unwrap_or_default();
    }
    assert!(bytes.is_empty(), "half a message at the end");
    values
}
