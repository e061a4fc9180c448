//! Streams: a JSON object a line, the last one with `done`.

use crate::chat::AnySink;
use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::ndjson::Decoder;
use crate::codec::time;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::ollama::error;
use crate::protocol::ollama::line::Progress;
use crate::protocol::ollama::logprobs;
use crate::protocol::ollama::response;
use crate::protocol::ollama::response::WholeCall;

/// Longest line: a call comes whole, and its arguments may hold a file.
const MAX_LINE: usize = 16 << 20;

/// Most calls of one answer that are kept open.
const MAX_CALLS: usize = 1024;

/// Reads an upstream's stream.
#[derive(Debug)]
pub struct Reader {
    lines: Decoder,
    progress: Progress,
}

impl Reader {
    /// A stream that has not begun.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { lines: Decoder::new(MAX_LINE), progress: Progress::new(seed) }
    }

    /// Reads what is whole in `bytes` and tells how much of it was used; the caller keeps the rest
    /// and calls again with more behind it.
    ///
    /// # Errors
    /// A line that is none of Ollama's.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        let mut total = 0;
        while !self.progress.done {
            let rest = bytes.get(total..).unwrap_or_default();
            let (used, line) =
                self.lines.decode(rest).map_err(|error| Garbage::new(error.to_string()))?;
            total += used;
            let Some(line) = line else { break };
            self.progress.line(line, sink)?;
        }
        Ok(total)
    }

    /// The body has ended with `rest` unused.
    ///
    /// # Errors
    /// Where the stream was cut, or its last line is none of Ollama's.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let used = self.push(rest, sink)?;
        let rest = rest.get(used..).unwrap_or_default();
        if let Some(line) = Decoder::finish(rest).filter(|_| !self.progress.done) {
            self.progress.line(line, sink)?;
        }
        if self.progress.done {
            Ok(())
        } else {
            Err(Garbage::new("the stream ended before `done`"))
        }
    }

    /// Whether the end or a failure was told: what follows is not read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.progress.done
    }
}

/// Writes a stream for a client.
#[derive(Debug)]
pub struct Writer {
    seed: Seed,
    /// Every line up to the second member of its message.
    head: Vec<u8>,
    finish: Option<Finish<'static>>,
    usage: Option<Usage>,
    /// Calls in the order of their numbers; a call is written whole.
    calls: Vec<Open>,
    /// What the last line carries, of the answer and of its message.
    extra: [Vec<Extra<'static>>; 2],
    done: bool,
}

/// A call whose end has not come.
#[derive(Debug)]
struct Open {
    id: Text<'static>,
    name: Text<'static>,
    arguments: Arguments<'static>,
    custom: bool,
    written: bool,
}

impl Writer {
    /// A stream that has not begun. Usage is always told.
    #[must_use]
    pub const fn new(seed: Seed, _usage: bool) -> Self {
        Self {
            seed,
            head: Vec::new(),
            finish: None,
            usage: None,
            calls: Vec::new(),
            extra: [Vec::new(), Vec::new()],
            done: false,
        }
    }

    /// Appends what `event` comes to: whole lines, or nothing yet. There is one choice: the first.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.done {
            return;
        }
        match event {
            Event::Start(start) => self.start(start),
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.text(text, out);
            }
            Event::Thinking { choice: 0, text } => self.thinking(text, out),
            Event::CallStart { choice: 0, call: _, id, name, custom, signature: _ } => {
                self.open(id, name, *custom);
            }
            Event::CallArguments { choice: 0, call, piece } => self.arguments(*call, piece),
            Event::CallEnd { choice: 0, call } => self.close(*call as usize, out),
            Event::Logprobs { choice: 0, value } => self.logprobs(value, out),
            Event::Media { .. } => {}
            Event::Extra { choice, extra } => self.extra(*choice, extra),
            Event::Finish { choice: 0, reason } => {
                (0..self.calls.len()).for_each(|call| self.close(call, out));
                self.finish = Some(reason.clone().into_owned());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failure(failure) => {
                error::write(failure, out);
                out.push(b'\n');
                self.done = true;
            }
            Event::End => self.end(out),
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::Signature { .. }
            | Event::Redacted { .. }
            | Event::CallStart { .. }
            | Event::CallArguments { .. }
            | Event::CallEnd { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        self.usage = start.usage.or(self.usage);
        self.head.clear();
        self.head.extend_from_slice(br#"{"model":"#);
        start.model.write(&mut self.head);
        self.head.extend_from_slice(br#","created_at":"#);
        time::write(start.created.unwrap_or(self.seed.now), &mut self.head);
        self.head.extend_from_slice(br#","message":{"role":"assistant","content":""#);
    }

    /// Begins a line; the text of its content follows.
    fn line<'o>(&mut self, out: &'o mut Vec<u8>) -> &'o mut Vec<u8> {
        if self.head.is_empty() {
            self.start(&Start::default());
        }
        out.extend_from_slice(&self.head);
        out
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.line(out).extend_from_slice(text.raw());
            out.extend_from_slice(b"\"},\"done\":false}\n");
        }
    }

    fn thinking(&mut self, text: &Text<'_>, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.line(out).extend_from_slice(br#"","thinking":"#);
            text.write(out);
            out.extend_from_slice(b"},\"done\":false}\n");
        }
    }

    fn logprobs(&mut self, value: &Json<'_>, out: &mut Vec<u8>) {
        self.line(out).extend_from_slice(br#""},"logprobs":"#);
        logprobs::write(std::iter::once(value), out);
        out.extend_from_slice(b",\"done\":false}\n");
    }

    fn open(&mut self, id: &Text<'_>, name: &Text<'_>, custom: bool) {
        if self.calls.len() < MAX_CALLS {
            self.calls.push(Open {
                id: id.clone().into_owned(),
                name: name.clone().into_owned(),
                arguments: Arguments::Quoted(Text::default()),
                custom,
                written: false,
            });
        }
    }

    fn arguments(&mut self, call: u32, piece: &Arguments<'_>) {
        let Some(call) = self.calls.get_mut(call as usize) else { return };
        match (&mut call.arguments, piece) {
            (Arguments::Quoted(text), Arguments::Quoted(more)) => text.push(more),
            (arguments, piece) => *arguments = piece.clone().into_owned(),
        }
    }

    fn close(&mut self, at: usize, out: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.written) else { return };
        call.written = true;
        let Open { id, name, custom, .. } = &*call;
        let (id, name, custom) = (id.clone(), name.clone(), *custom);
        let none = Arguments::Quoted(Text::default());
        let arguments = &std::mem::replace(&mut call.arguments, none);
        self.line(out).extend_from_slice(br#"","tool_calls":["#);
        let call = WholeCall { id: &id, name: &name, arguments, custom };
        call.write(at as u64, self.seed, out);
        out.extend_from_slice(b"]},\"done\":false}\n");
    }

    fn extra(&mut self, choice: Option<u32>, extra: &Extra<'_>) {
        let [of_answer, of_message] = &mut self.extra;
        let kept = match choice {
            None => of_answer,
            Some(0) => of_message,
            Some(_) => return,
        };
        if extra.by == Protocol::Ollama {
            kept.push(extra.clone().into_owned());
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.done = true;
        self.line(out).push(b'"');
        let [of_answer, of_message] = &self.extra;
        let member = |out: &mut Vec<u8>, extra: &Extra<'_>| {
            out.push(b',');
            json::write_str(out, &extra.name);
            out.push(b':');
            extra.value.write(out);
        };
        of_message.iter().for_each(|extra| member(out, extra));
        out.push(b'}');
        of_answer.iter().for_each(|extra| member(out, extra));
        out.push(b',');
        let start = out.len();
        let mut tail = Object::open(out);
        response::end(self.finish.as_ref(), self.usage, &mut tail);
        tail.close();
        // The members go on in the line's own object.
        out.remove(start);
        out.push(b'\n');
    }
}
