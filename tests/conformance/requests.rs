//! Requests of clients of every protocol, written for models of every protocol.

use std::collections::BTreeMap;

use crabllm::chat::Losses;
use crabllm::chat::Protocol;
use crabllm::chat::Request;
use crabllm::codec::json;
use crabllm::config::Models;
use crabllm::error::Error;
use crabllm::protocol::Dialect;
use crabllm::protocol::Target;
use crabllm::protocol::any;

use crate::fixture;
use crate::fixture::Fixture;
use crate::fixture::Goldens;
use crate::pretty;

/// For whom requests are written: of each protocol a model that takes nearly everything, and one
/// that asks for care.
const MODELS: [(Protocol, &str); 12] = [
    (Protocol::Openai, "gpt-4.1"),
    (Protocol::Openai, "gpt-5.1"),
    (Protocol::Openai, "deepseek-v4-pro"),
    (Protocol::Anthropic, "claude-sonnet-4-5"),
    (Protocol::Anthropic, "claude-opus-5-5"),
    (Protocol::Gemini, "gemini-2.5-flash"),
    (Protocol::Gemini, "gemini-3-pro-preview"),
    (Protocol::Bedrock, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    (Protocol::Bedrock, "us.anthropic.claude-opus-5-5-v1:0"),
    (Protocol::Bedrock, "amazon.nova-pro-v1:0"),
    (Protocol::Ollama, "qwen3"),
    (Protocol::Ollama, "llama3.3"),
];

/// What reads as something else than it was written from. Gemini's least level stands for no thought
/// at all and for little of it; an instruction of ours stands in a list and one alone does not.
const OTHERWISE: [(&str, &str); 7] = [
    ("effort_none.openai", "gemini-3-pro-preview"),
    ("think.ollama", "gemini-3-pro-preview"),
    ("thinking_off.anthropic", "gemini-3-pro-preview"),
    ("format_object.openai", "claude-sonnet-4-5"),
    ("format_object.openai", "claude-opus-5-5"),
    ("think.ollama", "claude-sonnet-4-5"),
    ("think.ollama", "claude-opus-5-5"),
];

/// A request written, or why not.
fn write(
    models: &Models,
    chat: &Request<'_>,
    (protocol, model): (Protocol, &str),
) -> Result<(Vec<u8>, Losses), Error> {
    let common = model.starts_with("deepseek");
    let dialect = if common { Dialect::COMMON } else { Dialect::default() };
    let target = Target { dialect, ..Target::new(model, models.facts(protocol, model)) };
    let (mut body, mut losses) = (Vec::new(), Losses::default());
    any::write_request(protocol, chat, &target, &mut body, &mut losses)?;
    Ok((body, losses))
}

/// What the gateway forgets before it writes: how a client writes, not what it says.
fn forget_forms(chat: &mut Request<'_>) {
    chat.extra.retain(|extra| extra.name != "stream_options");
    for turn in &mut chat.turns {
        turn.extra.retain(|extra| extra.name != "role");
    }
}

fn refused(error: &Error) -> String {
    let param = error.param.map_or("null".to_owned(), pretty::quoted);
    format!("{{\"refused\":{},\"param\":{param}}}", pretty::quoted(&error.message))
}

/// What was written, for the golden.
fn told(body: &[u8], losses: &Losses) -> String {
    let body = String::from_utf8_lossy(body);
    let names: Vec<String> = losses.names().iter().map(|name| pretty::quoted(name)).collect();
    match losses.is_empty() {
        true => format!("{{\"body\":{body}}}"),
        false => format!("{{\"losses\":[{}],\"body\":{body}}}", names.join(",")),
    }
}

/// What was written is JSON that its own protocol reads, and that comes to the same again.
fn comes_back(models: &Models, label: &str, to: (Protocol, &str), body: &[u8]) {
    json::validate(body).unwrap_or_else(|error| panic!("{label} for {}: {error}", to.1));
    let mut read = any::read_request(to.0, body)
        .unwrap_or_else(|error| panic!("{label} for {} is not read again: {error:?}", to.1));
    forget_forms(&mut read);
    let (again, losses) = write(models, &read, to)
        .unwrap_or_else(|error| panic!("{label} for {} is not written again: {error:?}", to.1));
    assert!(losses.is_empty(), "{label} for {}: {losses:?} in its own words", to.1);
    let text = String::from_utf8_lossy;
    let same = text(&again) == text(body);
    let otherwise = OTHERWISE.iter().any(|(name, model)| label == *name && to.1 == *model);
    assert_eq!(same, !otherwise, "{label} for {}:\n{}\n{}", to.1, text(body), text(&again));
}

fn golden(models: &Models, fixture: &Fixture) -> String {
    let label = fixture.label();
    let mut chat = match any::read_request(fixture.protocol, &fixture.bytes) {
        Ok(chat) => chat,
        Err(error) => return pretty::print(refused(&error).as_bytes()),
    };
    forget_forms(&mut chat);
    let mut before: BTreeMap<String, &str> = BTreeMap::new();
    let mut entries = Vec::new();
    for to in MODELS {
        let (protocol, model) = (to.0.as_str(), to.1);
        let text = match write(models, &chat, to) {
            Ok((body, losses)) => {
                comes_back(models, &label, to, &body);
                told(&body, &losses)
            }
            Err(error) => refused(&error),
        };
        // The name of the model aside, most models of a protocol are told the same.
        let same = format!("{protocol} {}", text.replace(&format!("\"{model}\""), "MODEL"));
        let text = match before.get(&same) {
            Some(other) => pretty::quoted(&format!("as {other}")),
            None => text,
        };
        before.entry(same).or_insert(model);
        entries.push(format!("{}:{text}", pretty::quoted(&format!("{protocol} {model}"))));
    }
    pretty::print(format!("{{{}}}", entries.join(",")).as_bytes())
}

#[test]
fn requests_are_written_for_every_protocol() {
    let models = Models::new(&BTreeMap::new()).expect("the table of models");
    let mut goldens = Goldens::of("requests");
    for fixture in fixture::all("requests") {
        goldens.check(&fixture.label(), &golden(&models, &fixture));
    }
    goldens.finish();
}
