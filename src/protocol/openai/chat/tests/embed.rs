//! Embeddings.

use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::embed::Answer;
use crate::chat::embed::Input;
use crate::protocol::Target;
use crate::protocol::openai::chat::embed;

fn rewritten(body: &str) -> String {
    let request = embed::read_request(body.as_bytes()).unwrap();
    let facts = Facts::default();
    let target = Target::new("up", &facts);
    let mut out = Vec::new();
    embed::write_request(&request, &target, &mut out, &mut Losses::default()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn requests_keep_what_they_say() {
    for body in [
        r#"{"model":"up","input":"a"}"#,
        r#"{"model":"up","input":["a","b"],"dimensions":3,"user":"u","encoding_format":"base64"}"#,
        r#"{"model":"up","input":[1,2]}"#,
        r#"{"model":"up","input":[[1,2],[3]],"truncate":"END"}"#,
    ] {
        super::same(&rewritten(body), body);
    }
    let one = embed::read_request(br#"{"model":"m","input":[1,2]}"#).unwrap();
    assert!(matches!(one.inputs.as_slice(), [Input::Tokens(_)]));
}

#[test]
fn wrong_requests_name_the_field() {
    for (body, field) in [
        (r#"{"input":"a"}"#, "model"),
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":[]}"#, "input"),
        (r#"{"model":"m","input":[[]]}"#, "input"),
        (r#"{"model":"m","input":[{}]}"#, "input"),
        (r#"{"model":"m","input":{}}"#, "input"),
        (r#"{"model":"m","input":"a","dimensions":-1}"#, "dimensions"),
        (r#"{"model":"m","input":"a","encoding_format":"int8"}"#, "encoding_format"),
        (r#"{"model":"m","input":"a","user":1}"#, "user"),
        (r#"{"model":"m","input":"a","input":"b"}"#, "input"),
    ] {
        assert_eq!(embed::read_request(body.as_bytes()).unwrap_err().param, Some(field), "{body}");
    }
}

fn shown(answer: &Answer<'_>, base64: bool) -> String {
    let mut out = Vec::new();
    embed::write_answer(answer, base64, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn numbers_and_base64_are_the_same_vector() {
    let body = r#"{"object":"list","data":[
        {"object":"embedding","index":1,"embedding":[0.5,-2e3]},
        {"object":"embedding","index":0,"embedding":[1.0,0.1]}],
        "model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#;
    let answer = embed::read_answer(body.as_bytes()).unwrap();
    let text = shown(&answer, true);
    super::same(
        &text,
        r#"{"object":"list","data":[
            {"object":"embedding","index":0,"embedding":"AACAP83MzD0="},
            {"object":"embedding","index":1,"embedding":"AAAAPwAA+sQ="}],
            "model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#,
    );
    let back = embed::read_answer(text.as_bytes()).unwrap();
    assert_eq!(back.tokens, Some(4));
    super::same(
        &shown(&back, false),
        r#"{"object":"list","data":[
            {"object":"embedding","index":0,"embedding":[1.0,0.1]},
            {"object":"embedding","index":1,"embedding":[0.5,-2000.0]}],
            "model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#,
    );
}

#[test]
fn what_is_no_answer_is_told() {
    for body in ["{}", "[]", r#"{"data":{}}"#, r#"{"data":[{}]}"#, r#"{"error":{"message":"x"}}"#] {
        assert!(embed::read_answer(body.as_bytes()).is_err(), "{body}");
    }
}
