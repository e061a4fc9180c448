//! Who may ask: keys in four places, and what happens without one.

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::whole;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::KEY;
use crate::support::fixtures::UPSTREAM_KEY;
use crate::support::fresh_id;

/// SHA-256 of `sk-hashed-key`.
const HASHED: &str = "dc9bd087b73f2cb27d1429eaab83ab5aeb14e53a395cbc0077bf9dfeff6ae699";

fn more_keys(setup: crate::support::gateway::Setup) -> crate::support::gateway::Setup {
    setup.tables(
        "[[keys]]\nname = \"narrow\"\nkey = \"sk-narrow-0123456789\"\nmodels = [\"embed-model\"]\n\
         [[keys]]\nname = \"old\"\nkey = \"sk-expired-0123456789\"\nexpires = 2020-01-01T00:00:00Z\n",
    )
}

#[test]
fn a_key_is_taken_from_each_of_the_four_fields() {
    let lab = Lab::new(whole);
    for name in ["x-api-key", "api-key", "x-goog-api-key"] {
        let answer = lab.ask(&plain().without("authorization").with(name, KEY));
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    }
    for value in [format!("Bearer {KEY}"), format!("bearer {KEY}")] {
        assert_eq!(lab.ask(&plain().with("authorization", &value)).status(), 200, "{value}");
    }
    for seen in lab.upstream.requests() {
        let head = String::from_utf8_lossy(&seen.raw_head).into_owned();
        assert!(!head.contains(KEY), "the client's key crossed: {head}");
        assert_eq!(seen.head.get("authorization"), Some(&*format!("Bearer {UPSTREAM_KEY}")));
        assert_eq!(seen.head.count("authorization"), 1);
    }
}

#[test]
fn a_wrong_missing_or_expired_key_is_refused_and_recorded() {
    let lab = Lab::with(more_keys, whole);
    let wrong = [
        plain().with("authorization", "Bearer sk-wrong"),
        plain().with("authorization", &format!("Bearer {KEY}x")),
        plain().with("authorization", &format!("Bearer {}", &KEY[..KEY.len() - 1])),
        plain().with("authorization", "Bearer "),
        plain().with("authorization", &format!("Basic {KEY}")),
        plain().without("authorization"),
        plain().with("authorization", "Bearer sk-expired-0123456789"),
    ];
    for request in wrong {
        let id = fresh_id("auth");
        let answer = lab.ask(&request.id(&id));
        assert_eq!(answer.status(), 401, "{}", answer.text());
        assert_eq!(answer.error_code(), "invalid_api_key");
        assert!(!answer.text().contains(KEY) && !answer.text().contains("sk-wrong"));
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "refused", "{record}");
        assert_eq!(record["status"], 401, "{record}");
        assert_eq!(record["attempts"], 0, "{record}");
    }
    assert!(lab.upstream.requests().is_empty());
}

#[test]
fn a_refusal_comes_before_the_body_and_closes() {
    let lab = Lab::new(whole);
    let cases = [
        (plain().with("authorization", "Bearer sk-wrong"), 401),
        (Req::post("/v1/nowhere", vec![b' '; 100]), 404),
    ];
    for (request, status) in cases {
        let mut client = lab.client();
        client.send(&request.head());
        let answer = client.answer();
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(answer.head.get("connection"), Some("close"));
        client.expect_close();
    }
}

#[test]
fn expect_continue_is_answered_after_the_key_was_checked() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    client.send(&plain().with("expect", "100-continue").head());
    assert_eq!(client.any_head().expect("an interim head").status(), 100);
    client.send(&plain().body);
    assert_eq!(client.answer().status(), 200);

    let mut client = lab.client();
    let wrong = plain().with("expect", "100-continue").with("authorization", "Bearer no");
    client.send(&wrong.head());
    assert_eq!(client.any_head().expect("a final head").status(), 401);
}

#[test]
fn a_key_is_held_to_its_models() {
    let lab = Lab::with(more_keys, whole);
    let narrow = plain().with("authorization", "Bearer sk-narrow-0123456789");
    let id = fresh_id("narrow");
    let answer = lab.ask(&narrow.clone().id(&id));
    assert_eq!(answer.status(), 403, "{}", answer.text());
    answer.error_code();
    let record = lab.gateway.record(&id);
    assert_eq!((&record["outcome"], &record["key"]), (&"refused".into(), &"narrow".into()));

    let mut allowed = narrow;
    allowed.body = fixtures::ask("embed-model", false, "").into();
    assert_eq!(lab.ask(&allowed).status(), 200);
    assert_eq!(lab.upstream.requests().len(), 1);
}

#[test]
fn a_key_may_be_given_by_its_digest() {
    let lab = Lab::with(
        |mut setup| {
            setup.key = format!("key_sha256 = \"{HASHED}\"");
            setup
        },
        whole,
    );
    assert_eq!(lab.ask(&plain().with("authorization", "Bearer sk-hashed-key")).status(), 200);
    assert_eq!(lab.ask(&plain()).status(), 401);
    assert_eq!(lab.ask(&plain().with("authorization", &format!("Bearer {HASHED}"))).status(), 401);
}

#[test]
fn without_keys_anyone_on_loopback_may_ask_when_the_file_says_so() {
    let lab = Lab::with(
        |mut setup| {
            setup.top = format!("auth = \"none\"\n{}", setup.top);
            setup
        },
        whole,
    );
    let answer = lab.ask(&plain().without("authorization"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
}
