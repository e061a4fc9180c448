//! Requests: what is read, what is written of what other protocols say, what is refused.

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Sampling;
use crate::chat::Signature;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::protocol::ollama::request;
use crate::protocol::ollama::tests::json;
use crate::protocol::ollama::tests::through;
use crate::protocol::ollama::tests::written;

/// A PNG as far as it takes to know one.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAA";

fn text(text: &str) -> Text<'static> {
    Text::plain(text)
}

fn user(parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn::new(Role::User, parts)
}

fn ask(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request { model: text("m"), turns, ..Request::default() }
}

fn hello() -> Request<'static> {
    ask(vec![user(vec![Part::text(text("hi"))])])
}

fn tool(name: &str) -> Tool<'static> {
    Tool {
        name: text(name),
        description: None,
        kind: ToolKind::Function(None),
        strict: None,
        cache: None,
        extra: Vec::new(),
    }
}

fn call(id: &str, name: &str) -> Part<'static> {
    let arguments = Arguments::Quoted(text("{\"n\": 1.0}"));
    Part::new(Content::Call(Call { id: text(id), name: text(name), arguments, custom: false }))
}

fn result(id: &str, words: &str) -> Part<'static> {
    let parts = vec![Part::text(text(words))];
    Part::new(Content::Result(CallResult { id: text(id), name: None, parts, failed: false }))
}

fn media(kind: MediaKind, source: Source<'static>, mime: &str) -> Part<'static> {
    let mime = Some(text(mime));
    Part::new(Content::Media(Media { kind, source, mime, detail: None, name: None }))
}

/// What the writer makes of it, nothing lost.
fn sent(request: &Request<'_>) -> serde_json::Value {
    let (text, losses) = written(request, &Facts::default()).unwrap();
    assert_eq!(losses, [""; 0]);
    json(&text)
}

fn losses(request: &Request<'_>) -> Vec<String> {
    written(request, &Facts::default()).unwrap().1
}

#[test]
fn every_member_of_its_own_comes_through() {
    let body = r#"{"model":"up","messages":[{"role":"system","content":"s"},
        {"role":"user","content":"\u00e9\n","images":["IMAGE"],"x":{"b":1,"a":[1e5]}},
        {"role":"assistant","content":"","thinking":"hm","tool_calls":[
            {"id":"c1","function":{"name":"f","arguments":{"z":1.0,"a":12345678901234567890}}},
            {"id":"c2","function":{"name":"g","arguments":{},"description":"d"},"y":true}]},
        {"role":"tool","content":"1","tool_name":"f","tool_call_id":"c1"},
        {"role":"tool","content":"2","tool_name":"g","tool_call_id":"c2"},
        {"role":"user","content":"go on"}],
        "stream":true,"tools":[{"type":"function","function":{"name":"f","description":"d",
            "parameters":{"type":"object","properties":{"a":{"type":"string"}}},"k":1},"l":2}],
        "format":{"type":"object"},"think":"max","keep_alive":"5m","truncate":false,"shift":true,
        "options":{"num_predict":9,"temperature":0.50,"top_p":1,"top_k":40,"min_p":0.1,"seed":-1,
            "presence_penalty":0.0,"frequency_penalty":1e-1,"stop":["a","b"],"num_ctx":8192,
            "mirostat":0},"logprobs":true,"top_logprobs":2}"#
        .replace("IMAGE", PNG);
    assert_eq!(json(&through(&body)), json(&body));
    for number in ["0.50", "12345678901234567890", "1e-1", "1e5"] {
        assert!(through(&body).contains(number));
    }
}

#[test]
fn a_stream_is_the_default_and_always_said() {
    let body = r#"{"model":"up","messages":[{"role":"user","content":"x"}]}"#;
    assert!(request::read(body.as_bytes()).unwrap().stream);
    let quiet = body.replace("\"model\"", "\"stream\":false,\"model\"");
    assert!(through(&quiet).contains(r#""stream":false"#));
    assert_eq!(sent(&hello())["stream"], false);
}

#[test]
fn what_says_nothing_is_left_out() {
    let body = r#"{"model":"up","messages":[{"role":"user","content":"x","images":null}],
        "format":"","options":{},"tools":[],"keep_alive":null,"think":null,"stream":null}"#;
    let plain = r#"{"model":"up","messages":[{"role":"user","content":"x"}],"stream":true}"#;
    assert_eq!(through(body), plain);
}

#[test]
fn a_tool_of_an_unknown_kind_comes_through_whole() {
    let tool = r#"{"type":"web_search","name":"w","k":[1.0]}"#;
    let body = format!(
        r#"{{"model":"up","messages":[{{"role":"user","content":"x"}}],"tools":[{tool}]}}"#
    );
    assert!(through(&body).contains(tool));
}

#[test]
fn caps_below_one_stay_ollamas_own() {
    let body = |n: &str| {
        format!(
            r#"{{"model":"up","messages":[{{"role":"user","content":"x"}}],"options":{{"num_predict":{n}}}}}"#
        )
    };
    for (n, most) in [("7", Some(7)), ("-1", None), ("-2", None), ("0", None)] {
        let body = body(n);
        assert_eq!(request::read(body.as_bytes()).unwrap().max_tokens, most);
        assert!(through(&body).contains(&format!(r#""num_predict":{n}"#)), "{n}");
    }
    let none = Request { max_tokens: Some(0), ..hello() };
    assert_eq!(losses(&none), ["max_tokens"]);
}

#[test]
fn texts_are_joined_and_images_stand_beside_them() {
    let image = media(MediaKind::Image, Source::Base64(text(PNG)), "image/png");
    let both = || vec![Part::text(text("a")), Part::text(text("b"))];
    let mut seen = both();
    seen.insert(1, image);
    // What others keep apart stands on lines of its own; the model's own words are not torn.
    let said = Turn::new(Role::Assistant, both());
    let messages = &sent(&ask(vec![user(seen), said]))["messages"];
    let seen = format!(r#"{{"role":"user","content":"a\nb","images":["{PNG}"]}}"#);
    assert_eq!(messages[0], json(&seen));
    assert_eq!(messages[1]["content"], "ab");
}

#[test]
fn documents_of_text_become_text() {
    let plain = media(MediaKind::Document, Source::Plain(text("one\n")), "text/plain");
    let coded = media(MediaKind::Document, Source::Base64(text("dHdvIg==")), "text/markdown");
    let request = ask(vec![user(vec![plain, coded, Part::text(text("?"))])]);
    assert_eq!(sent(&request)["messages"][0]["content"], "one\n\n\ntwo\"\n\n?");
}

#[test]
fn what_cannot_be_carried_is_refused() {
    let other =
        Extra { by: Protocol::Anthropic, name: "search_result".into(), value: Json::fixed("{}") };
    let base64 = || Source::Base64(text("AAAA"));
    for (part, words) in [
        (media(MediaKind::Image, Source::Url(text("https://a/b")), "image/png"), "address"),
        (
            media(MediaKind::Image, Source::File(Protocol::Openai, text("f")), "image/png"),
            "file id",
        ),
        (media(MediaKind::Document, base64(), "application/pdf"), "document"),
        (media(MediaKind::Document, Source::Url(text("https://a")), "text/plain"), "document"),
        (media(MediaKind::Audio, base64(), "audio/wav"), "sound"),
        (media(MediaKind::Video, base64(), "video/mp4"), "film"),
        (Part::new(Content::Other(other)), "search_result"),
        (call("c", "f"), "call"),
    ] {
        let error = written(&ask(vec![user(vec![part])]), &Facts::default()).unwrap_err();
        assert_eq!(error.param, Some("messages"));
        assert!(error.message.contains(words), "{}", error.message);
    }
    let blind = Facts { images: false, ..Facts::default() };
    let image = media(MediaKind::Image, Source::Base64(text(PNG)), "image/png");
    assert!(written(&ask(vec![user(vec![image])]), &blind).is_err());
    for kind in [
        ToolKind::Custom(None),
        ToolKind::Own(Extra {
            by: Protocol::Openai,
            name: "web_search".into(),
            value: Json::fixed("{}"),
        }),
        ToolKind::Function(Some(Json::fixed("[]"))),
    ] {
        let request = Request { tools: vec![Tool { kind, ..tool("t") }], ..hello() };
        let error = written(&request, &Facts::default()).unwrap_err();
        assert_eq!(error.param, Some("tools"));
    }
}

#[test]
fn results_follow_the_order_of_the_calls_and_come_first() {
    let model = Turn::new(Role::Assistant, vec![call("c1", "f"), call("c2", "g")]);
    let request = ask(vec![
        model,
        user(vec![Part::text(text("and")), result("c2", "two")]),
        user(vec![result("c1", "one")]),
    ]);
    let messages = &sent(&request)["messages"];
    let expected = json(
        r#"[{"role":"assistant","content":"","tool_calls":[
            {"id":"c1","function":{"name":"f","arguments":{"n":1.0}}},
            {"id":"c2","function":{"name":"g","arguments":{"n":1.0}}}]},
        {"role":"tool","content":"one","tool_name":"f","tool_call_id":"c1"},
        {"role":"tool","content":"two","tool_name":"g","tool_call_id":"c2"},
        {"role":"user","content":"and"}]"#,
    );
    assert_eq!(*messages, expected);
}

#[test]
fn results_without_ids_go_by_their_place() {
    let model = Turn::new(Role::Assistant, vec![call("", "f"), call("", "g")]);
    let request = ask(vec![model, user(vec![result("", "one"), result("", "two")])]);
    let messages = &sent(&request)["messages"];
    assert_eq!(messages[1], json(r#"{"role":"tool","content":"one","tool_name":"f"}"#));
    assert_eq!(messages[2], json(r#"{"role":"tool","content":"two","tool_name":"g"}"#));
    assert!(messages[0]["tool_calls"][0].get("id").is_none());
}

#[test]
fn a_failed_call_says_so() {
    let Content::Result(mut failed) = result("c", "no such file").content else { return };
    failed.failed = true;
    let request = ask(vec![user(vec![Part::new(Content::Result(failed))])]);
    assert_eq!(sent(&request)["messages"][0]["content"], "Error: no such file");
}

#[test]
fn what_a_model_said_elsewhere_is_carried_as_far_as_it_goes() {
    let signature = Some(Signature { by: Protocol::Anthropic, data: text("sig") });
    let thought = Part { signature, ..Part::new(Content::Thinking(text("hm"))) };
    let hidden = Part::new(Content::Redacted);
    let refusal = Part::new(Content::Refusal(text("no")));
    let parts = vec![thought, hidden, refusal];
    let request = ask(vec![Turn::new(Role::Assistant, parts)]);
    let expected = json(r#"{"role":"assistant","content":"no","thinking":"hm"}"#);
    assert_eq!(sent(&request)["messages"][0], expected);
    let other =
        Extra { by: Protocol::Gemini, name: "executableCode".into(), value: Json::fixed("{}") };
    let parts = vec![Part::new(Content::Other(other))];
    assert_eq!(losses(&ask(vec![Turn::new(Role::Assistant, parts)])), ["executableCode"]);
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let mut wrong = Call {
        id: text("c"),
        name: text("f"),
        arguments: Arguments::Quoted(text("[1]")),
        custom: false,
    };
    let refused = |call: &Call<'static>| {
        let part = Part::new(Content::Call(call.clone()));
        written(&ask(vec![Turn::new(Role::Assistant, vec![part])]), &Facts::default()).is_err()
    };
    assert!(refused(&wrong));
    wrong.arguments = Arguments::Quoted(text(""));
    assert!(!refused(&wrong));
    wrong.custom = true;
    assert!(refused(&wrong));
}

#[test]
fn thinking_is_asked_for_only_where_the_client_does() {
    let think = |wish: Thinking, facts: &Facts| {
        let request = Request { thinking: wish, ..hello() };
        let (text, losses) = written(&request, facts).unwrap();
        (json(&text).get("think").map(ToString::to_string), losses)
    };
    let effort = |effort| Thinking { effort: Some(effort), ..Thinking::default() };
    let mode = |mode| Thinking { mode: Some(mode), ..Thinking::default() };
    let budget = |budget| Thinking { budget: Some(budget), ..mode(ThinkingMode::On) };
    let any = Facts::default();
    for (wish, value) in [
        (Thinking::default(), None),
        (effort(Effort::None), Some("false")),
        (effort(Effort::Minimal), Some("\"low\"")),
        (effort(Effort::Low), Some("\"low\"")),
        (effort(Effort::Medium), Some("\"medium\"")),
        (effort(Effort::High), Some("\"high\"")),
        (effort(Effort::Xhigh), Some("\"max\"")),
        (effort(Effort::Max), Some("\"max\"")),
        (mode(ThinkingMode::On), Some("true")),
        (mode(ThinkingMode::Adaptive), Some("true")),
        (mode(ThinkingMode::Off), Some("false")),
        (budget(1024), Some("\"low\"")),
        (budget(8192), Some("\"medium\"")),
        (budget(8193), Some("\"high\"")),
    ] {
        assert_eq!(think(wish, &any), (value.map(str::to_owned), vec![]), "{wish:?}");
    }
    let lost = vec!["reasoning_effort".to_owned()];
    let never = Facts { thinking: ThinkingRule::Never, ..Facts::default() };
    assert_eq!(think(effort(Effort::High), &never), (None, lost.clone()));
    assert_eq!(think(effort(Effort::None), &never), (None, vec![]));
    let always = Facts { always_thinks: true, ..Facts::default() };
    assert_eq!(think(effort(Effort::None), &always), (None, lost));
}

#[test]
fn who_may_not_call_has_no_tools() {
    let with = |choice| Request {
        tools: vec![tool("f"), tool("g")],
        tool_choice: Some(choice),
        ..hello()
    };
    assert!(sent(&with(ToolChoice::None)).get("tools").is_none());
    let tools = json(
        r#"[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}},
            {"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}]"#,
    );
    assert_eq!(sent(&with(ToolChoice::Auto))["tools"], tools);
    for choice in [ToolChoice::Required, ToolChoice::Named(text("f"))] {
        let (sent, losses) = written(&with(choice), &Facts::default()).unwrap();
        assert_eq!(
            (json(&sent)["tools"].clone(), losses),
            (tools.clone(), vec!["tool_choice".into()])
        );
    }
    let allowed = ToolChoice::Allowed { required: false, names: vec![text("g")] };
    assert_eq!(sent(&with(allowed))["tools"], json(&format!("[{}]", tools[1])));
}

#[test]
fn what_has_no_words_is_told() {
    let by = Protocol::Openai;
    let extra = vec![Extra { by, name: "logit_bias".into(), value: Json::fixed(r#"{"1":2}"#) }];
    let request = Request {
        parallel_tools: Some(false),
        format: Some(Format::Object),
        choices: Some(1),
        tier: Some(text("flex")),
        user: Some(text("u")),
        metadata: Some(Json::fixed(r#"{"a":"b"}"#)),
        cache: Some(Cache::Hour),
        tools: vec![Tool { strict: Some(true), ..tool("f") }],
        sampling: Sampling { seed: Some(Json::fixed("1")), ..Sampling::default() },
        extra,
        ..hello()
    };
    let names = [
        "strict",
        "logit_bias",
        "parallel_tool_calls",
        "service_tier",
        "user",
        "metadata",
        "cache_control",
    ];
    assert_eq!(losses(&request), names);
    let several = Request { choices: Some(2), ..hello() };
    assert_eq!(written(&several, &Facts::default()).unwrap_err().param, Some("n"));
    let harmless = Request {
        parallel_tools: Some(true),
        choices: Some(1),
        tier: Some(text("auto")),
        format: Some(Format::Text),
        ..hello()
    };
    sent(&harmless);
}

#[test]
fn every_fault_names_its_field() {
    let with = |member: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{member}}}"#)
    };
    let message = |message: &str| format!(r#"{{"model":"m","messages":[{message}]}}"#);
    for (body, param) in [
        (String::new(), None),
        ("[]".into(), None),
        (r#"{"messages":[{"role":"user"}]}"#.into(), Some("model")),
        (r#"{"model":"","messages":[{"role":"user"}]}"#.into(), Some("model")),
        (r#"{"model":"m"}"#.into(), Some("messages")),
        (r#"{"model":"m","messages":[]}"#.into(), Some("messages")),
        (r#"{"model":"m","messages":{}}"#.into(), Some("messages")),
        (message("1"), Some("messages")),
        (message(r#"{"role":"developer","content":"x"}"#), Some("messages")),
        (message(r#"{"role":"user","content":[]}"#), Some("messages")),
        (message(r#"{"role":"user","images":"x"}"#), Some("messages")),
        (
            message(r#"{"role":"user","images":["data:image/png;base64,iVBORw0KGgo="]}"#),
            Some("messages"),
        ),
        (message(r#"{"role":"user","images":["AAAA"]}"#), Some("messages")),
        (message(r#"{"role":"assistant","tool_calls":[{}]}"#), Some("messages")),
        (
            message(
                r#"{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}"#,
            ),
            Some("messages"),
        ),
        (with(r#""mod\u0065l":"n""#), Some("model")),
        (with(r#""stream":1"#), Some("stream")),
        (with(r#""tools":{}"#), Some("tools")),
        (with(r#""tools":[{"type":"function"}]"#), Some("tools")),
        (with(r#""tools":[{"type":"function","function":{"name":""}}]"#), Some("tools")),
        (with(r#""format":"xml""#), Some("format")),
        (with(r#""think":"none""#), Some("think")),
        (with(r#""think":1"#), Some("think")),
        (with(r#""options":[]"#), Some("options")),
        (with(r#""options":{"temperature":"1"}"#), Some("options")),
        (with(r#""options":{"stop":[1]}"#), Some("options")),
        (with(r#""top_logprobs":-1"#), Some("top_logprobs")),
        (with(r#""logprobs":"yes""#), Some("logprobs")),
    ] {
        assert_eq!(request::read(body.as_bytes()).unwrap_err().param, param, "{body}");
    }
}

#[test]
fn images_are_known_by_their_first_bytes() {
    let mime = |data: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","images":["{data}"]}}]}}"#);
        let request = request::read(body.as_bytes()).unwrap();
        let Content::Media(media) = &request.turns[0].parts[0].content else {
            return String::new();
        };
        media.mime.as_ref().unwrap().decode().into_owned()
    };
    for (data, expected) in [
        (PNG, "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRgAAAABXRUJQVlA4IAAA", "image/webp"),
        ("UklGRgAAAABXQVZFZm10IAAA", "audio/wav"),
    ] {
        assert_eq!(mime(data), expected);
    }
}
