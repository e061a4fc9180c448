//! Answers that come whole: checked, and their usage read.

use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Error;

/// What is told by an answer that goes on as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The usage, if it tells any.
    pub usage: Option<Usage>,
    /// Whether it tells of a failure in the place of an answer.
    pub failed: bool,
}

/// Checks that `body` is a JSON object and reads what it tells.
///
/// # Errors
/// Where and why `body` is not a JSON object.
pub fn read(body: &[u8]) -> Result<Told, Error> {
    let (mut usage, mut error, mut answer) = (None, false, false);
    json::object(body, |member, _| match member.key.raw() {
        b"usage" if !member.value.is_null() => usage = Some(super::usage(member.value)),
        b"error" => error = !member.value.is_null(),
        b"choices" | b"data" => answer = true,
        _ => {}
    })?;
    Ok(Told { usage, failed: error && !answer })
}

#[cfg(test)]
mod tests {
    use super::{Told, read};
    use crate::chat::Usage;

    #[test]
    fn usage_is_read_by_class() {
        let body = br#"{"id":"x","usage":{"prompt_tokens":130,"completion_tokens":40,
            "prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":10},
            "completion_tokens_details":{"reasoning_tokens":15}}}"#;
        let expected = Usage {
            prompt: 130,
            completion: 40,
            cached: 20,
            cache_write: 10,
            reasoning: 15,
            ..Usage::default()
        };
        assert_eq!(read(body).unwrap().usage, Some(expected));
    }

    #[test]
    fn no_usage_is_no_error_and_no_object_is() {
        assert_eq!(read(br#"{"usage":null}"#).unwrap(), Told::default());
        for wrong in [&b"[]"[..], b"", b"{\"a\":1", b"<html>"] {
            assert!(read(wrong).is_err());
        }
    }

    #[test]
    fn a_failure_is_none_where_there_is_an_answer() {
        assert!(read(br#"{"error":{"message":"x"}}"#).unwrap().failed);
        for answer in [&br#"{"error":null,"choices":[]}"#[..], br#"{"data":[],"error":{}}"#] {
            assert!(!read(answer).unwrap().failed);
        }
    }
}
