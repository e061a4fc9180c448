//! Requests whose plain messages go on from where the client's stand are the same as those written whole.

use std::collections::BTreeMap;

use crabllm::chat::Losses;
use crabllm::chat::Protocol;
use crabllm::chat::Request;
use crabllm::config::Models;
use crabllm::protocol::Target;
use crabllm::protocol::any;
use crabllm::protocol::plain::Lent;
use serde_json::Value;
use serde_json::json;

use crate::fixture;
use crate::fixture::Fixture;

/// Those who write plain messages alike, with a model of each.
const MODELS: [(Protocol, &str); 4] = [
    (Protocol::Openai, "gpt-4.1"),
    (Protocol::Anthropic, "claude-sonnet-4-5"),
    (Protocol::Anthropic, "claude-opus-5-5"),
    (Protocol::Ollama, "llama3.3"),
];

/// A request written with or without what may be left out, as JSON; and whether anything was.
fn write(
    models: &Models,
    chat: &Request<'_>,
    (protocol, model): (Protocol, &str),
    client: Option<&[u8]>,
) -> Result<(Value, Losses, bool), String> {
    let lent = client.map(Lent::new);
    let target =
        Target { lent: lent.as_ref(), ..Target::new(model, models.facts(protocol, model)) };
    let (mut body, mut losses) = (Vec::new(), Losses::default());
    let written = any::write_request(protocol, chat, &target, &mut body, &mut losses);
    written.map_err(|error| error.message.to_string())?;
    let stretch = lent.and_then(|lent| lent.finish(&mut body));
    if let (Some(stretch), Some(client)) = (stretch, client) {
        let left_out = client.get(stretch.start..stretch.end).expect("a part of the client's");
        body.splice(stretch.at..stretch.at, left_out.iter().copied());
    }
    let value = serde_json::from_slice(&body);
    let value = value.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
    Ok((value, losses, stretch.is_some()))
}

/// Long messages by turns; or some that say nothing, or follow others of the same role, among them.
fn talk(by_turns: bool) -> Vec<Value> {
    let roles = if by_turns { "uauaua" } else { "uauuaa" };
    let mut talk: Vec<Value> = Vec::new();
    for (at, role) in roles.chars().enumerate() {
        let role = if role == 'u' { "user" } else { "assistant" };
        let text = format!("{at} \"quoted\"\n{}", "text ".repeat(600));
        talk.push(json!({"role": role, "content": text}));
        if !by_turns && at == 1 {
            talk.push(json!({"role": role, "content": " "}));
        }
    }
    talk
}

/// The requests of a fixture, with a talk at every place of its messages.
fn requests(fixture: &Fixture) -> Vec<Vec<u8>> {
    let Ok(request) = serde_json::from_slice::<Value>(&fixture.bytes) else { return Vec::new() };
    let messages = request.get("messages").and_then(Value::as_array);
    let Some(messages) = messages else { return Vec::new() };
    let each =
        (0..=messages.len()).flat_map(|at| [true, false].map(|by_turns| (at, talk(by_turns))));
    let each = each.map(|(at, talk)| {
        let (mut request, mut messages) = (request.clone(), messages.clone());
        messages.splice(at..at, talk);
        request.as_object_mut().expect("an object").insert("messages".into(), messages.into());
        request
    });
    each.flat_map(|request| [request.to_string(), format!("{request:#}")])
        .map(String::into_bytes)
        .collect()
}

#[test]
fn what_is_left_out_changes_nothing() {
    let models = Models::new(&BTreeMap::new()).expect("the table of models");
    let mut left_out = BTreeMap::new();
    for fixture in fixture::all("requests") {
        for client in requests(&fixture) {
            let Ok(chat) = any::read_request(fixture.protocol, &client) else { continue };
            for to in MODELS {
                let whole = write(&models, &chat, to, None);
                let lent = write(&models, &chat, to, Some(&client));
                let label = || format!("{} for {}", fixture.label(), to.1);
                match (whole, lent) {
                    (Ok((whole, losses, _)), Ok((lent, told, any))) => {
                        assert_eq!(lent, whole, "{}", label());
                        assert_eq!(told.names(), losses.names(), "{}", label());
                        *left_out.entry((fixture.protocol.as_str(), to.1)).or_insert(0) +=
                            usize::from(any);
                    }
                    (whole, lent) => assert_eq!(lent.err(), whole.err(), "{}", label()),
                }
            }
        }
    }
    // Of every pair of those who write them alike some were.
    for from in ["openai", "anthropic", "ollama"] {
        for (_, to) in MODELS {
            let some = left_out.get(&(from, to)).copied().unwrap_or(0);
            assert!(some > 10, "{from} to {to}: {left_out:?}");
        }
    }
}
