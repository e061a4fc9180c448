//! Parts of a message's content, calls, and the ids that join calls and results.

use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::protocol::openai::chat::MAX_CALL_ID;
use crate::protocol::openai::chat::request::Fault;
use crate::protocol::openai::chat::request::media;
use crate::protocol::openai::chat::request::write_tools;
use crate::protocol::openai::chat::write_short;

/// What kind of message the parts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    System,
    User,
    Assistant,
    Tool,
}

/// The marks of a request, of which the last four are written.
#[derive(Debug)]
pub(super) struct Marks {
    taken: bool,
    skip: usize,
}

impl Marks {
    const MAX: usize = 4;

    /// Those of `request`. `taken`: whether the upstream has words for them.
    pub(super) fn new(request: &Request<'_>, taken: bool) -> Self {
        let parts = request.turns.iter().flat_map(|turn| &turn.parts);
        let count: usize = parts
            .map(|part| {
                let inner = match &part.content {
                    Content::Result(result) => {
                        result.parts.iter().filter(|part| part.cache.is_some()).count()
                    }
                    Content::Text(_)
                    | Content::Refusal(_)
                    | Content::Media(_)
                    | Content::Call(_)
                    | Content::Thinking(_)
                    | Content::Redacted
                    | Content::Other(_) => 0,
                };
                inner + usize::from(part.cache.is_some())
            })
            .sum();
        Self { taken, skip: count.saturating_sub(Self::MAX) }
    }

    fn write(&mut self, mark: Option<Cache>, part: &mut Object<'_>, losses: &mut Losses) {
        let Some(mark) = mark else { return };
        if !self.taken || self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            losses.drop("cache_control");
            return;
        }
        // Half an hour is the longest below it.
        losses.drop_if(mark == Cache::Hour, "cache_control");
        part.fixed(
            "prompt_cache_breakpoint",
            match mark {
                Cache::Standard => r#"{"mode":"explicit"}"#,
                Cache::HalfHour | Cache::Hour => r#"{"mode":"explicit","ttl":"30m"}"#,
                Cache::HalfDay => r#"{"mode":"explicit","ttl":"12h"}"#,
            },
        );
    }
}

/// Writes the content of one message.
#[derive(Debug)]
pub(super) struct Parts<'w> {
    place: Place,
    facts: &'w Facts,
    marks: &'w mut Marks,
    losses: &'w mut Losses,
    /// Whether it is what a call failed with.
    pub(super) failed: bool,
    /// Whether several texts must be written as one.
    pub(super) joins: bool,
}

/// A part, and the mark that is to stand on it: its own, or that of what it is the end of.
pub(super) type Marked<'w> = (&'w Part<'w>, Option<Cache>);

impl<'w> Parts<'w> {
    pub(super) const fn new(
        place: Place,
        facts: &'w Facts,
        marks: &'w mut Marks,
        losses: &'w mut Losses,
    ) -> Self {
        Self { place, facts, marks, losses, failed: false, joins: false }
    }

    /// Appends the content: a string where that says it all, else an array.
    pub(super) fn content(&mut self, parts: &[Marked<'_>], out: &mut Vec<u8>) -> Result<(), Fault> {
        match parts {
            [(Part { content: Content::Text(text), extra, .. }, mark)]
                if extra.is_empty() && !(self.marks.taken && mark.is_some()) =>
            {
                self.losses.drop_if(mark.is_some(), "cache_control");
                out.push(b'"');
                if self.failed {
                    out.extend_from_slice(b"Error: ");
                }
                out.extend_from_slice(text.raw());
                out.push(b'"');
                Ok(())
            }
            [..] if self.joins && parts.iter().all(|part| self.is_plain(part)) => {
                self.joined(parts, out);
                Ok(())
            }
            [..] => self.array(parts, out),
        }
    }

    /// Whether a part is nothing but text, as far as the upstream has words for it.
    fn is_plain(&self, (part, mark): &Marked<'_>) -> bool {
        let marked = self.marks.taken && mark.is_some();
        let own = part.extra.iter().any(|extra| extra.by == Protocol::Openai);
        matches!(part.content, Content::Text(_)) && !own && !marked
    }

    /// Appends texts as one: the model's go on where the one before ended, all others on a line of
    /// their own.
    fn joined(&mut self, parts: &[Marked<'_>], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.failed { b"\"Error: " } else { b"\"" });
        for (at, (part, mark)) in parts.iter().enumerate() {
            self.losses.drop_if(mark.is_some(), "cache_control");
            part.extra.iter().for_each(|extra| self.losses.drop_extra(extra));
            if at > 0 && self.place != Place::Assistant {
                out.extend_from_slice(b"\\n");
            }
            if let Content::Text(text) = &part.content {
                out.extend_from_slice(text.raw());
            }
        }
        out.push(b'"');
    }

    fn array(&mut self, parts: &[Marked<'_>], out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut list = List::open(out);
        if self.failed {
            list.next(out);
            out.extend_from_slice(br#"{"type":"text","text":"Error: "}"#);
        }
        for (part, mark) in parts {
            list.next(out);
            self.part(part, *mark, out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn part(
        &mut self,
        part: &Part<'_>,
        mark: Option<Cache>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if let Content::Other(other) = &part.content {
            if other.by != Protocol::Openai {
                return Err(format!("this model takes no `{}`", other.name).into());
            }
            // It is written as a whole, and bears no mark but one of its own.
            self.losses.drop_if(mark.is_some(), "cache_control");
            other.value.write(out);
            return Ok(());
        }
        let mut object = Object::open(out);
        match &part.content {
            Content::Refusal(words) if self.place == Place::Assistant => {
                object.word("type", "refusal");
                words.write(object.key("refusal"));
            }
            Content::Text(text) | Content::Refusal(text) => {
                object.word("type", "text");
                text.write(object.key("text"));
            }
            Content::Media(media) => {
                self.allow(media)?;
                media::write(media, &mut object)?;
            }
            Content::Call(_)
            | Content::Result(_)
            | Content::Thinking(_)
            | Content::Redacted
            | Content::Other(_) => return Err("a part stands where it cannot".into()),
        }
        self.marks.write(mark, &mut object, self.losses);
        for extra in &part.extra {
            if extra.by == Protocol::Openai {
                extra.value.write(object.any_key(&extra.name));
            } else {
                self.losses.drop_extra(extra);
            }
        }
        object.close();
        Ok(())
    }

    fn allow(&self, media: &Media<'_>) -> Result<(), Fault> {
        let plain = matches!(media.source, Source::Plain(_));
        if self.place != Place::User && !plain {
            return Err("only a user's message can hold media".into());
        }
        let (taken, what) = match media.kind {
            MediaKind::Image => (self.facts.images, "images"),
            MediaKind::Document => (self.facts.documents || plain, "documents"),
            MediaKind::Audio => (self.facts.audio, "sounds"),
            MediaKind::Video => (true, "films"),
        };
        if taken { Ok(()) } else { Err(format!("this model takes no {what}").into()) }
    }
}

/// Gives ids to calls that have none, and to their results.
#[derive(Debug, Default)]
pub(super) struct Ids<'w> {
    next: u32,
    /// Calls without an id whose result is still to come.
    waiting: Vec<(&'w Text<'w>, u32)>,
}

impl<'w> Ids<'w> {
    fn write_call(&mut self, call: &'w Call<'w>, out: &mut Vec<u8>) {
        if call.id.is_empty() {
            self.waiting.push((&call.name, self.next));
            write_made(self.next, out);
            self.next += 1;
        } else {
            write_id(&call.id, out);
        }
    }

    /// Appends the id of the call that `result` is of.
    pub(super) fn write_result(&mut self, result: &CallResult<'_>, out: &mut Vec<u8>) {
        if !result.id.is_empty() {
            write_id(&result.id, out);
            return;
        }
        let fits = |(name, _): &(&Text<'_>, u32)| {
            result.name.as_ref().is_none_or(|wanted| *wanted == **name)
        };
        match self.waiting.iter().position(fits) {
            Some(at) => write_made(self.waiting.remove(at).1, out),
            None => write_made(self.next, out),
        }
    }
}

fn write_id(id: &Text<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    write_short(id, MAX_CALL_ID, out);
    out.push(b'"');
}

fn write_made(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"call_");
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.push(b'"');
}

/// Appends one of `tool_calls`.
pub(super) fn write_call<'w>(
    call: &'w Call<'w>,
    part: &Part<'_>,
    ids: &mut Ids<'w>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) {
    losses.drop_if(part.cache.is_some(), "cache_control");
    let mut object = Object::open(out);
    ids.write_call(call, object.key("id"));
    let (kind, arguments) =
        if call.custom { ("custom", "input") } else { ("function", "arguments") };
    Text::plain(kind).write(object.key("type"));
    let mut function = Object::open(object.key(kind));
    write_tools::name(&call.name, function.key("name"));
    let out = function.key(arguments);
    out.push(b'"');
    if call.arguments.is_empty() && !call.custom {
        out.extend_from_slice(b"{}");
    } else {
        call.arguments.write_inside(out);
    }
    out.push(b'"');
    function.close();
    for extra in &part.extra {
        if extra.by == Protocol::Openai {
            extra.value.write(object.any_key(&extra.name));
        } else {
            losses.drop_extra(extra);
        }
    }
    object.close();
}
