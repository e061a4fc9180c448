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

/// Appends `text` as one segment of a path: every byte but the unreserved ones is escaped (RFC
/// 3986, 2.3), so that a name can neither leave its place nor add a query.
pub fn encode_segment(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |n: u8| HEX.get(usize::from(n & 15)).copied().unwrap_or(b'0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode_segment};

    #[test]
    fn a_segment_stays_one() {
        let mut out = Vec::new();
        encode_segment(&mut out, "a-b.C_~1/:?#%\u{e9}");
        assert_eq!(out, b"a-b.C_~1%2F%3A%3F%23%25%C3%A9");
    }

    #[test]
    fn escapes_are_decoded_and_the_rest_stays() {
        for (raw, text) in
            [("a%2Fb", "a/b"), ("a%zz%+%+1", "a%zz%+%+1"), ("%E2%82%AC", "\u{20ac}"), ("%", "%")]
        {
            assert_eq!(decode(raw.as_bytes()), text);
        }
    }
}
