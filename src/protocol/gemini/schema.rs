//! Google's own schemas, a subset of OpenAPI's, as JSON Schema.

use crate::chat::Json;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// The JSON Schema that says what `schema` says.
pub(super) fn json_schema(schema: Value<'_>) -> Json<'static> {
    let mut out = Vec::with_capacity(schema.raw().len() + 16);
    write(schema, &mut out);
    Json::made(out)
}

fn write(schema: Value<'_>, out: &mut Vec<u8>) {
    if schema.kind() != Kind::Object {
        out.extend_from_slice(schema.raw());
        return;
    }
    let nullable = names::get(schema, "nullable").and_then(Value::as_bool) == Some(true);
    out.push(b'{');
    for member in schema.members() {
        let name = names::camel(member.key);
        let value = member.value;
        let Ok(text) = std::str::from_utf8(&name) else { continue };
        match &*name {
            b"nullable" => {}
            b"type" => kind(value, nullable, out),
            b"enum" if nullable => {
                out::name(out, "enum");
                out.push(b'[');
                for one in value.elements() {
                    out::comma(out);
                    out.extend_from_slice(one.raw());
                }
                out::comma(out);
                out.extend_from_slice(b"null]");
            }
            b"properties" => named("properties", value, out),
            b"defs" => named("$defs", value, out),
            b"ref" => out::raw(out, "$ref", value.raw()),
            b"items" | b"additionalProperties" => {
                out::name(out, text);
                write(value, out);
            }
            b"anyOf" => {
                out::name(out, "anyOf");
                out.push(b'[');
                for one in value.elements() {
                    out::comma(out);
                    write(one, out);
                }
                out.push(b']');
            }
            b"minItems" | b"maxItems" | b"minLength" | b"maxLength" | b"minProperties"
            | b"maxProperties" => match names::number(value) {
                Some(count) => out::number(out, text, count),
                None => out::raw(out, text, value.raw()),
            },
            _ => {
                out::comma(out);
                json::write_str(out, text);
                out.push(b':');
                out.extend_from_slice(value.raw());
            }
        }
    }
    out.push(b'}');
}

fn kind(value: Value<'_>, nullable: bool, out: &mut Vec<u8>) {
    out::name(out, "type");
    let Some(word) = value.as_str() else {
        out.extend_from_slice(value.raw());
        return;
    };
    let start = out.len();
    out.extend_from_slice(if nullable { b"[\"" } else { b"\"" });
    out.extend(word.raw().iter().map(u8::to_ascii_lowercase));
    out.extend_from_slice(if nullable { b"\",\"null\"]" } else { b"\"" });
    if word.raw().contains(&b'\\') {
        // Lower case would change what an escape says.
        out.truncate(start);
        out.extend_from_slice(value.raw());
    }
}

fn named(name: &str, schemas: Value<'_>, out: &mut Vec<u8>) {
    out::name(out, name);
    if schemas.kind() != Kind::Object {
        out.extend_from_slice(schemas.raw());
        return;
    }
    out.push(b'{');
    for member in schemas.members() {
        out::comma(out);
        out.push(b'"');
        out.extend_from_slice(member.key.raw());
        out.extend_from_slice(b"\":");
        write(member.value, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::json_schema;
    use crate::codec::json;

    #[test]
    fn what_openapi_says_json_schema_says() {
        for (schema, expected) in [
            (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"INTEGER","nullable":true}},"required":["type"]}"#,
                r#"{"type":"object","properties":{"type":{"type":["integer","null"]}},"required":["type"]}"#,
            ),
            (
                r#"{"type":"ARRAY","items":{"any_of":[{"type":"string","enum":["A"],"nullable":true}]},"min_items":"2"}"#,
                r#"{"type":"array","items":{"anyOf":[{"type":["string","null"],"enum":["A",null]}]},"minItems":2}"#,
            ),
            (r#"{"ref":"x","defs":{"a_b":true}}"#, r#"{"$ref":"x","$defs":{"a_b":true}}"#),
        ] {
            let made = json_schema(json::validate(schema.as_bytes()).unwrap());
            assert_eq!(String::from_utf8_lossy(made.raw()), expected);
        }
    }
}
