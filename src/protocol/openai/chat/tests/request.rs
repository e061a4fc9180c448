//! Reading requests.

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::error::Kind;
use crate::protocol::openai::chat::request::read;

/// A body around some messages.
fn talk(messages: &str) -> String {
    format!(r#"{{"model":"m","messages":[{messages}]}}"#)
}

#[test]
fn every_field_finds_its_place() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,
        "temperature":0.50,"top_p":1,"top_k":5,"min_p":0.1,"seed":12345678901234567890,
        "presence_penalty":-1,"frequency_penalty":2,"n":2,"logprobs":true,"top_logprobs":3,
        "max_tokens":7,"max_completion_tokens":9,"stop":"x","service_tier":"flex",
        "safety_identifier":"s","user":"u","metadata":{"a":"b"},"reasoning_effort":"high",
        "parallel_tool_calls":false,"logit_bias":{"1":2},"stream_options":{"include_usage":true},
        "verbosity":null,"\u0073tore":true}"#;
    let request = read(body.as_bytes()).unwrap();
    assert!(request.stream);
    let raw = |json: &Option<crate::chat::Json<'_>>| {
        String::from_utf8(json.as_ref().unwrap().raw().to_vec()).unwrap()
    };
    assert_eq!(raw(&request.sampling.temperature), "0.50");
    assert_eq!(raw(&request.sampling.seed), "12345678901234567890");
    assert_eq!(raw(&request.metadata), r#"{"a":"b"}"#);
    assert_eq!((request.max_tokens, request.choices), (Some(9), Some(2)));
    assert_eq!((request.logprobs, request.top_logprobs), (Some(true), Some(3)));
    assert_eq!(request.stop, [Text::plain("x")]);
    assert_eq!(request.user, Some(Text::plain("s")));
    assert_eq!(request.thinking.effort, Some(Effort::High));
    assert_eq!(request.parallel_tools, Some(false));
    let names: Vec<_> = request.extra.iter().map(|extra| extra.name.as_ref()).collect();
    assert_eq!(names, ["logit_bias", "stream_options", "store", "user"]);
}

#[test]
fn nothing_is_read_twice_or_wrong() {
    let ok = r#""messages":[{"role":"user","content":"a"}]"#;
    for (rest, field) in [
        (r#""stream":true,"str\u0065am":false"#, "stream"),
        (r#""temperature":"hot""#, "temperature"),
        (r#""max_tokens":-1"#, "max_tokens"),
        (r#""max_tokens":1.5"#, "max_tokens"),
        (r#""stop":[1]"#, "stop"),
        (r#""stop":1"#, "stop"),
        (r#""stream":"yes""#, "stream"),
        (r#""metadata":[]"#, "metadata"),
        (r#""tools":{}"#, "tools"),
        (r#""tools":[{"type":"function"}]"#, "tools"),
        (r#""tools":[{"type":"function","function":{}}]"#, "tools"),
        (r#""tool_choice":"maybe""#, "tool_choice"),
        (r#""tool_choice":{"type":"function"}"#, "tool_choice"),
        (r#""response_format":{}"#, "response_format"),
        (r#""response_format":{"type":"json_schema"}"#, "response_format"),
        (r#""reasoning_effort":1"#, "reasoning_effort"),
        (r#""n":"2""#, "n"),
        (r#""functions":[{}]"#, "functions"),
        (r#""function_call":1"#, "function_call"),
    ] {
        let body = format!(r#"{{"model":"m",{ok},{rest}}}"#);
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.param), (Kind::BadRequest, Some(field)), "{body}");
    }
    for (body, field) in [
        (format!("{{{ok}}}"), Some("model")),
        (r#"{"model":"m"}"#.to_owned(), Some("messages")),
        (talk(""), Some("messages")),
        (talk("1"), Some("messages")),
        (talk(r#"{"content":"a"}"#), Some("messages")),
        (talk(r#"{"role":"king","content":"a"}"#), Some("messages")),
        (talk(r#"{"role":"user","content":1}"#), Some("messages")),
        (talk(r#"{"role":"user","content":[1]}"#), Some("messages")),
        (talk(r#"{"role":"user","content":null}"#), Some("messages")),
        (talk(r#"{"role":"system"}"#), Some("messages")),
        (talk(r#"{"role":"user","content":[{"type":"text"}]}"#), Some("messages")),
        (talk(r#"{"role":"user","content":[{"type":"image_url"}]}"#), Some("messages")),
        (talk(r#"{"role":"user","content":[{"type":"file","file":{}}]}"#), Some("messages")),
        (talk(r#"{"role":"tool","content":"a"}"#), Some("messages")),
        (talk(r#"{"role":"assistant","tool_calls":[{"id":"a"}]}"#), Some("messages")),
        (talk(r#"{"role":"assistant","tool_calls":{}}"#), Some("messages")),
        ("{".to_owned(), None),
    ] {
        assert_eq!(read(body.as_bytes()).unwrap_err().param, field, "{body}");
    }
}

#[test]
fn messages_become_turns() {
    let body = talk(
        r#"{"role":"developer","content":"d","name":"op"},
        {"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},
            {"type":"text","text":"b","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}]},
        {"role":"assistant","content":"c","reasoning_content":"hm","refusal":null,"tool_calls":[
            {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
            {"id":"2","type":"custom","custom":{"name":"g","input":"free"}}],"prefix":true},
        {"role":"tool","tool_call_id":"1","content":"one"},
        {"role":"tool","tool_call_id":"2","content":[{"type":"text","text":"two"}]},
        {"role":"user","content":"go on"}"#,
    );
    let request = read(body.as_bytes()).unwrap();
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User, Role::User]);
    let names: Vec<_> = request.turns[0].extra.iter().map(|e| e.name.as_ref()).collect();
    assert_eq!(names, ["name", "role"]);
    assert_eq!(request.turns[0].parts[0].content, Content::Text(Text::plain("d")));
    let marks: Vec<_> = request.turns[1].parts.iter().map(|part| part.cache).collect();
    assert_eq!(marks, [Some(Cache::Standard), Some(Cache::HalfDay)]);
    let said = &request.turns[2];
    assert_eq!(said.parts[0].content, Content::Thinking(Text::plain("hm")));
    assert_eq!(said.parts[1].content, Content::Text(Text::plain("c")));
    assert_eq!(
        said.parts[3].content,
        Content::Call(Call {
            id: Text::plain("2"),
            name: Text::plain("g"),
            arguments: Arguments::Quoted(Text::plain("free")),
            custom: true
        })
    );
    assert_eq!(said.extra[0].name, "prefix");
    assert_eq!(request.turns[3].parts.len(), 2, "results stand together");
    assert_eq!(request.tool_of_call(&Text::plain("1")), Some(&Text::plain("f")));
}

#[test]
fn a_mark_of_a_message_stands_on_what_it_ends_with() {
    let body = talk(
        r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
            "cache_control":{"type":"ephemeral"}},
        {"role":"assistant","content":"c","cache_control":{"type":"ephemeral","ttl":"1h"},
            "tool_calls":[{"id":"1","type":"function","function":{"name":"f"}},
                {"id":"2","type":"function","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"1","content":"","cache_control":{"type":"ephemeral"}},
        {"role":"tool","tool_call_id":"2","content":"two"},
        {"role":"tool","tool_call_id":"3","content":[{"type":"text","text":"",
            "prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}]},
        {"role":"assistant","reasoning_content":"hm","cache_control":{"type":"ephemeral"}}"#,
    );
    let request = read(body.as_bytes()).unwrap();
    let marks: Vec<Vec<_>> = request
        .turns
        .iter()
        .map(|turn| turn.parts.iter().map(|part| part.cache).collect())
        .collect();
    let standard = Some(Cache::Standard);
    assert_eq!(
        marks,
        [
            vec![None, standard],
            vec![None, None, Some(Cache::Hour)],
            vec![standard, None, Some(Cache::HalfDay)],
            vec![None]
        ]
    );
    // There it cannot stand on anything.
    assert_eq!(request.turns[3].extra[0].name, "cache_control");
}

#[test]
fn the_older_words_mean_the_same() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"r"}],
        "functions":[{"name":"f","parameters":{"type":"object"}}],"function_call":{"name":"f"}}"#;
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.tools[0].name, Text::plain("f"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Named(Text::plain("f"))));
    let Content::Call(call) = &request.turns[1].parts[0].content else { panic!() };
    assert!(call.id.is_empty());
    let Content::Result(result) = &request.turns[2].parts[0].content else { panic!() };
    assert_eq!(result.name, Some(Text::plain("f")));
    // An answer in that form knows one call.
    assert_eq!((request.functions, request.parallel_tools), (true, Some(false)));
    let both = body.replace(
        r#""functions":"#,
        r#""tools":[{"type":"function","function":{"name":"g"}}],"functions":"#,
    );
    let none = body.replace(r#""functions":[{"name":"f","parameters":{"type":"object"}}],"#, "");
    for newer in [both, none] {
        let request = read(newer.as_bytes()).unwrap();
        assert_eq!((request.functions, request.parallel_tools), (false, None), "{newer}");
    }
}

fn media(part: &str) -> Result<Media<'static>, crate::error::Error> {
    let body = talk(&format!(r#"{{"role":"user","content":[{part}]}}"#));
    let request = read(body.as_bytes())?;
    let Content::Media(media) = &request.turns[0].parts[0].content else { panic!("{part}") };
    let source = match media.source.clone() {
        Source::Base64(text) => Source::Base64(text.into_owned()),
        Source::Plain(text) => Source::Plain(text.into_owned()),
        Source::Url(text) => Source::Url(text.into_owned()),
        Source::File(by, text) => Source::File(by, text.into_owned()),
    };
    let own = |text: &Option<Text<'_>>| text.clone().map(Text::into_owned);
    Ok(Media {
        kind: media.kind,
        source,
        mime: own(&media.mime),
        detail: own(&media.detail),
        name: own(&media.name),
    })
}

#[test]
fn media_are_taken_apart() {
    let base64 = |data: &str| Source::Base64(Text::plain(data));
    let some = |text: &str| Some(Text::plain(text));
    let image = media(
        r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO/w==","detail":"low"}}"#,
    );
    let image = image.unwrap();
    assert_eq!((image.kind, image.source), (MediaKind::Image, base64("iVBO/w==")));
    assert_eq!((image.mime, image.detail), (some("image/png"), some("low")));
    let escaped =
        media(r#"{"type":"image_url","image_url":{"url":"DATA:image\/png;x=1;BASE64,iVBO\/w=="}}"#);
    let escaped = escaped.unwrap();
    assert_eq!((escaped.source, escaped.mime), (base64("iVBO/w=="), some("image/png")));
    let url = media(r#"{"type":"image_url","image_url":"https://x/y.png"}"#).unwrap();
    assert_eq!((url.source, url.mime), (Source::Url(Text::plain("https://x/y.png")), None));
    let sound = r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}"#;
    assert_eq!(media(sound).unwrap().mime, some("audio/mpeg"));
    let file = r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}"#;
    let file = media(file).unwrap();
    assert_eq!((file.kind, file.source), (MediaKind::Document, base64("JVBE")));
    assert_eq!((file.mime, file.name), (some("application/pdf"), some("a.pdf")));
    let id = media(r#"{"type":"file","file":{"file_id":"file-1"}}"#).unwrap();
    assert_eq!(id.source, Source::File(Protocol::Openai, Text::plain("file-1")));
    for wrong in ["data:image/png,abc", "data:;base64,abc", "data:image/png;base64"] {
        let part = format!(r#"{{"type":"image_url","image_url":{{"url":"{wrong}"}}}}"#);
        assert_eq!(media(&part).unwrap_err().param, Some("messages"), "{wrong}");
    }
}

#[test]
fn the_type_of_a_bare_file_is_told_by_its_name() {
    let file = |name: &str, data: &str| {
        let name = if name.is_empty() { String::new() } else { format!(r#""filename":"{name}","#) };
        media(&format!(r#"{{"type":"file","file":{{{name}"file_data":"{data}"}}}}"#))
    };
    for (name, data, kind, mime) in [
        ("a.pdf", "AAAA", MediaKind::Document, "application/pdf"),
        ("Q3.v2.CSV", "AAAA", MediaKind::Document, "text/csv"),
        ("a.md", "AAAA", MediaKind::Document, "text/markdown"),
        ("a.jpg", "AAAA", MediaKind::Image, "image/jpeg"),
        ("a.wav", "AAAA", MediaKind::Audio, "audio/wav"),
        ("", "JVBERi0xLjQ=", MediaKind::Document, "application/pdf"),
        ("report", "JVBERi0xLjQ=", MediaKind::Document, "application/pdf"),
    ] {
        let found = file(name, data).unwrap();
        assert_eq!((found.kind, found.mime), (kind, Some(Text::plain(mime))), "{name}");
        assert_eq!(found.source, Source::Base64(Text::plain(data)));
    }
    for name in ["", "a.xyz", "pdf"] {
        assert_eq!(file(name, "AAAA").unwrap_err().param, Some("messages"), "{name}");
    }
}

#[test]
fn tools_and_what_is_asked_of_them() {
    let body = |rest: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}],{rest}}}"#)
    };
    let text = body(
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,
            "parameters":{"b":1,"a":2}},"cache_control":{"type":"ephemeral","ttl":"1h"}},
            {"type":"custom","custom":{"name":"g","format":{"type":"text"}}},
            {"type":"openrouter:web_search","parameters":{}}],
            "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",
            "tools":[{"type":"function","function":{"name":"f"}}]}}"#,
    );
    let request = read(text.as_bytes()).unwrap();
    let [first, second, third] = request.tools.as_slice() else { panic!() };
    let ToolKind::Function(Some(schema)) = &first.kind else { panic!() };
    assert_eq!(schema.raw(), br#"{"b":1,"a":2}"#);
    assert_eq!((first.strict, first.cache), (Some(true), Some(Cache::Hour)));
    assert!(matches!(second.kind, ToolKind::Custom(Some(_))));
    assert!(matches!(&third.kind, ToolKind::Own(own) if own.name == "openrouter:web_search"));
    let names = vec![Text::plain("f")];
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { required: false, names }));
    for (choice, expected) in [
        (r#""none""#, ToolChoice::None),
        (r#""any""#, ToolChoice::Required),
        (r#"{"function":{"name":"f"}}"#, ToolChoice::Named(Text::plain("f"))),
    ] {
        let text = body(&format!(r#""tool_choice":{choice}"#));
        assert_eq!(read(text.as_bytes()).unwrap().tool_choice, Some(expected));
    }
}

#[test]
fn forms_and_efforts_that_nobody_knows_are_carried() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"}],
        "reasoning_effort":"default","response_format":{"type":"grammar","grammar":"x"}}"#;
    let request = read(body.as_bytes()).unwrap();
    let names: Vec<_> = request.extra.iter().map(|extra| extra.name.as_ref()).collect();
    assert_eq!(names, ["reasoning_effort", "response_format"]);
    let off = r#"{"model":"m","messages":[{"role":"user","content":"a"}],
        "reasoning_effort":"none","response_format":{"type":"json_object"}}"#;
    let request = read(off.as_bytes()).unwrap();
    assert_eq!(request.thinking.mode, Some(ThinkingMode::Off));
    assert_eq!(request.format, Some(Format::Object));
}
