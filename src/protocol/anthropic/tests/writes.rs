//! Requests for upstreams: turns, media, and what is lost.

use serde_json::json;

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Signature;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::Turn;
use crate::protocol::Target;
use crate::protocol::anthropic::count;
use crate::protocol::anthropic::tests::tree;
use crate::protocol::anthropic::tests::tree_of;
use crate::protocol::anthropic::tests::written;

fn text(text: &str) -> Part<'static> {
    Part::text(Text::plain(text))
}

fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn::new(role, parts)
}

fn call(id: &str, name: &str, arguments: &str) -> Part<'static> {
    Part::new(Content::Call(Call {
        id: Text::plain(id),
        name: Text::plain(name),
        arguments: Arguments::Quoted(Text::plain(arguments)),
        custom: false,
    }))
}

fn result(id: &str, said: &str) -> Part<'static> {
    let parts = vec![text(said)];
    let result = CallResult { id: Text::plain(id), name: None, parts, failed: false };
    Part::new(Content::Result(result))
}

fn asked(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request { model: Text::plain("gpt"), turns, ..Request::default() }
}

#[track_caller]
fn messages(turns: Vec<Turn<'static>>) -> serde_json::Value {
    let (body, losses) = tree_of(&asked(turns), &Facts::default());
    assert!(losses.is_empty(), "{losses:?}");
    body["messages"].clone()
}

#[track_caller]
fn refused(turns: Vec<Turn<'static>>, facts: &Facts) {
    let error = written(&asked(turns), facts).unwrap_err();
    assert_eq!((error.param, error.kind.status()), (Some("messages"), 400), "{error}");
}

#[test]
fn the_simplest_request() {
    let request = asked(vec![turn(Role::User, vec![text("hi \u{1f980}\n")])]);
    let facts = Facts { max_output: Some(64_000), ..Facts::default() };
    let (body, losses) = written(&request, &facts).unwrap();
    assert_eq!(
        body,
        "{\"model\":\"claude-x\",\"max_tokens\":32000,\"messages\":[{\"role\":\"user\",\"content\":\"hi \u{1f980}\\n\"}]}"
    );
    assert!(losses.is_empty());
    let (body, _) = tree_of(&request, &Facts::default());
    assert_eq!(body["max_tokens"], 4096);
}

#[test]
fn turns_alternate_and_results_come_first() {
    let messages = messages(vec![
        turn(Role::Assistant, vec![text("hello")]),
        turn(Role::User, vec![text(" "), text("u1")]),
        turn(Role::User, vec![text("u2")]),
        turn(Role::Assistant, vec![text(""), call("a.1", "f", ""), call("b", "g", r#"{"x":1.0}"#)]),
        turn(Role::User, vec![text("more"), result("b", "B"), result("a.1", "A")]),
        turn(Role::Assistant, vec![]),
        turn(Role::User, vec![text("end")]),
    ]);
    assert_eq!(
        messages,
        json!([
            {"role": "user", "content": "."},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": [
                {"type": "text", "text": "u1"}, {"type": "text", "text": "u2"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a_1", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {"x": 1.0}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a_1", "content": "A"},
                {"type": "tool_result", "tool_use_id": "b", "content": "B"},
                {"type": "text", "text": "more"}, {"type": "text", "text": "end"}]},
        ])
    );
}

#[test]
fn every_call_has_an_id_and_a_result() {
    let messages = messages(vec![
        turn(Role::User, vec![text("u")]),
        turn(Role::Assistant, vec![call("x", "f", "{}"), call("x", "f", "{}"), call("", "g", "")]),
        turn(Role::User, vec![result("x", "1"), result("x", "2")]),
        turn(Role::Assistant, vec![call("", "g", "{}")]),
    ]);
    let ids = |at: usize, name: &str| -> Vec<String> {
        let blocks = messages[at]["content"].as_array().unwrap();
        blocks.iter().map(|block| block[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(1, "id"), ["x", "x_1", "call"]);
    assert_eq!(ids(2, "tool_use_id"), ids(1, "id"));
    assert_eq!(messages[2]["content"][2]["is_error"], true);
    assert_eq!(ids(3, "id"), ["call_3"]);
    assert_eq!(messages[4]["content"][0]["content"], "no result was given");
}

#[test]
fn turns_that_cannot_be_said() {
    let facts = Facts::default();
    let user = |part| vec![turn(Role::User, vec![part])];
    let audio = |kind, source, mime: Option<&str>| {
        let mime = mime.map(Text::plain);
        let media = Media { kind, source, mime, detail: None, name: None };
        Part::new(Content::Media(media))
    };
    let data = || Source::Base64(Text::plain("AA=="));
    refused(user(audio(MediaKind::Audio, data(), Some("audio/wav"))), &facts);
    refused(user(audio(MediaKind::Image, data(), Some("image/tiff"))), &facts);
    refused(user(audio(MediaKind::Document, data(), Some("application/zip"))), &facts);
    refused(user(audio(MediaKind::Image, Source::Url(Text::plain("s3://b")), None)), &facts);
    let file = Source::File(Protocol::Openai, Text::plain("f"));
    refused(user(audio(MediaKind::Document, file, None)), &facts);
    let image = || audio(MediaKind::Image, data(), Some("image/png"));
    refused(user(image()), &Facts { images: false, ..Facts::default() });
    refused(vec![turn(Role::Assistant, vec![image()])], &facts);
    refused(vec![turn(Role::System, vec![image()])], &facts);
    refused(user(call("1", "f", "{}")), &facts);
    refused(user(result("1", "x")), &facts);
    refused(vec![turn(Role::Assistant, vec![call("1", "f", "[1]")])], &facts);
    let value = Json::fixed("{}");
    let other = Extra { by: Protocol::Openai, name: "video_url".into(), value };
    refused(user(Part::new(Content::Other(other))), &facts);
    let prefill = vec![turn(Role::User, vec![text("u")]), turn(Role::Assistant, vec![text("a")])];
    refused(prefill, &Facts { prefill: false, ..Facts::default() });
}

#[test]
fn the_beginning_of_an_answer_ends_without_a_space() {
    let messages = messages(vec![
        turn(Role::User, vec![text("u")]),
        turn(Role::Assistant, vec![text("a: \n")]),
    ]);
    assert_eq!(messages[1]["content"], json!([{"type": "text", "text": "a:"}]));
}

#[test]
fn instructions_stand_first_or_where_the_model_takes_them() {
    let mut developer = turn(Role::System, vec![text("one")]);
    let value = Json::fixed("\"developer\"");
    developer.extra.push(Extra { by: Protocol::Openai, name: "role".into(), value });
    let request = asked(vec![
        developer,
        turn(Role::User, vec![text("u")]),
        turn(Role::System, vec![text("two")]),
        turn(Role::Assistant, vec![text("a")]),
        turn(Role::System, vec![text("three")]),
        turn(Role::User, vec![text("v")]),
        turn(Role::System, vec![text("four")]),
    ]);
    let (body, losses) = tree_of(&request, &Facts::default());
    let texts = |value: &serde_json::Value| -> Vec<String> {
        let list = value.as_array().unwrap();
        list.iter().map(|block| block["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&body["system"]), ["one", "two", "three", "four"]);
    assert!(losses.is_empty());
    let facts = Facts { system_between: true, ..Facts::default() };
    let (body, _) = tree_of(&request, &facts);
    assert_eq!(texts(&body["system"]), ["one", "three"]);
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| &m["role"]).collect();
    assert_eq!(roles, ["user", "system", "assistant", "user", "system"]);
    // What follows must be the model's turn, and say something.
    let request = asked(vec![
        turn(Role::User, vec![text("u")]),
        turn(Role::System, vec![text("one")]),
        turn(Role::Assistant, vec![text(" ")]),
        turn(Role::User, vec![text("v")]),
    ]);
    let (body, _) = tree_of(&request, &facts);
    assert_eq!(
        (&body["system"], body["messages"].as_array().map(Vec::len)),
        (&json!("one"), Some(1))
    );
    let alone = asked(vec![turn(Role::System, vec![text("one")])]);
    let (body, _) = tree_of(&alone, &Facts::default());
    assert_eq!((&body["system"], &body["messages"][0]["content"]), (&json!("one"), &json!(".")));
}

#[test]
fn media_are_told_in_anthropics_words() {
    let media = |kind, source, mime: Option<&str>, name: Option<&str>| {
        let (mime, name) = (mime.map(Text::plain), name.map(Text::plain));
        let detail = Some(Text::plain("low"));
        Part::new(Content::Media(Media { kind, source, mime, detail, name }))
    };
    let data = |data: &str| Source::Base64(Text::plain(data));
    let request = asked(vec![turn(
        Role::User,
        vec![
            media(MediaKind::Image, data("AA=="), Some("image/jpg"), None),
            media(MediaKind::Document, data("aGk="), Some("text/csv; charset=utf-8"), Some("t")),
            media(MediaKind::Document, Source::Url(Text::plain("https://a/")), None, None),
        ],
    )]);
    let (body, losses) = tree_of(&request, &Facts::default());
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image",
             "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
            {"type": "document", "title": "t",
             "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
            {"type": "document", "source": {"type": "url", "url": "https://a/"}},
        ])
    );
    assert_eq!(losses, ["detail"]);
}

#[test]
fn foreign_thoughts_are_left_out() {
    let thought = |by, text: &str| {
        let mut part = Part::new(Content::Thinking(Text::plain(text)));
        part.signature = Some(Signature { by, data: Text::plain("S") });
        part
    };
    let unsigned = Part::new(Content::Thinking(Text::plain("x")));
    let mut redacted = Part::new(Content::Redacted);
    redacted.signature = Some(Signature { by: Protocol::Anthropic, data: Text::plain("R") });
    let mut signed = call("1", "f", "{}");
    signed.signature = Some(Signature { by: Protocol::Gemini, data: Text::plain("G") });
    let parts = vec![
        thought(Protocol::Gemini, "a"),
        unsigned,
        thought(Protocol::Anthropic, ""),
        redacted,
        signed,
    ];
    let messages = messages(vec![
        turn(Role::User, vec![text("u")]),
        turn(Role::Assistant, parts),
        turn(Role::User, vec![result("1", " ")]),
    ]);
    assert_eq!(
        messages[1]["content"],
        json!([
            {"type": "thinking", "thinking": "", "signature": "S"},
            {"type": "redacted_thinking", "data": "R"},
            {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        ])
    );
    assert_eq!(messages[2]["content"], json!([{"type": "tool_result", "tool_use_id": "1"}]));
}

#[test]
fn four_marks_are_kept_and_long_ones_come_first() {
    let marked = |said: &str, cache| Part { cache: Some(cache), ..text(said) };
    let parts = vec![
        marked("1", Cache::HalfDay),
        marked("2", Cache::HalfHour),
        marked("3", Cache::Standard),
        marked("4", Cache::Hour),
    ];
    let mut request = asked(vec![turn(Role::User, parts)]);
    request.cache = Some(Cache::Standard);
    let (body, losses) = tree_of(&request, &Facts::default());
    let blocks = body["messages"][0]["content"].as_array().unwrap();
    let marks: Vec<_> = blocks.iter().map(|block| block.get("cache_control")).collect();
    let (long, short) = (json!({"type": "ephemeral", "ttl": "1h"}), json!({"type": "ephemeral"}));
    assert_eq!(marks, [None, Some(&long), Some(&short), Some(&short)]);
    assert_eq!(body["cache_control"], short);
    assert_eq!(losses, ["cache_control"]);
    for (cache, lost) in [(Cache::Hour, false), (Cache::HalfHour, false), (Cache::HalfDay, true)] {
        let request = asked(vec![turn(Role::User, vec![marked("1", cache)])]);
        let (body, losses) = tree_of(&request, &Facts::default());
        assert_eq!(body["messages"][0]["content"][0]["cache_control"], long);
        assert_eq!(losses == ["cache_control"], lost, "{cache:?}");
    }
}

#[test]
fn a_mark_on_what_is_left_out_is_told() {
    let marked = |said: &str| Part { cache: Some(Cache::Standard), ..text(said) };
    let returned = vec![text("a"), marked(" ")];
    let returned = CallResult { id: Text::plain("1"), name: None, parts: returned, failed: false };
    let block = json!([{"type": "text", "text": "a"}]);
    let answer = json!([{"type": "tool_result", "tool_use_id": "1", "content": block}]);
    for (turns, last) in [
        (vec![turn(Role::User, vec![text("a"), marked("\n")])], json!("a")),
        (
            vec![
                turn(Role::User, vec![text("a")]),
                turn(Role::Assistant, vec![call("1", "f", "{}")]),
                turn(Role::User, vec![Part::new(Content::Result(returned))]),
            ],
            answer,
        ),
    ] {
        let (body, losses) = tree_of(&asked(turns), &Facts::default());
        assert_eq!(losses, ["cache_control"], "{body}");
        let messages = body["messages"].as_array().unwrap();
        assert_eq!(messages.last().unwrap()["content"], last);
    }
}

#[test]
fn what_cannot_be_said_is_told() {
    let mut request = asked(vec![turn(Role::User, vec![text("u")])]);
    let number = || Some(Json::fixed("2"));
    request.sampling.temperature = number();
    request.sampling.top_p = Some(Json::fixed("0.5"));
    request.sampling.top_k = number();
    request.sampling.seed = number();
    request.sampling.min_p = number();
    request.sampling.presence_penalty = number();
    request.sampling.frequency_penalty = number();
    request.choices = Some(1);
    request.logprobs = Some(true);
    request.top_logprobs = Some(3);
    request.metadata = Some(Json::fixed(r#"{"a":"b"}"#));
    request.tier = Some(Text::plain("flex"));
    request.user = Some(Text::plain("me"));
    request.stop = vec![Text::plain("\n"), Text::plain("END")];
    let foreign = |name: &'static str| Extra {
        by: Protocol::Openai,
        name: name.into(),
        value: Json::fixed(r#"{"1":2}"#),
    };
    request.extra = vec![foreign("logit_bias"), foreign("stream_options")];
    let facts = Facts { sampling_together: false, ..Facts::default() };
    let (body, losses) = tree_of(&request, &facts);
    assert_eq!(
        losses,
        [
            "stop",
            "temperature",
            "top_p",
            "service_tier",
            "min_p",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "metadata",
            "logit_bias",
        ]
    );
    assert_eq!((&body["temperature"], &body["top_k"]), (&json!(1), &json!(2)));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["metadata"], json!({"user_id": "me"}));
    let facts = Facts { sampling: false, ..Facts::default() };
    let (body, losses) = tree_of(&request, &facts);
    assert_eq!(losses.get(1..4).unwrap(), ["temperature", "top_p", "top_k"]);
    assert!(body.get("temperature").or(body.get("top_p")).or(body.get("top_k")).is_none());
}

#[test]
fn several_answers_are_refused() {
    let mut request = asked(vec![turn(Role::User, vec![text("u")])]);
    request.choices = Some(2);
    let error = written(&request, &Facts::default()).unwrap_err();
    assert_eq!((error.param, error.kind.status()), (Some("n"), 400), "{error}");
}

#[test]
fn a_count_tells_what_counts() {
    let mut request =
        asked(vec![turn(Role::System, vec![text("s")]), turn(Role::User, vec![text("u")])]);
    request.user = Some(Text::plain("me"));
    request.stream = true;
    request.max_tokens = Some(7);
    let facts = Facts::default();
    let target = Target::new("c", &facts);
    let mut out = Vec::new();
    count::write_request(&request, &target, &mut out, &mut Losses::default()).unwrap();
    let body = tree(std::str::from_utf8(&out).unwrap());
    let messages = json!([{"role": "user", "content": "u"}]);
    assert_eq!(body, json!({"model": "c", "system": "s", "messages": messages}));
    assert_eq!(count::read_answer(br#"{"input_tokens":12}"#), Ok(12));
    assert!(count::read_answer(b"{}").is_err());
    let mut out = Vec::new();
    count::write_answer(12, &mut out);
    assert_eq!(out, br#"{"input_tokens":12}"#);
}
