//! Agreement with serde_json over generated documents and over what is left of them after damage.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fuzz_json;

/// Texts of many lengths and of all that strings may hold.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[ -~]{0,40}",
        2 => r#"(\\["\\/bfnrt]){1,3}"#.prop_map(String::from),
        1 => r"(\\u[0-9a-fA-F]{4}){1,3}",
        1 => any::<String>(),
    ];
    (vec(piece, 0..8), any::<bool>()).prop_map(|(pieces, raw)| {
        let text = pieces.concat();
        // As it is, escapes and all, if that makes a string; else escaped.
        let as_is = format!("\"{text}\"");
        if raw && serde_json::from_str::<String>(&as_is).is_ok() {
            return as_is;
        }
        let mut out = Vec::new();
        super::write_str(&mut out, &text);
        String::from_utf8(out).expect("what is written is UTF-8")
    })
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    let space = || "[ \n\r\t]{0,3}";
    leaf.prop_recursive(6, 80, 8, move |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(a, v, b)| a + &v + &b);
        let member = (space(), string(), space(), inner, space())
            .prop_map(|(a, k, b, v, c)| format!("{a}{k}{b}:{c}{v}"));
        prop_oneof![
            vec(element, 0..8).prop_map(|parts| format!("[{}]", parts.join(","))),
            vec(member, 0..8).prop_map(|parts| format!("{{{}}}", parts.join(","))),
        ]
    })
}

/// One byte changed, taken out or put in, most often one that means something.
fn damage() -> impl Strategy<Value = (Index, u8, u8)> {
    let byte = prop_oneof![
        3 => proptest::sample::select(b"\"\\{}[],:-+.0eEu tfn\n\r\x00\x1f\x80\xC3\xFF".to_vec()),
        1 => any::<u8>(),
    ];
    (any::<Index>(), byte, 0..3_u8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(768) })]

    #[test]
    fn documents_are_accepted(text in document()) {
        prop_assert!(super::validate(text.as_bytes()).is_ok());
        fuzz_json(text.as_bytes());
    }

    #[test]
    fn damaged_documents_are_judged_alike(text in document(), faults in vec(damage(), 1..4)) {
        let mut bytes = text.into_bytes();
        for (place, byte, how) in faults {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        fuzz_json(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_alike(bytes in vec(any::<u8>(), 0..200)) {
        fuzz_json(&bytes);
    }
}

#[test]
fn fuzz_body_runs_on_plain_inputs() {
    let inputs: [&[u8]; 6] =
        [b"", b"{}", br#"{"a":[1,"\n",{"b":null}]}"#, b"[1,", b"\xFF", b"{\"a\":\"\xFF\"}"];
    inputs.into_iter().for_each(fuzz_json);
}
