//! Writing requests, most of them what clients of other formats ask for.

use super::same;
use super::spoken;
use super::written;
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
use crate::protocol::Dialect;

fn part(text: &str) -> Part<'static> {
    Part::text(Text::plain(text))
}

fn call(id: &str, name: &str, arguments: &str) -> Part<'static> {
    Part::new(Content::Call(Call {
        id: Text::plain(id),
        name: Text::plain(name),
        arguments: Arguments::Value(Json::parse(arguments.as_bytes()).unwrap()),
        custom: false,
    }))
}

fn result(id: &str, parts: Vec<Part<'static>>, failed: bool) -> Part<'static> {
    Part::new(Content::Result(CallResult { id: Text::plain(id), name: None, parts, failed }))
}

fn image() -> Part<'static> {
    Part::new(Content::Media(Media {
        kind: MediaKind::Image,
        source: Source::Base64(Text::plain("AAAA")),
        mime: Some(Text::plain("image/png")),
        detail: None,
        name: None,
    }))
}

fn foreign(name: &'static str) -> Extra<'static> {
    Extra { by: Protocol::Anthropic, name: name.into(), value: Json::fixed("1") }
}

fn asked(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request { model: Text::plain("m"), turns, ..Request::default() }
}

fn user(parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn::new(Role::User, parts)
}

fn model(parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn::new(Role::Assistant, parts)
}

/// The messages that turns become.
#[track_caller]
fn messages(turns: Vec<Turn<'static>>, expected: &str) {
    let (body, _) = written(&asked(turns), &Facts::default()).unwrap();
    same(&body, &format!(r#"{{"model":"m","messages":{expected}}}"#));
}

#[test]
fn a_request_in_which_nobody_says_anything_still_has_a_message() {
    let silent = Turn::new(Role::User, Vec::new());
    let dropped = Turn::new(Role::Assistant, vec![Part::new(Content::Redacted)]);
    for turns in [vec![silent.clone()], vec![silent, dropped]] {
        let asked = Request { model: Text::plain("m"), turns, ..Request::default() };
        let (body, _) = written(&asked, &Facts::default()).unwrap();
        same(&body, r#"{"model":"m","messages":[{"role":"user","content":""}]}"#);
    }
}

#[test]
fn a_turn_of_results_becomes_messages_of_tools() {
    let signed = Signature { by: Protocol::Anthropic, data: Text::plain("S") };
    let mut thought = Part::new(Content::Thinking(Text::plain("hm")));
    thought.signature = Some(signed);
    messages(
        vec![
            user(vec![part("a")]),
            model(vec![thought, part("b"), call("1", "f", r#"{"x": 1}"#), call("2", "g", "{}")]),
            user(vec![
                part("more"),
                result("1", vec![part("one")], false),
                result("2", vec![part("bad")], true),
            ]),
        ],
        r#"[{"role":"user","content":"a"},
            {"role":"assistant","content":"b","tool_calls":[
                {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},
                {"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"one"},
            {"role":"tool","tool_call_id":"2","content":"Error: bad"},
            {"role":"user","content":"more"}]"#,
    );
}

/// Some look-alikes refuse a call that comes back without what the model thought before it.
#[test]
fn what_was_thought_goes_back_to_whom_it_is_known_to_matter() {
    let thought = |text: &str| Part::new(Content::Thinking(Text::plain(text)));
    let turns = vec![
        user(vec![part("a")]),
        model(vec![thought("h\"m"), part("b"), thought(" so"), call("1", "f", "{}")]),
        user(vec![result("1", vec![part("one")], false)]),
        model(vec![call("2", "f", "{}")]),
        user(vec![result("2", vec![part("two")], false)]),
        model(vec![thought("yes"), part("c")]),
        model(vec![thought("and nothing said")]),
        user(vec![part("d")]),
        model(vec![part("e")]),
    ];
    let facts = Facts { reasoning_back: true, ..Facts::default() };
    let (body, losses) = written(&asked(turns.clone()), &facts).unwrap();
    let call = |id: &str| {
        format!(r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}"#)
    };
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},
            {{"role":"assistant","content":"b","reasoning_content":"h\"m so","tool_calls":[{}]}},
            {{"role":"tool","tool_call_id":"1","content":"one"}},
            {{"role":"assistant","content":null,"reasoning_content":"","tool_calls":[{}]}},
            {{"role":"tool","tool_call_id":"2","content":"two"}},
            {{"role":"assistant","content":"c","reasoning_content":"yes"}},
            {{"role":"user","content":"d"}},
            {{"role":"assistant","content":"e"}}]"#,
        call("1"),
        call("2"),
    );
    same(&body, &format!(r#"{{"model":"m","messages":{messages}}}"#));
    assert!(losses.is_empty(), "{losses:?}");
    let (body, _) = written(&asked(turns), &Facts::default()).unwrap();
    assert!(!body.contains("reasoning_content"), "{body}");
}

#[test]
fn images_of_results_move_behind_them() {
    messages(
        vec![
            model(vec![call("1", "f", "{}")]),
            user(vec![result("1", vec![part("see"), image()], false), part("what is it?")]),
            model(vec![call("2", "f", "{}")]),
            user(vec![result("2", vec![image()], false)]),
        ],
        r#"[{"role":"assistant","content":null,"tool_calls":[
                {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"see"},
            {"role":"user","content":[
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
                {"type":"text","text":"what is it?"}]},
            {"role":"assistant","content":null,"tool_calls":[
                {"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"2","content":"The result is attached to the next message."},
            {"role":"user","content":[
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]"#,
    );
}

#[test]
fn nothing_stands_between_a_call_and_its_result() {
    messages(
        vec![
            model(vec![call("1", "f", "{}")]),
            model(vec![part("also"), call("2", "f", "{}")]),
            Turn::new(Role::System, vec![part("note")]),
            user(vec![result("2", vec![], false)]),
            user(vec![result("1", vec![part("x"), part("y")], false)]),
        ],
        r#"[{"role":"assistant","content":"also","tool_calls":[
                {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"2","content":""},
            {"role":"tool","tool_call_id":"1","content":[
                {"type":"text","text":"x"},{"type":"text","text":"y"}]},
            {"role":"system","content":"note"}]"#,
    );
}

#[test]
fn ids_and_names_are_made_legal_alike_everywhere() {
    let long = "toolu_".repeat(20);
    let name = format!("mcp:{}", "x".repeat(80));
    let turns = vec![
        model(vec![call(&long, &name, "{}"), call("", "plain", "{}")]),
        user(vec![result(&long, vec![], false), result("", vec![], false)]),
    ];
    let (body, losses) = written(&asked(turns), &Facts::default()).unwrap();
    assert!(losses.is_empty());
    let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
    let calls = &tree["messages"][0]["tool_calls"];
    let id = calls[0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 40);
    assert_eq!(tree["messages"][1]["tool_call_id"], id);
    assert_eq!(calls[1]["id"], "call_0");
    assert_eq!(tree["messages"][2]["tool_call_id"], "call_0");
    let name = calls[0]["function"]["name"].as_str().unwrap();
    assert!(name.len() == 64 && name.starts_with("mcp_xxx"), "{name}");
}

#[test]
fn what_the_model_cannot_take_is_refused_by_name() {
    let other = |by, name: &'static str| {
        Part::new(Content::Other(Extra { by, name: name.into(), value: Json::fixed("{}") }))
    };
    let film = |kind, source| {
        let media = Media { kind, source, mime: None, detail: None, name: None };
        user(vec![Part::new(Content::Media(media))])
    };
    for turn in [
        film(MediaKind::Video, Source::Url(Text::plain("https://x"))),
        film(MediaKind::Document, Source::Url(Text::plain("https://x"))),
        film(MediaKind::Document, Source::File(Protocol::Anthropic, Text::plain("f"))),
        film(MediaKind::Image, Source::File(Protocol::Openai, Text::plain("f"))),
        film(MediaKind::Audio, Source::Url(Text::plain("https://x"))),
        user(vec![other(Protocol::Anthropic, "search_result")]),
        model(vec![image()]),
        Turn::new(Role::System, vec![image()]),
    ] {
        let error = written(&asked(vec![turn]), &Facts::default()).unwrap_err();
        assert_eq!(error.param, Some("messages"));
    }
    let blind = Facts { images: false, ..Facts::default() };
    assert!(written(&asked(vec![user(vec![image()])]), &blind).is_err());
    let said = vec![model(vec![part("a"), other(Protocol::Anthropic, "server_tool_use")])];
    let (_, losses) = written(&asked(said), &Facts::default()).unwrap();
    assert_eq!(losses, ["server_tool_use"]);
    let own = ToolKind::Own(foreign("web_search_20250305"));
    let tool = Tool {
        name: Text::plain("web_search"),
        description: None,
        kind: own,
        strict: None,
        cache: None,
        extra: Vec::new(),
    };
    let request = Request { tools: vec![tool], ..asked(vec![user(vec![part("a")])]) };
    assert_eq!(written(&request, &Facts::default()).unwrap_err().param, Some("tools"));
}

#[test]
fn a_plain_document_is_text() {
    let document = Media {
        kind: MediaKind::Document,
        source: Source::Plain(Text::plain("words")),
        mime: Some(Text::plain("text/plain")),
        detail: None,
        name: Some(Text::plain("Title")),
    };
    messages(
        vec![user(vec![Part::new(Content::Media(document))])],
        r#"[{"role":"user","content":[{"type":"text","text":"Title\n\nwords"}]}]"#,
    );
}

#[test]
fn a_mark_that_is_shortened_is_told() {
    let facts = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
    for (mark, ttl, told) in [
        (Cache::Standard, None, false),
        (Cache::HalfHour, Some("30m"), false),
        (Cache::Hour, Some("30m"), true),
        (Cache::HalfDay, Some("12h"), false),
    ] {
        let mut request = asked(vec![user(vec![part("a")])]);
        request.turns[0].parts[0].cache = Some(mark);
        let (body, losses) = written(&request, &facts).unwrap();
        let ttl = ttl.map_or_else(String::new, |ttl| format!(r#","ttl":"{ttl}""#));
        let written = format!(r#""prompt_cache_breakpoint":{{"mode":"explicit"{ttl}}}"#);
        assert!(body.contains(&written), "{mark:?}: {body}");
        assert_eq!(losses == ["cache_control"], told, "{mark:?}: {losses:?}");
    }
}

#[test]
fn what_is_lost_is_told() {
    let mut request = asked(vec![user(vec![part("a")])]);
    request.turns[0].parts[0].cache = Some(Cache::Hour);
    request.turns[0].extra.push(foreign("on_turn"));
    request.extra.push(foreign("container"));
    request.sampling = Sampling {
        temperature: Some(Json::fixed("0.2")),
        top_p: Some(Json::fixed("1.0")),
        top_k: Some(Json::fixed("4")),
        ..Sampling::default()
    };
    request.stop = ["a", "b", "c", "d", "e"].map(Text::plain).into();
    request.tool_choice = Some(ToolChoice::Required);
    let facts = Facts { sampling: false, ..Facts::default() };
    let (body, losses) = written(&request, &facts).unwrap();
    assert_eq!(
        losses,
        ["cache_control", "on_turn", "tool_choice", "temperature", "top_k", "stop", "container"]
    );
    same(
        &body,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"top_p":1.0,
            "stop":["a","b","c","d"]}"#,
    );
}

#[test]
fn marks_are_for_openai_alone_and_four_at_most() {
    let mut parts: Vec<_> = (0..5).map(|n| part(&n.to_string())).collect();
    parts.iter_mut().for_each(|part| part.cache = Some(Cache::HalfDay));
    let facts = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
    let (body, losses) = written(&asked(vec![user(parts)]), &facts).unwrap();
    assert_eq!(
        body.matches(r#""prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}"#).count(),
        4
    );
    assert!(body.contains(r#"{"type":"text","text":"0"},"#));
    assert_eq!(losses, ["cache_control"]);
}

/// Results are messages of their own, and what cannot stand in them moves behind them.
#[test]
fn a_mark_of_a_result_stands_where_the_result_ends() {
    let marked = |result: Part<'static>| Part { cache: Some(Cache::Standard), ..result };
    let calls = |ids: &[&str]| model(ids.iter().map(|id| call(id, "f", "{}")).collect());
    let results = vec![
        marked(result("1", vec![image()], false)),
        marked(result("2", vec![], false)),
        marked(result("3", vec![], true)),
        marked(result("4", vec![part("see"), image()], false)),
        part("go on"),
    ];
    let turns = vec![calls(&["1", "2", "3", "4"]), user(results)];
    let facts = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
    let (body, losses) = written(&asked(turns.clone()), &facts).unwrap();
    assert!(losses.is_empty(), "{losses:?}");
    let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
    let [_, one, two, three, four, behind] = tree["messages"].as_array().unwrap().as_slice() else {
        panic!("{body}")
    };
    let mark = r#""prompt_cache_breakpoint":{"mode":"explicit"}"#;
    let text = |text: &str, mark: &str| format!(r#"{{"type":"text","text":"{text}"{mark}}}"#);
    let with = format!(",{mark}");
    let image = format!(
        r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,AAAA"}},{mark}}}"#
    );
    same(&one["content"].to_string(), "\"The result is attached to the next message.\"");
    same(&two["content"].to_string(), &format!("[{}]", text("", &with)));
    let failed = format!("[{},{}]", text("Error: ", ""), text("", &with));
    same(&three["content"].to_string(), &failed);
    same(&four["content"].to_string(), "\"see\"");
    same(&behind["content"].to_string(), &format!("[{image},{image},{}]", text("go on", "")));
    let (body, losses) = written(&asked(turns), &Facts::default()).unwrap();
    assert_eq!(losses, ["cache_control"]);
    assert!(!body.contains("breakpoint") && body.contains(r#""content":"Error: ""#), "{body}");
}

#[test]
fn a_mark_on_what_is_not_written_is_told() {
    let marked = |part: Part<'static>| Part { cache: Some(Cache::Standard), ..part };
    let thought = marked(Part::new(Content::Thinking(Text::plain("hm"))));
    let facts = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
    for turns in [
        vec![user(vec![part("a"), marked(part(""))])],
        vec![user(vec![part("a")]), model(vec![part("b"), marked(part(""))])],
        vec![user(vec![part("a")]), model(vec![thought, part("b")])],
    ] {
        let (body, losses) = written(&asked(turns), &facts).unwrap();
        assert_eq!(losses, ["cache_control"], "{body}");
    }
}

#[test]
fn thinking_becomes_an_effort() {
    let wish = |mode, effort, budget| Thinking { mode, effort, budget, visible: None };
    let (off, on) = (Some(ThinkingMode::Off), Some(ThinkingMode::On));
    for (wish, rule, expected) in [
        (wish(on, None, Some(1024)), ThinkingRule::Effort, Ok("low")),
        (wish(on, None, Some(8192)), ThinkingRule::Effort, Ok("medium")),
        (wish(on, None, Some(8193)), ThinkingRule::Unknown, Ok("high")),
        (wish(None, Some(Effort::Xhigh), None), ThinkingRule::Effort, Ok("xhigh")),
        (wish(off, None, None), ThinkingRule::Effort, Ok("none")),
        (wish(off, None, None), ThinkingRule::Unknown, Ok("none")),
        (wish(off, None, None), ThinkingRule::Adaptive, Err(true)),
        (wish(off, None, None), ThinkingRule::Never, Err(false)),
        (wish(on, None, None), ThinkingRule::Never, Err(true)),
        (wish(Some(ThinkingMode::Adaptive), None, None), ThinkingRule::Effort, Err(false)),
        (Thinking::default(), ThinkingRule::Effort, Err(false)),
    ] {
        let request = Request { thinking: wish, ..asked(vec![user(vec![part("a")])]) };
        let facts = Facts { thinking: rule, ..Facts::default() };
        let (body, losses) = written(&request, &facts).unwrap();
        match expected {
            Ok(effort) => {
                assert!(body.contains(&format!(r#""reasoning_effort":"{effort}""#)), "{body}");
            }
            Err(told) => {
                assert!(!body.contains("reasoning_effort"), "{body}");
                assert_eq!(losses == ["reasoning_effort"], told, "{wish:?} {rule:?}");
            }
        }
    }
}

#[test]
fn limits_users_and_streams_have_the_upstreams_names() {
    let mut request = asked(vec![user(vec![part("a")])]);
    request.max_tokens = Some(5);
    request.user = Some(Text::plain(&"u".repeat(200)));
    request.stream = true;
    let value = Json::fixed(r#"{"include_usage":false,"include_obfuscation":false}"#);
    request.extra.push(Extra { by: Protocol::Openai, name: "stream_options".into(), value });
    let (body, losses) = written(&request, &Facts::default()).unwrap();
    assert!(losses.is_empty());
    let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(tree["max_completion_tokens"], 5);
    assert_eq!(tree["safety_identifier"].as_str().unwrap().len(), 128);
    let options = r#"{"include_usage":true,"include_obfuscation":false}"#;
    same(&tree["stream_options"].to_string(), options);
    let (common, unknown) = (Dialect::COMMON, Facts::default());
    let says = |known| Facts { max_completion_tokens: Some(known), ..Facts::default() };
    let told = |facts: &Facts, dialect| spoken(&request, facts, dialect).unwrap();
    let (body, losses) = told(&unknown, common);
    assert!(body.contains(r#""max_tokens":5"#) && body.contains(r#""user":"uuu"#), "{body}");
    assert!(losses.is_empty());
    // What is known of the model counts more.
    assert!(told(&says(true), common).0.contains(r#""max_completion_tokens":5"#));
    assert!(told(&says(false), Dialect::default()).0.contains(r#""max_tokens":5"#));
    let (body, losses) = told(&unknown, Dialect { stream_usage: false, end_user: None, ..common });
    let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(tree["stream_options"], serde_json::json!({"include_obfuscation": false}));
    assert_eq!((tree.get("user"), tree.get("safety_identifier")), (None, None));
    assert_eq!(losses, ["user"]);
    request.extra.clear();
    let (body, _) = spoken(&request, &unknown, Dialect { stream_usage: false, ..common }).unwrap();
    assert!(!body.contains("stream_options"), "{body}");
}

#[test]
fn texts_become_one_where_a_list_of_them_is_refused() {
    let marked = |text| Part { cache: Some(Cache::Standard), ..part(text) };
    let turns = vec![
        Turn::new(Role::System, vec![part("a\\"), marked("b")]),
        user(vec![part("c"), part("d")]),
        model(vec![part("e"), part("f"), call("1", "n", "{}")]),
        user(vec![result("1", vec![part("r"), part("s")], true), part("g")]),
        user(vec![part("h"), image()]),
    ];
    let content = |turns, facts: &Facts, dialect| -> Vec<serde_json::Value> {
        let (body, _) = spoken(&asked(turns), facts, dialect).unwrap();
        let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
        let messages = tree["messages"].as_array().unwrap();
        messages.iter().map(|message| message["content"].clone()).collect()
    };
    let found = content(turns.clone(), &Facts::default(), Dialect::COMMON);
    assert_eq!(found[..5], ["a\\\nb", "c\nd", "ef", "Error: r\ns", "g"]);
    assert_eq!(found[5][0]["text"], "h");
    let (_, losses) = spoken(&asked(turns.clone()), &Facts::default(), Dialect::COMMON).unwrap();
    assert_eq!(losses, ["cache_control"]);
    let lists = content(turns.clone(), &Facts::default(), Dialect::default());
    assert!(lists[..4].iter().all(serde_json::Value::is_array), "{lists:?}");
    let with = |by| Part { extra: vec![Extra { by, ..foreign("x") }], ..part("a") };
    let one = |by| {
        spoken(&asked(vec![user(vec![with(by), part("b")])]), &Facts::default(), Dialect::COMMON)
    };
    let (body, losses) = one(Protocol::Anthropic).unwrap();
    assert!(body.contains(r#""content":"a\nb""#) && losses == ["x"], "{body} {losses:?}");
    let (body, losses) = one(Protocol::Openai).unwrap();
    assert!(body.contains(r#""x":1}"#) && losses.is_empty(), "{body} {losses:?}");
    // A mark that the model takes has no place in a text.
    let marks = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
    let found = content(turns, &marks, Dialect::COMMON);
    assert!(found[0].is_array() && found[1] == "c\nd", "{found:?}");
}

#[test]
fn a_schema_is_asked_for_in_words_where_it_must_be() {
    let schema = Json::fixed(r#"{"type":"object"}"#);
    let description = Some(Text::plain("Why."));
    let format = Format::Schema { name: None, description, schema, strict: None };
    let request = Request { format: Some(format), ..asked(vec![user(vec![part("a")])]) };
    let (body, losses) = written(&request, &Facts::default()).unwrap();
    assert!(losses.is_empty());
    let own = r#"{"name":"answer","description":"Why.","schema":{"type":"object"}}"#;
    assert!(body.contains(own), "{body}");
    let plain = Facts { json_schema: false, ..Facts::default() };
    let (body, losses) = written(&request, &plain).unwrap();
    assert_eq!(losses, ["response_format"]);
    assert!(body.contains(r#""response_format":{"type":"json_object"}"#));
    let words = r#"fits this JSON Schema:\n{\"description\":\"Why.\",\"type\":\"object\"}"#;
    assert!(body.contains(words), "{body}");
}
