//! Tools as the client gave them. A protocol that is stricter about names is told others, and one
//! without tools of free text is told of an object with a member `input`; in the answer the client
//! must find its own again.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Sink;
use crate::chat::Text;
use crate::chat::ToolKind;
use crate::codec::json;
use crate::protocol::any;

/// Most bytes of free text that are collected of one call.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// What was told of tools that differ from what the client gave.
#[derive(Clone, Debug, Default)]
pub struct Given {
    tools: Vec<Tool>,
    /// Calls of tools of free text that are being told: choice, number and JSON so far.
    open: Vec<(u32, u32, Vec<u8>)>,
}

#[derive(Clone, Debug)]
struct Tool {
    told: Box<str>,
    name: Text<'static>,
    custom: bool,
}

/// Events on their way to the client.
#[derive(Debug)]
pub struct Before<'g, S: ?Sized> {
    given: &'g mut Given,
    sink: &'g mut S,
}

impl Given {
    /// What differs for an upstream of `protocol`; none where nothing does.
    #[must_use]
    pub fn of(request: &Request<'_>, protocol: Protocol) -> Option<Self> {
        let mut tools = Vec::new();
        for tool in &request.tools {
            let told = any::tool_name(protocol, &tool.name);
            let custom = matches!(tool.kind, ToolKind::Custom(_)) && protocol != Protocol::Openai;
            if custom || !tool.name.is(&told) {
                let name = tool.name.clone().into_owned();
                tools.push(Tool { told: told.into(), name, custom });
            }
        }
        (!tools.is_empty()).then_some(Self { tools, open: Vec::new() })
    }

    /// Stands before `sink`.
    pub const fn before<'g, S: ?Sized>(&'g mut self, sink: &'g mut S) -> Before<'g, S> {
        Before { given: self, sink }
    }

    fn open(&mut self, choice: u32, call: u32) -> Option<&mut Vec<u8>> {
        let mut open = self.open.iter_mut();
        open.find(|(of, number, _)| (*of, *number) == (choice, call)).map(|(_, _, text)| text)
    }
}

/// The free text in the arguments of a call; the arguments themselves where there is none.
fn free_text(arguments: &[u8]) -> Text<'static> {
    let value = json::validate(arguments).ok();
    let input = value.and_then(|value| value.get("input")).and_then(Text::from_value);
    let plain = || Text::plain(&String::from_utf8_lossy(arguments));
    input.map_or_else(plain, Text::into_owned)
}

impl<'a, S: Sink<'a> + ?Sized> Sink<'a> for Before<'_, S> {
    fn event(&mut self, event: Event<'a>) {
        match event {
            Event::CallStart { choice, call, id, name, custom, signature } => {
                let found = self.given.tools.iter().find(|tool| name.is(&tool.told));
                let (name, custom) = match found {
                    Some(tool) => (tool.name.clone(), tool.custom),
                    None => (name, custom),
                };
                if found.is_some_and(|tool| tool.custom) {
                    self.given.open.push((choice, call, Vec::new()));
                }
                self.sink.event(Event::CallStart { choice, call, id, name, custom, signature });
            }
            Event::CallArguments { choice, call, piece } => match self.given.open(choice, call) {
                Some(text) if text.len() < MAX_TEXT => text.extend_from_slice(&piece.json()),
                Some(_) => {}
                None => self.sink.event(Event::CallArguments { choice, call, piece }),
            },
            Event::CallEnd { choice, call } => {
                if let Some(text) = self.given.open(choice, call) {
                    let piece = Arguments::Quoted(free_text(text));
                    self.given.open.retain(|(of, number, _)| (*of, *number) != (choice, call));
                    self.sink.event(Event::CallArguments { choice, call, piece });
                }
                self.sink.event(Event::CallEnd { choice, call });
            }
            Event::Start(_)
            | Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::Signature { .. }
            | Event::Redacted { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Media { .. }
            | Event::Extra { .. }
            | Event::Finish { .. }
            | Event::Usage(_)
            | Event::Failure(_)
            | Event::End => self.sink.event(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Given;
    use crate::chat::{Arguments, Event, Protocol, Request, Sink, Text, Tool, ToolKind};

    fn tool(name: &str, custom: bool) -> Tool<'static> {
        let kind = if custom { ToolKind::Custom(None) } else { ToolKind::Function(None) };
        let name = Text::plain(name);
        Tool { name, description: None, kind, strict: None, cache: None, extra: Vec::new() }
    }

    fn start(name: &str, custom: bool) -> Event<'static> {
        let (id, name) = (Text::plain("i"), Text::plain(name));
        Event::CallStart { choice: 0, call: 0, id, name, custom, signature: None }
    }

    fn piece(text: &str) -> Event<'static> {
        let piece = Arguments::Quoted(Text::plain(text));
        Event::CallArguments { choice: 0, call: 0, piece }
    }

    fn through(given: &mut Given, events: Vec<Event<'static>>) -> Vec<Event<'static>> {
        let mut kept = Vec::new();
        events.into_iter().for_each(|event| given.before(&mut kept).event(event));
        kept
    }

    #[test]
    fn names_and_free_text_come_back() {
        let long = "x".repeat(200);
        let tools = vec![tool("fs.read", false), tool(&long, false), tool("patch", true)];
        let request = Request { tools, ..Request::default() };
        for protocol in [Protocol::Anthropic, Protocol::Bedrock] {
            let mut given = Given::of(&request, protocol).unwrap();
            let end = Event::CallEnd { choice: 0, call: 0 };
            for name in ["fs.read", &long] {
                let told =
                    crate::protocol::any::tool_name(protocol, &Text::plain(name)).into_owned();
                assert_ne!(told, name);
                let events = vec![start(&told, false), piece("{}"), end.clone()];
                let back = vec![start(name, false), piece("{}"), end.clone()];
                assert_eq!(through(&mut given, events), back);
            }
            let events = vec![
                start("patch", false),
                piece("{\"input\":\"a"),
                piece("\\n\\\"b\"}"),
                end.clone(),
            ];
            let back = vec![start("patch", true), piece("a\n\"b"), end];
            assert_eq!(through(&mut given, events), back);
        }
    }

    #[test]
    fn nothing_is_kept_where_nothing_differs() {
        let request = Request { tools: vec![tool("plain", false)], ..Request::default() };
        for protocol in Protocol::ALL {
            assert!(Given::of(&request, protocol).is_none(), "{protocol:?}");
        }
        let request = Request { tools: vec![tool("free", true)], ..Request::default() };
        assert!(Given::of(&request, Protocol::Openai).is_none());
    }
}
