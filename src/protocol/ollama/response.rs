//! Whole answers.

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Sink;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::codec::time;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::ollama::error;
use crate::protocol::ollama::line::Progress;
use crate::protocol::ollama::logprobs;

/// Reads an upstream's whole answer as events.
///
/// # Errors
/// Where it is none, or not all of one.
pub fn read<'a>(body: &'a [u8], seed: Seed, sink: &mut dyn Sink<'a>) -> Result<(), Garbage> {
    let mut progress = Progress::new(seed);
    progress.line(body, sink)?;
    if progress.done { Ok(()) } else { Err(Garbage::new("an answer that is not `done`")) }
}

/// Appends a whole answer for a client. There is one choice: the first.
pub fn write(answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    if let Some(failure) = &answer.failure {
        return error::write(failure, out);
    }
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut body = Object::open(out);
    answer.start.model.write(body.key("model"));
    time::write(answer.start.created.unwrap_or(seed.now), body.key("created_at"));
    let mut message = Object::open(body.key("message"));
    said(choice, seed, &mut message);
    extras(&choice.extra, &mut message);
    message.close();
    if !choice.logprobs.is_empty() {
        logprobs::write(choice.logprobs.iter(), body.key("logprobs"));
    }
    extras(&answer.extra, &mut body);
    end(choice.finish.as_ref(), answer.usage, &mut body);
    body.close();
}

fn said(choice: &Choice<'_>, seed: Seed, message: &mut Object<'_>) {
    message.word("role", "assistant");
    join(choice.parts.iter().filter_map(content), message.key("content"));
    if choice.parts.iter().filter_map(thought).any(|text| !text.is_empty()) {
        join(choice.parts.iter().filter_map(thought), message.key("thinking"));
    }
    let mut calls = choice.parts.iter().filter_map(call).enumerate().peekable();
    if calls.peek().is_some() {
        let out = message.key("tool_calls");
        let mut list = List::open(out);
        for (at, call) in calls {
            list.next(out);
            call.write(at as u64, seed, out);
        }
        out.push(b']');
    }
}

fn content<'p, 'a>(part: &'p Said<'a>) -> Option<&'p Text<'a>> {
    match part {
        Said::Text { text, .. } | Said::Refusal(text) => Some(text),
        Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => None,
    }
}

fn thought<'p, 'a>(part: &'p Said<'a>) -> Option<&'p Text<'a>> {
    match part {
        Said::Thinking { text, .. } => Some(text),
        Said::Text { .. } | Said::Refusal(_) | Said::Redacted(_) | Said::Call { .. } => None,
    }
}

fn call<'p>(part: &'p Said<'_>) -> Option<WholeCall<'p>> {
    match part {
        Said::Call { id, name, arguments, custom, signature: _ } => {
            Some(WholeCall { id, name, arguments, custom: *custom })
        }
        Said::Text { .. } | Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) => None,
    }
}

fn join<'p, 'a: 'p>(texts: impl Iterator<Item = &'p Text<'a>>, out: &mut Vec<u8>) {
    out.push(b'"');
    texts.for_each(|text| out.extend_from_slice(text.raw()));
    out.push(b'"');
}

fn extras(extras: &[Extra<'_>], object: &mut Object<'_>) {
    for extra in extras.iter().filter(|extra| extra.by == Protocol::Ollama) {
        extra.value.write(object.any_key(&extra.name));
    }
}

/// A call with all its arguments.
#[derive(Debug)]
pub(super) struct WholeCall<'c> {
    /// Its id; empty where it has none.
    pub(super) id: &'c Text<'c>,
    /// The tool.
    pub(super) name: &'c Text<'c>,
    /// All of them.
    pub(super) arguments: &'c Arguments<'c>,
    /// Whether the tool takes free text.
    pub(super) custom: bool,
}

impl WholeCall<'_> {
    /// Appends it as the call number `at` of its answer.
    pub(super) fn write(&self, at: u64, seed: Seed, out: &mut Vec<u8>) {
        let mut call = Object::open(out);
        if self.id.is_empty() {
            Text::plain(&seed.id("call_", at)).write(call.key("id"));
        } else {
            self.id.write(call.key("id"));
        }
        let mut function = Object::open(call.key("function"));
        function.number("index", at);
        self.name.write(function.key("name"));
        write_arguments(self.arguments, self.custom, function.key("arguments"));
        function.close();
        call.close();
    }
}

/// Appends arguments as an object; text that is none becomes the one member of an object.
fn write_arguments(arguments: &Arguments<'_>, custom: bool, out: &mut Vec<u8>) {
    if !custom && arguments.write_object(out).is_ok() {
        return;
    }
    out.extend_from_slice(br#"{"input":""#);
    arguments.write_inside(out);
    out.extend_from_slice(br#""}"#);
}

/// Appends the members of the last line.
pub(super) fn end(finish: Option<&Finish<'_>>, usage: Option<Usage>, body: &mut Object<'_>) {
    body.fixed("done_reason", reason(finish));
    body.fixed("done", "true");
    if let Some(usage) = usage {
        // Ollama leaves out a count of nothing.
        if usage.prompt > 0 {
            body.number("prompt_eval_count", usage.prompt);
        }
        body.number("eval_count", usage.completion);
    }
}

/// Why it ended; there are two words.
const fn reason(finish: Option<&Finish<'_>>) -> &'static str {
    match finish {
        Some(Finish::Length | Finish::ContextFull) => "\"length\"",
        Some(
            Finish::Stop
            | Finish::StopSequence(_)
            | Finish::Calls
            | Finish::Filtered
            | Finish::Refused
            | Finish::Paused,
        )
        | None => "\"stop\"",
    }
}
