//! What an answer of some form is for, in protocols that have no other place for it than the schema.

use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Text;
use crate::codec::json::Kind;

/// The schema of an answer with `description` as its own. One that has another keeps it, and what
/// cannot be said is told to `losses`.
pub fn schema<'s>(
    schema: &'s Json<'_>,
    description: Option<&Text<'_>>,
    losses: &mut Losses,
) -> Json<'s> {
    let Some(words) = description.filter(|words| !words.is_empty()) else {
        return schema.borrowed();
    };
    let value = schema.value();
    let own = value.get("description");
    if own.and_then(Text::from_value).is_some_and(|own| own == *words) {
        return schema.borrowed();
    }
    // What stands beside a reference may count for nothing, and some refuse it.
    let taken = own.is_some() || value.get("$ref").is_some();
    if taken || value.kind() != Kind::Object {
        losses.drop("response_format.description");
        return schema.borrowed();
    }
    let mut out = Vec::with_capacity(schema.raw().len() + words.raw().len() + 32);
    out.extend_from_slice(b"{\"description\":");
    words.write(&mut out);
    if value.members().next().is_some() {
        out.push(b',');
    }
    out.extend_from_slice(schema.raw().get(1..).unwrap_or_default());
    Json::made(out)
}

#[cfg(test)]
mod tests {
    use super::schema;
    use crate::chat::Json;
    use crate::chat::Losses;
    use crate::chat::Text;

    #[test]
    fn a_description_stands_in_the_schema_or_is_told() {
        for (before, words, after, lost) in [
            (r#"{"type":"object"}"#, "a \"b\"", r#"{"description":"a \"b\"","type":"object"}"#, 0),
            ("{ }", "a", r#"{"description":"a" }"#, 0),
            (r#"{"type":"object"}"#, "", r#"{"type":"object"}"#, 0),
            (r#"{"description":"a"}"#, "a", r#"{"description":"a"}"#, 0),
            (r#"{"description":"b"}"#, "a", r#"{"description":"b"}"#, 1),
            (r##"{"$ref":"#/$defs/a"}"##, "a", r##"{"$ref":"#/$defs/a"}"##, 1),
            ("true", "a", "true", 1),
        ] {
            let mut losses = Losses::default();
            let (fixed, words) = (Json::fixed(before), Text::plain(words));
            let told = schema(&fixed, Some(&words), &mut losses);
            assert_eq!(String::from_utf8_lossy(told.raw()), after);
            assert_eq!(losses.names().len(), lost, "{before}");
            assert_eq!(schema(&fixed, None, &mut losses), fixed);
        }
    }
}
