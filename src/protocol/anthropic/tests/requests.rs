//! Clients' requests.

use crate::chat::Cache;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::protocol::anthropic::count;
use crate::protocol::anthropic::request::read;

/// As a coding agent sends it.
const AGENT: &str = r#"{
    "model": "claude-x", "max_tokens": 32000, "stream": true,
    "system": [
        {"type": "text", "text": "You are an agent."},
        {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "<reminder>"},
            {"type": "text", "text": "fix it", "cache_control": {"type": "ephemeral"}}
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "AbC="},
            {"type": "redacted_thinking", "data": "XyZ="},
            {"type": "text", "text": "Let me see.", "citations": null},
            {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a", "n": 1.0}}
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image",
                 "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
            ]}
        ]},
        {"role": "system", "content": "Be brief."}
    ],
    "tools": [
        {"name": "Read", "description": "reads", "input_schema": {"type": "object"}},
        {"name": "Edit", "type": "custom", "input_schema": {"type": "object"}, "strict": true,
         "cache_control": {"type": "ephemeral", "ttl": "5m"}, "defer_loading": true},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "xhigh", "task_budget": {"total": 5}},
    "metadata": {"user_id": "u1"},
    "cache_control": {"type": "ephemeral"},
    "context_management": {"edits": []}
}"#;

fn thing(part: &Part<'_>) -> String {
    let said = match &part.content {
        Content::Text(text) => format!("text {}", text.decode()),
        Content::Call(call) => {
            let arguments = String::from_utf8_lossy(&call.arguments.json()).into_owned();
            format!("call {} {} {arguments}", call.id.decode(), call.name.decode())
        }
        Content::Result(result) => {
            let parts: Vec<_> = result.parts.iter().map(thing).collect();
            format!("result {} {} {}", result.id.decode(), result.failed, parts.join("+"))
        }
        Content::Thinking(text) => format!("thinking {}", text.decode()),
        Content::Redacted => "redacted".to_owned(),
        Content::Media(media) => format!("{:?}", media.kind),
        Content::Other(extra) => format!("other {}", extra.name),
        Content::Refusal(_) => String::new(),
    };
    let signed = part.signature.as_ref().map(|s| format!(" {:?} {}", s.by, s.data.decode()));
    let cache = part.cache.map(|cache| format!(" {cache:?}"));
    said + &signed.unwrap_or_default() + &cache.unwrap_or_default()
}

#[test]
fn an_agents_request_is_understood() {
    let request = read(AGENT.as_bytes()).unwrap();
    let turns: Vec<(Role, Vec<String>)> = request
        .turns
        .iter()
        .map(|turn| (turn.role, turn.parts.iter().map(thing).collect()))
        .collect();
    let turn = |role, parts: &[&str]| (role, parts.iter().map(|&part| part.to_owned()).collect());
    assert_eq!(
        turns,
        [
            turn(Role::System, &["text You are an agent.", "text Rules. Hour"]),
            turn(Role::User, &["text <reminder>", "text fix it Standard"]),
            turn(
                Role::Assistant,
                &[
                    "thinking hm Anthropic AbC=",
                    "redacted Anthropic XyZ=",
                    "text Let me see.",
                    r#"call toolu_1 Read {"path": "a", "n": 1.0}"#,
                ]
            ),
            turn(Role::User, &["result toolu_1 true text no+Image"]),
            turn(Role::System, &["text Be brief."]),
        ]
    );
    assert_eq!((request.model.decode(), request.stream), ("claude-x".into(), true));
    assert_eq!((request.max_tokens, request.cache), (Some(32_000), Some(Cache::Standard)));
    assert_eq!(request.user, Some(Text::plain("u1")));
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(request.parallel_tools, Some(false));
    assert_eq!(request.thinking.mode, Some(ThinkingMode::Adaptive));
    assert_eq!(request.thinking.effort, Some(Effort::Xhigh));
    assert_eq!(request.thinking.visible, Some(true));
    let extras: Vec<&str> = request.extra.iter().map(|extra| &*extra.name).collect();
    assert_eq!(extras, ["context_management", "output_config.task_budget"]);
    let [first, second, own] = request.tools.as_slice() else { panic!() };
    assert_eq!(first.description, Some(Text::plain("reads")));
    assert_eq!((second.strict, second.cache), (Some(true), Some(Cache::Standard)));
    assert_eq!(second.extra.len(), 1);
    assert!(matches!(&own.kind, ToolKind::Own(own) if own.name == "web_search_20250305"));
}

fn body(members: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":9,{members}}}"#)
}

fn user(blocks: &str) -> String {
    body(&format!(r#""messages":[{{"role":"user","content":[{blocks}]}}]"#))
}

#[test]
fn media_have_sources() {
    let text = user(
        r#"{"type":"image","source":{"type":"url","url":"https://a/"}},
        {"type":"image","source":{"type":"file","file_id":"f1"}},
        {"type":"document","title":"T","context":"C","source":{"type":"text","data":"words","media_type":"text/plain"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}},
        {"type":"document","source":{"type":"content","content":"x"}},
        {"type":"search_result","source":"s","title":"t","content":[]}"#,
    );
    let request = read(text.as_bytes()).unwrap();
    let parts = &request.turns[0].parts;
    let mut media = Vec::new();
    for part in parts {
        if let Content::Media(found) = &part.content {
            media.push(found);
        }
    }
    assert_eq!(media[0].source, Source::Url(Text::plain("https://a/")));
    assert_eq!(media[1].source, Source::File(Protocol::Anthropic, Text::plain("f1")));
    assert_eq!(media[2].source, Source::Plain(Text::plain("words")));
    assert_eq!(media[2].name, Some(Text::plain("T")));
    assert_eq!(parts[2].extra[0].name, "context");
    assert_eq!(media[3].kind, MediaKind::Document);
    assert_eq!(media[3].mime, Some(Text::plain("application/pdf")));
    assert_eq!(thing(&parts[4]), "other document");
    assert_eq!(thing(&parts[5]), "other search_result");
}

#[test]
fn geminis_signatures_are_those_of_calls() {
    let text = body(
        r#""messages":[{"role":"assistant","content":[
            {"type":"thinking","thinking":"a","signature":"crabllm.gemini.A"},
            {"type":"thinking","thinking":"","signature":"crabllm.bedrock.B"},
            {"type":"thinking","thinking":"","signature":"crabllm.gemini.C"},
            {"type":"text","text":"t"},
            {"type":"tool_use","id":"1","name":"f","input":{}},
            {"type":"tool_use","id":"2","name":"f","input":{}},
            {"type":"thinking","thinking":"","signature":"crabllm.gemini.D"},
            {"type":"tool_use","id":"3","name":"f","input":{}},
            {"type":"thinking","thinking":"","signature":"crabllm.gemini.E"}
        ]}]"#,
    );
    let request = read(text.as_bytes()).unwrap();
    let parts: Vec<_> = request.turns[0].parts.iter().map(thing).collect();
    assert_eq!(
        parts,
        [
            "thinking a Gemini A",
            "thinking  Bedrock B",
            "text t",
            "call 1 f {} Gemini C",
            "call 2 f {}",
            "call 3 f {} Gemini D",
            "thinking  Gemini E",
        ]
    );
}

#[test]
fn older_spellings_and_empty_things() {
    let text = body(
        r#""messages":[{"role":"user","content":""},{"role":"assistant","content":[]}],"system":"",
        "output_format":{"type":"json_schema","schema":{"a":1}},"service_tier":"standard_only",
        "temperature":null,"top_k":5,"stop_sequences":["x"],"thinking":{"type":"enabled","budget_tokens":2000}"#,
    );
    let request = read(text.as_bytes()).unwrap();
    assert_eq!(request.turns.len(), 2);
    assert!(request.turns.iter().all(|turn| turn.parts.is_empty()));
    assert!(matches!(request.format, Some(Format::Schema { .. })));
    assert_eq!(request.tier, Some(Text::plain("default")));
    assert_eq!(request.sampling.temperature, None);
    assert_eq!(request.thinking.budget, Some(2000));
    assert!(request.extra.is_empty());
}

/// As the gateway writes them of other providers' answers, which a client sends back.
#[test]
fn sources_without_what_was_cited_say_nothing() {
    let source = |cited: &str, index: &str| {
        format!(
            r#"{{"type":"web_search_result_location","url":"u","cited_text":"{cited}","encrypted_index":"{index}"}}"#
        )
    };
    let extras = |citations: &str| {
        let body = user(&format!(r#"{{"type":"text","text":"a","citations":{citations}}}"#));
        read(body.as_bytes()).unwrap().turns[0].parts[0].extra.len()
    };
    let (ours, theirs) = (source("", ""), source("won", "Eo8B"));
    for (sources, kept) in [
        (String::new(), false),
        (format!("{ours},{ours}"), false),
        (theirs.clone(), true),
        (format!("{ours},{theirs}"), true),
        (r#"{"type":"char_location","cited_text":""}"#.to_owned(), true),
    ] {
        assert_eq!(extras(&format!("[{sources}]")) > 0, kept, "{sources}");
    }
    assert_eq!(extras("5"), 1, "it is for the model's server to say what it thinks of it");
}

#[test]
fn what_is_wrong_is_named() {
    let message = |content: &str| user(content);
    for (body, param) in [
        ("[]".to_owned(), None),
        (r#"{"model":"m","max_tokens":1}"#.to_owned(), Some("messages")),
        (r#"{"max_tokens":1,"messages":[]}"#.to_owned(), Some("model")),
        (r#"{"model":"m","messages":[]}"#.to_owned(), Some("max_tokens")),
        (r#"{"model":"m","messages":[],"max_tokens":1.5}"#.to_owned(), Some("max_tokens")),
        (r#"{"model":7,"messages":[],"max_tokens":1}"#.to_owned(), Some("model")),
        (body(r#""messages":[],"m\u0061x_tokens":8"#), Some("max_tokens")),
        (body(r#""messages":{}"#), Some("messages")),
        (body(r#""messages":[7]"#), Some("messages")),
        (body(r#""messages":[{"role":"tool","content":"x"}]"#), Some("messages")),
        (body(r#""messages":[{"role":"user"}]"#), Some("messages")),
        (body(r#""messages":[{"role":"user","content":7}]"#), Some("messages")),
        (message(r#""text""#), Some("messages")),
        (message(r#"{"type":"text"}"#), Some("messages")),
        (message(r#"{"type":"image"}"#), Some("messages")),
        (message(r#"{"type":"image","source":{"type":"base64","data":"A"}}"#), Some("messages")),
        (message(r#"{"type":"tool_use","id":"1","name":"f","input":{}}"#), Some("messages")),
        (message(r#"{"type":"tool_result"}"#), Some("messages")),
        (body(r#""messages":[],"system":[{"text":"x"}]"#), Some("system")),
        (body(r#""messages":[],"stream":"yes""#), Some("stream")),
        (body(r#""messages":[],"temperature":"1""#), Some("temperature")),
        (body(r#""messages":[],"stop_sequences":"x""#), Some("stop_sequences")),
        (body(r#""messages":[],"tools":{}"#), Some("tools")),
        (body(r#""messages":[],"tools":[{"input_schema":{}}]"#), Some("tools")),
        (body(r#""messages":[],"tools":[{"name":"f","input_schema":[]}]"#), Some("tools")),
        (body(r#""messages":[],"tool_choice":{"type":"tool"}"#), Some("tool_choice")),
        (body(r#""messages":[],"tool_choice":"auto""#), Some("tool_choice")),
        (body(r#""messages":[],"thinking":{"type":"hard"}"#), Some("thinking")),
        (body(r#""messages":[],"thinking":{}"#), Some("thinking")),
        (body(r#""messages":[],"output_config":{"effort":"much"}"#), Some("output_config")),
        (body(r#""messages":[],"output_config":{"format":{}}"#), Some("output_config")),
        (body(r#""messages":[],"metadata":{"user_id":1}"#), Some("metadata")),
        (body(r#""messages":[],"service_tier":1"#), Some("service_tier")),
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!((error.param, error.kind.status()), (param, 400), "{body}: {error}");
    }
}

#[test]
fn a_count_needs_no_limit() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(count::read_request(body.as_bytes()).unwrap().turns.len(), 1);
    assert!(count::read_request(b"{}").is_err());
}
