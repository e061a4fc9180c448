//! `GET /v1/models` and `/v1/models/{id}`.

use crate::codec::json;

/// Appends one model. `created` is Unix seconds.
pub fn write_model(out: &mut Vec<u8>, id: &str, owner: &str, created: u64) {
    out.extend_from_slice(br#"{"id":"#);
    json::write_str(out, id);
    out.extend_from_slice(br#","object":"model","created":"#);
    out.extend_from_slice(itoa::Buffer::new().format(created).as_bytes());
    out.extend_from_slice(br#","owned_by":"#);
    json::write_str(out, owner);
    out.push(b'}');
}

/// Appends the list of `models`: id and owner.
pub fn write_list<'a>(
    out: &mut Vec<u8>,
    models: impl Iterator<Item = (&'a str, &'a str)>,
    created: u64,
) {
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (at, (id, owner)) in models.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_model(out, id, owner, created);
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn models_are_listed() {
        let mut out = Vec::new();
        super::write_list(&mut out, [("a/b", "x"), ("c", "y")].into_iter(), 7);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"object":"list","data":[{"id":"a/b","object":"model","created":7,"owned_by":"x"},{"id":"c","object":"model","created":7,"owned_by":"y"}]}"#
        );
    }
}
