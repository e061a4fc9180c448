//! Signatures that pass through this format: Anthropic's as they are, those of another protocol with
//! its name before them, so that a client holds them for us and sends them back.

use crate::chat::Protocol;
use crate::chat::Signature;
use crate::chat::Text;
use crate::codec::json::Str;

/// What comes before the protocol's name.
const TAG: &[u8] = b"crabllm.";

/// Whose a signature is; none if there is nothing in it.
pub fn read(text: Str<'_>) -> Option<Signature<'_>> {
    if text.raw().is_empty() {
        return None;
    }
    let own = || Signature { by: Protocol::Anthropic, data: Text::of(text) };
    Some(tagged(text.raw()).unwrap_or_else(own))
}

fn tagged(raw: &[u8]) -> Option<Signature<'_>> {
    let rest = raw.strip_prefix(TAG)?;
    Protocol::ALL.into_iter().find_map(|by| {
        let data = rest.strip_prefix(by.as_str().as_bytes())?.strip_prefix(b".")?;
        Some(Signature { by, data: Text::of(Str::trusted(data)) })
    })
}

/// Appends a signature for a client, as a string with quotes.
pub fn write(signature: &Signature<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    // One of Anthropic's that looks like a tag would be taken for another's.
    if signature.by != Protocol::Anthropic || tagged(signature.data.raw()).is_some() {
        out.extend_from_slice(TAG);
        out.extend_from_slice(signature.by.as_str().as_bytes());
        out.push(b'.');
    }
    out.extend_from_slice(signature.data.raw());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::chat::Protocol;
    use crate::chat::Signature;
    use crate::chat::Text;
    use crate::codec::json;

    #[test]
    fn every_protocols_signature_comes_back() {
        for by in Protocol::ALL {
            for data in ["AbC=", "a\"\\\u{20ac}.b", "crabllm.gemini.x"] {
                let signature = Signature { by, data: Text::plain(data) };
                let mut out = Vec::new();
                write(&signature, &mut out);
                let text = json::validate(&out).unwrap().as_str().unwrap();
                assert_eq!(read(text), Some(signature));
            }
        }
        let text = |raw: &'static [u8]| json::validate(raw).unwrap().as_str().unwrap();
        assert_eq!(read(text(b"\"\"")), None);
        assert_eq!(read(text(b"\"crabllm.other.x\"")).unwrap().by, Protocol::Anthropic);
        let mut out = Vec::new();
        let by = Protocol::Gemini;
        write(&Signature { by, data: Text::plain("AbC=") }, &mut out);
        assert_eq!(out, b"\"crabllm.gemini.AbC=\"");
    }
}
