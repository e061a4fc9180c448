//! Turns as messages: one of each result, results before all else, the model's calls in one.

use smallvec::SmallVec;

use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Format;
use crate::chat::Losses;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::ThinkingRule;
use crate::chat::Turn;
use crate::codec::json;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::described;
use crate::protocol::openai::chat::request::write_parts::Ids;
use crate::protocol::openai::chat::request::write_parts::Marked;
use crate::protocol::openai::chat::request::write_parts::Marks;
use crate::protocol::openai::chat::request::write_parts::Parts;
use crate::protocol::openai::chat::request::write_parts::Place;
use crate::protocol::openai::chat::request::write_parts::write_call;
use crate::protocol::plain::Lent;

/// Parts of one message. Most have few, which then need no memory of their own.
type Few<'w> = SmallVec<[Marked<'w>; 4]>;

/// Writes the turns of one request.
#[derive(Debug)]
pub(super) struct Turns<'w> {
    request: &'w Request<'w>,
    facts: &'w Facts,
    joins: bool,
    losses: &'w mut Losses,
    ids: Ids<'w>,
    marks: Marks,
    list: List,
    lent: Option<&'w Lent<'w>>,
}

impl<'w> Turns<'w> {
    pub(super) fn new(
        request: &'w Request<'w>,
        target: &Target<'w>,
        losses: &'w mut Losses,
    ) -> Self {
        let (facts, joins) = (target.facts, !target.dialect.text_lists);
        let marks = Marks::new(request, facts.thinking == ThinkingRule::Effort);
        Self {
            request,
            facts,
            joins,
            losses,
            ids: Ids::default(),
            marks,
            list: List::default(),
            lent: target.lent,
        }
    }

    /// Appends the array of messages.
    pub(super) fn write(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.push(b'[');
        self.schema(out);
        let mut rest = self.request.turns.as_slice();
        while !rest.is_empty() {
            let many = rest.iter().take_while(|turn| turn.role != Role::Assistant).count();
            let (between, behind) = rest.split_at_checked(many).unwrap_or_default();
            self.between(between, out)?;
            let (said, behind) = behind.split_at_checked(answer(behind)).unwrap_or_default();
            if !said.is_empty() {
                self.assistant(said, out)?;
            }
            rest = behind;
        }
        if self.list.is_empty() {
            // Nobody said anything, yet one message there must be.
            self.list.next(out);
            out.extend_from_slice(br#"{"role":"user","content":""}"#);
        }
        out.push(b']');
        Ok(())
    }

    /// What a model must be told that cannot be held to a schema.
    fn schema(&mut self, out: &mut Vec<u8>) {
        let Some(Format::Schema { schema, description, .. }) = &self.request.format else {
            return;
        };
        if self.facts.json_schema {
            return;
        }
        self.list.next(out);
        let mut message = Object::open(out);
        message.word("role", "system");
        let out = message.key("content");
        let schema = described::schema(schema, description.as_ref(), self.losses);
        let text = String::from_utf8_lossy(schema.raw());
        json::write_str(out, &format!("Answer with JSON that fits this JSON Schema:\n{text}"));
        message.close();
    }

    /// What stands between two answers of the model: all results first.
    fn between(&mut self, turns: &'w [Turn<'w>], out: &mut Vec<u8>) -> Result<(), Error> {
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            if let Content::Result(result) = &part.content {
                self.result(result, part, out)?;
            }
        }
        turns.iter().try_for_each(|turn| self.said(turn, out))
    }

    fn result(
        &mut self,
        result: &'w CallResult<'w>,
        whole: &'w Part<'w>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.list.next(out);
        let mut message = Object::open(out);
        message.word("role", "tool");
        self.ids.write_result(result, message.key("tool_call_id"));
        let content = message.key("content");
        let nothing = Part::text(Text::default());
        let mut texts = Few::new();
        texts.extend(result.parts.iter().filter(|part| !is_moved(part)).map(marked));
        let moved = texts.len() < result.parts.len();
        if texts.is_empty() && moved {
            let text = "The result is attached to the next message.";
            let failed = if result.failed { "Error: " } else { "" };
            json::write_str(content, &format!("{failed}{text}"));
        } else {
            if texts.is_empty() {
                texts.push(marked(&nothing));
            }
            if !moved {
                mark_last(&mut texts, whole);
            }
            let mut parts = Parts::new(Place::Tool, self.facts, &mut self.marks, self.losses);
            parts.failed = result.failed;
            parts.joins = self.joins;
            parts.content(&texts, content).map_err(bad)?;
        }
        self.extras(&whole.extra, &mut message);
        message.close();
        Ok(())
    }

    /// Takes a message as it is, if it is plain and may be left out.
    fn plain(&mut self, turn: &Turn<'_>, out: &mut Vec<u8>) -> bool {
        let (Some(lent), Some(message)) = (self.lent, turn.as_plain()) else { return false };
        lent.message(message, &mut self.list, out);
        true
    }

    /// A message of the person or the operator, with the media of results, which tool messages
    /// cannot hold.
    fn said(&mut self, turn: &'w Turn<'w>, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.plain(turn, out) {
            return Ok(());
        }
        let mut parts = Few::new();
        for part in &turn.parts {
            match &part.content {
                Content::Result(result) => {
                    let before = parts.len();
                    parts.extend(result.parts.iter().filter(|part| is_moved(part)).map(marked));
                    mark_last(parts.get_mut(before..).unwrap_or_default(), part);
                }
                Content::Call(_) => {
                    return Err(bad("only the model calls tools".into()));
                }
                Content::Thinking(_) | Content::Redacted => self.unmarked(part),
                Content::Text(_) | Content::Refusal(_) | Content::Media(_) | Content::Other(_) => {
                    parts.push(marked(part))
                }
            }
        }
        self.leave_out_silent(&mut parts);
        if parts.is_empty() {
            self.foreign(&turn.extra);
            return Ok(());
        }
        let place = if turn.role == Role::System { Place::System } else { Place::User };
        self.list.next(out);
        let mut message = Object::open(out);
        let developer = turn.extra.iter().any(|extra| is_role(extra) && turn.role == Role::System);
        message.fixed(
            "role",
            match place {
                Place::System if developer => "\"developer\"",
                Place::System => "\"system\"",
                Place::User | Place::Assistant | Place::Tool => "\"user\"",
            },
        );
        let mut writer = Parts::new(place, self.facts, &mut self.marks, self.losses);
        writer.joins = self.joins;
        writer.content(&parts, message.key("content")).map_err(bad)?;
        self.extras(&turn.extra, &mut message);
        message.close();
        Ok(())
    }

    /// One message of the model.
    fn assistant(&mut self, turns: &'w [Turn<'w>], out: &mut Vec<u8>) -> Result<(), Error> {
        if let [turn] = turns
            && self.plain(turn, out)
        {
            return Ok(());
        }
        let (mut texts, mut calls, mut thoughts) = (Few::new(), Vec::new(), Vec::new());
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            match &part.content {
                Content::Call(call) => calls.push((call, part)),
                Content::Other(other) if other.by != Protocol::Openai => {
                    self.losses.drop(other.name.clone().into_owned());
                }
                Content::Thinking(thought) => {
                    self.unmarked(part);
                    thoughts.push(thought);
                }
                // Nothing that another provider could read.
                Content::Redacted => self.unmarked(part),
                Content::Text(_) | Content::Refusal(_) | Content::Other(_) => {
                    texts.push(marked(part))
                }
                Content::Media(_) => {
                    return Err(bad("media of the model are not taken back".into()));
                }
                Content::Result(_) => {
                    return Err(bad("a result cannot stand in the model's turn".into()));
                }
            }
        }
        self.leave_out_silent(&mut texts);
        let carried = |extra: &Extra<'_>| extra.by == Protocol::Openai;
        let bare = !turns.iter().flat_map(|turn| &turn.extra).any(carried);
        if texts.is_empty() && calls.is_empty() && bare {
            turns.iter().for_each(|turn| self.foreign(&turn.extra));
            return Ok(());
        }
        self.list.next(out);
        let mut message = Object::open(out);
        message.word("role", "assistant");
        self.answer(&texts, &mut message)?;
        if self.facts.reasoning_back && !(thoughts.is_empty() && calls.is_empty()) {
            write_thoughts(&thoughts, message.key("reasoning_content"));
        }
        if !calls.is_empty() {
            let out = message.key("tool_calls");
            let mut list = List::open(out);
            for (call, part) in calls {
                list.next(out);
                write_call(call, part, &mut self.ids, out, self.losses);
            }
            out.push(b']');
        }
        turns.iter().for_each(|turn| self.extras(&turn.extra, &mut message));
        message.close();
        Ok(())
    }

    fn answer(&mut self, texts: &[Marked<'_>], message: &mut Object<'_>) -> Result<(), Error> {
        if texts.is_empty() {
            message.fixed("content", "null");
            return Ok(());
        }
        if let [(Part { content: Content::Refusal(words), extra, .. }, None)] = texts
            && extra.is_empty()
        {
            message.fixed("content", "null");
            words.write(message.key("refusal"));
            return Ok(());
        }
        let mut parts = Parts::new(Place::Assistant, self.facts, &mut self.marks, self.losses);
        parts.joins = self.joins;
        parts.content(texts, message.key("content")).map_err(bad)
    }

    fn extras(&mut self, extras: &[Extra<'_>], message: &mut Object<'_>) {
        for extra in extras {
            if extra.by != Protocol::Openai {
                self.losses.drop_extra(extra);
            } else if !is_role(extra) {
                extra.value.write(message.any_key(&extra.name));
            }
        }
    }

    /// Leaves out empty texts beside others.
    fn leave_out_silent(&mut self, parts: &mut Few<'w>) {
        if parts.len() < 2 {
            return;
        }
        parts.retain(|(part, mark)| {
            let silent = is_empty_text(part);
            self.losses.drop_if(silent && mark.is_some(), "cache_control");
            !silent
        });
    }

    /// A part that is not written, its mark neither.
    fn unmarked(&mut self, part: &Part<'_>) {
        self.losses.drop_if(part.cache.is_some(), "cache_control");
    }

    /// Extras of a message that is not written.
    fn foreign(&mut self, extras: &[Extra<'_>]) {
        for extra in extras.iter().filter(|extra| !is_role(extra)) {
            self.losses.drop_extra(extra);
        }
    }
}

/// Appends what was thought as one string. Before calls it is wanted even where there was nothing.
fn write_thoughts(thoughts: &[&Text<'_>], out: &mut Vec<u8>) {
    out.push(b'"');
    thoughts.iter().for_each(|thought| out.extend_from_slice(thought.raw()));
    out.push(b'"');
}

/// How many turns the answer takes that `turns` begin with. Between a call and its result nothing
/// else of the model may stand.
fn answer(turns: &[Turn<'_>]) -> usize {
    let calls =
        |turn: &Turn<'_>| turn.parts.iter().any(|part| matches!(part.content, Content::Call(_)));
    let own = turns.iter().take_while(|turn| turn.role == Role::Assistant).count();
    let open = turns.iter().take(own).take_while(|turn| calls(turn)).count();
    own.min(open + 1)
}

/// A part with its own mark.
const fn marked<'w>(part: &'w Part<'w>) -> Marked<'w> {
    (part, part.cache)
}

/// Gives the mark of `whole` to the last of the parts that it is written as.
fn mark_last(parts: &mut [Marked<'_>], whole: &Part<'_>) {
    if let Some((_, mark)) = parts.last_mut() {
        *mark = mark.or(whole.cache);
    }
}

/// Whether a part of a result goes into the message behind it.
fn is_moved(part: &Part<'_>) -> bool {
    match &part.content {
        Content::Media(media) => !matches!(media.source, crate::chat::Source::Plain(_)),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => false,
    }
}

fn is_empty_text(part: &Part<'_>) -> bool {
    matches!(&part.content, Content::Text(text) if text.is_empty())
}

fn is_role(extra: &Extra<'_>) -> bool {
    extra.by == Protocol::Openai && extra.name == "role"
}

fn bad(fault: super::Fault) -> Error {
    Error::field("messages", fault)
}
