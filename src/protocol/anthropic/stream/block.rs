//! Content blocks of a stream that is read.

use crate::chat::AnySink;
use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::anthropic::CHOICE;
use crate::protocol::anthropic::read_citation;
use crate::protocol::anthropic::signature;

/// Most bytes of a block that must be put together before it can be told.
const MAX_HELD: usize = 8 * 1024 * 1024;

/// A block that is open.
#[derive(Debug)]
pub enum Block {
    /// A text; whether any of it was told.
    Text(bool),
    /// A thought; whether any of it was told.
    Thinking(bool),
    /// A call.
    Call {
        /// Its number among the calls.
        call: u32,
        /// Arguments that came with its start: they count if no pieces follow.
        whole: Option<Json<'static>>,
    },
    /// One that the vocabulary has no words for, to be told whole.
    Other {
        /// Its kind.
        kind: String,
        /// As it started.
        start: Json<'static>,
        /// Pieces of its input.
        input: Vec<u8>,
    },
    /// One that is complete already.
    Said,
}

impl Block {
    /// A block begins. `calls` counts those that were.
    pub fn start(
        block: Value<'_>,
        calls: &mut u32,
        sink: &mut AnySink<'_>,
    ) -> Result<Self, Garbage> {
        let kind = block.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| Garbage::new("a content block without a type"))?.decode();
        let text = |name: &str| block.get(name).and_then(Value::as_str);
        match &*kind {
            "text" => {
                let mut made = Self::Text(false);
                if let Some(text) = text("text") {
                    made.text(text, sink);
                }
                for citation in block.get("citations").into_iter().flat_map(Value::elements) {
                    made.citation(citation, sink);
                }
                Ok(made)
            }
            "thinking" => {
                let mut made = Self::Thinking(false);
                if let Some(text) = text("thinking") {
                    made.thought(text, sink);
                }
                if let Some(signed) = text("signature") {
                    made.signature(signed, sink);
                }
                Ok(made)
            }
            "redacted_thinking" => {
                if let Some(data) = text("data").and_then(signature::read) {
                    sink.event(Event::Redacted { choice: CHOICE, data });
                }
                Ok(Self::Said)
            }
            "tool_use" => {
                let missing = || Garbage::new("a tool_use without id or name");
                let id = Text::of(text("id").ok_or_else(missing)?);
                let name = Text::of(text("name").ok_or_else(missing)?);
                let (choice, call) = (CHOICE, *calls);
                *calls += 1;
                let (custom, signature) = (false, None);
                sink.event(Event::CallStart { choice, call, id, name, custom, signature });
                let input = block.get("input").filter(|input| input.members().next().is_some());
                Ok(Self::Call { call, whole: input.map(|input| Json::of(input).into_owned()) })
            }
            _ => Ok(Self::Other {
                kind: kind.into_owned(),
                start: Json::of(block).into_owned(),
                input: Vec::new(),
            }),
        }
    }

    /// More of the block. A piece that does not belong to it says nothing.
    pub fn delta(&mut self, delta: Value<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let mut kind = None;
        let mut said = None;
        for member in delta.members() {
            match member.key.raw() {
                b"type" => kind = member.value.as_str(),
                _ => said = Some(member.value),
            }
        }
        let Some((kind, said)) = kind.zip(said) else {
            return Err(Garbage::new("a delta that says nothing"));
        };
        let text = || said.as_str().ok_or_else(|| Garbage::new("a delta that is no string"));
        match kind.raw() {
            b"text_delta" => self.text(text()?, sink),
            b"input_json_delta" => self.input(text()?, sink)?,
            b"thinking_delta" => {
                // Some tell more than the thought.
                let told = delta.get("thinking").and_then(Value::as_str);
                self.thought(told.map_or_else(text, Ok)?, sink);
            }
            b"signature_delta" => self.signature(text()?, sink),
            b"citations_delta" => self.citation(said, sink),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: Str<'_>, sink: &mut AnySink<'_>) {
        let Self::Text(told) = self else { return };
        if !text.raw().is_empty() {
            *told = true;
            sink.event(Event::Text { choice: CHOICE, text: Text::of(text) });
        }
    }

    fn citation(&mut self, citation: Value<'_>, sink: &mut AnySink<'_>) {
        let Self::Text(told) = self else { return };
        if !*told {
            // It belongs to this text, not to the one before.
            *told = true;
            sink.event(Event::Text { choice: CHOICE, text: Text::default() });
        }
        sink.event(read_citation(citation));
    }

    fn thought(&mut self, text: Str<'_>, sink: &mut AnySink<'_>) {
        let Self::Thinking(told) = self else { return };
        if !text.raw().is_empty() {
            *told = true;
            sink.event(Event::Thinking { choice: CHOICE, text: Text::of(text) });
        }
    }

    fn signature(&mut self, signed: Str<'_>, sink: &mut AnySink<'_>) {
        let Self::Thinking(told) = self else { return };
        let Some(signature) = signature::read(signed) else { return };
        if !*told {
            // The thought itself is not shown.
            sink.event(Event::Thinking { choice: CHOICE, text: Text::default() });
        }
        sink.event(Event::Signature { choice: CHOICE, signature });
        *self = Self::Said;
    }

    fn input(&mut self, piece: Str<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if piece.raw().is_empty() {
            return Ok(());
        }
        match self {
            Self::Call { call, whole } => {
                *whole = None;
                let (call, piece) = (*call, Arguments::Quoted(Text::of(piece)));
                sink.event(Event::CallArguments { choice: CHOICE, call, piece });
            }
            Self::Other { input, .. } => {
                input.extend_from_slice(piece.decode().as_bytes());
                if input.len() > MAX_HELD {
                    return Err(Garbage::new("a content block that is too long"));
                }
            }
            Self::Text(_) | Self::Thinking(_) | Self::Said => {}
        }
        Ok(())
    }

    /// The block is complete.
    pub fn stop(self, sink: &mut AnySink<'_>) {
        match self {
            Self::Call { call, whole } => {
                let choice = CHOICE;
                if let Some(whole) = whole {
                    let piece = Arguments::Value(whole);
                    sink.event(Event::CallArguments { choice, call, piece });
                }
                sink.event(Event::CallEnd { choice, call });
            }
            Self::Other { kind, start, input } => {
                let value = if input.is_empty() { start } else { with_input(&start, &input) };
                let extra = Extra { by: Protocol::Anthropic, name: kind.into(), value };
                sink.event(Event::Extra { choice: Some(CHOICE), extra });
            }
            Self::Text(_) | Self::Thinking(_) | Self::Said => {}
        }
    }
}

/// A block with the input that came in pieces. What is no JSON stays a string.
fn with_input(start: &Json<'_>, input: &[u8]) -> Json<'static> {
    let mut made = Vec::with_capacity(start.raw().len() + input.len());
    let mut object = Object::open(&mut made);
    let is_json = json::validate(input).is_ok();
    let mut told = false;
    for member in start.value().members() {
        let name = member.key.decode();
        let out = object.any_key(&name);
        if name != "input" {
            out.extend_from_slice(member.value.raw());
            continue;
        }
        told = true;
        write_input(input, is_json, out);
    }
    if !told {
        write_input(input, is_json, object.key("input"));
    }
    object.close();
    Json::made(made)
}

fn write_input(input: &[u8], is_json: bool, out: &mut Vec<u8>) {
    if is_json {
        out.extend_from_slice(input);
    } else {
        json::write_str(out, &String::from_utf8_lossy(input));
    }
}
