//! Answers that come whole: checked, and their usage read.

use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Error;

/// Checks that `body` is a JSON object and reads its usage, if it tells any.
///
/// # Errors
/// Where and why `body` is not a JSON object.
pub fn read(body: &[u8]) -> Result<Option<Usage>, Error> {
    let mut usage = None;
    json::object(body, |member, _| {
        if member.key.raw() == b"usage" && !member.value.is_null() {
            usage = Some(super::usage(member.value));
        }
    })?;
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::read;
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
        assert_eq!(read(body).unwrap(), Some(expected));
    }

    #[test]
    fn no_usage_is_no_error_and_no_object_is() {
        assert_eq!(read(br#"{"usage":null}"#).unwrap(), None);
        for wrong in [&b"[]"[..], b"", b"{\"a\":1", b"<html>"] {
            assert!(read(wrong).is_err());
        }
    }
}
