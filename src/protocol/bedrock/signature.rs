//! Signatures that pass through Bedrock's format: its own as they are, those of another protocol with
//! its name before them, so that a client holds them for us and sends them back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Protocol;
use crate::chat::Signature;
use crate::chat::Text;
use crate::codec::json::Str;

/// What comes before the protocol's name.
const TAG: &[u8] = b"crabllm.";
/// How base64 of the tag begins.
const TAG_IN_BASE64: &[u8] = b"Y3JhYmxsb";

/// Whose a signature is.
pub fn read(text: Str<'_>) -> Signature<'_> {
    match split(text.raw()) {
        Some((by, data)) => Signature { by, data: Text::of(Str::trusted(data)) },
        None => Signature { by: Protocol::Bedrock, data: Text::of(text) },
    }
}

/// The same of a thought that cannot be read, which is base64 here.
pub fn read_redacted(text: Str<'_>) -> Signature<'_> {
    let tagged = || {
        let bytes = STANDARD.decode(text.decode().as_bytes()).ok()?;
        let (by, data) = split(&bytes)?;
        Some(Signature { by, data: Text::plain(std::str::from_utf8(data).ok()?) })
    };
    let found = if text.raw().starts_with(TAG_IN_BASE64) { tagged() } else { None };
    found.unwrap_or_else(|| Signature { by: Protocol::Bedrock, data: Text::of(text) })
}

/// The protocol that a tag names, and what is behind it.
fn split(text: &[u8]) -> Option<(Protocol, &[u8])> {
    let rest = text.strip_prefix(TAG)?;
    Protocol::ALL.into_iter().find_map(|by| {
        let data = rest.strip_prefix(by.as_str().as_bytes())?.strip_prefix(b".")?;
        Some((by, data))
    })
}

/// Appends a signature for a client, as a string with quotes.
pub fn write(signature: &Signature<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    if signature.by != Protocol::Bedrock {
        out.extend_from_slice(TAG);
        out.extend_from_slice(signature.by.as_str().as_bytes());
        out.push(b'.');
    }
    out.extend_from_slice(signature.data.raw());
    out.push(b'"');
}

/// The same of a thought that cannot be read.
pub fn write_redacted(signature: &Signature<'_>, out: &mut Vec<u8>) {
    if signature.by == Protocol::Bedrock {
        return signature.data.write(out);
    }
    let mut tagged = TAG.to_vec();
    tagged.extend_from_slice(signature.by.as_str().as_bytes());
    tagged.push(b'.');
    let data: Cow<'_, str> = signature.data.decode();
    tagged.extend_from_slice(data.as_bytes());
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(tagged).as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{read, read_redacted, write, write_redacted};
    use crate::chat::{Protocol, Signature, Text};
    use crate::codec::json;

    #[test]
    fn every_protocols_signature_comes_back() {
        for by in Protocol::ALL {
            for data in ["", "AbC=", "a\"\\\u{20ac}.b"] {
                let signature = Signature { by, data: Text::plain(data) };
                let mut out = Vec::new();
                write(&signature, &mut out);
                let text = json::validate(&out).unwrap().as_str().unwrap();
                assert_eq!(read(text), signature);
                let mut out = Vec::new();
                write_redacted(&signature, &mut out);
                let text = json::validate(&out).unwrap().as_str().unwrap();
                assert_eq!(read_redacted(text), signature);
            }
        }
        let own = json::validate(b"\"crabllm.other.x\"").unwrap().as_str().unwrap();
        assert_eq!(read(own).by, Protocol::Bedrock);
    }
}
