//! A stream of chunks for a client.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Protocol;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Object;
use crate::protocol::Seed;
use crate::protocol::left_out;
use crate::protocol::openai::chat::error;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::usage;

/// What follows the delta of a chunk that finishes nothing.
const TAIL: &[u8] = br#"},"logprobs":null,"finish_reason":null}]"#;

/// Writes a stream.
#[derive(Debug)]
pub struct Writer {
    seed: Seed,
    /// Whether the client asked for the usage.
    wants_usage: bool,
    usage: Option<Usage>,
    /// The start of every chunk, up to the choices; empty until the stream has begun.
    head: Vec<u8>,
    /// The start of a chunk with text of choice 0.
    text_head: Vec<u8>,
    /// Members that go into the next chunk only.
    once: Vec<u8>,
    /// Members of a choice that go into its next chunk only.
    once_choice: Vec<(u32, Vec<u8>)>,
    /// The choices that have begun.
    begun: Vec<u32>,
    /// The calls that have not ended.
    open: Vec<Open>,
    /// For a client that knows calls in the older form only, `function_call`, the choices that have
    /// told of theirs.
    older: Option<Vec<u32>>,
}

/// A call that has not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    choice: u32,
    call: u32,
    custom: bool,
    /// Whether nothing of its arguments was told yet.
    bare: bool,
}

impl Writer {
    /// A stream for a client that asked for its usage, or did not.
    #[must_use]
    pub const fn new(seed: Seed, usage: bool) -> Self {
        Self {
            seed,
            wants_usage: usage,
            usage: None,
            head: Vec::new(),
            text_head: Vec::new(),
            once: Vec::new(),
            once_choice: Vec::new(),
            begun: Vec::new(),
            open: Vec::new(),
            older: None,
        }
    }

    /// The same for a client that gave `functions`: of several calls it is told the first.
    #[must_use]
    pub fn older(self) -> Self {
        Self { older: Some(Vec::new()), ..self }
    }

    /// Appends what `event` is in this format: whole frames, or nothing.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text } => self.text(*choice, text, out),
            Event::Start(start) => {
                self.usage = start.usage.or(self.usage);
                self.start(start);
                self.begin(0, out);
            }
            Event::Refusal { choice, text } => {
                self.delta(*choice, out, |delta| text.write(delta.key("refusal")));
            }
            // Of a thought that is not shown.
            Event::Thinking { text, .. } if text.is_empty() => {}
            Event::Thinking { choice, text } => {
                self.delta(*choice, out, |delta| text.write(delta.key("reasoning_content")));
            }
            // Nothing that this format has a place for.
            Event::Signature { .. } | Event::Redacted { .. } => {}
            Event::CallStart { choice, call, id, name, custom, signature: _ } => {
                if self.is_left_out(*choice) {
                    return left_out::tell_call(out);
                }
                self.open.push(Open { choice: *choice, call: *call, custom: *custom, bare: true });
                self.call_start((*choice, *call), id, name, *custom, out);
            }
            Event::CallArguments { choice, call, piece } => {
                self.arguments(*choice, *call, piece, out);
            }
            Event::CallEnd { choice, call } => self.call_end(*choice, *call, out),
            Event::Logprobs { choice, value } => {
                self.chunk(*choice, out, |choice| {
                    choice.fixed("delta", "{}");
                    value.write(choice.key("logprobs"));
                    choice.fixed("finish_reason", "null");
                });
            }
            Event::Citation { choice, citation } => self.delta(*choice, out, |delta| {
                let out = delta.key("annotations");
                out.push(b'[');
                response::write_citation(citation, out);
                out.push(b']');
            }),
            // It stands among what is carried.
            Event::Media { by: Protocol::Openai, .. } => {}
            Event::Media { choice, media, .. } if response::shows(media) => {
                self.delta(*choice, out, |delta| response::write_images([media], delta));
            }
            Event::Media { media, .. } => left_out::tell_media(media, out),
            Event::Extra { extra, .. } if extra.by != Protocol::Openai => {}
            Event::Extra { choice: Some(choice), extra }
                if response::is_in_message(&extra.name) =>
            {
                self.delta(*choice, out, |delta| extra.value.write(delta.any_key(&extra.name)));
            }
            Event::Extra { choice, extra } => self.extra(*choice, extra),
            Event::Finish { choice, reason } => {
                let word = response::finish_word(reason, self.older.is_some());
                self.chunk(*choice, out, |choice| {
                    choice.fixed("delta", "{}");
                    choice.fixed("logprobs", "null");
                    json::write_str(choice.key("finish_reason"), word);
                });
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failure(failure) => {
                out.extend_from_slice(b"data: ");
                error::write(failure, out);
                out.extend_from_slice(b"\n\n");
            }
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        self.head.clear();
        self.head.extend_from_slice(b"data: ");
        let mut chunk = Object::open(&mut self.head);
        response::write_id(&start.id, self.seed, chunk.key("id"));
        chunk.word("object", "chat.completion.chunk");
        chunk.number("created", start.created.unwrap_or(self.seed.now));
        start.model.write(chunk.key("model"));
        self.render();
    }

    fn render(&mut self) {
        self.text_head.clear();
        self.text_head.extend_from_slice(&self.head);
        let choice = br#","choices":[{"index":0,"delta":{"content":""#;
        self.text_head.extend_from_slice(choice);
    }

    /// The first chunk of a choice tells the role.
    fn begin(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.start(&Start::default());
        }
        if self.begun.contains(&choice) {
            return;
        }
        self.begun.push(choice);
        self.delta(choice, out, |delta| {
            delta.word("role", "assistant");
            delta.word("content", "");
            delta.fixed("refusal", "null");
        });
    }

    fn text(&mut self, choice: u32, text: &Text<'_>, out: &mut Vec<u8>) {
        let known = choice == 0 && self.begun.first() == Some(&0);
        if !known || !self.once.is_empty() || !self.once_choice.is_empty() {
            self.delta(choice, out, |delta| text.write(delta.key("content")));
            return;
        }
        out.reserve(self.text_head.len() + text.raw().len() + 64);
        out.extend_from_slice(&self.text_head);
        out.extend_from_slice(text.raw());
        out.push(b'"');
        out.extend_from_slice(TAIL);
        self.close(out);
    }

    /// A chunk that adds to a choice.
    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, add: impl FnOnce(&mut Object<'_>)) {
        self.chunk(choice, out, |object| {
            let mut delta = Object::open(object.key("delta"));
            add(&mut delta);
            delta.close();
            object.fixed("logprobs", "null");
            object.fixed("finish_reason", "null");
        });
    }

    fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, add: impl FnOnce(&mut Object<'_>)) {
        self.begin(choice, out);
        self.open_chunk(out);
        out.extend_from_slice(br#","choices":["#);
        let mut object = Object::open(out);
        object.number("index", u64::from(choice));
        add(&mut object);
        if let Some(at) = self.once_choice.iter().position(|(of, _)| *of == choice) {
            let (_, members) = self.once_choice.remove(at);
            object.append(&members);
        }
        object.close();
        out.push(b']');
        self.close(out);
    }

    /// The start of a chunk, with what goes into the next one only.
    fn open_chunk(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.append(&mut self.once);
    }

    /// The end of a chunk that is not the one of the usage.
    fn close(&self, out: &mut Vec<u8>) {
        let end: &[u8] = if self.wants_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" };
        out.extend_from_slice(end);
    }

    fn call_start(
        &mut self,
        (choice, call): (u32, u32),
        id: &Text<'_>,
        name: &Text<'_>,
        custom: bool,
        out: &mut Vec<u8>,
    ) {
        if self.older.is_some() {
            self.function(choice, out, |function| {
                name.write(function.key("name"));
                function.word("arguments", "");
            });
            return;
        }
        let made;
        let id = if id.is_empty() {
            made = response::made_id(choice, call, self.seed);
            &made
        } else {
            id
        };
        self.call(choice, call, out, |object| {
            id.write(object.key("id"));
            let (kind, inside) =
                if custom { ("custom", "input") } else { ("function", "arguments") };
            json::write_str(object.key("type"), kind);
            let mut function = Object::open(object.key(kind));
            name.write(function.key("name"));
            function.fixed(inside, "\"\"");
            function.close();
        });
    }

    /// Whether a call of `choice` that begins is left out: the older form knows one only.
    fn is_left_out(&mut self, choice: u32) -> bool {
        let Some(told) = &mut self.older else { return false };
        let second = told.contains(&choice);
        if !second {
            told.push(choice);
        }
        second
    }

    /// A chunk about the call of a choice, in the older form.
    fn function(&mut self, choice: u32, out: &mut Vec<u8>, add: impl FnOnce(&mut Object<'_>)) {
        self.delta(choice, out, |delta| {
            let mut function = Object::open(delta.key("function_call"));
            add(&mut function);
            function.close();
        });
    }

    /// A chunk about one call.
    fn call(
        &mut self,
        choice: u32,
        call: u32,
        out: &mut Vec<u8>,
        add: impl FnOnce(&mut Object<'_>),
    ) {
        self.delta(choice, out, |delta| {
            let out = delta.key("tool_calls");
            out.push(b'[');
            let mut object = Object::open(out);
            object.number("index", u64::from(call));
            add(&mut object);
            object.close();
            out.push(b']');
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, piece: &Arguments<'_>, out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        let open = self.open.iter_mut().find(|open| open.choice == choice && open.call == call);
        let known = open.is_some();
        let custom = open.is_some_and(|open| {
            open.bare = false;
            open.custom
        });
        if self.older.is_some() {
            if known {
                self.function(choice, out, |function| {
                    response::write_arguments(piece, function.key("arguments"));
                });
            }
            return;
        }
        let (kind, inside) = if custom { ("custom", "input") } else { ("function", "arguments") };
        self.call(choice, call, out, |object| {
            let mut function = Object::open(object.key(kind));
            response::write_arguments(piece, function.key(inside));
            function.close();
        });
    }

    fn call_end(&mut self, choice: u32, call: u32, out: &mut Vec<u8>) {
        let at = self.open.iter().position(|open| open.choice == choice && open.call == call);
        let Some(at) = at else { return };
        if self.open.get(at).is_some_and(|open| open.bare && !open.custom) {
            let nothing = Arguments::Quoted(Text::plain("{}"));
            self.arguments(choice, call, &nothing, out);
        }
        self.open.swap_remove(at);
    }

    /// Keeps what the next chunk will tell, or every one from now on.
    fn extra(&mut self, choice: Option<u32>, extra: &Extra<'_>) {
        let always = matches!(extra.name.as_ref(), "system_fingerprint" | "service_tier");
        let to = match choice {
            Some(choice) => {
                if self.once_choice.iter().all(|(of, _)| *of != choice) {
                    self.once_choice.push((choice, Vec::new()));
                }
                let mut kept = self.once_choice.iter_mut();
                kept.find(|(of, _)| *of == choice).map(|(_, members)| members)
            }
            None if always && !self.head.is_empty() => Some(&mut self.head),
            None => Some(&mut self.once),
        };
        let Some(to) = to else { return };
        to.push(b',');
        json::write_str(to, &extra.name);
        to.push(b':');
        extra.value.write(to);
        if choice.is_none() && always {
            self.render();
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.start(&Start::default());
        }
        let told = self.usage.filter(|_| self.wants_usage);
        if let Some(tokens) = told {
            self.open_chunk(out);
            out.extend_from_slice(br#","choices":[],"usage":"#);
            usage::write(&tokens, out);
            out.extend_from_slice(b"}\n\n");
        } else if !self.once.is_empty() {
            self.open_chunk(out);
            out.extend_from_slice(br#","choices":[]"#);
            self.close(out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}
