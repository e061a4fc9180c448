//! Refusals, embeddings, counts, and bytes of any kind.

use crate::chat::embed::Input;
use crate::chat::embed::Request as EmbedRequest;
use crate::chat::embed::Vector;
use crate::chat::*;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::bedrock::count;
use crate::protocol::bedrock::embed;
use crate::protocol::bedrock::error;
use crate::protocol::bedrock::fuzz;

#[test]
fn a_refusal_is_read_from_header_body_and_words() {
    let long = r#"{"message":"The model returned the following errors: Input is too long for requested model."}"#;
    let url = "ThrottlingException:http://internal.amazon.com/coral/";
    for (status, kind, body, class, message) in [
        (429, Some(url), r#"{"message":"slow"}"#, Class::RateLimit, "slow"),
        (
            429,
            Some(url),
            r#"{"message":"Too many tokens per day"}"#,
            Class::Quota,
            "Too many tokens per day",
        ),
        (
            400,
            None,
            r#"{"__type":"com.amazon.coral#ServiceQuotaExceededException","Message":"q"}"#,
            Class::Quota,
            "q",
        ),
        (400, Some("ValidationException"), long, Class::ContextLength, ""),
        (
            400,
            None,
            r#"{"message":"blocked by our content filtering policy"}"#,
            Class::ContentFilter,
            "",
        ),
        (
            400,
            None,
            r#"{"message":"The provided model identifier is invalid."}"#,
            Class::NotFound,
            "",
        ),
        (
            403,
            Some("ExpiredTokenException"),
            "{}",
            Class::Unauthorized,
            "Bedrock answered with status 403: {}",
        ),
        (
            403,
            Some("AccessDeniedException"),
            "",
            Class::Forbidden,
            "Bedrock answered with status 403",
        ),
        (408, Some("ModelTimeoutException"), "", Class::Timeout, ""),
        (424, Some("ModelErrorException"), "", Class::Server, ""),
        (429, Some("ModelNotReadyException"), "", Class::RateLimit, ""),
        (
            503,
            None,
            "<html>busy</html>",
            Class::Overloaded,
            "Bedrock answered with status 503: <html>busy</html>",
        ),
        (400, Some("NewException"), r#"{"message":1}"#, Class::BadRequest, ""),
    ] {
        let failure = error::read_typed(status, kind, body.as_bytes());
        assert_eq!((failure.status, failure.class), (status, class), "{body}");
        if !message.is_empty() {
            assert_eq!(failure.message.decode(), message);
        }
        assert_eq!(again(&failure).message, failure.message);
        if kind.is_some_and(|kind| kind != "NewException") {
            assert_eq!(again(&failure), failure);
        }
    }
}

/// What a client reads of a failure.
fn again(failure: &Failure<'_>) -> Failure<'static> {
    let mut out = Vec::new();
    error::write(failure, &mut out);
    let by_header = error::read_typed(error::status(failure), Some(error::kind(failure)), &out);
    assert_eq!(error::read(error::status(failure), &out), by_header);
    by_header
}

#[test]
fn every_class_is_told_to_a_client() {
    for class in Class::ALL {
        let failure = Failure::new(class, "words");
        let again = again(&failure);
        let wrong_input = matches!(
            class,
            Class::BadRequest | Class::ContextLength | Class::ContentFilter | Class::TooLarge
        );
        let expected = if wrong_input { Class::BadRequest } else { class };
        assert_eq!(again.class, expected);
    }
}

fn embedded(model: &str, request: &EmbedRequest<'_>) -> Result<(String, usize), Error> {
    let (mut out, mut losses) = (Vec::new(), Losses::default());
    let facts = Facts::default();
    let target = Target::new(model, &facts);
    embed::write_request(&request.inputs, request, &target, &mut out, &mut losses)?;
    Ok((String::from_utf8(out).unwrap(), losses.names().len()))
}

#[test]
fn embeddings_are_asked_for_in_the_models_words() {
    let input = |text: &str| Input::Text(Text::plain(text));
    let mut request = EmbedRequest {
        model: Text::default(),
        inputs: vec![input("a \"b\"")],
        dimensions: Some(256),
        base64: true,
        user: None,
        extra: Vec::new(),
    };
    let v2 = "amazon.titan-embed-text-v2:0";
    let cohere = "eu.cohere.embed-v4:0";
    let body = |model: &str, request: &EmbedRequest<'_>| embedded(model, request).unwrap().0;
    assert_eq!(body(v2, &request), r#"{"inputText":"a \"b\"","dimensions":256}"#);
    let expected = r#"{"texts":["a \"b\""],"input_type":"search_document","embedding_types":["float"],"output_dimension":256}"#;
    assert_eq!(body(cohere, &request), expected);
    let nova = body("amazon.nova-2-multimodal-embeddings-v1:0", &request);
    assert!(nova.contains(r#""embeddingDimension":256"#) && nova.contains(r#""value":"a \"b\"""#));
    for fixed in ["amazon.titan-embed-text-v1", "cohere.embed-english-v3"] {
        assert_eq!(embedded(fixed, &request).unwrap_err().param, Some("dimensions"));
    }
    request.dimensions = None;
    assert_eq!(body("amazon.titan-embed-text-v1", &request), r#"{"inputText":"a \"b\""}"#);
    let extra = |name: &'static str| Extra {
        by: Protocol::Openai,
        name: name.into(),
        value: Json::fixed("\"search_query\""),
    };
    request.extra = vec![extra("input_type"), extra("else")];
    let (text, losses) = embedded("cohere.embed-english-v3", &request).unwrap();
    assert!(text.contains(r#""input_type":"search_query""#) && !text.contains("document"));
    assert_eq!(losses, 1);
    request.inputs.push(input("c"));
    assert!(embedded(cohere, &request).unwrap().0.contains(r#"["a \"b\"","c"]"#));
    assert_eq!(embedded(v2, &request).unwrap_err().param, Some("input"));
    assert_eq!((embed::batch(cohere), embed::batch(v2)), (96, 1));
    assert_eq!(embedded("meta.llama", &request).unwrap_err().param, Some("model"));
    request.inputs = vec![Input::Tokens(Json::fixed("[1]"))];
    assert_eq!(embedded(v2, &request).unwrap_err().param, Some("input"));
}

#[test]
fn embeddings_are_read_in_every_shape() {
    for (body, count, tokens) in [
        (r#"{"embedding":[0.5,1e-3],"inputTextTokenCount":4}"#, 1, Some(4)),
        (r#"{"embeddingsByType":{"float":[0.5]},"inputTextTokenCount":4}"#, 1, Some(4)),
        (r#"{"embeddings":[[1],[2]],"texts":[]}"#, 2, None),
        (r#"{"embeddings":{"float":[[1],[2],[3]]}}"#, 3, None),
        (r#"{"embeddings":[{"embedding":[1],"embeddingType":"TEXT"}]}"#, 1, None),
    ] {
        let answer = embed::read_answer(body.as_bytes()).unwrap();
        assert_eq!((answer.vectors.len(), answer.tokens), (count, tokens), "{body}");
    }
    let answer = embed::read_answer(br#"{"embedding":[0.50]}"#).unwrap();
    assert_eq!(answer.vectors, [Vector::Numbers(Json::fixed("[0.50]"))]);
    for body in ["", "{}", r#"{"embedding":1}"#, r#"{"embeddings":[1]}"#, r#"{"embeddings":[]}"#] {
        assert!(embed::read_answer(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn tokens_are_counted() {
    let turn = Turn::new(Role::User, vec![Part::text(Text::plain("q"))]);
    let request = Request { turns: vec![turn], max_tokens: Some(4), ..Request::default() };
    let (mut out, mut losses) = (Vec::new(), Losses::default());
    let facts = Facts { images: false, ..Facts::default() };
    let target = Target::new(super::CLAUDE, &facts);
    count::write_request(&request, &target, &mut out, &mut losses).unwrap();
    let expected =
        r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"q"}]}]}}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(count::read_answer(br#"{"inputTokens":12}"#), Ok(12));
    assert!(count::read_answer(br#"{"inputTokens":"12"}"#).is_err());
}

#[test]
fn fuzz_body_runs_on_plain_inputs() {
    for input in [&b""[..], b"{}", b"\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff"] {
        fuzz(input);
    }
    fuzz(br#"{"messages":[{"role":"assistant","content":[{"text":"a"},{"cachePoint":{}}]}]}"#);
    fuzz(br#"{"output":{"message":{"content":[{"text":"a"}]}},"stopReason":"x","usage":{}}"#);
}
