//! The list of models, as far as the key may see it.

use crate::lab::Lab;
use crate::lab::whole;
use crate::support::client::Answer;
use crate::support::client::Req;

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
