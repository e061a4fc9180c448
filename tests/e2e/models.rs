//! The list of models, as far as the key may see it.

use serde_json::Value;

use crate::lab::Lab;
use crate::lab::whole;
use crate::support::client::Answer;
use crate::support::client::Req;
use crate::support::fixtures::KEY;

fn lab() -> Lab {
    Lab::with(
        |setup| {
            setup.tables(
                "[aliases]\nfriendly = \"real-model\"\n[[keys]]\nname = \"narrow\"\n\
                 key = \"sk-narrow-0123456789\"\nmodels = [\"org/deep/model\"]\n",
            )
        },
        whole,
    )
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().expect("data").clone();
    let id = |model: &serde_json::Value| {
        assert_eq!(model["object"], "model", "{model}");
        assert!(model["created"].is_u64() && model["owned_by"].is_string(), "{model}");
        model["id"].as_str().expect("id").to_owned()
    };
    data.iter().map(id).collect()
}

#[test]
fn the_list_holds_what_the_key_may_use() {
    let lab = lab();
    let all = ids(&lab.ask(&Req::get("/v1/models")));
    for name in ["real-model", "alias-model", "embed-model", "org/deep/model"] {
        assert!(all.iter().any(|id| id == name), "{name} is not in {all:?}");
    }
    let mut unique = all.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), all.len(), "{all:?}");
    let narrow = Req::get("/v1/models").with("authorization", "Bearer sk-narrow-0123456789");
    assert_eq!(ids(&lab.ask(&narrow)), ["org/deep/model"]);
}

#[test]
fn one_model_is_found_by_its_name_with_slashes() {
    let lab = lab();
    for path in
        ["/v1/models/real-model", "/v1/models/org/deep/model", "/v1/models/org%2Fdeep%2Fmodel"]
    {
        let answer = lab.ask(&Req::get(path));
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(answer.json()["object"], "model");
        assert!(path.replace("%2F", "/").ends_with(answer.json()["id"].as_str().expect("id")));
    }
    let answer = lab.ask(&Req::get("/v1/models/no-such"));
    assert_eq!((answer.status(), answer.error_code().as_str()), (404, "model_not_found"));
}

fn claude(path: &str) -> Req {
    Req::get(path).without("authorization").with("x-api-key", KEY).with("anthropic-version", "x")
}

#[test]
fn clients_of_anthropic_are_told_of_models_in_their_own_words() {
    let lab = lab();
    let answer = lab.ask(&claude("/v1/models?limit=1000"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.get("request-id"), answer.head.get("x-request-id"));
    let list = answer.json();
    let models = list["data"].as_array().expect("data");
    let id = |model: &Value| {
        assert_eq!((&model["type"], &model["lifecycle"]), (&"model".into(), &"active".into()));
        assert_eq!(model["display_name"], model["id"], "{model}");
        let created = model["created_at"].as_str().expect("created_at");
        assert!(created.starts_with("20") && created.ends_with('Z'), "{model}");
        model["id"].as_str().expect("id").to_owned()
    };
    let all: Vec<String> = models.iter().map(id).collect();
    assert_eq!(all, ids(&lab.ask(&Req::get("/v1/models"))));
    assert_eq!((&list["has_more"], &list["first_id"]), (&false.into(), &all[0].clone().into()));
    assert_eq!(list["last_id"].as_str(), all.last().map(String::as_str));

    let one = lab.ask(&claude("/v1/models/org%2Fdeep%2Fmodel"));
    assert_eq!((one.status(), id(&one.json()).as_str()), (200, "org/deep/model"));
}

#[test]
fn clients_of_anthropic_turn_pages_both_ways() {
    let lab = lab();
    let all = ids(&lab.ask(&Req::get("/v1/models")));
    for (param, next) in [("after_id", "last_id"), ("before_id", "first_id")] {
        let mut seen: Vec<String> = Vec::new();
        let start = if param == "before_id" { all.last().cloned() } else { None };
        let mut query = start.map_or_else(String::new, |id| format!("&{param}={id}"));
        loop {
            let page = lab.ask(&claude(&format!("/v1/models?limit=2{query}"))).json();
            let data = page["data"].as_array().expect("data");
            assert!(data.len() <= 2, "{page}");
            let found: Vec<_> = data.iter().filter_map(|model| model["id"].as_str()).collect();
            let at = if param == "before_id" { 0 } else { seen.len() };
            seen.splice(at..at, found.into_iter().map(str::to_owned));
            if page["has_more"] == false {
                break;
            }
            query = format!("&{param}={}", page[next].as_str().expect("an id"));
        }
        let expected = if param == "before_id" { &all[..all.len() - 1] } else { &all[..] };
        assert_eq!(seen, expected, "{param}");
    }
    let wrong = lab.ask(&claude("/v1/models?limit=0"));
    assert_eq!((wrong.status(), wrong.claude_error().as_str()), (400, "invalid_request_error"));
}

#[test]
fn clients_of_anthropic_are_refused_models_in_their_own_words() {
    let lab = lab();
    for path in ["/v1/models", "/v1/models/real-model"] {
        let answer = lab.ask(&claude(path).without("x-api-key"));
        assert_eq!(
            (answer.status(), answer.claude_error().as_str()),
            (401, "authentication_error")
        );
    }
    let hidden = claude("/v1/models/real-model").with("x-api-key", "sk-narrow-0123456789");
    for request in [claude("/v1/models/no-such"), hidden] {
        let answer = lab.ask(&request);
        assert_eq!((answer.status(), answer.claude_error().as_str()), (404, "not_found_error"));
    }
}

#[test]
fn the_list_needs_a_key_and_hides_what_it_may_not_use() {
    let lab = lab();
    for path in ["/v1/models", "/v1/models/real-model"] {
        let answer = lab.ask(&Req::get(path).without("authorization"));
        assert_eq!((answer.status(), answer.error_code().as_str()), (401, "invalid_api_key"));
    }
    let narrow =
        Req::get("/v1/models/real-model").with("authorization", "Bearer sk-narrow-0123456789");
    assert!(matches!(lab.ask(&narrow).status(), 403 | 404));
    assert!(lab.gateway.stop().is_empty(), "model lists leave no record");
}
