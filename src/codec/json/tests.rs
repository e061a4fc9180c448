//! What is JSON and what is not, by example, and where a fault is said to be.

use super::*;

fn fault(text: &[u8]) -> (usize, ErrorKind) {
    let e = validate(text).expect_err("this is not JSON");
    (e.at, e.kind)
}

#[test]
fn accepts_what_the_grammar_has() {
    let texts = [
        "null",
        " true\r\n",
        "\tfalse ",
        "0",
        "-0",
        "-1",
        "10",
        "1.5",
        "0.0",
        "1e3",
        "1E+3",
        "-1.5e-3",
        "\"\"",
        "\"a\"",
        r#""\"\\\/\b\f\n\r\t\u0000\uD83D\ude00""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        "\"\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10ffff}\"",
        "[]",
        "[ ]",
        "[1]",
        "[1 , 2]",
        "[[],[[]]]",
        "{}",
        "{ }",
        r#"{"":0}"#,
        r#"{ "a" : 1 , "a" : { } }"#,
        "1e999999",
        r#"["\\",""]"#,
    ];
    for text in texts {
        assert_eq!(
            validate(text.as_bytes()).map(|v| v.raw()),
            Ok(text.trim().as_bytes()),
            "{text}"
        );
    }
}

/// Numbers side by side are passed in a way of their own; it must take the same texts.
#[test]
fn lists_of_numbers_are_what_the_grammar_says() {
    let elements = [
        "0",
        "-0",
        "7",
        "-12.5",
        "0.1234567890123456789",
        "-0.100000",
        "0.12e3",
        "-5.0E-7",
        "0.5.5",
        "-.5",
        "10.25",
        "00.5",
        "0..5",
        "0x5",
        "1.x",
        "0.12345678901234567890123456789",
        "0.123456789012345678901234567890",
        "-0.1234567890123456789012345678901234567890e1",
        "12345678",
        "123456789",
        "1e5",
        "1E-05",
        "01",
        "-",
        "-x",
        "1.",
        "1.e3",
        ".5",
        "+1",
        "1e",
        "--1",
        "1:",
        "1/",
        "1\u{e9}",
        "\"s\"",
        "null",
        "[1,2]",
        "{}",
        "",
    ];
    let gaps = [",", ", ", ",\n  ", ",\t\r ", " ,", ",,", "", " ", ":"];
    let mut valid = 0;
    let (n, m) = (elements.len(), gaps.len());
    for at in 0..n * n * m * m {
        let (one, two) = (elements[at % n], elements[at / n % n]);
        let (gap, other) = (gaps[at / n / n % m], gaps[at / n / n / m]);
        let list = format!("{one}{gap}{two}{other}3{gap}-4.5");
        let texts = [
            format!("[{list}]"),
            format!("[[{list}],1]"),
            format!("[{list}]{:64}", ""),
            format!("{{\"a\":{list}}}"),
        ];
        for text in texts {
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            assert_eq!(validate(text.as_bytes()).is_ok(), expected, "{text}");
            valid += usize::from(expected);
        }
    }
    assert!(valid > 1000, "{valid}");
}

#[test]
fn names_the_fault_and_its_place() {
    use ErrorKind::*;
    let cases: &[(&[u8], usize, ErrorKind)] = &[
        (b"", 0, UnexpectedEnd),
        (b"  ", 2, UnexpectedEnd),
        (b"\xEF\xBB\xBFnull", 0, ExpectedValue),
        (b"\x0cnull", 0, ExpectedValue),
        (b"nul", 3, UnexpectedEnd),
        (b"nulL", 0, BadLiteral),
        (b"truex", 4, TrailingBytes),
        (b"True", 0, ExpectedValue),
        (b"NaN", 0, ExpectedValue),
        (b"-", 1, UnexpectedEnd),
        (b"-x", 1, BadNumber),
        (b"+1", 0, ExpectedValue),
        (b".5", 0, ExpectedValue),
        (b"01", 1, BadNumber),
        (b"-01", 2, BadNumber),
        (b"1.", 2, UnexpectedEnd),
        (b"1.e1", 2, BadNumber),
        (b"1e", 2, UnexpectedEnd),
        (b"1e+ ", 3, BadNumber),
        (b"0x1", 1, TrailingBytes),
        (b"\"abc", 4, UnexpectedEnd),
        (b"\"abc\\", 5, UnexpectedEnd),
        (b"\"abc\\\"", 6, UnexpectedEnd),
        (b"'a'", 0, ExpectedValue),
        (b"\"a\nb\"", 2, ControlCharacter),
        (b"\"\\n\x00\"", 3, ControlCharacter),
        (b"\"\x01\\x\"", 1, ControlCharacter),
        (b"\"\\x\x01\"", 1, BadEscape),
        (b"\"\\n\\a\"", 3, BadEscape),
        (b"\"\\\n\"", 2, ControlCharacter),
        (b"\"\\u12g4\"", 1, BadEscape),
        (b"\"\\u12\"", 1, BadEscape),
        (b"\"\\U0000\"", 1, BadEscape),
        (b"\"a\xFFb\"", 2, InvalidUtf8),
        (b"\"\xC3\"", 1, InvalidUtf8),
        (b"\"\xC0\x80\"", 1, InvalidUtf8),
        (b"\"\xED\xA0\x80\"", 1, InvalidUtf8),
        (b"\"\xF4\x90\x80\x80\"", 1, InvalidUtf8),
        (b"[", 1, UnexpectedEnd),
        (b"[1", 2, UnexpectedEnd),
        (b"[1,]", 3, ExpectedValue),
        (b"[,1]", 1, ExpectedValue),
        (b"[1 2]", 3, ExpectedCommaOrBracket),
        (b"[1}", 2, ExpectedCommaOrBracket),
        (b"[1]]", 3, TrailingBytes),
        (b"[1] //", 4, TrailingBytes),
        (b"{", 1, UnexpectedEnd),
        (b"{1:2}", 1, ExpectedKey),
        (b"{\"a\"}", 4, ExpectedColon),
        (b"{\"a\" 1}", 5, ExpectedColon),
        (b"{\"a\":}", 5, ExpectedValue),
        (b"{\"a\":1,}", 7, ExpectedKey),
        (b"{\"a\":1]", 6, ExpectedCommaOrBrace),
        (b"{\"a\":1 \"b\":2}", 7, ExpectedCommaOrBrace),
        (b"{\"a\":\\\"\"}", 5, ExpectedValue),
        (b"[\xC3\xA9]", 1, ExpectedValue),
    ];
    for (text, at, kind) in cases {
        assert_eq!(fault(text), (*at, *kind), "{}", text.escape_ascii());
    }
}

#[test]
fn faults_are_found_at_every_place_in_a_block() {
    for before in 0..200 {
        let start = before + 1;
        let wrong: [(&[u8], ErrorKind); 4] = [
            (b"\x1f", ErrorKind::ControlCharacter),
            (b"\\x", ErrorKind::BadEscape),
            (b"\\u00e", ErrorKind::BadEscape),
            (b"\xE2\x82", ErrorKind::InvalidUtf8),
        ];
        for (fault_here, kind) in wrong {
            let text = [b"\"", vec![b'a'; before].as_slice(), fault_here, b"z\\\\\""].concat();
            assert_eq!(fault(&text), (start, kind), "after {before}");
        }
        let right = ["\\n", "\\u00e9", "\\\\", "\\\"", "\u{20ac}", "\\\\\\\""];
        for piece in right {
            let text = format!("\"{}{piece}\"", "a".repeat(before));
            assert!(validate(text.as_bytes()).is_ok(), "{text}");
            let open = format!("{text}x\\\\\\\"");
            assert_eq!(fault(open.as_bytes()), (text.len(), ErrorKind::TrailingBytes));
        }
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n)).into_bytes();
    for build in [&nested as &dyn Fn(usize) -> Vec<u8>, &objects] {
        assert!(validate(&build(MAX_DEPTH)).is_ok());
        assert_eq!(
            validate(&build(MAX_DEPTH + 1)).map_err(|e| e.kind).err(),
            Some(ErrorKind::TooDeep)
        );
    }
    assert!(object(&objects(MAX_DEPTH), |_, _| {}).is_ok());
    let e = object(&objects(MAX_DEPTH + 1), |_, _| {}).expect_err("one too many");
    assert_eq!(e.kind, ErrorKind::TooDeep);
}

#[test]
fn errors_read_well() {
    let e = validate(br#"{"model":"x" 1}"#).expect_err("a comma is missing");
    assert_eq!(e.to_string(), "invalid JSON at byte 13: expected `,` or `}`");
}

#[test]
fn object_hands_out_members_and_offsets() {
    let text = br#" { "a" : 1 , "b\n":[1,{"x":2}], "a":"z" } "#;
    let mut seen = Vec::new();
    object(text, |m, at| seen.push((m.key.decode().into_owned(), m.value.raw(), at)))
        .expect("valid");
    let expected: Vec<(String, &[u8], usize)> = vec![
        ("a".into(), b"1", 9),
        ("b\n".into(), br#"[1,{"x":2}]"#, 19),
        ("a".into(), br#""z""#, 36),
    ];
    assert_eq!(seen, expected);
    for (text, at) in [("[]", 0), (" 1", 1), ("\"{}\"", 0)] {
        let e = object(text.as_bytes(), |_, _| {}).expect_err("no object");
        assert_eq!((e.at, e.kind), (at, ErrorKind::ExpectedObject));
    }
    assert_eq!(object(b"{} x", |_, _| {}).map_err(|e| e.at), Err(3));
}

#[test]
fn members_are_not_handed_out_of_a_text_that_is_not_utf8() {
    let text = b"{\"a\":\"\xC3\xA9\",\"b\":\"\xFF\"}";
    let mut seen = Vec::new();
    let e = object(text, |m, _| seen.push(m.value.as_str().map(|s| s.decode().into_owned())));
    assert!(seen.is_empty());
    assert_eq!(e, Err(Error { at: 15, kind: ErrorKind::InvalidUtf8 }));
}

#[test]
fn values_tell_what_they_are() {
    let value = |text: &'static str| validate(text.as_bytes()).expect("valid");
    assert_eq!(value("null").kind(), Kind::Null);
    assert!(value("null").is_null());
    assert_eq!(value("true").as_bool(), Some(true));
    assert_eq!(value("false").as_bool(), Some(false));
    assert_eq!(value("\"true\"").as_bool(), None);
    let numbers = [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("-0", None),
        ("1.0", None),
        ("1e3", None),
        ("\"1\"", None),
        ("[1]", None),
    ];
    for (text, expected) in numbers {
        assert_eq!(value(text).as_u64(), expected, "{text}");
    }
    assert!(value("[ \n]").is_empty_array());
    assert!(!value("[0]").is_empty_array());
    assert!(!value("{}").is_empty_array());
    assert_eq!(value("{}").members().count() + value("[]").members().count(), 0);
    assert_eq!(value("[]").elements().count() + value("{}").elements().count(), 0);
    assert_eq!(value(r#""a""#).as_str().map(Str::raw), Some(&b"a"[..]));
    let found = value(r#"{"x":[1,"]"],"\u0061":{"b":[]},"a":2}"#).get("a").map(Value::raw);
    assert_eq!(found, Some(&br#"{"b":[]}"#[..]));
    assert!(value(r#"{"a":1}"#).get("b").is_none());
}

#[test]
fn walking_finds_ends_at_every_place_in_a_block() {
    for n in 0..150 {
        let pad = "p".repeat(n);
        let parts = [
            format!("\"{pad}\""),
            format!("[\"{pad}]\\\"\",[[]],{{}}]"),
            "-1.5e3".to_owned(),
            format!("{{\"{pad}\":\"}}\\\\\",\"x\":[{{\"y\":null}}]}}"),
            "true".to_owned(),
        ];
        let array = format!("[{}]", parts.join(" , "));
        let value = validate(array.as_bytes()).expect("valid");
        assert!(value.elements().map(Value::raw).eq(parts.iter().map(String::as_bytes)), "{n}");
        let members: Vec<_> = parts.iter().map(|p| format!("\"k\\\\{pad}\" : {p}")).collect();
        let text = format!("{{{}}}", members.join("\n,"));
        let value = validate(text.as_bytes()).expect("valid");
        assert!(
            value.members().map(|m| m.value.raw()).eq(parts.iter().map(String::as_bytes)),
            "{n}"
        );
    }
}

#[test]
fn strings_mean_what_their_escapes_say() {
    let cases = [
        (r#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\u20AC\uD83D\uDE00""#, "A\u{e9}\u{20ac}\u{1f600}"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\ude00x\ud83d\n""#, "\u{fffd}x\u{fffd}\n"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
    ];
    for (text, meaning) in cases {
        let s = validate(text.as_bytes()).expect("valid").as_str().expect("a string");
        assert_eq!(s.decode(), meaning, "{text}");
        assert!(s.is(meaning), "{text}");
        assert!(!s.is("other"));
    }
    let s = validate(br#""\n""#).expect("valid").as_str().expect("a string");
    assert!(!s.is("\\n"), "the same bytes, another meaning");
    let key = |text: &'static str| validate(text.as_bytes()).expect("valid").as_str().expect("is");
    assert!(key(r#""\u006dodel""#).is("model"), "escaped from its first byte on");
    assert!(key(r#""mode\u006c""#).is("model"), "escaped in its last byte");
    assert!(!key(r#""\u006dodels""#).is("model") && !key("\"models\"").is("model"));
    assert!(!key("\"a\"").is("") && key("\"\"").is(""));
    assert!(matches!(
        validate(b"\"plain\"").map(|v| v.as_str().map(Str::decode)),
        Ok(Some(std::borrow::Cow::Borrowed("plain")))
    ));
}

#[test]
fn written_strings_escape_what_they_must() {
    let mut out = b"x".to_vec();
    write_str(&mut out, "a\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}/\u{e9}");
    assert_eq!(out, "x\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}/\u{e9}\"".as_bytes());
}

#[test]
fn hex_digits_are_those_and_no_other_bytes() {
    for byte in 0..=0x7F_u8 {
        for place in 0..4 {
            let mut digits = *b"0Fa9";
            digits[place] = byte;
            let text = [b"\"\\u".as_slice(), &digits, b"\""].concat();
            assert_eq!(validate(&text).is_ok(), byte.is_ascii_hexdigit(), "{byte:#x} at {place}");
        }
    }
    assert!(validate("\"\\u00\u{e9}\"".as_bytes()).is_err());
}

#[test]
fn the_string_between_what_is_known_of_an_object_is_found() {
    let (start, end) = (br#"{"a":1,"b":"#, br#","c":2}"#);
    let long = "0123456789 \\\" abc";
    for (text, found) in [
        (format!(r#"{{"a":1,"b":"{long}","c":2}}"#), Some(long)),
        (format!(r#"{{"a":1,"b":"{long}"}}"#), None),
        (format!(r#"{{"a":1,"b":"{long}","c":2,"c":2}}"#), None),
        (format!(r#"{{"a":1,"b":"{long}" ,"c":2}}"#), None),
        (format!(r#"{{"a":1, "b":"{long}","c":2}}"#), None),
        (format!(r#"{{"a":1,"b":["{long}"],"c":2}}"#), None),
        (format!(r#"{{"a":1,"b":{{"c":"{long}"}},"c":2}}"#), None),
        (r#"{"a":1,"b":"short","c":2}"#.to_owned(), None),
        (r#"{"a":1,"b":1234567890123456,"c":2}"#.to_owned(), None),
        ("{}".to_owned(), None),
    ] {
        let document = Document::read(text.as_bytes(), |_, _| {}).unwrap();
        let string = document.value().string_between(start, end).map(Str::raw);
        assert_eq!(string, found.map(str::as_bytes), "{text}");
        let unmarked = Value::trusted(text.as_bytes());
        assert!(unmarked.string_between(start, end).is_none(), "{text}, without marks");
    }
}
