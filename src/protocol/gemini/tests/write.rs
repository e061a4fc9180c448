//! Writing requests.

use super::written;
use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
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
use crate::chat::Signature;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;

fn text(role: Role, text: &str) -> Turn<'static> {
    Turn::new(role, vec![Part::text(Text::plain(text))])
}

fn call(id: &str, name: &str, arguments: &str) -> Part<'static> {
    let arguments = Arguments::Quoted(Text::plain(arguments));
    let (id, name) = (Text::plain(id), Text::plain(name));
    Part::new(Content::Call(Call { id, name, arguments, custom: false }))
}

fn result(id: &str, text: &str, failed: bool) -> Part<'static> {
    let parts = vec![Part::text(Text::plain(text))];
    Part::new(Content::Result(CallResult { id: Text::plain(id), name: None, parts, failed }))
}

fn request(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request { turns, ..Request::default() }
}

fn body(turns: Vec<Turn<'static>>) -> String {
    written(&request(turns), &Facts::default()).unwrap().0
}

fn fault(request: &Request<'_>) -> Option<&'static str> {
    written(request, &Facts::default()).unwrap_err().param
}

fn tool(kind: ToolKind<'static>) -> Tool<'static> {
    let name = Text::plain("f");
    Tool { name, description: None, kind, strict: None, cache: None, extra: Vec::new() }
}

#[test]
fn turns_are_made_legal() {
    let turns = vec![
        text(Role::System, "be"),
        text(Role::Assistant, "hello"),
        text(Role::User, "a"),
        text(Role::User, ""),
        text(Role::System, "brief"),
        text(Role::User, "b"),
        text(Role::Assistant, ""),
    ];
    assert_eq!(
        body(turns),
        concat!(
            r#"{"systemInstruction":{"parts":[{"text":"be"},{"text":"brief"}]},"#,
            r#""contents":[{"role":"user","parts":[{"text":"."}]},"#,
            r#"{"role":"model","parts":[{"text":"hello"}]},"#,
            r#"{"role":"user","parts":[{"text":"a"},{"text":"b"}]}]}"#,
        )
    );
    let nobody = r#"{"contents":[{"role":"user","parts":[{"text":"."}]}]}"#;
    assert_eq!(body(vec![]), nobody);
    assert_eq!(body(vec![text(Role::Assistant, "")]), nobody);
}

#[test]
fn results_stand_together_in_the_order_of_the_calls() {
    let calls = Turn::new(
        Role::Assistant,
        vec![call("1", "f", r#"{"a":1.0}"#), call("2", "g", ""), call("3", "h", "oops")],
    );
    let mixed = Turn::new(
        Role::User,
        vec![
            result("3", "x", true),
            Part::text(Text::plain("so?")),
            result("1", r#" {"r":1}"#, false),
        ],
    );
    let turns = vec![
        text(Role::User, "go"),
        calls,
        mixed,
        Turn::new(Role::User, vec![result("2", "", false)]),
    ];
    assert_eq!(
        body(turns),
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"go"}]},{"role":"model","parts":["#,
            r#"{"functionCall":{"name":"f","args":{"a":1.0}}},"#,
            r#"{"functionCall":{"name":"g","args":{}}},"#,
            r#"{"functionCall":{"name":"h","args":{"_text":"oops"}}}]},"#,
            r#"{"role":"user","parts":["#,
            r#"{"functionResponse":{"name":"f","response":{"r":1}}},"#,
            r#"{"functionResponse":{"name":"g","response":{"output":""}}},"#,
            r#"{"functionResponse":{"name":"h","response":{"error":"x"}}}]},"#,
            r#"{"role":"user","parts":[{"text":"so?"}]}]}"#,
        )
    );
}

#[test]
fn calls_and_results_must_match() {
    let calls = || Turn::new(Role::Assistant, vec![call("1", "f", "{}"), call("2", "f", "{}")]);
    let answer =
        |ids: &[&str]| Turn::new(Role::User, ids.iter().map(|id| result(id, "x", false)).collect());
    let start = || text(Role::User, "go");
    for wrong in [answer(&["1"]), answer(&["1", "3"]), answer(&["1", "2", "2"]), start()] {
        assert_eq!(fault(&request(vec![start(), calls(), wrong])), Some("messages"));
    }
    assert_eq!(fault(&request(vec![answer(&["1"])])), Some("messages"));
    assert!(
        written(&request(vec![start(), calls()]), &Facts::default()).is_ok(),
        "not yet answered"
    );
}

#[test]
fn calls_of_this_turn_are_signed() {
    let own = Signature { by: Protocol::Gemini, data: Text::plain("own") };
    let foreign = Signature { by: Protocol::Anthropic, data: Text::plain("foreign") };
    let step = |id: &str, signature: Option<Signature<'static>>| {
        let part = Part { signature, ..call(id, "f", "{}") };
        let calls = Turn::new(Role::Assistant, vec![part, call("z", "f", "{}")]);
        let results = vec![result(id, "x", false), result("z", "x", false)];
        [calls, Turn::new(Role::User, results)]
    };
    let mut turns = vec![text(Role::User, "a")];
    turns.extend(step("1", None));
    turns.push(text(Role::User, "b"));
    turns.extend(step("2", Some(own)));
    turns.extend(step("3", Some(foreign)));
    let request = request(turns);
    let facts = Facts { signed_calls: true, ..Facts::default() };
    let (signed, _) = written(&request, &facts).unwrap();
    let found: Vec<_> = signed.split("\"thoughtSignature\":\"").skip(1).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("own\""));
    assert!(found[1].starts_with("skip_thought_signature_validator\""));
    let (unsigned, _) = written(&request, &Facts::default()).unwrap();
    assert_eq!(unsigned.matches("thoughtSignature").count(), 1, "Gemini's own is kept");
}

#[test]
fn thoughts_of_others_are_left_out() {
    let thought = |by: Option<Protocol>| Part {
        signature: by.map(|by| Signature { by, data: Text::plain("s") }),
        ..Part::new(Content::Thinking(Text::plain("t")))
    };
    let redacted = Part { content: Content::Redacted, ..thought(Some(Protocol::Bedrock)) };
    let parts = vec![
        thought(None),
        thought(Some(Protocol::Gemini)),
        thought(Some(Protocol::Anthropic)),
        redacted,
    ];
    let turns = vec![text(Role::User, "a"), Turn::new(Role::Assistant, parts)];
    assert_eq!(
        body(turns),
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":["#,
            r#"{"text":"t","thought":true},"#,
            r#"{"text":"t","thought":true,"thoughtSignature":"s"}]}]}"#,
        )
    );
}

#[test]
fn media_go_inline_or_from_googles_stores() {
    let media = |source: Source<'static>| {
        let mime = Some(Text::plain("image/png"));
        let media = Media { kind: MediaKind::Image, source, mime, detail: None, name: None };
        request(vec![Turn::new(Role::User, vec![Part::new(Content::Media(media))])])
    };
    let url = |url: &str| media(Source::Url(Text::plain(url)));
    for (request, expected) in [
        (
            media(Source::Base64(Text::plain("AA=="))),
            r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#,
        ),
        (
            media(Source::Plain(Text::plain("hi"))),
            r#"{"inlineData":{"mimeType":"image/png","data":"aGk="}}"#,
        ),
        (url("gs://b/o"), r#"{"fileData":{"fileUri":"gs://b/o","mimeType":"image/png"}}"#),
        (
            url("https://youtu.be/x"),
            r#"{"fileData":{"fileUri":"https://youtu.be/x","mimeType":"image/png"}}"#,
        ),
    ] {
        let (body, losses) = written(&request, &Facts::default()).unwrap();
        assert!(body.contains(expected), "{body}");
        assert!(losses.is_empty());
    }
    let error = written(&url("https://example.com/x.png"), &Facts::default()).unwrap_err();
    assert_eq!(error.param, Some("image_url"));
    assert!(error.message.contains("inline"));
    assert_eq!(
        fault(&media(Source::File(Protocol::Openai, Text::plain("file-1")))),
        Some("image_url")
    );
    let blind = Facts { images: false, ..Facts::default() };
    assert!(written(&url("gs://b/o"), &blind).is_err());
}

#[test]
fn tools_and_choices_have_modes() {
    let function = || tool(ToolKind::Function(Some(Json::fixed(r#"{"type":"object"}"#))));
    let name = || Text::plain("f");
    let strict = || Tool { strict: Some(true), ..function() };
    for (tool, choice, mode) in [
        (function(), None, None),
        (strict(), None, Some(r#"{"mode":"VALIDATED"}"#)),
        (function(), Some(ToolChoice::Auto), Some(r#"{"mode":"AUTO"}"#)),
        (function(), Some(ToolChoice::None), Some(r#"{"mode":"NONE"}"#)),
        (function(), Some(ToolChoice::Required), Some(r#"{"mode":"ANY"}"#)),
        (
            function(),
            Some(ToolChoice::Named(name())),
            Some(r#"{"mode":"ANY","allowedFunctionNames":["f"]}"#),
        ),
        (
            function(),
            Some(ToolChoice::Allowed { required: false, names: vec![name()] }),
            Some(r#"{"mode":"VALIDATED","allowedFunctionNames":["f"]}"#),
        ),
    ] {
        let mut request = request(vec![text(Role::User, "a")]);
        (request.tools, request.tool_choice) = (vec![tool], choice);
        let (body, losses) = written(&request, &Facts::default()).unwrap();
        let tools = r#""tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}]"#;
        assert!(body.contains(tools), "{body}");
        let config = r#""toolConfig":{"functionCallingConfig":"#;
        match mode {
            Some(mode) => assert!(body.contains(&format!("{config}{mode}}}")), "{body}"),
            None => assert!(!body.contains(config), "{body}"),
        }
        assert!(losses.is_empty());
    }
}

#[test]
fn what_cannot_be_taken_is_refused() {
    let start = || request(vec![text(Role::User, "a")]);
    let own = |by| Extra { by, name: "web_search".into(), value: Json::fixed("{}") };
    let with = |kind| Request { tools: vec![tool(kind)], ..start() };
    assert_eq!(fault(&with(ToolKind::Custom(None))), Some("tools"));
    assert_eq!(fault(&with(ToolKind::Own(own(Protocol::Anthropic)))), Some("tools"));
    assert!(written(&with(ToolKind::Own(own(Protocol::Gemini))), &Facts::default()).is_ok());
    assert_eq!(
        fault(&Request { tool_choice: Some(ToolChoice::Required), ..start() }),
        Some("tool_choice")
    );
    assert_eq!(fault(&Request { stop: vec![Text::plain("x"); 6], ..start() }), Some("stop"));
    let other = Part::new(Content::Other(own(Protocol::Anthropic)));
    let user = request(vec![Turn::new(Role::User, vec![other.clone()])]);
    assert_eq!(fault(&user), Some("messages"));
    let model = request(vec![Turn::new(Role::Assistant, vec![other])]);
    assert_eq!(written(&model, &Facts::default()).unwrap().1, ["web_search"]);
    let prefill = Facts { prefill: false, ..Facts::default() };
    let model = request(vec![text(Role::User, "a"), text(Role::Assistant, "b")]);
    assert!(written(&model, &prefill).is_err());
}

#[test]
fn what_is_not_carried_is_told() {
    let mut request = request(vec![text(Role::User, "a")]);
    request.turns[0].parts[0].cache = Some(Cache::Standard);
    request.parallel_tools = Some(false);
    request.tools = vec![tool(ToolKind::Function(None))];
    request.user = Some(Text::plain("u"));
    request.metadata = Some(Json::fixed(r#"{"a":"b"}"#));
    request.tier = Some(Text::plain("scale"));
    request.sampling.min_p = Some(Json::fixed("0.1"));
    request.sampling.top_p = Some(Json::fixed("0.5"));
    request.sampling.temperature = Some(Json::fixed("0.5"));
    let schema = Json::fixed(r#"{"description":"another"}"#);
    let (name, description) = (Some(Text::plain("n")), Some(Text::plain("d")));
    request.format = Some(Format::Schema { name, description, schema, strict: Some(true) });
    request.extra.push(Extra {
        by: Protocol::Openai,
        name: "logit_bias".into(),
        value: Json::fixed(r#"{"1":2}"#),
    });
    let facts = Facts { sampling_together: false, ..Facts::default() };
    let (body, mut losses) = written(&request, &facts).unwrap();
    losses.sort_unstable();
    assert_eq!(
        losses,
        [
            "cache_control",
            "logit_bias",
            "metadata",
            "min_p",
            "parallel_tool_calls",
            "response_format.description",
            "service_tier",
            "top_p",
            "user"
        ]
    );
    let config = concat!(
        r#""generationConfig":{"temperature":0.5,"responseMimeType":"application/json","#,
        r#""responseJsonSchema":{"description":"another"}}}"#
    );
    assert!(body.ends_with(config), "{body}");
}

#[test]
fn a_wish_for_images_is_passed_on() {
    let wish = |value| {
        let mut request = request(vec![text(Role::User, "a")]);
        let (by, name) = (Protocol::Openai, "modalities".into());
        request.extra.push(Extra { by, name, value: Json::fixed(value) });
        let (body, losses) = written(&request, &Facts::default()).unwrap();
        (body.contains(r#""generationConfig":{"responseModalities":["TEXT","IMAGE"]}"#), losses)
    };
    assert_eq!(wish(r#"["image","text"]"#), (true, Vec::new()));
    assert_eq!(wish(r#"["text"]"#), (false, Vec::new()));
    assert_eq!(wish(r#"["text","audio"]"#), (false, vec!["modalities".to_owned()]));
    assert_eq!(wish(r#"["image","audio"]"#), (false, vec!["modalities".to_owned()]));
}

#[test]
fn members_of_what_is_not_said_are_told() {
    let extra = |by, name: &'static str| Extra { by, name: name.into(), value: Json::fixed("1") };
    let with = |mut turn: Turn<'static>, by, names: [&'static str; 2]| {
        turn.extra.push(extra(by, names[0]));
        turn.parts[0].extra.push(extra(by, names[1]));
        turn
    };
    let mut answer = result("1", "r", false);
    let Content::Result(returned) = &mut answer.content else { panic!() };
    returned.parts[0].extra.push(extra(Protocol::Anthropic, "of_text"));
    let answer = Turn::new(Role::User, vec![answer]);
    let (anthropic, gemini) = (Protocol::Anthropic, Protocol::Gemini);
    let turns = vec![
        with(text(Role::System, ""), gemini, ["a", "b"]),
        with(text(Role::User, ""), gemini, ["c", "d"]),
        with(text(Role::Assistant, ""), anthropic, ["e", "f"]),
        text(Role::User, "go"),
        Turn::new(Role::Assistant, vec![call("1", "f", "{}")]),
        with(answer, gemini, ["of_turn", "functionResponse.of_result"]),
        text(Role::Assistant, "done"),
        with(text(Role::User, "on"), anthropic, ["g", "h"]),
    ];
    let (body, mut losses) = written(&request(turns), &Facts::default()).unwrap();
    losses.sort_unstable();
    assert_eq!(losses, ["a", "b", "c", "d", "e", "f", "g", "h", "of_text"]);
    let returned = concat!(
        r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"r"},"#,
        r#""of_result":1}}],"of_turn":1}"#
    );
    assert!(body.contains(returned), "{body}");
}

#[test]
fn members_of_our_own_go_back_to_their_places() {
    let config = concat!(
        r#""tools":[{"googleSearch":{}}],"#,
        r#""toolConfig":{"functionCallingConfig":{"streamFunctionCallArguments":false},"#,
        r#""includeServerSideToolInvocations":true},"#,
        r#""generationConfig":{"thinkingConfig":{"new":1},"speechConfig":{}},"#,
        r#""safetySettings":[],"labels":{"a":"b"}"#
    );
    let contents = r#""contents":[{"role":"user","parts":[{"fileData":{"fileUri":"gs://a","new":1},"videoMetadata":{}}]}]"#;
    let body = format!("{{{contents},{config}}}");
    let request = crate::protocol::gemini::request::read(body.as_bytes()).unwrap();
    let (again, losses) = written(&request, &Facts::default()).unwrap();
    assert_eq!(again, body);
    assert!(losses.is_empty());
}
