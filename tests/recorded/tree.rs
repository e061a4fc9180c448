//! What is done to JSON trees before they are compared, and comparing them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Map;
use serde_json::Value;

use crate::view;

/// The same with the names that are Google's in lowerCamelCase, and the client's own as they are.
pub fn camel(value: &Value) -> Value {
    let name = |key: &str| {
        let mut words = key.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| match word.split_at_checked(1) {
            Some((first, rest)) => name + &first.to_uppercase() + rest,
            None => name,
        })
    };
    let entry = |(key, value): (&String, &Value)| {
        let key = name(key);
        let value = match (key.as_str(), value) {
            ("args" | "response" | "parametersJsonSchema" | "responseJsonSchema", _) => {
                value.clone()
            }
            ("properties", Value::Object(own)) => {
                own.iter().map(|(key, value)| (key.clone(), camel(value))).collect()
            }
            _ => camel(value),
        };
        (key, value)
    };
    match value {
        Value::Array(list) => list.iter().map(camel).collect(),
        Value::Object(object) => object.iter().map(entry).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

pub fn characters(value: &mut Value, map: impl Fn(char) -> char) {
    if let Some(text) = value.as_str() {
        *value = text.chars().map(map).collect::<String>().into();
    }
}

/// Puts the parts of an answer in the order in which most protocols have them.
pub fn grouped(value: &mut Value) {
    let Some(parts) = value.as_array_mut() else { return };
    let order = ["thinking", "redacted", "text", "refusal", "call"];
    parts.sort_by_key(|part| order.iter().position(|kind| part.get(kind).is_some()));
}

/// Puts blocks of a provider's own behind the rest, and joins texts that become neighbours.
pub fn behind(value: &mut Value) {
    const SHARED: [&str; 5] =
        ["text", "functionCall", "reasoningContent", "citationsContent", "inlineData"];
    const TYPES: [&str; 3] = ["thinking", "redacted_thinking", "tool_use"];
    let Some(list) = value.as_array_mut() else { return };
    let is_own = |block: &Value| match block.get("toolUse") {
        Some(call) => call.get("type").is_some(),
        None => {
            let kind = block["type"].as_str().unwrap_or_default();
            !TYPES.contains(&kind) && SHARED.iter().all(|name| block.get(name).is_none())
        }
    };
    list.sort_by_key(is_own);
    let mut joined: Vec<Value> = Vec::new();
    for block in list.drain(..) {
        if !joined.last_mut().is_some_and(|last| join_text(last, &block)) {
            joined.push(block);
        }
    }
    *list = joined;
}

/// Joins two blocks that differ in their text and its sources only.
fn join_text(last: &mut Value, next: &Value) -> bool {
    let (Some(one), Some(other)) = (last["text"].as_str(), next["text"].as_str()) else {
        return false;
    };
    let both = format!("{one}{other}");
    let list = |block: &Value| block["citations"].as_array().cloned().unwrap_or_default();
    let sources = [list(last), list(next)].concat();
    let with = |block: &Value| {
        let mut block = block.clone();
        block["text"] = both.as_str().into();
        block["citations"] = sources.clone().into();
        strip(&mut block);
        block
    };
    let (one, other) = (with(last), with(next));
    let equal = one == other;
    if equal {
        *last = one;
    }
    equal
}

/// Joins turns of one role that follow one another.
pub fn turns(value: &mut Value) {
    let Some(list) = value.as_array_mut() else { return };
    let mut joined: Vec<Value> = Vec::new();
    for mut turn in list.drain(..) {
        if let Some(text) = turn["content"].as_str() {
            turn["content"] = serde_json::json!([{ "type": "text", "text": text }]);
        }
        match joined.last_mut() {
            Some(last) if last["role"] == turn["role"] => {
                let more = turn["content"].as_array_mut().map(std::mem::take).unwrap_or_default();
                if let Some(content) = last["content"].as_array_mut() {
                    content.extend(more);
                }
            }
            _ => joined.push(turn),
        }
    }
    *list = joined;
}

/// Leaves out the number behind an id.
pub fn unnumbered(value: &mut Value) {
    let Some((id, number)) = value.as_str().and_then(|id| id.rsplit_once('_')) else { return };
    if number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        *value = id.into();
    }
}

/// Puts images behind the rest of a turn.
pub fn late(turn: &mut Value) {
    if let Some(parts) = turn.as_array_mut() {
        parts.sort_by_key(|part| part.get("media").is_some_and(|kind| kind == "Image"));
    }
}

/// Moves media out of results, behind the last of them, and leaves out the words for it.
pub fn attached(turn: &mut Value) {
    const WORDS: &str = "The result is attached to the next message.";
    let Some(parts) = turn.as_array_mut() else { return };
    let mut moved = Vec::new();
    for result in parts.iter_mut().filter_map(|part| part.get_mut("result")) {
        let Some(inner) = result.as_array_mut() else { continue };
        let (media, rest) = std::mem::take(inner).into_iter().partition(|part: &Value| {
            part.get("media").is_some() || part["text"].as_str() == Some(WORDS)
        });
        *inner = rest;
        let media: Vec<Value> = media;
        moved.extend(media.into_iter().filter(|part| part.get("media").is_some()));
    }
    parts.sort_by_key(|part| part.get("result").is_none());
    let at = parts.iter().filter(|part| part.get("result").is_some()).count();
    parts.splice(at..at, moved);
}

/// Puts documents of a turn that are texts among its texts, with whatever stands between them.
pub fn inline(turn: &mut Value) {
    let Some(parts) = turn.as_array_mut() else { return };
    let text = |part: &Value| {
        let document = part["source"].as_str().filter(|_| part["media"] == "Document");
        let bytes = BASE64_STANDARD.decode(document?).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !text.starts_with("%PDF"))
    };
    if !parts.iter().any(|part| text(part).is_some() || part["text"].is_string()) {
        return;
    }
    let mut all = String::new();
    parts.retain(|part| {
        let text = text(part).or_else(|| part["text"].as_str().map(str::to_owned));
        all.extend(text.iter().flat_map(|text| text.split_whitespace()));
        text.is_none()
    });
    parts.push(serde_json::json!({ "text": all }));
}

/// Leaves out tools that may not be called, where the request says which may.
pub fn allowed(request: &mut Value) {
    let Some(choice) = request.get("tool_choice") else { return };
    if choice == "none" {
        request["tools"] = Value::Null;
        request["tool_choice"] = Value::Null;
        return;
    }
    let Some(names) = choice["names"].as_array().cloned() else { return };
    let word = if choice["required"] == true { "required" } else { "auto" };
    request["tool_choice"] = word.into();
    if let Some(tools) = request["tools"].as_array_mut() {
        tools.retain(|tool| names.contains(&tool["name"]));
    }
}

/// Moves limits of a schema's values into the descriptions beside them.
pub fn noted(schema: &mut Value) {
    const LIMITS: [&str; 12] = [
        "exclusiveMaximum",
        "exclusiveMinimum",
        "multipleOf",
        "uniqueItems",
        "maximum",
        "maxItems",
        "maxLength",
        "minimum",
        "minItems",
        "minLength",
        "pattern",
        "prefixItems",
    ];
    children(schema).for_each(noted);
    let Some(object) = schema.as_object_mut() else { return };
    let mut notes = Vec::new();
    object.retain(|key, value| {
        let moved = LIMITS.contains(&key.as_str()) && !value.is_object();
        if moved {
            notes.push(format!("{key}: {value}"));
        }
        !moved
    });
    if !notes.is_empty() {
        let words = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let gap = if words.is_empty() { "" } else { "\n\n" };
        let words = format!("{words}{gap}{{{}}}", notes.join(", "));
        object.insert("description".to_owned(), words.into());
    }
}

/// Leaves out words before or behind a text.
pub fn cut(value: &mut Value, words: &str) {
    let Some(text) = value.as_str() else { return };
    let rest = text.strip_prefix(words).or_else(|| text.strip_suffix(words));
    if let Some(rest) = rest.map(str::to_owned) {
        *value = rest.into();
    }
}

/// Makes the tokens of a prompt at least those of its classes.
pub fn sum(usage: &mut Value) {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let classes = count("cached") + count("cache_write");
    if count("prompt") < classes {
        usage["prompt"] = classes.into();
    }
}

/// Puts a value under a name with dots.
pub fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        Some((outer, inner)) => {
            let outer = object.entry(outer).or_insert_with(|| Map::new().into());
            if let Value::Object(outer) = outer {
                put(outer, inner, value);
            }
        }
        None => drop(object.insert(name.to_owned(), value)),
    }
}

/// A list of one part that is text becomes that text.
pub fn plain(value: &mut Value) {
    strip(value);
    let Some([Value::Object(part)]) = value.as_array().map(Vec::as_slice) else { return };
    let only = part.keys().all(|key| key == "text" || key == "type");
    if let (true, Some(text)) = (only, part.get("text").filter(|text| text.is_string())) {
        *value = text.clone();
    }
}

pub fn children(tree: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match tree {
        Value::Array(list) => Box::new(list.iter_mut()),
        Value::Object(object) => Box::new(object.values_mut()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Box::new(std::iter::empty())
        }
    }
}

pub fn matching<'t>(
    tree: &'t mut Value,
    step: &str,
) -> Box<dyn Iterator<Item = &'t mut Value> + 't> {
    if step == "*" {
        return children(tree);
    }
    Box::new(tree.get_mut(step).into_iter())
}

/// Whether a value says nothing.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

/// Leaves out what says nothing: null, and empty texts, lists and objects.
pub fn strip(tree: &mut Value) {
    match tree {
        Value::Array(list) => {
            list.iter_mut().for_each(strip);
            list.retain(|value| !empty(value));
        }
        Value::Object(object) => {
            object.values_mut().for_each(strip);
            object.retain(|_, value| !empty(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether two trees are the same; 1 and 1.0 are.
pub fn same(one: &Value, other: &Value) -> bool {
    difference(one, other, "").is_none()
}

/// Where two trees differ first: the path, with `*` for places in lists, and both values.
pub fn difference(one: &Value, other: &Value, path: &str) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let only = |a: &Map<_, _>, b: &Map<_, _>, how: &str| {
                let (key, value) = a.iter().find(|(key, _)| !b.contains_key(*key))?;
                Some(format!("{} is {how}\n    {}", below(key), show(value)))
            };
            only(a, b, "gone").or_else(|| only(b, a, "new")).or_else(|| {
                a.iter().find_map(|(key, value)| difference(value, &b[key], &below(key)))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b);
            pairs.find_map(|(one, other)| difference(one, other, &below("*")))
        }
        (Value::Number(a), Value::Number(b)) if a == b || a.as_f64() == b.as_f64() => None,
        _ if one == other => None,
        _ => Some(format!("{path}\n    - {}\n    + {}", show(one), show(other))),
    }
}

fn show(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

/// Joins texts that have become neighbours, and gives a call the signature before it.
pub fn regroup(tree: &mut Value) {
    let choices = tree.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten() {
        let Some(parts) = choice.get_mut("parts").and_then(Value::as_array_mut) else { continue };
        let mut joined: Vec<Value> = Vec::new();
        for mut part in parts.drain(..) {
            let alone = joined.last().is_some_and(|last| {
                last.get("signature").is_some() && last.as_object().is_some_and(|it| it.len() == 1)
            });
            if alone && part.get("call").is_some() {
                let last = joined.pop().unwrap_or_default();
                part["call_signature"] = last["signature"].clone();
            }
            if !joined.last_mut().is_some_and(|last| view::join(last, &part)) {
                joined.push(part);
            }
        }
        *parts = joined;
    }
}
