//! JSON Schemas that Anthropic can hold an answer to: objects are closed, and what is not understood
//! becomes words in the description.

use std::borrow::Cow;

use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Member;
use crate::codec::json::Object;
use crate::codec::json::Str;
use crate::codec::json::Value;

/// Keywords that are not understood, but for what [`is_foreign`] says of some others.
const FOREIGN: [&str; 23] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "prefixItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
];

/// Formats of strings that are understood.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];

/// The schema as Anthropic takes it: itself, if nothing must change.
pub fn strict(schema: Value<'_>) -> Cow<'_, [u8]> {
    if fits(schema) {
        return Cow::Borrowed(schema.raw());
    }
    let mut out = Vec::with_capacity(schema.raw().len() + 64);
    write(schema, &mut out);
    Cow::Owned(out)
}

fn is_foreign(member: &Member<'_>) -> bool {
    match &*member.key.decode() {
        "minItems" => !matches!(member.value.raw(), b"0" | b"1"),
        "format" => {
            let format = member.value.as_str().map(Str::decode).unwrap_or_default();
            format != "uuid" && !FORMATS.contains(&&*format)
        }
        name => FOREIGN.contains(&name),
    }
}

/// What stands in a member of a schema.
enum Place {
    /// A schema.
    Schema,
    /// An array of schemas.
    List,
    /// An object of schemas.
    Names,
    /// Anything else.
    Other,
}

fn place(name: &str) -> Place {
    match name {
        "items" | "additionalItems" => Place::Schema,
        "anyOf" | "oneOf" | "allOf" => Place::List,
        "properties" | "$defs" | "definitions" => Place::Names,
        _ => Place::Other,
    }
}

/// Whether a schema is one of an object.
fn is_object(schema: Value<'_>) -> bool {
    let named = |value: Value<'_>| value.as_str().is_some_and(|kind| kind.is("object"));
    match schema.get("type") {
        Some(kind) => named(kind) || kind.elements().any(named),
        None => schema.get("properties").is_some(),
    }
}

fn is_closed(schema: Value<'_>) -> bool {
    let more = schema.get("additionalProperties");
    more.and_then(Value::as_bool) == Some(false)
}

/// Whether a schema can stay as it is.
fn fits(schema: Value<'_>) -> bool {
    if schema.kind() != JsonKind::Object {
        return true;
    }
    if is_object(schema) && !is_closed(schema) {
        return false;
    }
    schema.members().all(|member| {
        let name = member.key.decode();
        let inner = match place(&name) {
            Place::Schema => fits(member.value),
            Place::List => member.value.elements().all(fits),
            Place::Names => member.value.members().all(|inner| fits(inner.value)),
            Place::Other => true,
        };
        inner && name != "oneOf" && !is_foreign(&member)
    })
}

/// Appends a schema that does not fit.
fn write(schema: Value<'_>, out: &mut Vec<u8>) {
    if schema.kind() != JsonKind::Object {
        return out.extend_from_slice(schema.raw());
    }
    let mut object = Object::open(out);
    let mut notes = String::new();
    let mut description = None;
    for member in schema.members() {
        let name = member.key.decode();
        if is_foreign(&member) {
            let comma = if notes.is_empty() { "" } else { ", " };
            let value = String::from_utf8_lossy(member.value.raw());
            notes.push_str(&format!("{comma}{name}: {value}"));
            continue;
        }
        match (&*name, place(&name)) {
            ("description", _) => description = member.value.as_str(),
            ("additionalProperties", _) => {}
            // The one is a narrower form of the other.
            ("oneOf", _) => write_list(member.value, object.key("anyOf")),
            (_, Place::Schema) => write(member.value, object.any_key(&name)),
            (_, Place::List) => write_list(member.value, object.any_key(&name)),
            (_, Place::Names) => {
                let mut names = Object::open(object.any_key(&name));
                for inner in member.value.members() {
                    write(inner.value, names.any_key(&inner.key.decode()));
                }
                names.close();
            }
            (_, Place::Other) => {
                object.any_key(&name).extend_from_slice(member.value.raw());
            }
        }
    }
    if is_object(schema) {
        object.truth("additionalProperties", false);
    }
    match (description, notes.is_empty()) {
        (Some(words), true) => {
            let out = object.key("description");
            out.push(b'"');
            out.extend_from_slice(words.raw());
            out.push(b'"');
        }
        (words, false) => {
            let words = words.map(json::Str::decode).unwrap_or_default();
            let gap = if words.is_empty() { "" } else { "\n\n" };
            object.string("description", &format!("{words}{gap}{{{notes}}}"));
        }
        (None, true) => {}
    }
    object.close();
}

fn write_list(schemas: Value<'_>, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    for schema in schemas.elements() {
        list.next(out);
        write(schema, out);
    }
    out.push(b']');
}

/// Whether a schema can be that of a tool's input; if it cannot, it stands in an object as `input`.
pub fn is_input(schema: Value<'_>) -> bool {
    let kind = schema.get("type");
    let is_object = kind.is_none_or(|kind| kind.as_str().is_some_and(|kind| kind.is("object")));
    let joined = ["anyOf", "oneOf", "allOf"].into_iter().any(|name| schema.get(name).is_some());
    schema.kind() == JsonKind::Object && is_object && !joined
}

/// Appends the schema of a tool's input. A model that is given one which is not an object's answers with
/// an object that has what was asked for as `input`.
pub fn write_input(schema: Value<'_>, exact: bool, out: &mut Vec<u8>) {
    let raw = if exact { strict(schema) } else { Cow::Borrowed(schema.raw()) };
    if is_input(schema) {
        if schema.get("type").is_some() {
            return out.extend_from_slice(&raw);
        }
        let comma = if schema.members().next().is_some() { "," } else { "" };
        out.extend_from_slice(br#"{"type":"object""#);
        out.extend_from_slice(comma.as_bytes());
        return out.extend_from_slice(raw.get(1..).unwrap_or_default());
    }
    let mut object = Object::open(out);
    object.word("type", "object");
    let mut inner = Object::open(object.key("properties"));
    inner.key("input").extend_from_slice(&raw);
    inner.close();
    object.fixed("required", r#"["input"]"#);
    // References are to the top.
    for name in ["$defs", "definitions"] {
        if let Some(definitions) = schema.get(name) {
            object.key(name).extend_from_slice(definitions.raw());
        }
    }
    if exact {
        object.truth("additionalProperties", false);
    }
    object.close();
}
