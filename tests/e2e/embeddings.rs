//! Embeddings, and models whose names hold slashes.

use serde_json::json;

use crate::lab::Lab;
use crate::support::client::Req;
use crate::support::fixtures::EMBEDDING;
use crate::support::fresh_id;
use crate::support::script::Script;
use crate::translate::kinds;

#[test]
fn embeddings_cross_byte_for_byte_both_ways() {
    let lab = Lab::new(|_| Script::json(200, EMBEDDING));
    let body = r#"{"input":["a","\u00e9"],"model":"embed-model","encoding_format":"base64"}"#;
    let id = fresh_id("embed");
    let answer = lab.ask(&Req::post("/v1/embeddings", body).id(&id));
    assert_eq!((answer.status(), answer.text().as_str()), (200, EMBEDDING));
    let seen = lab.upstream.wait_request(1);
    assert_eq!(seen.head.start, "POST /v1/embeddings HTTP/1.1");
    assert_eq!(seen.text(), body);
    let record = lab.gateway.record(&id);
    for (name, value) in [
        ("outcome", serde_json::json!("answered")),
        ("path", "/v1/embeddings".into()),
        ("prompt_tokens", 5.into()),
        ("completion_tokens", 0.into()),
        ("usage_exact", true.into()),
    ] {
        assert_eq!(record[name], value, "{name} in {record}");
    }
}

#[test]
fn embeddings_need_an_input_once() {
    let lab = Lab::new(|_| Script::json(200, EMBEDDING));
    for body in [
        r#"{"model":"embed-model"}"#,
        r#"{"model":"embed-model","input":"a","input":"b"}"#,
        r#"{"input":"a"}"#,
    ] {
        let answer = lab.ask(&Req::post("/v1/embeddings", body));
        assert_eq!(answer.status(), 400, "{body}: {}", answer.text());
        answer.error_code();
    }
    assert!(lab.upstream.requests().is_empty());
}

#[test]
fn a_model_name_may_hold_slashes() {
    let lab = Lab::new(|_| Script::json(200, EMBEDDING));
    for name in ["org/deep/model", "mock/org/deep/model"] {
        let body = format!("{{\"input\":\"a\",\"model\":\"{name}\"}}");
        let answer = lab.ask(&Req::post("/v1/embeddings", body));
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
        assert_eq!(answer.head.get("x-crabllm-provider"), Some("mock"));
    }
    for seen in lab.upstream.requests() {
        assert_eq!(seen.text(), r#"{"input":"a","model":"org/deep/model"}"#);
    }
}

#[test]
fn embeddings_cross_in_batches() {
    let lab = kinds(|seen| {
        if seen.head.start.contains("/api/embed") {
            return Script::json(
                200,
                r#"{"model":"e","embeddings":[[1,0.5],[0,2]],"prompt_eval_count":7}"#,
            );
        }
        if seen.head.start.contains("cohere") {
            let body = r#"{"embeddings":{"float":[[1,0.5],[0,2]]}}"#;
            return Script::answer(200, "X-Amzn-Bedrock-Input-Token-Count: 9\r\n", body);
        }
        if seen.head.start.contains("batchEmbedContents") {
            return Script::json(200, r#"{"embeddings":[{"values":[1]},{"values":[0]}]}"#);
        }
        let text = seen.json()["inputText"].as_str().expect("one text").len();
        Script::json(200, &format!(r#"{{"embedding":[{text},1.5],"inputTextTokenCount":3}}"#))
    });
    for (model, told, calls, tokens) in [
        ("llama/e", "e", 1, 7),
        ("rock/amazon.titan-embed-text-v2:0", "amazon.titan-embed-text-v2:0", 2, 6),
        ("rock/cohere.embed-v4:0", "cohere.embed-v4:0", 1, 9),
        ("gem/gemini-embedding-001", "gemini-embedding-001", 1, 0),
    ] {
        let id = fresh_id("embed");
        let before = lab.upstream.requests().len();
        let body = json!({"model": model, "input": ["a", "bcd"], "encoding_format": "float"});
        let answer = lab.ask(&Req::post("/v1/embeddings", body.to_string()).id(&id));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["model"], told);
        let record = lab.gateway.record(&id);
        assert_eq!(
            (&record["prompt_tokens"], &record["usage_exact"]),
            (&tokens.into(), &(tokens > 0).into())
        );
        assert_eq!(answer["data"].as_array().map(Vec::len), Some(2), "{answer}");
        assert_eq!(answer["data"][1]["index"], 1);
        assert_eq!(answer["usage"]["prompt_tokens"], tokens);
        assert_eq!(lab.upstream.requests().len() - before, calls);
    }
}
