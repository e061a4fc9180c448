//! Counting and embedding.

use crate::chat::Facts;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Text;
use crate::chat::embed::Answer;
use crate::chat::embed::Input;
use crate::chat::embed::Request;
use crate::chat::embed::Vector;
use crate::protocol::Target;
use crate::protocol::gemini::count;
use crate::protocol::gemini::embed;

fn target(facts: &Facts) -> Target<'_> {
    Target::new("e", facts)
}

#[test]
fn embeddings_go_in_a_batch_and_back() {
    let body = concat!(
        r#"{"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]},"#,
        r#""outputDimensionality":4,"taskType":"RETRIEVAL_QUERY"},"#,
        r#"{"model":"models/e","content":{"parts":[{"text":"b"}]},"#,
        r#""outputDimensionality":4,"taskType":"RETRIEVAL_QUERY"}]}"#
    );
    let request = embed::read_request(body.as_bytes()).unwrap();
    assert!(request.model.is("e"));
    assert_eq!(request.inputs, [Input::Text(Text::plain("a")), Input::Text(Text::plain("b"))]);
    let (facts, mut out, mut losses) = (Facts::default(), Vec::new(), Losses::default());
    embed::write_request(&request, &target(&facts), &mut out, &mut losses).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), body);
    assert!(losses.is_empty());
    let single = br#"{"content":{"parts":[{"text":"a"},{"text":"b"}]},"task_type":"X"}"#;
    let single = embed::read_request(single).unwrap();
    assert_eq!(single.inputs, [Input::Text(Text::plain("ab"))]);
    let differing = body.replacen(":4", ":5", 1);
    assert_eq!(embed::read_request(differing.as_bytes()).unwrap_err().param, Some("requests"));
}

#[test]
fn tokens_cannot_be_embedded() {
    let request = Request {
        model: Text::default(),
        inputs: vec![Input::Tokens(Json::fixed("[1]"))],
        dimensions: None,
        base64: false,
        user: None,
        extra: Vec::new(),
    };
    let (facts, mut out) = (Facts::default(), Vec::new());
    let written = embed::write_request(&request, &target(&facts), &mut out, &mut Losses::default());
    assert_eq!(written.unwrap_err().param, Some("input"));
    assert!(out.is_empty());
}

#[test]
fn vectors_in_either_shape() {
    let batch =
        br#"{"embeddings":[{"values":[0.5,-1e-3]}],"usageMetadata":{"promptTokenCount":7}}"#;
    let answer = embed::read_answer(batch).unwrap();
    assert_eq!(answer.vectors, [Vector::Numbers(Json::fixed("[0.5,-1e-3]"))]);
    assert_eq!(answer.tokens, Some(7));
    let mut out = Vec::new();
    embed::write_answer(&answer, embed::Shape::Batch, &mut out);
    assert_eq!(out, batch);
    let single = embed::read_answer(br#"{"embedding":{"values":[]}}"#).unwrap();
    assert_eq!(single.vectors.len(), 1);
    let vectors = vec![Vector::Base64(Text::plain("AAAAPwAAgL8="))];
    let answer = Answer { vectors, ..Answer::default() };
    out.clear();
    embed::write_answer(&answer, embed::Shape::Single, &mut out);
    assert_eq!(out, br#"{"embedding":{"values":[0.5,-1]}}"#);
    assert!(embed::read_answer(b"{}").is_err());
    assert!(embed::read_answer(br#"{"embeddings":[{}]}"#).is_err());
}

#[test]
fn tokens_are_counted() {
    let body = br#"{"contents":[{"role":"user","parts":[{"text":"a"}]}]}"#;
    let request = count::read_request(body).unwrap();
    let (facts, mut out) = (Facts::default(), Vec::new());
    count::write_request(&request, &target(&facts), &mut out, &mut Losses::default()).unwrap();
    let expected = concat!(
        r#"{"generateContentRequest":{"model":"models/e","#,
        r#""contents":[{"role":"user","parts":[{"text":"a"}]}]}}"#
    );
    assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
    let again = count::read_request(&out).unwrap();
    assert!(again.model.is("e"));
    assert_eq!(again.turns, request.turns);
    assert_eq!(count::read_answer(br#"{"totalTokens":"12"}"#), Ok(12));
    assert!(count::read_answer(b"{}").is_err());
    out.clear();
    count::write_answer(12, &mut out);
    assert_eq!(count::read_answer(&out), Ok(12));
}
