//! One line of an answer, or all of it: they have the same form.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::codec::time;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::ollama::error;
use crate::protocol::ollama::logprobs;
use crate::protocol::ollama::own;

/// Most names of carried members that are remembered of a stream.
const MAX_TOLD: usize = 64;

/// How far an answer is known.
#[derive(Debug)]
pub(super) struct Progress {
    seed: Seed,
    started: bool,
    /// Calls so far.
    calls: u32,
    /// Carried members that were told: what every line repeats is told once.
    told: Vec<String>,
    /// The end or a failure was told.
    pub(super) done: bool,
}

/// The members of a line.
#[derive(Debug, Default)]
struct Line<'a> {
    model: Option<Value<'a>>,
    created_at: Option<Value<'a>>,
    message: Option<Value<'a>>,
    error: Option<Value<'a>>,
    done: Option<Value<'a>>,
    done_reason: Option<Value<'a>>,
    prompt: Option<Value<'a>>,
    completion: Option<Value<'a>>,
    logprobs: Option<Value<'a>>,
    others: Vec<Member<'a>>,
}

impl<'a> Line<'a> {
    fn visit(&mut self, member: Member<'a>) {
        if member.value.is_null() {
            return;
        }
        let slot = match &*member.key.name() {
            b"model" => &mut self.model,
            b"created_at" => &mut self.created_at,
            b"message" => &mut self.message,
            b"error" => &mut self.error,
            b"done" => &mut self.done,
            b"done_reason" => &mut self.done_reason,
            b"prompt_eval_count" => &mut self.prompt,
            b"eval_count" => &mut self.completion,
            b"logprobs" => &mut self.logprobs,
            _ => return self.others.push(member),
        };
        *slot = Some(member.value);
    }
}

impl Progress {
    /// Of an answer that has not begun.
    pub(super) const fn new(seed: Seed) -> Self {
        Self { seed, started: false, calls: 0, told: Vec::new(), done: false }
    }

    /// Reads a line and tells what it says.
    pub(super) fn line<'a, S>(&mut self, text: &'a [u8], sink: &mut S) -> Result<(), Garbage>
    where
        S: Sink<'a> + ?Sized,
    {
        let mut line = Line::default();
        json::object(text, |member, _| line.visit(member))?;
        if let Some(failure) = line.error {
            let message = error::words(failure).unwrap_or_default();
            self.done = true;
            sink.event(Event::Failure(error::of(500, message)));
            return Ok(());
        }
        if !self.started {
            self.started = true;
            sink.event(Event::Start(start(&line)));
        }
        let message = line.message.filter(|message| message.kind() == Kind::Object);
        let message = message.ok_or_else(|| Garbage::new("a line without a `message`"))?;
        self.message(message, line.logprobs, sink)?;
        for member in &line.others {
            self.carry(None, member, sink);
        }
        match line.done.map(Value::as_bool) {
            Some(Some(true)) => self.end(&line, sink),
            Some(Some(false)) | None => {}
            Some(None) => return Err(Garbage::new("`done` is neither true nor false")),
        }
        Ok(())
    }

    fn message<'a, S>(
        &mut self,
        message: Value<'a>,
        logprobs: Option<Value<'a>>,
        sink: &mut S,
    ) -> Result<(), Garbage>
    where
        S: Sink<'a> + ?Sized,
    {
        let (mut thinking, mut content, mut calls) = (Text::default(), Text::default(), None);
        let mut others = Vec::new();
        for member in message.members().filter(|member| !member.value.is_null()) {
            match &*member.key.name() {
                b"role" => {}
                b"thinking" => thinking = text(member.value, "`message.thinking` is no string")?,
                b"content" => content = text(member.value, "`message.content` is no string")?,
                b"tool_calls" => calls = Some(member.value),
                _ => others.push(member),
            }
        }
        if !thinking.is_empty() {
            sink.event(Event::Thinking { choice: 0, text: thinking });
        }
        if !content.is_empty() {
            sink.event(Event::Text { choice: 0, text: content });
        }
        for token in logprobs.into_iter().flat_map(Value::elements) {
            sink.event(Event::Logprobs { choice: 0, value: logprobs::read(token) });
        }
        for call in calls.into_iter().flat_map(Value::elements) {
            self.call(call, sink)?;
        }
        others.iter().for_each(|member| self.carry(Some(0), member, sink));
        Ok(())
    }

    fn call<'a, S>(&mut self, call: Value<'a>, sink: &mut S) -> Result<(), Garbage>
    where
        S: Sink<'a> + ?Sized,
    {
        let function = call.get("function");
        let name = function.and_then(|function| function.get("name")).and_then(Text::from_value);
        let name = name.ok_or_else(|| Garbage::new("a call without a name"))?;
        let number = self.calls;
        self.calls += 1;
        let id = call.get("id").and_then(Text::from_value).filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Text::plain(&self.seed.id("call_", number.into())));
        let custom = false;
        sink.event(Event::CallStart { choice: 0, call: number, id, name, custom, signature: None });
        let arguments = function.and_then(|function| function.get("arguments"));
        if let Some(piece) = arguments.map(read_arguments).transpose()?.flatten() {
            sink.event(Event::CallArguments { choice: 0, call: number, piece });
        }
        sink.event(Event::CallEnd { choice: 0, call: number });
        Ok(())
    }

    /// Tells of a member that only this protocol has, once in an answer.
    fn carry<'a, S>(&mut self, choice: Option<u32>, member: &Member<'a>, sink: &mut S)
    where
        S: Sink<'a> + ?Sized,
    {
        let name = member.key.decode();
        let told = |told: &String| told == name.as_ref();
        if self.told.len() >= MAX_TOLD || self.told.iter().any(told) {
            return;
        }
        self.told.push(name.clone().into_owned());
        let extra: Extra<'a> = own(name, member.value);
        sink.event(Event::Extra { choice, extra });
    }

    fn end<'a, S>(&mut self, line: &Line<'a>, sink: &mut S)
    where
        S: Sink<'a> + ?Sized,
    {
        let length = line.done_reason.and_then(Value::as_str).is_some_and(|why| why.is("length"));
        let reason = match self.calls {
            _ if length => Finish::Length,
            0 => Finish::Stop,
            // What a turn of calls ends with is `stop` too.
            _ => Finish::Calls,
        };
        sink.event(Event::Finish { choice: 0, reason });
        if line.prompt.is_some() || line.completion.is_some() {
            let count = |value: Option<Value<'_>>| value.and_then(Value::as_u64).unwrap_or(0);
            let (prompt, completion) = (count(line.prompt), count(line.completion));
            sink.event(Event::Usage(Usage { prompt, completion, ..Usage::default() }));
        }
        self.done = true;
        sink.event(Event::End);
    }
}

fn start<'a>(line: &Line<'a>) -> Start<'a> {
    let model = line.model.and_then(Text::from_value).unwrap_or_default();
    let created = line.created_at.and_then(Value::as_str);
    let created = created.and_then(|text| time::parse(&text.decode()));
    Start { id: Text::default(), model, created, usage: None }
}

fn text<'a>(value: Value<'a>, fault: &'static str) -> Result<Text<'a>, Garbage> {
    Text::from_value(value).ok_or_else(|| Garbage::new(fault))
}

/// An object. Some servers that look like Ollama send the text of one.
fn read_arguments(value: Value<'_>) -> Result<Option<Arguments<'_>>, Garbage> {
    match value.kind() {
        Kind::Object => Ok(Some(Arguments::Value(Json::of(value)))),
        Kind::String => Ok(Text::from_value(value).map(Arguments::Quoted)),
        Kind::Null => Ok(None),
        Kind::Bool | Kind::Number | Kind::Array => {
            Err(Garbage::new("the arguments of a call are no object"))
        }
    }
}
