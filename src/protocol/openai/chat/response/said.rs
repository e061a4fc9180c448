//! What a choice says: the `message` of a whole answer and the `delta` of a chunk are alike.

use crate::chat::Arguments;
use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Sink;
use crate::chat::Text;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::request::image;

/// The members of a message or of a piece of it. Empty ones count as absent.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::protocol::openai::chat) struct Message<'a> {
    content: Option<Value<'a>>,
    reasoning: Option<Value<'a>>,
    refusal: Option<Value<'a>>,
    annotations: Option<Value<'a>>,
    /// The calls, an array.
    pub(in crate::protocol::openai::chat) calls: Option<Value<'a>>,
    /// The one call of the older way.
    pub(in crate::protocol::openai::chat) function: Option<Value<'a>>,
    whole: Option<Value<'a>>,
}

impl<'a> Message<'a> {
    /// Finds them.
    pub(in crate::protocol::openai::chat) fn read(value: Value<'a>) -> Self {
        let mut found = Self::default();
        for member in value.members() {
            if is_nothing(member.value) {
                continue;
            }
            let value = Some(member.value);
            match member.key.raw() {
                b"role" => {}
                b"content" => found.content = value,
                b"reasoning_content" => found.reasoning = value,
                b"reasoning" if found.reasoning.is_none() => found.reasoning = value,
                b"reasoning" => {}
                b"refusal" => found.refusal = value,
                b"annotations" => found.annotations = value,
                b"tool_calls" => found.calls = value,
                b"function_call" => found.function = value,
                _ => found.whole = Some(Value::trusted(b"null")),
            }
        }
        found.whole = found.whole.map(|_| value);
        found
    }

    /// Emits all but calls: thoughts, words, refusals, sources, and what is only carried.
    pub(in crate::protocol::openai::chat) fn emit(
        &self,
        choice: u32,
        sink: &mut (impl Sink<'a> + ?Sized),
    ) {
        if let Some(text) = self.reasoning.and_then(Text::from_value) {
            sink.event(Event::Thinking { choice, text });
        }
        if let Some(content) = self.content {
            emit_content(content, choice, sink);
        }
        if let Some(text) = self.refusal.and_then(Text::from_value) {
            sink.event(Event::Refusal { choice, text });
        }
        for citation in self.annotations.into_iter().flat_map(Value::elements).filter_map(citation)
        {
            sink.event(Event::Citation { choice, citation });
        }
        for member in self.whole.into_iter().flat_map(Value::members) {
            if is_carried(&member) {
                sink.event(Event::Extra { choice: Some(choice), extra: extra(&member) });
            }
            if member.key.raw() == b"images" {
                emit_images(member.value, choice, sink);
            }
        }
    }
}

/// Tells of the images that look-alikes of OpenAI's have beside `content`.
fn emit_images<'a>(list: Value<'a>, choice: u32, sink: &mut (impl Sink<'a> + ?Sized)) {
    let urls = list.elements().filter_map(|image| image.get("image_url"));
    for media in urls.filter_map(|url| image(url).ok()) {
        sink.event(Event::Media { choice, by: Protocol::Openai, media });
    }
}

/// Whether a member of a message is only carried.
fn is_carried(member: &Member<'_>) -> bool {
    let known = matches!(
        member.key.raw(),
        b"role"
            | b"content"
            | b"reasoning_content"
            | b"reasoning"
            | b"refusal"
            | b"annotations"
            | b"tool_calls"
            | b"function_call"
    );
    !known && !is_nothing(member.value)
}

/// Null, and empty strings, arrays and objects.
pub(in crate::protocol::openai::chat) fn is_nothing(value: Value<'_>) -> bool {
    matches!(value.raw(), b"null" | b"\"\"" | b"[]" | b"{}")
}

/// Mistral's content is an array where the model thinks.
fn emit_content<'a>(content: Value<'a>, choice: u32, sink: &mut (impl Sink<'a> + ?Sized)) {
    if let Some(text) = Text::from_value(content) {
        sink.event(Event::Text { choice, text });
        return;
    }
    let text_of = |value: Value<'a>| {
        value.get("text").and_then(Text::from_value).filter(|text| !text.is_empty())
    };
    for part in content.elements() {
        if let Some(thought) = part.get("thinking") {
            let texts = thought.elements().filter_map(text_of);
            let whole = Text::from_value(thought).filter(|text| !text.is_empty());
            for text in texts.chain(whole) {
                sink.event(Event::Thinking { choice, text });
            }
        } else if let Some(text) = text_of(part) {
            sink.event(Event::Text { choice, text });
        }
    }
}

fn citation(value: Value<'_>) -> Option<Citation<'_>> {
    let (mut url, mut title, mut start, mut end) = (None, None, 0, 0);
    for member in value.get("url_citation")?.members() {
        match member.key.raw() {
            b"url" => url = Text::from_value(member.value),
            b"title" => title = Text::from_value(member.value).filter(|title| !title.is_empty()),
            b"start_index" => start = member.value.as_u64().unwrap_or(0),
            b"end_index" => end = member.value.as_u64().unwrap_or(0),
            _ => {}
        }
    }
    Some(Citation { url: url?, title, range: (end > 0).then_some((start, end)) })
}

/// One of `tool_calls`, whole or a piece.
#[derive(Clone, Debug, Default)]
pub(in crate::protocol::openai::chat) struct Call<'a> {
    pub(in crate::protocol::openai::chat) index: Option<u64>,
    pub(in crate::protocol::openai::chat) id: Option<Text<'a>>,
    pub(in crate::protocol::openai::chat) name: Option<Text<'a>>,
    pub(in crate::protocol::openai::chat) arguments: Option<Arguments<'a>>,
    pub(in crate::protocol::openai::chat) custom: bool,
}

impl<'a> Call<'a> {
    /// Reads one. Empty members count as absent.
    pub(in crate::protocol::openai::chat) fn read(value: Value<'a>) -> Self {
        let mut found = Self::default();
        let (mut function, mut custom) = (None, None);
        for member in value.members() {
            if is_nothing(member.value) {
                continue;
            }
            match member.key.raw() {
                b"index" => found.index = index(member.value),
                b"id" => found.id = Text::from_value(member.value),
                b"type" => found.custom = member.value.raw() == b"\"custom\"",
                b"function" => function = Some(member.value),
                b"custom" => custom = Some(member.value),
                _ => {}
            }
        }
        found.custom |= function.is_none() && custom.is_some();
        let inner = if found.custom { custom.or(function) } else { function };
        found.function(inner);
        found
    }

    /// The one call of the older way.
    pub(in crate::protocol::openai::chat) fn older(value: Value<'a>) -> Self {
        let mut found = Self::default();
        found.function(Some(value));
        found
    }

    fn function(&mut self, value: Option<Value<'a>>) {
        for member in value.into_iter().flat_map(Value::members) {
            if matches!(member.value.raw(), b"null" | b"\"\"") {
                continue;
            }
            match member.key.raw() {
                b"name" => self.name = Text::from_value(member.value),
                b"arguments" | b"input" => {
                    self.arguments = Some(match Text::from_value(member.value) {
                        Some(text) => Arguments::Quoted(text),
                        None => Arguments::Value(Json::of(member.value)),
                    });
                }
                _ => {}
            }
        }
    }
}

/// Whether there is anything in `logprobs`.
fn has_tokens(value: Value<'_>) -> bool {
    value.members().any(|member| !is_nothing(member.value))
}

/// A number, also where it stands in a string.
pub(in crate::protocol::openai::chat) fn index(value: Value<'_>) -> Option<u64> {
    let inside = || Value::trusted(value.as_str()?.raw()).as_u64();
    value.as_u64().or_else(inside)
}

/// Why a choice ended. `calls` is whether it made some: OpenAI says `stop` where one was demanded,
/// and other servers do at all times.
pub(in crate::protocol::openai::chat) fn finish(
    reason: Option<Value<'_>>,
    stop: Option<Value<'_>>,
    calls: bool,
) -> Finish<'static> {
    let word = reason.and_then(Value::as_str);
    match word.map_or(&b""[..], |word| word.raw()) {
        b"length" | b"max_tokens" | b"model_length" => Finish::Length,
        b"content_filter" | b"sensitive" => Finish::Filtered,
        b"tool_calls" | b"function_call" | b"tool_use" => Finish::Calls,
        _ if calls => Finish::Calls,
        _ => match stop.and_then(Text::from_value).filter(|stop| !stop.is_empty()) {
            // vLLM tells the sequence that was met.
            Some(stop) => Finish::StopSequence(Some(stop.into_owned())),
            None => Finish::Stop,
        },
    }
}

/// The same in this format's words. `older`: for a client that knows calls in the older form only.
pub(in crate::protocol::openai::chat) const fn finish_word(
    reason: &Finish<'_>,
    older: bool,
) -> &'static str {
    match reason {
        Finish::Calls if older => "function_call",
        Finish::Stop | Finish::StopSequence(_) | Finish::Paused => "stop",
        Finish::Length | Finish::ContextFull => "length",
        Finish::Calls => "tool_calls",
        Finish::Filtered | Finish::Refused => "content_filter",
    }
}

/// The members of a choice.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::protocol::openai::chat) struct Choice<'a> {
    pub(in crate::protocol::openai::chat) index: Option<u64>,
    pub(in crate::protocol::openai::chat) message: Option<Value<'a>>,
    pub(in crate::protocol::openai::chat) logprobs: Option<Value<'a>>,
    pub(in crate::protocol::openai::chat) reason: Option<Value<'a>>,
    pub(in crate::protocol::openai::chat) stop: Option<Value<'a>>,
    pub(in crate::protocol::openai::chat) error: Option<Value<'a>>,
    /// Whether others are there.
    more: bool,
}

impl<'a> Choice<'a> {
    /// Finds them.
    pub(in crate::protocol::openai::chat) fn read(value: Value<'a>) -> Self {
        let mut found = Self::default();
        for member in value.members() {
            if is_nothing(member.value) {
                continue;
            }
            let value = Some(member.value);
            match member.key.raw() {
                b"index" => found.index = index(member.value),
                b"message" | b"delta" => found.message = value,
                b"logprobs" => found.logprobs = value.filter(|value| has_tokens(*value)),
                b"finish_reason" => found.reason = value,
                b"stop_reason" => found.stop = value,
                b"error" => found.error = value,
                _ => found.more = true,
            }
        }
        found
    }

    /// Emits what is only carried.
    pub(in crate::protocol::openai::chat) fn emit_extras(
        &self,
        whole: Value<'a>,
        choice: u32,
        sink: &mut (impl Sink<'a> + ?Sized),
    ) {
        if !self.more {
            return;
        }
        for member in whole.members() {
            let known = matches!(
                member.key.raw(),
                b"index"
                    | b"message"
                    | b"delta"
                    | b"logprobs"
                    | b"finish_reason"
                    | b"stop_reason"
                    | b"error"
            );
            if !known && !is_nothing(member.value) {
                sink.event(Event::Extra { choice: Some(choice), extra: extra(&member) });
            }
        }
    }
}
