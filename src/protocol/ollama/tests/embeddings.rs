//! Embeddings.

use crate::chat::Facts;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Text;
use crate::chat::embed::Answer;
use crate::chat::embed::Input;
use crate::chat::embed::Request;
use crate::chat::embed::Vector;
use crate::protocol::Target;
use crate::protocol::ollama::embed::read_answer;
use crate::protocol::ollama::embed::read_request;
use crate::protocol::ollama::embed::write_answer;
use crate::protocol::ollama::embed::write_request;

fn through(body: &str) -> String {
    let request = read_request(body.as_bytes()).unwrap();
    let (facts, mut losses, mut out) = (Facts::default(), Losses::default(), Vec::new());
    let target = Target::new("up", &facts);
    write_request(&request, &target, &mut out, &mut losses).unwrap();
    assert!(losses.is_empty());
    String::from_utf8(out).unwrap()
}

#[test]
fn requests_come_through() {
    assert_eq!(
        through(r#"{"model":"m","input":"\u00e9","dimensions":8,"truncate":true,"options":{}}"#),
        r#"{"model":"up","input":["\u00e9"],"dimensions":8,"truncate":true,"options":{}}"#
    );
    assert_eq!(
        through(r#"{"input":["a","b"],"model":"m","keep_alive":null}"#),
        r#"{"model":"up","input":["a","b"]}"#
    );
    for (body, param) in [
        ("{", None),
        (r#"{"input":"x"}"#, Some("model")),
        (r#"{"model":"m"}"#, Some("input")),
        (r#"{"model":"m","input":[1]}"#, Some("input")),
        (r#"{"model":"m","input":1}"#, Some("input")),
        (r#"{"model":"m","input":"x","input":"y"}"#, Some("input")),
        (r#"{"model":"m","input":"x","dimensions":-1}"#, Some("dimensions")),
    ] {
        assert_eq!(read_request(body.as_bytes()).unwrap_err().param, param, "{body}");
    }
}

#[test]
fn tokens_are_refused_and_the_rest_is_told() {
    let (facts, mut losses, mut out) = (Facts::default(), Losses::default(), Vec::new());
    let target = Target::new("up", &facts);
    let mut request = Request {
        model: Text::plain("m"),
        inputs: vec![Input::Text(Text::plain("a"))],
        dimensions: None,
        base64: true,
        user: Some(Text::plain("u")),
        extra: Vec::new(),
    };
    write_request(&request, &target, &mut out, &mut losses).unwrap();
    assert_eq!(losses.names(), ["user"]);
    request.inputs.push(Input::Tokens(Json::fixed("[1]")));
    out.clear();
    let error = write_request(&request, &target, &mut out, &mut losses).unwrap_err();
    assert_eq!((error.param, out.len()), (Some("input"), 0));
}

#[test]
fn answers_come_through() {
    let body = r#"{"model":"m","embeddings":[[0.10,-1e-9],[]],"prompt_eval_count":7}"#;
    let mut out = Vec::new();
    write_answer(&read_answer(body.as_bytes()).unwrap(), &mut out);
    assert_eq!(out, body.as_bytes());
    for wrong in ["", "{}", r#"{"embeddings":[1]}"#, r#"{"error":"no"}"#, r#"{"embeddings":{}}"#] {
        assert!(read_answer(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn base64_becomes_numbers() {
    use base64::Engine;
    let floats = [0.5_f32, -1.25e-7, f32::NAN, 3.0];
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let answer = Answer { vectors: vec![Vector::Base64(Text::plain(&text))], ..Answer::default() };
    let mut out = Vec::new();
    write_answer(&answer, &mut out);
    let tree: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let numbers: Vec<f32> = serde_json::from_value(tree["embeddings"][0].clone()).unwrap();
    assert_eq!(numbers, [0.5, -1.25e-7, 0.0, 3.0]);
}
