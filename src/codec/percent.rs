//! Percent-encoding (RFC 3986, 2.1).

/// Decodes `text`; what is no escape stays as it is, what is no UTF-8 then becomes U+FFFD.
#[must_use]
pub fn decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let two =
            tail.get(..2).filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let hex = two.and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_are_decoded_and_the_rest_stays() {
        for (raw, text) in
            [("a%2Fb", "a/b"), ("a%zz%+%+1", "a%zz%+%+1"), ("%E2%82%AC", "\u{20ac}"), ("%", "%")]
        {
            assert_eq!(decode(raw.as_bytes()), text);
        }
    }
}
