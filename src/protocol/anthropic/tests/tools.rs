//! Tools, their schemas, and answers that must have a form.

use serde_json::Value;
use serde_json::json;

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Finish;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Sink;
use crate::chat::Text;
use crate::chat::ThinkingRule;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::protocol::anthropic::Unwrap;
use crate::protocol::anthropic::request::FORMAT_TOOL;
use crate::protocol::anthropic::tests::tree_of;
use crate::protocol::anthropic::tests::written;

fn tool(name: &str, kind: ToolKind<'static>) -> Tool<'static> {
    let name = Text::plain(name);
    Tool { name, description: None, kind, strict: None, cache: None, extra: Vec::new() }
}

fn function(schema: &'static str) -> Tool<'static> {
    tool("f", ToolKind::Function(Some(Json::fixed(schema))))
}

fn request(
    tools: Vec<Tool<'static>>,
    tool_choice: Option<ToolChoice<'static>>,
) -> Request<'static> {
    let turns = vec![Turn::new(Role::User, vec![Part::text(Text::plain("u"))])];
    Request { turns, tools, tool_choice, ..Request::default() }
}

#[track_caller]
fn schema_of(tool: Tool<'static>) -> (Value, Vec<String>) {
    let (body, losses) = tree_of(&request(vec![tool], None), &Facts::default());
    (body["tools"][0]["input_schema"].clone(), losses)
}

#[test]
fn a_tools_schema_is_an_objects() {
    for (schema, told) in [
        (r#"{"type":"object","x":1}"#, json!({"type": "object", "x": 1})),
        ("{}", json!({"type": "object"})),
        (r#"{"properties":{}}"#, json!({"type": "object", "properties": {}})),
    ] {
        assert_eq!(schema_of(function(schema)), (told, vec![]), "{schema}");
    }
    let inner = json!({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object"}}});
    let wrapped = json!({
        "type": "object", "properties": {"input": inner}, "required": ["input"],
        "$defs": {"a": {"type": "object"}},
    });
    let text = r##"{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"type":"object"}}}"##;
    assert_eq!(schema_of(function(text)), (wrapped, vec!["parameters".to_owned()]));
    let (told, _) = schema_of(function(r#"{"type":"string"}"#));
    assert_eq!(told["properties"]["input"], json!({"type": "string"}));
    let (nothing, _) = schema_of(tool("f", ToolKind::Function(None)));
    assert_eq!(nothing, json!({"type": "object", "properties": {}}));
}

#[test]
fn a_custom_tool_takes_one_text() {
    let kind = ToolKind::Custom(Some(Json::fixed(r#"{"type":"grammar"}"#)));
    let mut asked = request(vec![tool("run.it", kind)], None);
    let arguments = Arguments::Quoted(Text::plain("print(\"x\")"));
    let (id, name) = (Text::plain("1"), Text::plain("run.it"));
    let call = Content::Call(Call { id, name, arguments, custom: true });
    asked.turns.push(Turn::new(Role::Assistant, vec![Part::new(call)]));
    let (body, losses) = tree_of(&asked, &Facts::default());
    assert_eq!(losses, ["format"]);
    assert_eq!(body["tools"][0]["name"], "run_it");
    let properties = &body["tools"][0]["input_schema"]["properties"];
    assert_eq!(*properties, json!({"input": {"type": "string"}}));
    let block = &body["messages"][1]["content"][0];
    assert_eq!(
        (&block["name"], &block["input"]),
        (&json!("run_it"), &json!({"input": "print(\"x\")"}))
    );
}

#[test]
fn tools_of_a_providers_own() {
    let own = |by| {
        let value = Json::fixed(r#"{"type":"memory_1","name":"memory"}"#);
        tool("memory", ToolKind::Own(Extra { by, name: "memory_1".into(), value }))
    };
    let (body, _) = tree_of(&request(vec![own(Protocol::Anthropic)], None), &Facts::default());
    assert_eq!(body["tools"][0], json!({"type": "memory_1", "name": "memory"}));
    let error = written(&request(vec![own(Protocol::Gemini)], None), &Facts::default());
    assert_eq!(error.unwrap_err().param, Some("tools"));
}

#[test]
fn strict_tools_and_marks() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}"#;
    let mut strict = function(schema);
    strict.strict = Some(true);
    strict.cache = Some(Cache::Standard);
    let (body, losses) = tree_of(&request(vec![strict.clone()], None), &Facts::default());
    let told = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"a": {"type": "integer", "description": "{minimum: 1}"}},
    });
    assert_eq!(
        (&body["tools"][0]["input_schema"], &body["tools"][0]["strict"]),
        (&told, &json!(true))
    );
    assert_eq!(body["tools"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert!(losses.is_empty());
    let facts = Facts { json_schema: false, ..Facts::default() };
    let (body, losses) = tree_of(&request(vec![strict], None), &facts);
    assert_eq!(body["tools"][0]["input_schema"]["properties"]["a"]["minimum"], 1);
    assert!(body["tools"][0].get("strict").is_none());
    assert_eq!(losses, ["strict"]);
}

#[test]
fn whether_a_tool_is_called() {
    let tools = || vec![function("{}"), tool("g", ToolKind::Function(None))];
    let named = || ToolChoice::Named(Text::plain("g"));
    let allowed = |required| ToolChoice::Allowed { required, names: vec![Text::plain("g")] };
    let choose = |choice, facts: &Facts| {
        let (body, losses) = tree_of(&request(tools(), choice), facts);
        let count = body["tools"].as_array().unwrap().len();
        (body["tool_choice"].clone(), count, losses)
    };
    let facts = Facts::default();
    for (choice, told, count) in [
        (None, Value::Null, 2),
        (Some(ToolChoice::Auto), json!({"type": "auto"}), 2),
        (Some(ToolChoice::None), json!({"type": "none"}), 2),
        (Some(ToolChoice::Required), json!({"type": "any"}), 2),
        (Some(named()), json!({"type": "tool", "name": "g"}), 2),
        (Some(allowed(true)), json!({"type": "any"}), 1),
        (Some(allowed(false)), json!({"type": "auto"}), 1),
    ] {
        assert_eq!(choose(choice.clone(), &facts), (told, count, vec![]), "{choice:?}");
    }
    let free = Facts { forced_tools: false, ..Facts::default() };
    let lost = vec!["tool_choice".to_owned()];
    let auto = json!({"type": "auto"});
    for choice in [ToolChoice::Required, named()] {
        assert_eq!(choose(Some(choice), &free), (auto.clone(), 2, lost.clone()));
    }
    // One that thinks by a budget cannot be forced either.
    let budget = Facts { thinking: ThinkingRule::Budget, ..Facts::default() };
    let mut thinks = request(tools(), Some(named()));
    thinks.thinking.effort = Some(Effort::Low);
    let (body, losses) = tree_of(&thinks, &budget);
    assert_eq!((&body["tool_choice"], losses), (&auto, lost.clone()));
    let (body, losses) = tree_of(&request(vec![], Some(named())), &facts);
    assert!(body.get("tool_choice").or(body.get("tools")).is_none());
    assert_eq!(losses, lost);
}

#[test]
fn one_call_at_a_time() {
    let choose = |choice, parallel| {
        let mut asked = request(vec![function("{}")], choice);
        asked.parallel_tools = parallel;
        tree_of(&asked, &Facts::default()).0["tool_choice"].clone()
    };
    let one = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(choose(None, Some(false)), one);
    assert_eq!(choose(None, Some(true)), Value::Null);
    assert_eq!(choose(Some(ToolChoice::None), Some(false)), json!({"type": "none"}));
    let any = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(choose(Some(ToolChoice::Required), Some(false)), any);
}

const SCHEMA: &str = r##"{
    "type": "object", "title": "T", "description": "d", "additionalProperties": true,
    "properties": {
        "n": {"type": ["number", "null"], "minimum": 0, "maximum": 1.0, "description": "\u006eum"},
        "s": {"type": "string", "pattern": "^a\\d", "format": "date"},
        "l": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"properties": {}}},
        "o": {"oneOf": [{"$ref": "#/$defs/x"}, {"type": "string", "format": "byte"}]}
    },
    "required": ["n"], "$defs": {"x": {"type": "object", "properties": {"enum": {"const": 1}}}}
}"##;

fn format(schema: &'static str) -> Option<Format<'static>> {
    let schema = Json::fixed(schema);
    Some(Format::Schema { name: Some(Text::plain("out")), description: None, schema, strict: None })
}

#[test]
fn a_form_is_asked_for_in_anthropics_words() {
    let mut asked = request(vec![], None);
    asked.format = format(SCHEMA);
    let (body, losses) = tree_of(&asked, &Facts::default());
    assert!(losses.is_empty());
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {
            "type": "object", "title": "T", "description": "d", "additionalProperties": false,
            "properties": {
                "n": {"type": ["number", "null"], "description": "num\n\n{minimum: 0, maximum: 1.0}"},
                "s": {"type": "string", "format": "date", "description": "{pattern: \"^a\\\\d\"}"},
                "l": {"type": "array", "minItems": 1, "description": "{maxItems: 3}",
                      "items": {"properties": {}, "additionalProperties": false}},
                "o": {"anyOf": [{"$ref": "#/$defs/x"},
                                {"type": "string", "description": "{format: \"byte\"}"}]},
            },
            "required": ["n"],
            "$defs": {"x": {"type": "object", "properties": {"enum": {"const": 1}},
                            "additionalProperties": false}},
        }})
    );
    // What fits stays as it was written.
    let fits = r#"{"type":"object",  "additionalProperties":false}"#;
    asked.format = format(fits);
    assert!(written(&asked, &Facts::default()).unwrap().0.contains(fits));
}

#[test]
fn a_form_is_asked_for_otherwise() {
    let facts = Facts { json_schema: false, ..Facts::default() };
    let mut asked = request(vec![], None);
    asked.format = format(r#"{"type":"array"}"#);
    let (body, losses) = tree_of(&asked, &facts);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": FORMAT_TOOL}));
    let schema = &body["tools"][0]["input_schema"];
    assert_eq!(schema["properties"]["input"], json!({"type": "array"}));
    assert!(losses.is_empty());
    asked.tools = vec![function("{}")];
    let (body, _) = tree_of(&asked, &facts);
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    let neither = Facts { forced_tools: false, ..facts };
    assert_eq!(written(&asked, &neither).unwrap_err().param, Some("response_format"));
    asked.format = Some(Format::Object);
    let (body, _) = tree_of(&asked, &neither);
    let said = body["system"][0]["text"].as_str().unwrap();
    assert!(said.contains("JSON object"), "{said}");
}

fn start(call: u32, name: &str) -> Event<'static> {
    let (id, name) = (Text::plain("1"), Text::plain(name));
    Event::CallStart { choice: 0, call, id, name, custom: false, signature: None }
}

fn piece(call: u32, text: &str) -> Event<'static> {
    Event::CallArguments { choice: 0, call, piece: Arguments::Quoted(Text::plain(text)) }
}

const fn end(call: u32) -> Event<'static> {
    Event::CallEnd { choice: 0, call }
}

fn text(text: &str) -> Event<'static> {
    Event::Text { choice: 0, text: Text::plain(text) }
}

const fn finish(reason: Finish<'static>) -> Event<'static> {
    Event::Finish { choice: 0, reason }
}

fn unwrapped(events: &[Event<'static>]) -> Vec<Event<'static>> {
    let mut unwrap = Unwrap::default();
    let mut kept = Vec::new();
    for event in events {
        // A stream's sink is another one each time.
        unwrap.before(&mut kept).event(event.clone());
    }
    kept
}

#[test]
fn an_answer_by_a_tool_is_text() {
    let calls = [start(0, FORMAT_TOOL), piece(0, "{\"a\":"), piece(0, "1}"), end(0)];
    let found = unwrapped(&[&calls[..], &[finish(Finish::Calls), Event::End]].concat());
    assert_eq!(found, [text("{\"a\":"), text("1}"), finish(Finish::Stop), Event::End]);
    let empty = [start(0, FORMAT_TOOL), end(0), finish(Finish::Length)];
    assert_eq!(unwrapped(&empty), [text("{}"), finish(Finish::Length)]);
    let whole = Arguments::Value(Json::fixed("{\"q\":\"\\\"\"}"));
    let whole = Event::CallArguments { choice: 0, call: 0, piece: whole };
    let found = unwrapped(&[start(0, FORMAT_TOOL), whole, end(0)]);
    assert_eq!(found, [text("{\"q\":\"\\\"\"}")]);
}

#[test]
fn other_calls_stay_calls() {
    let found = unwrapped(&[
        start(0, "f"),
        end(0),
        start(1, FORMAT_TOOL),
        piece(1, "{}"),
        end(1),
        start(2, "g"),
        piece(2, "{}"),
        end(2),
        finish(Finish::Calls),
    ]);
    let calls = [start(0, "f"), end(0), text("{}"), start(1, "g"), piece(1, "{}"), end(1)];
    assert_eq!(found, [&calls[..], &[finish(Finish::Calls)]].concat());
}
