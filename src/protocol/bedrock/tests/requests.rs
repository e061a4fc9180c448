//! Requests: what is read stays, and what Converse cannot say is told or refused.

use super::{CLAUDE, again, at, written};
use crate::chat::*;
use crate::protocol::bedrock::request::read;

#[test]
fn what_converse_says_comes_back() {
    let body = concat!(
        r#"{"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":"#,
        r#"{"type":"object","properties":{"n":{"type":"number","minimum":1.0}}}},"strict":true}},"#,
        r#"{"cachePoint":{"type":"default","ttl":"1h"}},{"systemTool":{"name":"s"}}],"#,
        r#""toolChoice":{"tool":{"name":"f"}},"x":1},"#,
        r#""system":[{"text":"be \u00e9"},{"cachePoint":{"type":"default"}},"#,
        r#"{"guardContent":{"text":{"text":"g"}}}],"#,
        r#""messages":[{"role":"user","content":[{"text":"a"},"#,
        r#"{"image":{"format":"jpeg","source":{"bytes":"AAAA"}}},"#,
        r#"{"document":{"format":"pdf","name":"q 1","source":{"s3Location":{"uri":"s3://b/k","#,
        r#""bucketOwner":"123456789012"}},"citations":{"enabled":true}}},"#,
        r#"{"video":{"format":"three_gp","source":{"bytes":"AAAA"}}},"#,
        r#"{"audio":{"format":"mp3","source":{"bytes":"AAAA"}}}]},"#,
        r#"{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","#,
        r#""signature":"s=="}}},{"reasoningContent":{"redactedContent":"AAAA"}},"#,
        r#"{"citationsContent":{"content":[{"text":"c"}],"citations":[{"title":"t"}]}},"#,
        r#"{"toolUse":{"toolUseId":"1","name":"f","input":{"n": 1.0}}},"#,
        r#"{"toolUse":{"toolUseId":"2","name":"f","input":{}}}]},"#,
        r#"{"role":"user","content":[{"toolResult":{"toolUseId":"1","content":[{"text":"r"},"#,
        r#"{"image":{"format":"png","source":{"bytes":"AAAA"}}}]}},"#,
        r#"{"toolResult":{"toolUseId":"2","content":[{"text":"no"}],"status":"error"}},"#,
        r#"{"cachePoint":{"type":"default"}}]}],"#,
        r#""inferenceConfig":{"maxTokens":5,"temperature":0.50,"topP":1e-1,"stopSequences":["a"],"#,
        r#""y":2},"additionalModelRequestFields":{"thinking":{"type":"enabled","#,
        r#""budget_tokens":2000,"display":"omitted"},"top_k":4,"anthropic_beta":["b"]},"#,
        r#""outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":"#,
        r#"{"schema":"{\"type\":\"object\"}","name":"n","description":"d"}}},"effort":"high"},"#,
        r#""requestMetadata":{"a":"b c"},"serviceTier":{"type":"flex"},"#,
        r#""guardrailConfig":{"guardrailIdentifier":"g"},"promptVariables":{"v":{"text":"w"}}}"#
    );
    assert_eq!(again(body), body);
}

#[test]
fn what_is_read_is_in_its_place() {
    let body = br#"{"messages":[{"role":"user","content":[{"text":"q"}],"m":1},
        {"role":"system","content":[{"text":"s"}]},
        {"role":"assistant","content":[{"toolUse":{"toolUseId":"i","name":"n","input":{},
        "type":"tool_use","z":1}},{"toolUse":{"toolUseId":"j","name":"n","input":{},
        "type":"server_tool_use"}},{"toolResult":{"toolUseId":"j","content":[]}}]},
        {"role":"user","content":[{"toolResult":{"toolUseId":"i","content":[{"json":{"a":1}}],
        "status":null}},{"searchResult":{"title":"t"}}]}],"k\u0061":2,"no":null}"#;
    let request = read(body).unwrap();
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Assistant, Role::User]);
    let names = |extra: &[Extra<'_>]| extra.iter().map(|e| e.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&request.extra), ["ka"]);
    assert_eq!(names(&request.turns[0].extra), ["m"]);
    let [call, server, served] = request.turns[2].parts.as_slice() else { panic!() };
    assert_eq!(names(&call.extra), ["z"]);
    for (part, kind) in [(server, "toolUse"), (served, "toolResult")] {
        assert!(matches!(&part.content, Content::Other(extra) if extra.name == kind));
    }
    let Content::Result(result) = &request.turns[3].parts[0].content else { panic!() };
    assert_eq!(result.parts, [Part::text(Text::plain("{\"a\":1}"))]);
    assert!(!result.failed && result.name.is_none());
    assert_eq!((request.stream, request.model.is_empty()), (false, true));
}

/// As the gateway writes them of other providers' answers, which a client sends back.
#[test]
fn sources_without_what_was_cited_say_nothing() {
    let ours = r#"{"title":"t","location":{"web":{"url":"u"}}}"#;
    let theirs = r#"{"title":"t","sourceContent":[{"text":"c"}],"location":{"web":{"url":"u"}}}"#;
    let paged = r#"{"title":"t","location":{"documentPage":{"documentIndex":0}}}"#;
    for (sources, kept) in [
        (String::new(), false),
        (format!("{ours},{ours}"), false),
        (theirs.to_owned(), true),
        (format!("{ours},{paged}"), true),
    ] {
        let body = format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"citationsContent":{{"content":[{{"text":"a"}}],"citations":[{sources}]}}}}]}}]}}"#
        );
        let request = read(body.as_bytes()).unwrap();
        let part = &request.turns[0].parts[0];
        assert_eq!(part.content, Content::Text(Text::plain("a")));
        assert_eq!(!part.extra.is_empty(), kept, "{sources}");
    }
}

#[test]
fn every_fault_names_its_field() {
    for (body, param) in [
        ("[]", None),
        (r#"{"system":[]}"#, Some("messages")),
        (r#"{"messages":{}}"#, Some("messages")),
        (r#"{"messages":[],"messages":[]}"#, Some("messages")),
        (r#"{"messages":[1]}"#, Some("messages")),
        (r#"{"messages":[{"role":"tool","content":[]}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user"}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user","content":"x"}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user","content":[{}]}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user","content":[{"text":1}]}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user","content":[{"text":"a","b":1}]}]}"#, Some("messages")),
        (r#"{"messages":[{"role":"user","content":[{"toolUse":{}}]}]}"#, Some("messages")),
        (
            r#"{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"b","input":[]}}]}]}"#,
            Some("messages"),
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"image":{"format":"png"}}]}]}"#,
            Some("messages"),
        ),
        (r#"{"messages":[],"system":"x"}"#, Some("system")),
        (r#"{"messages":[],"inferenceConfig":1}"#, Some("inferenceConfig")),
        (r#"{"messages":[],"inferenceConfig":{"maxTokens":1.5}}"#, Some("inferenceConfig")),
        (r#"{"messages":[],"inferenceConfig":{"topP":"1"}}"#, Some("inferenceConfig")),
        (r#"{"messages":[],"inferenceConfig":{"stopSequences":"a"}}"#, Some("inferenceConfig")),
        (r#"{"messages":[],"toolConfig":{"tools":[{"toolSpec":{}}]}}"#, Some("toolConfig")),
        (r#"{"messages":[],"toolConfig":{"toolChoice":{"none":{}}}}"#, Some("toolConfig")),
        (r#"{"messages":[],"requestMetadata":[]}"#, Some("requestMetadata")),
        (r#"{"messages":[],"serviceTier":"flex"}"#, Some("serviceTier")),
        (
            r#"{"messages":[],"outputConfig":{"textFormat":{"structure":{"jsonSchema":{"schema":"{"}}}}}"#,
            Some("outputConfig"),
        ),
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!((error.param, error.kind.status()), (param, 400), "{body}: {error}");
    }
}

fn plain(text: &str) -> Text<'static> {
    Text::plain(text)
}

fn says(role: Role, text: &str) -> Turn<'static> {
    Turn::new(role, vec![Part::text(plain(text))])
}

fn calls(ids: &[&str]) -> Turn<'static> {
    let part = |id: &&str| {
        let arguments = Arguments::Quoted(plain(r#"{"a": 1}"#));
        Part::new(Content::Call(Call { id: plain(id), name: plain("f"), arguments, custom: false }))
    };
    Turn::new(Role::Assistant, ids.iter().map(part).collect())
}

fn result(id: &str, text: &str) -> Turn<'static> {
    let parts = vec![Part::text(plain(text))];
    let result = CallResult { id: plain(id), name: None, parts, failed: false };
    Turn::new(Role::User, vec![Part::new(Content::Result(result))])
}

fn talk(turns: Vec<Turn<'static>>) -> Request<'static> {
    Request { turns, ..Request::default() }
}

fn body(request: &Request<'_>) -> String {
    written(request, CLAUDE, &Facts::default()).unwrap().0
}

#[test]
fn turns_become_legal() {
    let request = talk(vec![
        says(Role::System, "one"),
        says(Role::Assistant, "hi"),
        says(Role::User, " "),
        says(Role::User, "a"),
        says(Role::System, "two"),
        says(Role::User, "b"),
        says(Role::Assistant, ""),
        says(Role::User, "c"),
        says(Role::Assistant, "end \n"),
    ]);
    let body = body(&request);
    assert_eq!(at(&body, "system"), r#"[{"text":"one"},{"text":"two"}]"#);
    let expected = concat!(
        r#"[{"role":"user","content":[{"text":"."}]},"#,
        r#"{"role":"assistant","content":[{"text":"hi"}]},"#,
        r#"{"role":"user","content":[{"text":"a"},{"text":"b"},{"text":"c"}]},"#,
        r#"{"role":"assistant","content":[{"text":"end"}]}]"#
    );
    assert_eq!(at(&body, "messages"), expected);
    let nothing = super::written(&talk(vec![]), CLAUDE, &Facts::default()).unwrap().0;
    assert_eq!(at(&nothing, "messages"), r#"[{"role":"user","content":[{"text":"."}]}]"#);
    let facts = Facts { prefill: false, ..Facts::default() };
    assert_eq!(written(&request, CLAUDE, &facts).unwrap_err().param, Some("messages"));
}

#[test]
fn instructions_stand_between_turns_where_the_model_takes_them() {
    let facts = Facts { system_between: true, ..Facts::default() };
    let request = talk(vec![
        says(Role::System, "first"),
        says(Role::User, "a"),
        says(Role::System, "between"),
        says(Role::Assistant, "b"),
        says(Role::System, "not here"),
        says(Role::User, "c"),
        says(Role::System, "nor here"),
        says(Role::Assistant, " "),
        says(Role::User, "d"),
        says(Role::System, "last"),
    ]);
    let body = written(&request, CLAUDE, &facts).unwrap().0;
    assert_eq!(
        at(&body, "system"),
        r#"[{"text":"first"},{"text":"not here"},{"text":"nor here"}]"#
    );
    assert_eq!(at(&body, "messages.1"), r#"{"role":"system","content":[{"text":"between"}]}"#);
    assert_eq!(at(&body, "messages.3.content"), r#"[{"text":"c"},{"text":"d"}]"#);
    assert_eq!(at(&body, "messages.4"), r#"{"role":"system","content":[{"text":"last"}]}"#);
}

#[test]
fn calls_are_answered_in_their_order() {
    let long = "x".repeat(70);
    let request = talk(vec![
        says(Role::User, "q"),
        calls(&["a/b", &long, "c", "c"]),
        says(Role::User, "and"),
        result("c", "3"),
        result(&long, "2"),
        result("a/b", ""),
    ]);
    let body = body(&request);
    let id = |at_: usize| at(&body, &format!("messages.1.content.{at_}.toolUse.toolUseId"));
    assert_eq!(id(0), "\"a_b\"");
    assert_eq!((id(1).len(), id(2), id(3)), (66, "\"c\"".into(), "\"c_3\"".into()));
    for n in 0..4 {
        assert_eq!(at(&body, &format!("messages.2.content.{n}.toolResult.toolUseId")), id(n));
    }
    let content = |n: usize| at(&body, &format!("messages.2.content.{n}.toolResult.content"));
    let expected = ["[{\"text\":\".\"}]", "[{\"text\":\"2\"}]", "[{\"text\":\"3\"}]"];
    assert_eq!([content(0), content(1), content(2)], expected);
    assert_eq!(content(3), r#"[{"text":"no result was given"}]"#);
    assert_eq!(at(&body, "messages.2.content.4"), r#"{"text":"and"}"#);
    assert_eq!(at(&body, "messages.1.content.0.toolUse.input"), r#"{"a": 1}"#);
    // The client told nothing of its tools.
    let spec = r#"{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}"#;
    assert_eq!(at(&body, "toolConfig"), format!(r#"{{"tools":[{{"toolSpec":{spec}}}]}}"#));
}

#[test]
fn calls_without_ids_find_their_results() {
    let mut results = result("", "for g");
    let Content::Result(first) = &mut results.parts[0].content else { panic!() };
    first.name = Some(plain("g"));
    let mut turn = calls(&["", ""]);
    let Content::Call(second) = &mut turn.parts[1].content else { panic!() };
    second.name = plain("g");
    let body = body(&talk(vec![says(Role::User, "q"), turn, results, result("", "rest")]));
    assert_eq!(at(&body, "messages.2.content.0.toolResult.toolUseId"), "\"call_1\"");
    assert_eq!(at(&body, "messages.2.content.0.toolResult.content.0.text"), "\"rest\"");
    assert_eq!(at(&body, "messages.2.content.1.toolResult.toolUseId"), "\"call_1_1\"");
    assert_eq!(at(&body, "messages.2.content.1.toolResult.content.0.text"), "\"for g\"");
}

#[test]
fn calls_at_the_end_are_answered_too() {
    let body = body(&talk(vec![says(Role::User, "q"), calls(&["a"])]));
    assert_eq!(at(&body, "messages.2.content.0.toolResult.status"), "\"error\"");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let user =
        |content: Content<'static>| talk(vec![Turn::new(Role::User, vec![Part::new(content)])]);
    let media = |kind, source, mime: &str| {
        let mime = Some(plain(mime));
        user(Content::Media(Media { kind, source, mime, detail: None, name: None }))
    };
    let data = || Source::Base64(plain("AAAA"));
    let foreign = Extra { by: Protocol::Openai, name: "x".into(), value: Json::fixed("1") };
    let mut own_tool = talk(vec![says(Role::User, "q")]);
    own_tool.tools.push(Tool {
        name: plain("w"),
        description: None,
        kind: ToolKind::Own(foreign.clone()),
        strict: None,
        cache: None,
        extra: vec![],
    });
    let mut wrong_schema = own_tool.clone();
    wrong_schema.tools[0].kind = ToolKind::Function(Some(Json::fixed(r#"{"type":"string"}"#)));
    let mut arguments = calls(&["a"]);
    let Content::Call(call) = &mut arguments.parts[0].content else { panic!() };
    call.arguments = Arguments::Quoted(plain("[1]"));
    let mut zero = talk(vec![]);
    zero.max_tokens = Some(0);
    let url = Source::Url(plain("https://x/y.png"));
    for (request, param) in [
        (media(MediaKind::Image, url, "image/png"), "messages"),
        (media(MediaKind::Image, data(), "image/tiff"), "messages"),
        (media(MediaKind::Document, data(), "application/zip"), "messages"),
        (
            media(MediaKind::Image, Source::File(Protocol::Openai, plain("f")), "image/png"),
            "messages",
        ),
        (user(Content::Other(foreign)), "messages"),
        (talk(vec![result("a", "orphan")]), "messages"),
        (talk(vec![arguments]), "messages"),
        (own_tool, "tools"),
        (wrong_schema, "tools"),
        (zero, "max_tokens"),
    ] {
        let error = written(&request, CLAUDE, &Facts::default()).unwrap_err();
        assert_eq!((error.param, error.kind.status()), (Some(param), 400), "{error}");
    }
    let blind = Facts { images: false, documents: false, audio: false, ..Facts::default() };
    for (kind, mime) in [
        (MediaKind::Image, "image/png"),
        (MediaKind::Document, "application/pdf"),
        (MediaKind::Audio, "audio/wav"),
    ] {
        let request = media(kind, data(), mime);
        assert!(written(&request, CLAUDE, &Facts::default()).is_ok());
        assert_eq!(written(&request, CLAUDE, &blind).unwrap_err().param, Some("messages"));
    }
}

#[test]
fn documents_have_a_name_and_a_text_beside_them() {
    let document = |name: Option<&str>, source, mime| {
        let name = name.map(plain);
        let mime = Some(plain(mime));
        Part::new(Content::Media(Media {
            kind: MediaKind::Document,
            source,
            mime,
            detail: None,
            name,
        }))
    };
    let parts = vec![
        document(Some("a_b.pdf"), Source::Base64(plain("AAAA")), "application/pdf"),
        document(Some("a b.pdf"), Source::Url(plain("s3://b/k.docx")), "x/y"),
        document(None, Source::Plain(plain("t")), "text/x-rust"),
    ];
    let body = body(&talk(vec![Turn::new(Role::User, parts)]));
    let expected = concat!(
        r#"[{"document":{"format":"pdf","name":"a b pdf","source":{"bytes":"AAAA"}}},"#,
        r#"{"document":{"format":"docx","name":"a b pdf 2","source":{"s3Location":{"uri":"s3://b/k.docx"}}}},"#,
        r#"{"document":{"format":"txt","name":"Document","source":{"text":"t"}}},{"text":"."}]"#
    );
    assert_eq!(at(&body, "messages.0.content"), expected);
}

#[test]
fn a_mark_outlives_a_text_that_is_not_said() {
    let mut turn = says(Role::User, "a");
    let mut blank = Part::text(plain(" "));
    blank.cache = Some(Cache::Standard);
    turn.parts.push(blank.clone());
    turn.parts.push(Part::text(plain("b")));
    let content = at(&body(&talk(vec![turn])), "messages.0.content");
    let point = r#"{"cachePoint":{"type":"default"}}"#;
    assert_eq!(content, format!(r#"[{{"text":"a"}},{point},{{"text":"b"}}]"#));
    let request = talk(vec![Turn::new(Role::User, vec![blank])]);
    let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
    assert_eq!(at(&body, "messages.0.content"), r#"[{"text":"."}]"#);
    assert_eq!(losses, ["cache_control"]);
}
