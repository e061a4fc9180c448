//! Reading requests.

use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::protocol::gemini::request::read;

const FULL: &str = r#"{
    "system_instruction": {"role": "user", "parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [
            {"text": "Look:"},
            {"inline_data": {"mime_type": "image/png", "data": "-_8="}},
            {"fileData": {"fileUri": "https://youtu.be/x"}}]},
        {"role": "model", "parts": [
            {"text": "Hm.", "thought": true, "thoughtSignature": "s\u003d"},
            {"functionCall": {"name": "f", "args": {"a": 1.0}}, "thought_signature": "t"},
            {"functionCall": {"name": "f"}},
            {"executableCode": {"code": "1", "language": "PYTHON"}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "x", "name": "f", "response": {"output": "one"}}},
            {"functionResponse": {"name": "f", "response": {"error": "two"}}}]}],
    "tools": [{"functionDeclarations": [
        {"name": "f", "description": "d", "parameters": {"type": "OBJECT"}, "behavior": "BLOCKING"}],
        "googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {"temperature": 0.50, "topK": 3, "maxOutputTokens": "77",
        "stopSequences": ["END"], "candidateCount": 2, "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"}, "speechConfig": {"languageCode": "de"},
        "thinkingConfig": {"include_thoughts": true, "thinkingLevel": "HIGH"}},
    "safetySettings": [], "serviceTier": "standard", "store": null
}"#;

#[test]
fn all_that_a_request_says() {
    let request = read(FULL.as_bytes()).unwrap();
    assert!(request.model.is_empty() && !request.stream);
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    assert_eq!(request.max_tokens, Some(77));
    assert_eq!(request.choices, Some(2));
    assert_eq!(request.sampling.temperature.as_ref().unwrap().raw(), b"0.50");
    assert_eq!(request.stop, [Text::plain("END")]);
    assert!(matches!(request.format, Some(Format::Schema { .. })));
    assert_eq!(
        (request.thinking.effort, request.thinking.visible),
        (Some(Effort::High), Some(true))
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Named(Text::plain("f"))));
    assert_eq!(request.tier, Some(Text::plain("default")));
    let names: Vec<_> = request.extra.iter().map(|extra| &*extra.name).collect();
    assert_eq!(names, ["safetySettings", "generationConfig.speechConfig"]);
    let kinds: Vec<_> = request.tools.iter().map(|tool| tool.name.decode()).collect();
    assert_eq!(kinds, ["f", "googleSearch"]);
    let ToolKind::Function(Some(schema)) = &request.tools[0].kind else { panic!() };
    assert_eq!(schema.raw(), br#"{"type":"object"}"#);
    assert_eq!(request.tools[0].extra[0].name, "behavior");
}

#[test]
fn parts_are_of_their_kinds() {
    let request = read(FULL.as_bytes()).unwrap();
    let (user, model) = (&request.turns[1].parts, &request.turns[2].parts);
    let Content::Media(image) = &user[1].content else { panic!() };
    assert_eq!(image.kind, MediaKind::Image);
    assert_eq!(image.source, Source::Base64(Text::plain("+/8=")));
    let Content::Media(film) = &user[2].content else { panic!() };
    assert_eq!(
        (film.kind, &film.source),
        (MediaKind::Video, &Source::Url(Text::plain("https://youtu.be/x")))
    );
    assert_eq!(model[0].content, Content::Thinking(Text::plain("Hm.")));
    let signature = model[0].signature.as_ref().unwrap();
    assert_eq!((signature.by, &*signature.data.decode()), (Protocol::Gemini, "s="));
    let Content::Other(other) = &model[3].content else { panic!() };
    assert_eq!(other.name, "executableCode");
}

#[test]
fn results_find_their_calls() {
    let request = read(FULL.as_bytes()).unwrap();
    let ids = |at: usize| -> Vec<String> {
        let id = |content: &Content<'_>| {
            let call = if let Content::Call(call) = content { Some(&call.id) } else { None };
            let result =
                if let Content::Result(result) = content { Some(&result.id) } else { None };
            call.or(result).map(|id| id.decode().into_owned())
        };
        request.turns[at].parts.iter().filter_map(|part| id(&part.content)).collect()
    };
    assert_eq!(ids(2), ["call_0", "call_1"]);
    assert_eq!(ids(3), ["call_0", "call_1"]);
    let Content::Result(failed) = &request.turns[3].parts[1].content else { panic!() };
    assert!(failed.failed);
    assert_eq!(failed.parts[0].content, Content::Text(Text::plain("two")));
}

#[test]
fn one_stands_for_an_array_of_one() {
    let body = r#"{"contents":{"parts":{"text":"a"}},"tools":{"googleSearch":{}}}"#;
    let request = read(body.as_bytes()).unwrap();
    assert_eq!((request.turns.len(), request.turns[0].parts.len(), request.tools.len()), (1, 1, 1));
}

#[test]
fn thinking_has_numbers_of_its_own() {
    for (config, mode, budget) in [
        (r#"{"thinkingBudget":-1}"#, Some(ThinkingMode::Adaptive), None),
        (r#"{"thinking_budget":0}"#, Some(ThinkingMode::Off), None),
        (r#"{"thinkingBudget":"512"}"#, None, Some(512)),
    ] {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"text":"a"}}]}}],"generationConfig":{{"thinkingConfig":{config}}}}}"#
        );
        let thinking = read(body.as_bytes()).unwrap().thinking;
        assert_eq!((thinking.mode, thinking.budget), (mode, budget), "{config}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let content = r#""contents":[{"parts":[{"text":"a"}]}]"#;
    for (body, param) in [
        ("{}".to_owned(), Some("contents")),
        ("[]".to_owned(), None),
        (format!("{{{content},{content}}}"), Some("contents")),
        (format!(r#"{{{content},"toolConfig":{{}},"tool_config":{{}}}}"#), Some("toolConfig")),
        (format!(r#"{{{content},"generationConfig":[]}}"#), Some("generationConfig")),
        (
            format!(r#"{{{content},"generationConfig":{{"maxOutputTokens":"x"}}}}"#),
            Some("generationConfig.maxOutputTokens"),
        ),
        (r#"{"contents":[{"role":"bot","parts":[]}]}"#.to_owned(), Some("contents.role")),
        (r#"{"contents":[{"parts":[{"text":1}]}]}"#.to_owned(), Some("contents")),
        (
            r#"{"contents":[{"parts":[{"text":"a","functionCall":{"name":"f"}}]}]}"#.to_owned(),
            Some("contents"),
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}"#.to_owned(),
            Some("contents"),
        ),
        (
            format!(
                r#"{{{content},"tools":[{{"functionDeclarations":[{{"name":"f","parameters":{{}},"parametersJsonSchema":{{}}}}]}}]}}"#
            ),
            Some("tools.functionDeclarations"),
        ),
        (
            format!(r#"{{{content},"toolConfig":{{"functionCallingConfig":{{"mode":"x"}}}}}}"#),
            Some("toolConfig.functionCallingConfig.mode"),
        ),
    ] {
        assert_eq!(read(body.as_bytes()).unwrap_err().param, param, "{body}");
    }
}
