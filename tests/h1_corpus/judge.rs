//! A second opinion on request framing: a small strict reader that shares nothing with the gateway's.

/// What a strict reader says about the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No server may act on this.
    Refuse,
    /// A head that has not ended.
    Partial,
    /// One canonical request; head and body as far as announced take `len` bytes.
    Canonical { body: Framing },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
}

fn is_token(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(plain)
}

fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f))
}

/// Judges the request at the front of `bytes`.
pub fn judge(bytes: &[u8]) -> Verdict {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return Verdict::Partial;
    };
    let head = &bytes[..end];
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    match fields(&lines) {
        Some(body) => Verdict::Canonical { body },
        None => Verdict::Refuse,
    }
}

/// The framing that a request line and its fields leave no doubt about.
fn fields(lines: &[&[u8]]) -> Option<Framing> {
    let parts: Vec<&[u8]> = lines.first()?.split(|&byte| byte == b' ').collect();
    let [method, target, version] = parts[..] else { return None };
    let old = version == b"HTTP/1.0";
    if !is_token(method) || target.is_empty() || (version != b"HTTP/1.1" && !old) {
        return None;
    }
    if !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return None;
    }
    let (mut hosts, mut length, mut chunked) = (0, None, false);
    for line in &lines[1..] {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_token(name) || !is_value(&line[colon + 1..]) {
            return None;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match name.replace('_', "-").as_str() {
            "host" if !value.is_empty() => hosts += 1,
            "host" => return None,
            "content-length" if name == "content-length" && length.is_none() => {
                let digits = value.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
                length = Some(text.parse::<usize>().ok()?);
            }
            "transfer-encoding" if name == "transfer-encoding" && !chunked && !old => {
                chunked = value.eq_ignore_ascii_case(b"chunked");
                if !chunked {
                    return None;
                }
            }
            "content-length" | "transfer-encoding" => return None,
            _ => {}
        }
    }
    match (hosts, length, chunked) {
        (0, _, _) if !old => None,
        (2.., _, _) | (_, Some(_), true) => None,
        (_, Some(length), false) => Some(Framing::Length(length)),
        (_, None, true) => Some(Framing::Chunked),
        (_, None, false) => Some(Framing::None),
    }
}

#[test]
fn the_judge_knows_a_canonical_request() {
    let request = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(judge(request), Verdict::Canonical { body: Framing::Length(3) });
    assert_eq!(judge(&request[..20]), Verdict::Partial);
    let none = b"GET /a HTTP/1.0\r\n\r\n";
    assert_eq!(judge(none), Verdict::Canonical { body: Framing::None });
    let chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(judge(chunked), Verdict::Canonical { body: Framing::Chunked });
    let both =
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(judge(both), Verdict::Refuse);
}
