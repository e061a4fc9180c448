//! `logprobsResult`, and the same in OpenAI's words.

use crate::chat::Json;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// Probabilities in OpenAI's words: the object `logprobs`.
pub(super) fn read(result: Value<'_>) -> Json<'static> {
    let chosen = names::get(result, "chosenCandidates");
    let top = names::get(result, "topCandidates");
    let mut tops = top.into_iter().flat_map(names::each);
    let mut out = b"{\"content\":[".to_vec();
    for token in chosen.into_iter().flat_map(names::each) {
        out::comma(&mut out);
        out.push(b'{');
        token_of(token, &mut out);
        out.extend_from_slice(b",\"top_logprobs\":[");
        let others = tops.next().and_then(|top| names::get(top, "candidates"));
        for other in others.into_iter().flat_map(names::each) {
            out::comma(&mut out);
            out.push(b'{');
            token_of(other, &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"],\"refusal\":null}");
    Json::made(out)
}

fn token_of(token: Value<'_>, out: &mut Vec<u8>) {
    let text = names::get(token, "token").map_or(&b"\"\""[..], Value::raw);
    let number = names::get(token, "logProbability").map_or(&b"0"[..], Value::raw);
    out::raw(out, "token", text);
    out::raw(out, "logprob", number);
    out::raw(out, "bytes", b"null");
}

/// Whether there is more than [`write()`] would write.
pub(super) fn says_more(result: Value<'_>) -> bool {
    // Of a token's text the quotes are escaped, so this is a name.
    [&b"\"tokenId\""[..], b"\"logProbabilitySum\""]
        .iter()
        .any(|name| memchr::memmem::find(result.raw(), name).is_some())
}

/// Appends OpenAI's `logprobs` as the value of `logprobsResult`.
pub(super) fn write(logprobs: &[&Json<'_>], out: &mut Vec<u8>) {
    let tokens = || {
        logprobs.iter().flat_map(|value| {
            let value = value.value();
            value.get("content").into_iter().flat_map(Value::elements)
        })
    };
    out.extend_from_slice(b"{\"chosenCandidates\":[");
    for token in tokens() {
        candidate(token, out);
    }
    out.extend_from_slice(b"],\"topCandidates\":[");
    for token in tokens() {
        out::comma(out);
        out.extend_from_slice(b"{\"candidates\":[");
        for other in token.get("top_logprobs").into_iter().flat_map(Value::elements) {
            candidate(other, out);
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}");
}

fn candidate(token: Value<'_>, out: &mut Vec<u8>) {
    out::comma(out);
    out.push(b'{');
    out::raw(out, "token", token.get("token").map_or(b"\"\"", Value::raw));
    out::raw(out, "logProbability", token.get("logprob").map_or(b"0", Value::raw));
    out.push(b'}');
}
