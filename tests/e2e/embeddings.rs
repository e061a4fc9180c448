//! Embeddings, and models whose names hold slashes.

use crate::lab::Lab;
use crate::support::client::Req;
use crate::support::fixtures::EMBEDDING;
use crate::support::fresh_id;
use crate::support::script::Script;

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
