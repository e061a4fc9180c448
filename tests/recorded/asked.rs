//! A request as a JSON tree: what must still be asked when it was written in another protocol's
//! words.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crabllm::chat::CallResult;
use crabllm::chat::Content;
use crabllm::chat::Format;
use crabllm::chat::Json;
use crabllm::chat::Media;
use crabllm::chat::Part;
use crabllm::chat::Request;
use crabllm::chat::Role;
use crabllm::chat::Source;
use crabllm::chat::Text;
use crabllm::chat::Tool;
use crabllm::chat::ToolChoice;
use crabllm::chat::ToolKind;
use crabllm::chat::Turn;
use serde_json::Value;
use serde_json::json;

use crate::tree;

/// All of a request. Its members have the names by which a loss of them is told.
pub fn request(request: &Request<'_>) -> Value {
    let sampling = &request.sampling;
    let thinking = &request.thinking;
    let system = request.turns.iter().filter(|turn| turn.role == Role::System);
    let system: Vec<String> = system.flat_map(|turn| &turn.parts).map(text_of).collect();
    json!({
        "stream": request.stream,
        "system": system.concat(),
        "turns": turns(&request.turns),
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "tool_choice": request.tool_choice.as_ref().map(choice),
        "parallel_tool_calls": request.parallel_tools,
        "response_format": request.format.as_ref().map(format),
        "reasoning_effort": thinking.effort.map(|effort| effort.as_str()),
        "thinking": thinking.mode.map(|mode| format!("{mode:?}")),
        "budget": thinking.budget,
        "visible": thinking.visible,
        "max_tokens": request.max_tokens,
        "stop": request.stop.iter().map(said).collect::<Vec<_>>(),
        "temperature": number(&sampling.temperature),
        "top_p": number(&sampling.top_p),
        "top_k": number(&sampling.top_k),
        "min_p": number(&sampling.min_p),
        "seed": number(&sampling.seed),
        "presence_penalty": number(&sampling.presence_penalty),
        "frequency_penalty": number(&sampling.frequency_penalty),
        "n": request.choices,
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "service_tier": request.tier.as_ref().map(said),
        "user": request.user.as_ref().map(said),
        "metadata": number(&request.metadata),
    })
}

/// Leaves out what the client is told is lost.
pub fn forget(request: &mut Value, name: &str) {
    if name == "tool_choice" {
        // Where a choice among some cannot be said, the others are not shown.
        tree::allowed(request);
    }
    let places: Vec<&mut Value> = match name {
        "strict" => request["tools"].as_array_mut().into_iter().flatten().collect(),
        _ => vec![request],
    };
    for place in places {
        place[name] = Value::Null;
    }
}

fn said(text: &Text<'_>) -> String {
    text.decode().into_owned()
}

fn number(json: &Option<Json<'_>>) -> Value {
    json.as_ref().map(parsed).unwrap_or_default()
}

fn parsed(json: &Json<'_>) -> Value {
    serde_json::from_slice(json.raw()).expect("JSON")
}

fn text_of(part: &Part<'_>) -> String {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => said(text),
        Content::Media(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => String::new(),
    }
}

/// What is said between the person and the model. Turns of one role that follow one another are
/// one, and so are texts.
fn turns(turns: &[Turn<'_>]) -> Value {
    let mut told: Vec<(Role, Vec<Value>)> = Vec::new();
    for turn in turns.iter().filter(|turn| turn.role != Role::System) {
        let mut said = turn.parts.iter().map(part).collect();
        tree::strip(&mut said);
        let Value::Array(said) = said else { continue };
        match told.last_mut() {
            Some((role, parts)) if *role == turn.role => parts.extend(said),
            Some(_) | None if said.is_empty() => {}
            Some(_) | None => told.push((turn.role, said)),
        }
    }
    let told = told.into_iter().map(|(role, parts)| {
        let role = if role == Role::User { "user" } else { "assistant" };
        json!({ role: joined(parts) })
    });
    told.collect()
}

fn joined(parts: Vec<Value>) -> Vec<Value> {
    let mut told: Vec<Value> = Vec::new();
    for part in parts {
        let join = |last: &mut Value| {
            ["text", "thinking"].into_iter().any(|kind| match (&mut last[kind], &part[kind]) {
                (Value::String(text), Value::String(more)) => {
                    text.push_str(more);
                    true
                }
                _ => false,
            })
        };
        if !told.last_mut().is_some_and(join) {
            told.push(part);
        }
    }
    told
}

fn part(part: &Part<'_>) -> Value {
    match &part.content {
        Content::Text(text) => json!({ "text": said(text) }),
        Content::Refusal(text) => json!({ "refusal": said(text) }),
        Content::Media(media) => self::media(media),
        Content::Call(call) => {
            let json = call.arguments.json();
            let arguments = serde_json::from_slice(&json);
            let plain = || Value::from(String::from_utf8_lossy(&json));
            json!({
                "call": said(&call.name),
                "id": said(&call.id),
                "arguments": arguments.unwrap_or_else(|_| plain()),
            })
        }
        Content::Result(result) => self::result(result),
        Content::Thinking(text) => json!({ "thinking": said(text) }),
        Content::Redacted => json!({ "redacted": true }),
        Content::Other(extra) => json!({ "own": extra.name }),
    }
}

fn result(result: &CallResult<'_>) -> Value {
    let parts = result.parts.iter().map(part).collect();
    json!({ "result": joined(parts), "id": said(&result.id), "failed": result.failed })
}

fn media(media: &Media<'_>) -> Value {
    let source = match &media.source {
        Source::Base64(data) => said(data),
        Source::Plain(text) => BASE64_STANDARD.encode(said(text)),
        Source::Url(url) => said(url),
        Source::File(by, id) => format!("{} {}", by.as_str(), id.decode()),
    };
    json!({ "media": format!("{:?}", media.kind), "source": source })
}

fn tool(tool: &Tool<'_>) -> Value {
    let schema = match &tool.kind {
        ToolKind::Function(schema) | ToolKind::Custom(schema) => number(schema),
        ToolKind::Own(extra) => json!({ "own": extra.name }),
    };
    json!({
        "name": said(&tool.name),
        "description": tool.description.as_ref().map(said),
        "schema": schema,
        "strict": tool.strict,
    })
}

fn choice(choice: &ToolChoice<'_>) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "named": said(name) }),
        ToolChoice::Allowed { required, names } => {
            json!({ "required": required, "names": names.iter().map(said).collect::<Vec<_>>() })
        }
    }
}

fn format(format: &Format<'_>) -> Value {
    match format {
        Format::Text => json!("text"),
        Format::Object => json!("object"),
        Format::Schema { name, description, schema, strict } => json!({
            "name": name.as_ref().map(said),
            "description": description.as_ref().map(said),
            "schema": parsed(schema),
            "strict": strict,
        }),
    }
}
