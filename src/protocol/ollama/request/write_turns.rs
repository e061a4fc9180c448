//! The conversation as messages: text joined, images beside it, each result a message of its own.

use std::borrow::Cow;

use crate::chat;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Losses;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Source;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::fields::Named;
use crate::protocol::ollama::request::fields::Field;
use crate::protocol::ollama::request::media;
use crate::protocol::ollama::request::media::Carried;
use crate::protocol::plain::Lent;

/// How a carried member of a `function` is named.
pub(super) const FUNCTION: &str = "function.";

/// What stands between a document and what is around it.
const GAP: &[u8] = br"\n\n";

/// What stands between two texts, which others keep apart. Of the model's own it is nothing: there
/// one text may end in the middle of a word.
const LINE: &[u8] = br"\n";

/// Appends `messages`.
///
/// # Errors
/// A 400 where a part cannot be carried.
pub(super) fn write(
    request: &chat::Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    out.push(b'[');
    let mut turns = Turns::new(request, target, out, losses);
    let mut calls: Vec<&Call<'_>> = Vec::new();
    let mut rest = request.turns.as_slice();
    while let Some((turn, behind)) = rest.split_first() {
        match turn.role {
            Role::System => {
                note(&turn.parts, false, turns.losses)?;
                turns.message("system", turn)?;
            }
            Role::Assistant => {
                note(&turn.parts, true, turns.losses)?;
                turns.message("assistant", turn)?;
                calls.extend(turn.parts.iter().filter_map(as_call));
            }
            Role::User => {
                let more = behind.iter().take_while(|turn| turn.role == Role::User).count();
                let (group, behind) = rest.split_at_checked(more + 1).unwrap_or((rest, &[]));
                turns.user(group, &calls)?;
                calls.clear();
                rest = behind;
                continue;
            }
        }
        rest = behind;
    }
    turns.out.push(b']');
    Ok(())
}

/// Notes those members that other protocols have words for.
pub(super) fn foreign(extras: &[Extra<'_>], losses: &mut Losses) {
    for extra in extras.iter().filter(|extra| extra.by != Protocol::Ollama) {
        losses.drop_extra(extra);
    }
}

/// Messages that are being written.
struct Turns<'w, 'r> {
    request: &'r chat::Request<'r>,
    /// Whether the model takes images.
    images: bool,
    out: &'w mut Vec<u8>,
    losses: &'w mut Losses,
    list: List,
    lent: Option<&'w Lent<'w>>,
}

impl<'w, 'r> Turns<'w, 'r> {
    fn new(
        request: &'r chat::Request<'r>,
        target: &Target<'w>,
        out: &'w mut Vec<u8>,
        losses: &'w mut Losses,
    ) -> Self {
        let (images, lent) = (target.facts.images, target.lent);
        Self { request, images, out, losses, list: List::default(), lent }
    }

    /// A run of the user's turns: the results of `calls` first and in their order, since that is how
    /// a model without ids of calls tells them apart.
    fn user(&mut self, turns: &[Turn<'_>], calls: &[&Call<'_>]) -> Result<(), Error> {
        let (mut answers, mut strays) = (Vec::new(), Vec::new());
        let mut nameless = 0;
        for (at, turn) in turns.iter().enumerate() {
            note(&turn.parts, false, self.losses)?;
            let alone = turn.parts.iter().all(|part| as_result(part).is_some());
            let mut extra: &[Extra<'_>] = if alone { &turn.extra } else { &[] };
            for result in turn.parts.iter().filter_map(as_result) {
                let mut place = calls.iter().position(|call| call.id == result.id);
                if result.id.is_empty() {
                    place = Some(nameless).filter(|place| *place < calls.len());
                    nameless += 1;
                }
                match place.and_then(|place| Some((place, *calls.get(place)?))) {
                    Some((place, call)) => answers.push((place, call, result, extra)),
                    None => strays.push((at, result, extra)),
                }
                extra = &[];
            }
        }
        answers.sort_by_key(|(place, ..)| *place);
        for (_, call, result, extra) in answers {
            self.result(result, Some(call), extra)?;
        }
        let mut strays = strays.into_iter().peekable();
        for (at, turn) in turns.iter().enumerate() {
            while let Some((_, result, extra)) = strays.next_if(|(of, ..)| *of == at) {
                self.result(result, None, extra)?;
            }
            let is_result = |part: &Part<'_>| as_result(part).is_some();
            if turn.parts.is_empty() || !turn.parts.iter().all(is_result) {
                self.message("user", turn)?;
            }
        }
        Ok(())
    }

    fn result(
        &mut self,
        result: &CallResult<'_>,
        call: Option<&Call<'_>>,
        extra: &[Extra<'_>],
    ) -> Result<(), Error> {
        self.list.next(self.out);
        let mut message = Object::open(self.out);
        message.word("role", "tool");
        let before: &'static [u8] = if result.failed { b"Error: " } else { b"" };
        let content = Contents { before, between: LINE, takes_images: self.images };
        let has_images = content.write(&result.parts, &mut message, self.losses)?;
        if has_images {
            images(&result.parts, &mut message);
        }
        let asked = call.map(|call| &call.name);
        let name = result.name.as_ref().or(asked).or_else(|| self.request.tool_of_call(&result.id));
        if let Some(name) = name {
            name.write(message.key("tool_name"));
        }
        if !result.id.is_empty() {
            result.id.write(message.key("tool_call_id"));
        }
        extras(extra, &mut message, self.losses);
        message.close();
        Ok(())
    }

    /// A turn without its results.
    fn message(&mut self, role: &str, turn: &Turn<'_>) -> Result<(), Error> {
        if let (Some(lent), Some(message)) = (self.lent, turn.as_plain()) {
            lent.message(message, &mut self.list, self.out);
            return Ok(());
        }
        let (parts, extra) = (turn.parts.as_slice(), turn.extra.as_slice());
        self.list.next(self.out);
        let mut message = Object::open(self.out);
        let out = message.key("role");
        out.push(b'"');
        out.extend_from_slice(role.as_bytes());
        out.push(b'"');
        let is_model = role == "assistant";
        let between = if is_model { b"" } else { LINE };
        let content = Contents { before: b"", between, takes_images: self.images };
        let has_images = content.write(parts, &mut message, self.losses)?;
        if is_model && parts.iter().any(|part| as_thought(part).is_some()) {
            let out = message.key("thinking");
            out.push(b'"');
            parts.iter().filter_map(as_thought).for_each(|text| out.extend_from_slice(text.raw()));
            out.push(b'"');
        }
        if has_images {
            images(parts, &mut message);
        }
        if parts.iter().any(|part| as_call(part).is_some()) {
            calls(parts, message.key("tool_calls"))?;
        }
        extras(extra, &mut message, self.losses);
        message.close();
        Ok(())
    }
}

/// How parts become one text.
#[derive(Clone, Copy)]
struct Contents {
    /// What stands before all of them.
    before: &'static [u8],
    /// What stands between two.
    between: &'static [u8],
    /// Whether the model takes images.
    takes_images: bool,
}

impl Contents {
    /// Appends the text of `parts` as `content` and tells whether there are images beside it.
    fn write(
        self,
        parts: &[Part<'_>],
        message: &mut Object<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let out = message.key("content");
        out.push(b'"');
        out.extend_from_slice(self.before);
        let start = out.len();
        let (mut after_document, mut has_images) = (false, false);
        for part in parts {
            let (text, is_document) = match &part.content {
                Content::Text(text) | Content::Refusal(text) => (Cow::Borrowed(text), false),
                Content::Media(media) => match media::carried(media, self.takes_images, losses)? {
                    Carried::Image => {
                        has_images = true;
                        continue;
                    }
                    Carried::Text(text) => (text, true),
                },
                Content::Call(_)
                | Content::Result(_)
                | Content::Thinking(_)
                | Content::Redacted
                | Content::Other(_) => continue,
            };
            if text.is_empty() {
                continue;
            }
            if out.len() > start {
                let is_apart = is_document || after_document;
                out.extend_from_slice(if is_apart { GAP } else { self.between });
            }
            after_document = is_document;
            out.extend_from_slice(text.raw());
        }
        out.push(b'"');
        Ok(has_images)
    }
}

/// Appends `images`. They were looked at before.
fn images(parts: &[Part<'_>], message: &mut Object<'_>) {
    let out = message.key("images");
    let mut list = List::open(out);
    for part in parts {
        if let Content::Media(media) = &part.content
            && let (MediaKind::Image, Source::Base64(data)) = (media.kind, &media.source)
        {
            list.next(out);
            data.write(out);
        }
    }
    out.push(b']');
}

fn calls(parts: &[Part<'_>], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut list = List::open(out);
    for (part, call) in parts.iter().filter_map(|part| Some((part, as_call(part)?))) {
        list.next(out);
        let mut object = Object::open(out);
        if !call.id.is_empty() {
            call.id.write(object.key("id"));
        }
        let mut function = Object::open(object.key("function"));
        call.name.write(function.key("name"));
        let wrong = Field::Messages.wrong("has a call whose arguments are no JSON object");
        let fits = !call.custom && call.arguments.write_object(function.key("arguments")).is_ok();
        if !fits {
            return Err(wrong);
        }
        let own = || part.extra.iter().filter(|extra| extra.by == Protocol::Ollama);
        for extra in own() {
            if let Some(name) = extra.name.strip_prefix(FUNCTION) {
                extra.value.write(function.any_key(name));
            }
        }
        function.close();
        for extra in own().filter(|extra| !extra.name.starts_with(FUNCTION)) {
            extra.value.write(object.any_key(&extra.name));
        }
        object.close();
    }
    out.push(b']');
    Ok(())
}

fn extras(extras: &[Extra<'_>], message: &mut Object<'_>, losses: &mut Losses) {
    for extra in extras.iter().filter(|extra| extra.by == Protocol::Ollama) {
        extra.value.write(message.any_key(&extra.name));
    }
    foreign(extras, losses);
}

/// Notes what is not carried of parts, and refuses what may not be left out.
fn note(parts: &[Part<'_>], is_model: bool, losses: &mut Losses) -> Result<(), Error> {
    for part in parts {
        losses.drop_if(part.cache.is_some(), "cache_control");
        foreign(&part.extra, losses);
        match &part.content {
            Content::Other(other) if is_model => losses.drop(other.name.clone().into_owned()),
            Content::Other(other) => {
                let rule = format!(
                    "has a part `{}`, which this model's provider does not take",
                    other.name
                );
                return Err(Field::Messages.wrong(&rule));
            }
            Content::Call(_) if !is_model => {
                return Err(Field::Messages.wrong("has a call outside of the model's turns"));
            }
            Content::Result(result) => note(&result.parts, false, losses)?,
            Content::Text(_)
            | Content::Refusal(_)
            | Content::Media(_)
            | Content::Call(_)
            | Content::Thinking(_)
            | Content::Redacted => {}
        }
    }
    Ok(())
}

fn as_call<'p, 'a>(part: &'p Part<'a>) -> Option<&'p Call<'a>> {
    match &part.content {
        Content::Call(call) => Some(call),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Result(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => None,
    }
}

fn as_result<'p, 'a>(part: &'p Part<'a>) -> Option<&'p CallResult<'a>> {
    match &part.content {
        Content::Result(result) => Some(result),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => None,
    }
}

fn as_thought<'p, 'a>(part: &'p Part<'a>) -> Option<&'p Text<'a>> {
    match &part.content {
        Content::Thinking(text) if !text.is_empty() => Some(text),
        Content::Thinking(_)
        | Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Redacted
        | Content::Other(_) => None,
    }
}
