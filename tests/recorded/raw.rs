//! What an answer says, read by small readers of the test's own from the provider's JSON, to hold
//! the protocols' readers to.

use std::collections::BTreeMap;

use crabllm::chat::Protocol;
use serde_json::Value;
use serde_json::json;

/// The id noted for a call that the provider answers itself.
const SERVER: &str = "server";

/// What one choice says.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub text: String,
    pub refusal: String,
    pub thinking: String,
    /// Id (empty where there is none), name, arguments as text.
    pub calls: Vec<(String, String, String)>,
    pub finish: String,
}

/// What an answer says.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub choices: BTreeMap<u64, Said>,
    pub usage: BTreeMap<&'static str, u64>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The JSON of a body's frames, in order.
pub fn frames(protocol: Protocol, stream: bool, body: &[u8]) -> Vec<Value> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let words = String::from_utf8_lossy(body);
    if !stream {
        return parse(&words).into_iter().collect();
    }
    match protocol {
        Protocol::Bedrock => event_stream(body),
        Protocol::Ollama => words.lines().filter_map(parse).collect(),
        Protocol::Openai | Protocol::Anthropic | Protocol::Gemini => {
            let data = words.lines().filter_map(|line| line.strip_prefix("data:"));
            data.filter_map(parse).collect()
        }
    }
}

/// The frames of an event stream, each below the name of its kind. Every checksum must hold.
pub fn event_stream(body: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let length = number(rest, 0);
        let (frame, behind) = rest.split_at_checked(length).expect("a whole frame");
        assert_eq!(crc32fast::hash(&frame[..8]) as usize, number(frame, 8), "of the prelude");
        let end = length - 4;
        assert_eq!(crc32fast::hash(&frame[..end]) as usize, number(frame, end), "of the frame");
        let headers = 12 + number(frame, 4);
        let kind = event_type(&frame[12..headers]);
        let payload: Value = serde_json::from_slice(&frame[headers..end]).expect("JSON");
        found.push(json!({ kind: payload }));
        rest = behind;
    }
    found
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(*bytes[at..].first_chunk().expect("four bytes")) as usize
}

/// The kind of event in a frame's headers, all of which are texts.
fn event_type(mut headers: &[u8]) -> String {
    while let [length, rest @ ..] = headers {
        let (name, rest) = rest.split_at(usize::from(*length));
        let [7, high, low, rest @ ..] = rest else { panic!("no text in a header") };
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if name == b":event-type" {
            return String::from_utf8_lossy(value).into_owned();
        }
        headers = rest;
    }
    panic!("an event without a kind")
}

/// What the frames say.
pub fn summary(protocol: Protocol, frames: &[Value]) -> Summary {
    let mut found = Summary::default();
    for frame in frames {
        match protocol {
            Protocol::Openai => openai(&mut found, frame),
            Protocol::Anthropic => anthropic(&mut found, frame),
            Protocol::Gemini => gemini(&mut found, frame),
            Protocol::Bedrock => bedrock(&mut found, frame),
            Protocol::Ollama => ollama(&mut found, frame),
        }
    }
    found
}

impl Summary {
    fn choice(&mut self, index: &Value) -> &mut Said {
        self.choices.entry(index.as_u64().unwrap_or(0)).or_default()
    }

    /// Notes a count that is told; later ones replace it.
    fn count(&mut self, class: &'static str, value: &Value) {
        if let Some(value) = value.as_u64() {
            self.usage.insert(class, value);
        }
    }

    fn counted(&self, class: &str) -> u64 {
        self.usage.get(class).copied().unwrap_or(0)
    }
}

fn openai(found: &mut Summary, frame: &Value) {
    for choice in list(&frame["choices"]) {
        let said = found.choice(&choice["index"]);
        for message in [&choice["message"], &choice["delta"]] {
            said.text += text(&message["content"]);
            for part in list(&message["content"]) {
                said.text += text(&part["text"]);
                list(&part["thinking"]).for_each(|part| said.thinking += text(&part["text"]));
            }
            said.refusal += text(&message["refusal"]);
            let thought = message.get("reasoning_content").filter(|thought| !thought.is_null());
            said.thinking += text(thought.unwrap_or(&message["reasoning"]));
            // Snowflake has an empty one in every answer.
            let old = message.get("function_call").filter(|call| call["name"] != "");
            let old = old.filter(|call| call.is_object());
            let old = old.map(|call| json!({ "index": 0, "function": call }));
            for call in list(&message["tool_calls"]).chain(&old) {
                openai_call(said, call, choice.get("message").is_some());
            }
        }
        said.ends(text(&choice["finish_reason"]));
    }
    // Groq tells it in a member of its own.
    for usage in [&frame["x_groq"]["usage"], &frame["usage"]] {
        found.count("prompt", &usage["prompt_tokens"]);
        found.count("completion", &usage["completion_tokens"]);
        // The same by others' names: Together and Mistral, Mistral, DeepSeek.
        for name in ["cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens"] {
            found.count("cached", &usage[name]);
        }
        found.count("cached", &usage["prompt_tokens_details"]["cached_tokens"]);
        found.count("cache_write", &usage["prompt_tokens_details"]["cache_write_tokens"]);
        found.count("reasoning", &usage["completion_tokens_details"]["reasoning_tokens"]);
        found.count("audio_prompt", &usage["prompt_tokens_details"]["audio_tokens"]);
        found.count("audio_completion", &usage["completion_tokens_details"]["audio_tokens"]);
    }
}

fn openai_call(said: &mut Said, call: &Value, whole: bool) {
    let at = call["index"].as_u64().map_or(said.calls.len(), |at| at as usize);
    let at = if whole { said.calls.len() } else { at };
    while said.calls.len() <= at {
        said.calls.push(Default::default());
    }
    let (id, name, arguments) = &mut said.calls[at];
    if id.is_empty() {
        *id += text(&call["id"]);
    }
    if name.is_empty() {
        *name += text(&call["function"]["name"]);
        *name += text(&call["custom"]["name"]);
    }
    *arguments += text(&call["function"]["arguments"]);
    *arguments += text(&call["custom"]["input"]);
}

fn anthropic(found: &mut Summary, frame: &Value) {
    let said = found.choice(&Value::Null);
    let (block, delta) = (&frame["content_block"], &frame["delta"]);
    for block in list(&frame["content"]).chain([block]) {
        said.text += text(&block["text"]);
        said.thinking += text(&block["thinking"]);
        if block["type"] == "tool_use" {
            let input = &block["input"];
            let empty = input.as_object().is_some_and(serde_json::Map::is_empty);
            let input = if empty { String::new() } else { input.to_string() };
            let [id, name] = [&block["id"], &block["name"]].map(|value| text(value).to_owned());
            said.calls.push((id, name, input));
        } else if block["type"] == "server_tool_use" {
            // Its pieces are of no call of the client's.
            said.calls.push((SERVER.to_owned(), String::new(), String::new()));
        }
    }
    said.text += text(&delta["text"]);
    said.thinking += text(&delta["thinking"]);
    if let (Some(call), Some(piece)) = (said.calls.last_mut(), delta["partial_json"].as_str()) {
        call.2 += piece;
    }
    said.ends(text(&frame["stop_reason"]));
    said.ends(text(&delta["stop_reason"]));
    for usage in [&frame["message"]["usage"], &frame["usage"]] {
        found.count("uncached", &usage["input_tokens"]);
        found.count("cached", &usage["cache_read_input_tokens"]);
        found.count("cache_write", &usage["cache_creation_input_tokens"]);
        found.count("cache_write_long", &usage["cache_creation"]["ephemeral_1h_input_tokens"]);
        found.count("completion", &usage["output_tokens"]);
        found.count("reasoning", &usage["output_tokens_details"]["thinking_tokens"]);
    }
    let prompt = ["uncached", "cached", "cache_write"].map(|class| found.counted(class));
    found.usage.insert("prompt", prompt.iter().sum());
}

fn gemini(found: &mut Summary, frame: &Value) {
    for candidate in list(&frame["candidates"]) {
        let said = found.choice(&candidate["index"]);
        for part in list(&candidate["content"]["parts"]) {
            match part["thought"].as_bool() {
                Some(true) => said.thinking += text(&part["text"]),
                Some(false) | None => said.text += text(&part["text"]),
            }
            if let Some(call) = part.get("functionCall") {
                let arguments = call.get("args").map(Value::to_string).unwrap_or_default();
                let [id, name] = [&call["id"], &call["name"]].map(|value| text(value).to_owned());
                said.calls.push((id, name, arguments));
            }
        }
        said.ends(text(&candidate["finishReason"]));
    }
    let usage = &frame["usageMetadata"];
    if usage.is_object() {
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        let thoughts = count("thoughtsTokenCount");
        let prompt = count("promptTokenCount") + count("toolUsePromptTokenCount");
        found.usage = BTreeMap::from([
            ("prompt", prompt),
            ("cached", count("cachedContentTokenCount")),
            ("completion", count("candidatesTokenCount") + thoughts),
            ("reasoning", thoughts),
            ("audio_prompt", audio(&usage["promptTokensDetails"])),
            ("audio_completion", audio(&usage["candidatesTokensDetails"])),
        ]);
    }
}

/// The tokens of sound among those of all kinds.
fn audio(details: &Value) -> u64 {
    let sound = list(details).filter(|detail| detail["modality"] == "AUDIO");
    sound.filter_map(|detail| detail["tokenCount"].as_u64()).sum()
}

fn bedrock(found: &mut Summary, frame: &Value) {
    let said = found.choice(&Value::Null);
    let message = &frame["output"]["message"];
    let delta = &frame["contentBlockDelta"]["delta"];
    let start = &frame["contentBlockStart"]["start"];
    for block in list(&message["content"]).chain([delta, start]) {
        said.text += text(&block["text"]);
        let thought = &block["reasoningContent"];
        said.thinking += text(&thought["reasoningText"]["text"]);
        said.thinking += text(&thought["text"]);
        let call = &block["toolUse"];
        if call.get("toolUseId").is_some() {
            let input = call.get("input").map(Value::to_string).unwrap_or_default();
            let [id, name] = [&call["toolUseId"], &call["name"]].map(|it| text(it).to_owned());
            let own = call["type"] == "server_tool_use";
            said.calls.push((if own { SERVER.to_owned() } else { id }, name, input));
        } else if let (Some(last), Some(piece)) = (said.calls.last_mut(), call["input"].as_str()) {
            last.2 += piece;
        }
    }
    said.ends(text(&frame["stopReason"]));
    said.ends(text(&frame["messageStop"]["stopReason"]));
    for usage in [&frame["usage"], &frame["metadata"]["usage"]] {
        found.count("uncached", &usage["inputTokens"]);
        found.count("cached", &usage["cacheReadInputTokens"]);
        found.count("cache_write", &usage["cacheWriteInputTokens"]);
        found.count("completion", &usage["outputTokens"]);
    }
    let prompt = ["uncached", "cached", "cache_write"].map(|class| found.counted(class));
    found.usage.insert("prompt", prompt.iter().sum());
}

fn ollama(found: &mut Summary, frame: &Value) {
    let said = found.choice(&Value::Null);
    let message = &frame["message"];
    said.text += text(&message["content"]);
    said.thinking += text(&message["thinking"]);
    for call in list(&message["tool_calls"]) {
        let function = &call["function"];
        let [id, name] = [&call["id"], &function["name"]].map(|value| text(value).to_owned());
        said.calls.push((id, name, function["arguments"].to_string()));
    }
    said.ends(text(&frame["done_reason"]));
    found.count("prompt", &frame["prompt_eval_count"]);
    found.count("completion", &frame["eval_count"]);
}

impl Said {
    /// Notes a finish that is told; the last one counts.
    fn ends(&mut self, word: &str) {
        if !word.is_empty() {
            word.clone_into(&mut self.finish);
        }
    }

    /// As a tree, with the arguments of calls read and the finish as the provider says it.
    pub fn tree(&self) -> Value {
        let calls = self.calls.iter().filter(|(id, ..)| id != SERVER);
        let calls = calls.map(|(id, name, arguments)| {
            let told = if arguments.is_empty() { "{}" } else { arguments };
            let arguments = serde_json::from_str(told).unwrap_or_else(|_| Value::from(told));
            json!({ "id": id, "name": name, "arguments": arguments })
        });
        json!({
            "text": self.text,
            "refusal": self.refusal,
            "thinking": self.thinking,
            "calls": calls.collect::<Vec<_>>(),
            "finish": self.finish,
        })
    }
}

impl Summary {
    /// As a tree, in the words of the vocabulary.
    pub fn tree(&self) -> Value {
        let choices = self.choices.iter().map(|(index, said)| {
            let mut tree = said.tree();
            tree["finish"] =
                finish(&said.finish, said.calls.iter().any(|(id, ..)| id != SERVER)).into();
            (index.to_string(), tree)
        });
        let usage = self.usage.iter().filter(|(class, _)| **class != "uncached");
        json!({
            "choices": choices.collect::<serde_json::Map<_, _>>(),
            "usage": usage.collect::<BTreeMap<_, _>>(),
        })
    }
}

/// A provider's word for why an answer ended.
fn finish(word: &str, calls: bool) -> &str {
    match word {
        // Gemini and Ollama do not tell a call from a stop.
        "STOP" | "stop" if calls => "calls",
        "STOP" | "stop" | "end_turn" | "eos" => "stop",
        "length" | "max_tokens" | "MAX_TOKENS" => "length",
        "tool_calls" | "function_call" | "tool_use" => "calls",
        "content_filter" | "SAFETY" | "guardrail_intervened" | "content_filtered" => "filtered",
        "refusal" => "refused",
        "pause_turn" => "paused",
        "" => "",
        other => other,
    }
}
