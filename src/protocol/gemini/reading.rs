//! Answers as events: one object `GenerateContentResponse` after the other. A whole answer is one of
//! them, a stream is many.

use crate::chat::Arguments;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Media;
use crate::chat::Protocol;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::codec::json::Member;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::gemini::error;
use crate::protocol::gemini::logprobs;
use crate::protocol::gemini::names;
use crate::protocol::gemini::part;
use crate::protocol::gemini::part::Data;
use crate::protocol::gemini::reason;
use crate::protocol::gemini::reason::Reason;
use crate::protocol::gemini::request::media;
use crate::protocol::gemini::sources;
use crate::protocol::gemini::usage;

/// Most candidates: far more than Google gives.
const MAX_CANDIDATES: u64 = 128;

/// Most members without a meaning to us that are told of one object: far more than there are.
const MAX_EXTRAS: usize = 64;

/// What is known of an answer so far.
#[derive(Debug)]
pub(super) struct Reading {
    seed: Seed,
    started: bool,
    blocked: bool,
    /// An end or a failure was told.
    pub(super) done: bool,
    candidates: Vec<Candidate>,
    /// Names of members of the answer itself that were told: a stream repeats them.
    told: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    calls: u32,
    met: bool,
    reason: Reason,
}

/// The members of an answer's object.
#[derive(Default)]
struct Top<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    candidates: Option<Value<'a>>,
    feedback: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    error: Option<Value<'a>>,
    extra: Vec<Member<'a>>,
}

impl<'a> Top<'a> {
    fn visit(&mut self, member: &Member<'a>) {
        let value = member.value;
        if value.is_null() {
            return;
        }
        match &*names::camel(member.key) {
            b"candidates" => self.candidates = Some(value),
            b"usageMetadata" => self.usage = Some(value),
            b"modelVersion" => self.model = Text::from_value(value),
            b"responseId" => self.id = Text::from_value(value),
            b"promptFeedback" => self.feedback = Some(value),
            b"error" => self.error = Some(value),
            _ if self.extra.len() < MAX_EXTRAS => self.extra.push(*member),
            _ => {}
        }
    }
}

/// The members of a candidate.
#[derive(Default)]
struct Members<'a> {
    content: Option<Value<'a>>,
    reason: Option<Str<'a>>,
    message: Option<Value<'a>>,
    grounding: Option<Value<'a>>,
    citations: Option<Value<'a>>,
    logprobs: Option<Value<'a>>,
    extra: Vec<Member<'a>>,
}

impl Reading {
    /// An answer of which nothing is known.
    pub(super) const fn new(seed: Seed) -> Self {
        Self {
            seed,
            started: false,
            blocked: false,
            done: false,
            candidates: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Reads one object, and gives the usage it tells, which is for [`Reading::end`].
    pub(super) fn object<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        object: Value<'a>,
        sink: &mut S,
    ) -> Result<Option<Value<'a>>, Garbage> {
        let mut top = Top::default();
        for member in object.members() {
            top.visit(&member);
        }
        if let Some(error) = top.error {
            self.fail(error::of(error, 0), None, sink);
            return Ok(None);
        }
        if !self.started {
            self.started = true;
            let id = top.id.filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| Text::plain(&self.seed.id("resp-", u64::MAX)));
            let model = top.model.unwrap_or_default();
            let usage = top.usage.map(|metadata| usage::read(metadata).0);
            sink.event(Event::Start(Start { id, model, created: None, usage }));
        }
        for member in &top.extra {
            self.tell(names::extra(member), sink);
        }
        if let Some(feedback) = top.feedback {
            let reason = names::get(feedback, "blockReason").and_then(Value::as_str);
            self.blocked |= reason.is_some_and(|reason| !reason.is("BLOCKED_REASON_UNSPECIFIED"));
            self.tell(own("promptFeedback", Json::of(feedback)), sink);
        }
        let mut failure = None;
        for (at, candidate) in top.candidates.into_iter().flat_map(names::each).enumerate() {
            failure = self.candidate(at as u64, candidate, sink)?.or(failure);
        }
        if let Some(failure) = failure {
            self.fail(failure, top.usage, sink);
        }
        Ok(top.usage)
    }

    /// Tells a member of the answer itself, once.
    fn tell<'a, S: Sink<'a> + ?Sized>(&mut self, extra: Extra<'a>, sink: &mut S) {
        let new = !self.told.iter().any(|told| *told == extra.name);
        if new && self.told.len() < MAX_EXTRAS {
            self.told.push(extra.name.clone().into_owned());
            sink.event(Event::Extra { choice: None, extra });
        }
    }

    fn fail<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        failure: Failure<'a>,
        metadata: Option<Value<'a>>,
        sink: &mut S,
    ) {
        tell_usage(metadata, sink);
        sink.event(Event::Failure(failure));
        self.done = true;
    }

    /// Reads a candidate; a failure is how it ended, if it is no answer.
    fn candidate<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        at: u64,
        candidate: Value<'a>,
        sink: &mut S,
    ) -> Result<Option<Failure<'a>>, Garbage> {
        let (mut members, mut index) = (Members::default(), at);
        for member in candidate.members().filter(|member| !member.value.is_null()) {
            let value = member.value;
            match &*names::camel(member.key) {
                b"content" => members.content = Some(value),
                b"index" => index = names::number(value).unwrap_or(at),
                b"finishReason" => members.reason = value.as_str(),
                b"finishMessage" => members.message = Some(value),
                b"groundingMetadata" => members.grounding = Some(value),
                b"citationMetadata" => members.citations = Some(value),
                b"logprobsResult" => members.logprobs = Some(value),
                _ if members.extra.len() < MAX_EXTRAS => members.extra.push(member),
                _ => {}
            }
        }
        let choice = u32::try_from(index).ok().filter(|_| index < MAX_CANDIDATES);
        let choice = choice.ok_or_else(|| Garbage::new("a candidate's index is out of bounds"))?;
        if let Some(content) = members.content {
            self.meet(choice, |_| ());
            let parts = content.members().find(|member| *names::camel(member.key) == *b"parts");
            for part in parts.into_iter().flat_map(|parts| names::each(parts.value)) {
                self.part(choice, part, sink)?;
            }
        }
        Ok(self.rest(choice, &members, sink))
    }

    /// What stands beside a candidate's content.
    fn rest<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        choice: u32,
        members: &Members<'a>,
        sink: &mut S,
    ) -> Option<Failure<'a>> {
        let mut tell = |name: &'static str, value: Value<'a>| {
            sink.event(Event::Extra { choice: Some(choice), extra: own(name, Json::of(value)) });
        };
        if let Some(message) = members.message {
            tell("finishMessage", message);
        }
        if let Some(metadata) = members.grounding.filter(|value| sources::says_more(*value)) {
            tell("groundingMetadata", metadata);
        }
        if let Some(metadata) = members.citations {
            tell("citationMetadata", metadata);
        }
        if let Some(result) = members.logprobs.filter(|value| logprobs::says_more(*value)) {
            tell("logprobsResult", result);
        }
        for member in &members.extra {
            let extra = names::extra(member);
            sink.event(Event::Extra { choice: Some(choice), extra });
        }
        sources::read(choice, members.grounding, members.citations, sink);
        if let Some(value) = members.logprobs.map(logprobs::read) {
            sink.event(Event::Logprobs { choice, value });
        }
        let word = members.reason?;
        let reason = reason::read(word.raw());
        if reason == Reason::Failed {
            return Some(failure(word, members.message));
        }
        if reason != Reason::None {
            self.meet(choice, |candidate| candidate.reason = reason);
            if !reason::is_plain(word.raw()) {
                let value = [b"\"", word.raw(), b"\""].concat();
                let extra = own("finishReason", Json::made(value));
                sink.event(Event::Extra { choice: Some(choice), extra });
            }
        }
        None
    }

    /// Changes what is known of a candidate, which is met by that.
    fn meet<T>(&mut self, choice: u32, change: impl FnOnce(&mut Candidate) -> T) -> Option<T> {
        let at = choice as usize;
        if self.candidates.len() <= at {
            let new = Candidate { calls: 0, met: false, reason: Reason::None };
            self.candidates.resize(at + 1, new);
        }
        let candidate = self.candidates.get_mut(at)?;
        candidate.met = true;
        Some(change(candidate))
    }

    fn part<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        choice: u32,
        value: Value<'a>,
        sink: &mut S,
    ) -> Result<(), Garbage> {
        let raw = part::read(value).map_err(Garbage::new)?;
        match raw.data {
            Data::Text(text) => {
                if !text.is_empty() {
                    sink.event(match raw.thought {
                        true => Event::Thinking { choice, text },
                        false => Event::Text { choice, text },
                    });
                }
                if let Some(signature) = raw.signature {
                    sink.event(Event::Signature { choice, signature });
                }
            }
            Data::Call(call) => {
                let given = part::call(call).map_err(Garbage::new)?;
                let number = |candidate: &mut Candidate| {
                    candidate.calls += 1;
                    candidate.calls - 1
                };
                let call = self.meet(choice, number).unwrap_or_default();
                let number = u64::from(choice) << 32 | u64::from(call);
                let id = given.id.unwrap_or_else(|| Text::plain(&self.seed.id("call_", number)));
                let (name, custom, signature) = (given.name, false, raw.signature);
                sink.event(Event::CallStart { choice, call, id, name, custom, signature });
                if let Some(args) = given.args {
                    let piece = Arguments::Value(Json::of(args));
                    sink.event(Event::CallArguments { choice, call, piece });
                }
                sink.event(Event::CallEnd { choice, call });
            }
            Data::Inline(_) | Data::File(_) | Data::Response(_) | Data::Other(_) => {
                let extra = own(PARTS, Json::of(value));
                sink.event(Event::Extra { choice: Some(choice), extra });
                if let Some(media) = made(&raw.data) {
                    sink.event(Event::Media { choice, by: Protocol::Gemini, media });
                }
            }
        }
        Ok(())
    }

    /// The answer has ended. Each candidate must have said why, but for those of a whole answer.
    pub(super) fn end<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        whole: bool,
        metadata: Option<Value<'a>>,
        sink: &mut S,
    ) -> Result<(), Garbage> {
        let met = || self.candidates.iter().filter(|candidate| candidate.met);
        let unfinished = !whole && met().any(|candidate| candidate.reason == Reason::None);
        if unfinished || (met().next().is_none() && !self.blocked) {
            return Err(Garbage::new("the answer ended before its finish reason"));
        }
        if met().next().is_none() {
            sink.event(Event::Finish { choice: 0, reason: Finish::Filtered });
        }
        for (choice, candidate) in (0..).zip(&self.candidates).filter(|(_, one)| one.met) {
            let reason = match candidate.reason {
                Reason::Stop | Reason::None if candidate.calls > 0 => Finish::Calls,
                Reason::Stop | Reason::None => Finish::Stop,
                Reason::Length => Finish::Length,
                Reason::Filtered | Reason::Failed => Finish::Filtered,
            };
            sink.event(Event::Finish { choice, reason });
        }
        tell_usage(metadata, sink);
        sink.event(Event::End);
        self.done = true;
        Ok(())
    }
}

/// The medium that a part is, if it is one. What it says beside that is its own protocol's.
fn made<'a>(data: &Data<'a>) -> Option<Media<'a>> {
    let mut more = Vec::new();
    match data {
        Data::Inline(blob) => media::inline(*blob, &mut more).ok(),
        Data::File(file) => media::file(*file, &mut more).ok(),
        Data::Text(_) | Data::Call(_) | Data::Response(_) | Data::Other(_) => None,
    }
}

/// The name under which parts are told that only Google has words for: the value is the whole part.
pub(super) const PARTS: &str = "content.parts";

fn own<'a>(name: &'static str, value: Json<'a>) -> Extra<'a> {
    Extra { by: Protocol::Gemini, name: name.into(), value }
}

fn tell_usage<'a, S: Sink<'a> + ?Sized>(metadata: Option<Value<'a>>, sink: &mut S) {
    let Some(metadata) = metadata else { return };
    let (usage, more) = usage::read(metadata);
    if more {
        let extra = own("usageMetadata", Json::of(metadata));
        sink.event(Event::Extra { choice: None, extra });
    }
    sink.event(Event::Usage(usage));
}

/// A finish reason that is no answer, as a failure of the provider.
fn failure<'a>(word: Str<'a>, message: Option<Value<'a>>) -> Failure<'a> {
    let mut text = Text::plain("the model's answer failed: ");
    text.push(&Text::of(word));
    if let Some(message) = message.and_then(Text::from_value) {
        text.push(&Text::plain(": "));
        text.push(&message);
    }
    let mut failure = Failure::new(Class::Server, "");
    failure.message = text;
    failure.code = Some(Text::of(word).into_owned());
    failure
}
