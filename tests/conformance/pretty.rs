//! JSON laid out for readers, every name and every scalar as it was written.

use crabllm::codec::json;
use crabllm::codec::json::Kind;
use crabllm::codec::json::Value;

/// What fits into so many columns stands on one line.
const WIDTH: usize = 130;

/// The same JSON on as many lines as it needs.
pub fn print(text: &[u8]) -> String {
    let value = json::validate(text).expect("JSON");
    let mut out = String::new();
    expanded(value, 0, &mut out);
    out.push('\n');
    out
}

/// A string as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn utf8(raw: &[u8]) -> &str {
    std::str::from_utf8(raw).expect("valid JSON is UTF-8")
}

/// The insides of an object or an array, each with its name and its value.
fn inside(value: Value<'_>) -> Vec<(String, Value<'_>)> {
    match value.kind() {
        Kind::Object => value
            .members()
            .map(|member| (format!("\"{}\": ", utf8(member.key.raw())), member.value))
            .collect(),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array => {
            value.elements().map(|element| (String::new(), element)).collect()
        }
    }
}

fn brackets(value: Value<'_>) -> Option<(char, char)> {
    match value.kind() {
        Kind::Object => Some(('{', '}')),
        Kind::Array => Some(('[', ']')),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => None,
    }
}

fn compact(value: Value<'_>) -> String {
    let Some((open, close)) = brackets(value) else { return utf8(value.raw()).to_owned() };
    let inside = inside(value).into_iter();
    let list: Vec<_> = inside.map(|(name, value)| format!("{name}{}", compact(value))).collect();
    format!("{open}{}{close}", list.join(", "))
}

fn expanded(value: Value<'_>, indent: usize, out: &mut String) {
    let text = compact(value);
    let Some((open, close)) = brackets(value) else { return out.push_str(&text) };
    if text.len() + indent <= WIDTH && indent > 0 {
        return out.push_str(&text);
    }
    out.push(open);
    let mut separator = "\n";
    for (name, value) in inside(value) {
        out.push_str(separator);
        separator = ",\n";
        out.push_str(&" ".repeat(indent + 2));
        out.push_str(&name);
        expanded(value, indent + 2, out);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(close);
}

#[test]
fn nothing_is_written_otherwise() {
    let text = r#"{"b":1.50,"a":[1e400,"\u00e9\/",{}],"a":null,"c":[]}"#;
    let wide = format!("{{\"x\":{text},\"y\":\"{}\"}}", "-".repeat(WIDTH));
    let printed = print(wide.as_bytes());
    assert!(
        printed
            .contains(r#"  "x": {"b": 1.50, "a": [1e400, "\u00e9\/", {}], "a": null, "c": []},"#)
    );
    assert_eq!(printed.lines().count(), 4);
}
