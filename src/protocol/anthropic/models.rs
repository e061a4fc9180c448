//! `GET /v1/models` and `/v1/models/{id}`.

use crate::codec::json::List;
use crate::codec::json::Object;
use crate::codec::percent;
use crate::codec::time;
use crate::error::Error;

/// Models of a page: at least, unless a client says otherwise, and at most.
const LIMIT: (usize, usize, usize) = (1, 20, 1000);

/// Which part of the list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
}

impl Page {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// A 400 for what Anthropic would not take; parameters that are not known are
    /// not looked at.
    pub fn read(query: &[u8]) -> Result<Self, Error> {
        let mut page = Self { limit: LIMIT.1, after: None, before: None };
        for pair in query.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(at).unwrap_or_default();
            let value = percent::decode(value.get(1..).unwrap_or_default());
            match name {
                b"limit" => page.limit = limit(&value)?,
                b"after_id" => page.after = Some(value),
                b"before_id" => page.before = Some(value),
                _ => {}
            }
        }
        if page.after.is_some() && page.before.is_some() {
            return Err(Error::field("before_id", "send `after_id` or `before_id`, not both"));
        }
        Ok(page)
    }

    /// The models of the page among all `ids`, and whether there are more in its direction.
    fn of<'s, 'i>(&self, ids: &'s [&'i str]) -> Result<(&'s [&'i str], bool), Error> {
        let place = |param: &'static str, id: &str| {
            let unknown =
                || Error::field(param, format!("{param}: there is no model `{id}` in the list"));
            ids.iter().position(|known| *known == id).ok_or_else(unknown)
        };
        let (from, to) = match (&self.after, &self.before) {
            (_, Some(id)) => {
                let to = place("before_id", id)?;
                (to.saturating_sub(self.limit), to)
            }
            (Some(id), None) => {
                let from = place("after_id", id)? + 1;
                (from, from + self.limit)
            }
            (None, None) => (0, self.limit),
        };
        let more = if self.before.is_some() { from > 0 } else { to < ids.len() };
        Ok((ids.get(from..to.min(ids.len())).unwrap_or_default(), more))
    }

    /// Appends the page of all `ids`. `created` is Unix seconds.
    ///
    /// # Errors
    /// A 400 where it begins at a model that is not in the list.
    pub fn write(&self, ids: &[&str], created: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let (shown, more) = self.of(ids)?;
        let mut page = Object::open(out);
        let data = page.key("data");
        let mut list = List::open(data);
        for id in shown {
            list.next(data);
            write_model(id, created, data);
        }
        data.push(b']');
        page.truth("has_more", more);
        for (name, id) in [("first_id", shown.first()), ("last_id", shown.last())] {
            match id {
                Some(id) => page.string(name, id),
                None => page.fixed(name, "null"),
            }
        }
        page.close();
        Ok(())
    }
}

fn limit(value: &str) -> Result<usize, Error> {
    let (least, _, most) = LIMIT;
    let number = value.parse().ok().filter(|limit| (least..=most).contains(limit));
    let wrong = || Error::field("limit", format!("limit: must be from {least} to {most}"));
    number.ok_or_else(wrong)
}

/// Appends one model. `created` is Unix seconds.
pub fn write_model(id: &str, created: u64, out: &mut Vec<u8>) {
    let mut model = Object::open(out);
    model.word("type", "model");
    model.string("id", id);
    model.string("display_name", id);
    time::write(created, model.key("created_at"));
    model.word("lifecycle", "active");
    model.close();
}

#[cfg(test)]
mod tests {
    use super::Page;

    const IDS: [&str; 5] = ["a", "b/c", "d", "e", "f"];

    /// The ids of a page and whether there are more, or what is wrong with it.
    fn page(query: &str) -> Result<(String, bool), String> {
        let page = Page::read(query.as_bytes()).map_err(|error| error.message.into_owned())?;
        let (ids, more) = page.of(&IDS).map_err(|error| error.message.into_owned())?;
        Ok((ids.join(" "), more))
    }

    #[test]
    fn a_page_is_what_was_asked_for() {
        for (query, ids, more) in [
            ("", "a b/c d e f", false),
            ("beta=true&x", "a b/c d e f", false),
            ("limit=5", "a b/c d e f", false),
            ("limit=4", "a b/c d e", true),
            ("after_id=b%2Fc", "d e f", false),
            ("limit=2&after_id=b/c", "d e", true),
            ("after_id=f", "", false),
            ("before_id=e&limit=2", "b/c d", true),
            ("before_id=d&limit=2", "a b/c", false),
            ("before_id=a", "", false),
        ] {
            assert_eq!(page(query), Ok((ids.to_owned(), more)), "{query}");
        }
    }

    #[test]
    fn a_page_that_is_none_is_told() {
        for (query, told) in [
            ("limit=0", "limit: must be from 1 to 1000"),
            ("limit=1001", "limit: must be from 1 to 1000"),
            ("limit=", "limit: must be from 1 to 1000"),
            ("after_id=g", "after_id: there is no model `g` in the list"),
            ("before_id=", "before_id: there is no model `` in the list"),
            ("before_id=a&after_id=f", "send `after_id` or `before_id`, not both"),
        ] {
            assert_eq!(page(query), Err(told.to_owned()), "{query}");
        }
        assert!(Page::read(b"limit=1000").is_ok());
    }

    #[test]
    fn without_a_limit_twenty_are_listed() {
        let ids = ["m"; 21];
        let first = Page::read(b"").unwrap();
        assert_eq!(first.of(&ids), Ok((&ids[..20], true)));
    }

    #[test]
    fn a_list_is_written() {
        let written = |query: &[u8]| {
            let mut out = Vec::new();
            Page::read(query).unwrap().write(&IDS, 86_400, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(b"limit=2"),
            r#"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-02T00:00:00Z","lifecycle":"active"},{"type":"model","id":"b/c","display_name":"b/c","created_at":"1970-01-02T00:00:00Z","lifecycle":"active"}],"has_more":true,"first_id":"a","last_id":"b/c"}"#
        );
        assert_eq!(
            written(b"after_id=f"),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
    }
}
