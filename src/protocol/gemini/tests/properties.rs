//! What was written is what is read, for all that this protocol can say.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{folded, written};
use crate::chat::Arguments;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Event;
use crate::chat::Facts;
use crate::chat::Finish;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Signature;
use crate::chat::Source;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingRule;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::chat::Usage;
use crate::protocol::gemini::fuzz::SEED;
use crate::protocol::gemini::fuzz::drive;
use crate::protocol::gemini::fuzz::fuzz;
use crate::protocol::gemini::request;
use crate::protocol::gemini::response;
use crate::protocol::gemini::stream::Writer;

fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-z<\"\\\\\u{e9}\u{1f600}\n]{1,6}".prop_map(|text| Text::plain(&text))
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-z_][a-zA-Z0-9_.:-]{0,8}".prop_map(|text| Text::plain(&text))
}

fn signature() -> impl Strategy<Value = Option<Signature<'static>>> {
    let own = |data| Signature { by: Protocol::Gemini, data };
    option::of(text().prop_map(own))
}

fn arguments() -> impl Strategy<Value = Arguments<'static>> {
    prop_oneof![
        Just(Arguments::Value(Json::fixed("{}"))),
        Just(Arguments::Value(Json::fixed(r#"{"a":1.0,"b":[{"c":"\u00e9"}]}"#))),
        Just(Arguments::Quoted(Text::plain(r#"{"q":"\n"}"#))),
    ]
}

fn signed(content: Content<'static>, signature: Option<Signature<'static>>) -> Part<'static> {
    Part { signature, ..Part::new(content) }
}

fn media() -> impl Strategy<Value = Part<'static>> {
    let media = |kind, source, mime: &str| {
        let mime = Some(Text::plain(mime));
        Part::new(Content::Media(Media { kind, source, mime, detail: None, name: None }))
    };
    prop_oneof![
        Just(media(MediaKind::Image, Source::Base64(Text::plain("AAA=")), "image/png")),
        Just(media(MediaKind::Document, Source::Base64(Text::plain("AA==")), "application/pdf")),
        Just(media(
            MediaKind::Audio,
            Source::File(Protocol::Gemini, Text::plain("gs://a")),
            "audio/mp3"
        )),
        Just(media(MediaKind::Video, Source::Url(Text::plain("https://youtu.be/x")), "video/mp4")),
    ]
}

fn user() -> impl Strategy<Value = Turn<'static>> {
    let part = prop_oneof![3 => text().prop_map(Part::text), 1 => media()];
    vec(part, 1..3).prop_map(|parts| Turn::new(Role::User, parts))
}

type Made = (Vec<Part<'static>>, Vec<(Text<'static>, Arguments<'static>, String, bool)>);

/// What the model says, and its calls with their results.
fn step() -> impl Strategy<Value = Made> {
    let said = prop_oneof![
        (text(), signature()).prop_map(|(text, own)| signed(Content::Text(text), own)),
        (text(), signature()).prop_map(|(text, own)| signed(Content::Thinking(text), own)),
    ];
    let call = (name(), arguments(), "[a-z \"]{0,5}", any::<bool>());
    (vec(said, 1..3), vec(call, 0..3))
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let system = vec(text().prop_map(Part::text), 0..2);
    (system, user(), vec((step(), user()), 0..4)).prop_map(|(system, first, steps)| {
        let mut turns = Vec::new();
        if !system.is_empty() {
            turns.push(Turn::new(Role::System, system));
        }
        turns.push(first);
        let mut number = 0;
        for ((mut said, calls), next) in steps {
            let mut results = Vec::new();
            for (name, arguments, text, failed) in calls {
                let id = Text::plain(&format!("call_{number}"));
                number += 1;
                let parts =
                    if text.is_empty() { vec![] } else { vec![Part::text(Text::plain(&text))] };
                let result = CallResult { id: id.clone(), name: Some(name.clone()), parts, failed };
                results.push(Part::new(Content::Result(result)));
                let call = Call { id, name, arguments, custom: false };
                said.push(Part::new(Content::Call(call)));
            }
            turns.push(Turn::new(Role::Assistant, said));
            if !results.is_empty() {
                turns.push(Turn::new(Role::User, results));
            }
            turns.push(next);
        }
        turns
    })
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>)> {
    let tool =
        (name(), option::of(text()), any::<bool>()).prop_map(|(name, description, schema)| {
            let schema = schema.then(|| Json::fixed(r#"{"type":"object","$defs":{}}"#));
            let kind = ToolKind::Function(schema);
            Tool { name, description, kind, strict: None, cache: None, extra: Vec::new() }
        });
    let choice = prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Required)),
        name().prop_map(|name| Some(ToolChoice::Named(name))),
        vec(name(), 2..4).prop_map(|names| Some(ToolChoice::Allowed { required: true, names })),
    ];
    (vec(tool, 0..3), choice, any::<bool>()).prop_map(|(mut tools, choice, strict)| {
        let choice = choice.filter(|_| !tools.is_empty());
        if strict && choice == Some(ToolChoice::Auto) {
            tools.iter_mut().for_each(|tool| tool.strict = Some(true));
        }
        (tools, choice)
    })
}

fn number() -> impl Strategy<Value = Option<Json<'static>>> {
    prop_oneof![Just(None), Just(Some(Json::fixed("0.50"))), Just(Some(Json::fixed("12345678901")))]
}

fn requests() -> impl Strategy<Value = Request<'static>> {
    let format = prop_oneof![
        Just(None),
        Just(Some(Format::Text)),
        Just(Some(Format::Object)),
        Just(Some(Format::Schema {
            name: None,
            description: None,
            schema: Json::fixed(r#"{"type":["string","null"]}"#),
            strict: None
        })),
    ];
    let effort = option::of(prop_oneof![Just(Effort::Minimal), Just(Effort::High)]);
    let counts = (option::of(1..9_u64), option::of(any::<u64>()), option::of(0..9_u64));
    let numbers = (number(), number(), number());
    (turns(), tools(), format, effort, counts, numbers, vec(text(), 0..6)).prop_map(
        |(turns, (tools, tool_choice), format, effort, counts, numbers, stop)| {
            let visible = effort.map(|_| true);
            let mut request = Request { turns, tools, tool_choice, format, ..Request::default() };
            request.thinking = Thinking { effort, visible, ..Thinking::default() };
            (request.choices, request.max_tokens, request.top_logprobs) = counts;
            let sampling = &mut request.sampling;
            (sampling.temperature, sampling.seed, sampling.top_k) = numbers;
            request.stop = stop.into_iter().take(5).collect();
            request
        },
    )
}

/// The events of one choice, without its finish.
fn said(choice: u32) -> impl Strategy<Value = Vec<Event<'static>>> {
    let call = (text(), name(), arguments(), signature());
    let one = prop_oneof![
        3 => text().prop_map(move |text| vec![Event::Text { choice, text }]),
        2 => text().prop_map(move |text| vec![Event::Thinking { choice, text }]),
        1 => signature().prop_map(move |own| {
            own.into_iter().map(|signature| Event::Signature { choice, signature }).collect()
        }),
        2 => call.prop_map(move |(id, name, piece, signature)| vec![
            Event::CallStart { choice, call: 0, id, name, custom: false, signature },
            Event::CallArguments { choice, call: 0, piece },
            Event::CallEnd { choice, call: 0 },
        ]),
    ];
    vec(one, 0..8).prop_map(|groups| {
        let mut number = 0;
        let mut events: Vec<Event<'static>> = groups.into_iter().flatten().collect();
        for event in &mut events {
            if let Event::CallStart { call, .. } | Event::CallArguments { call, .. } = event {
                *call = number;
            } else if let Event::CallEnd { call, .. } = event {
                *call = number;
                number += 1;
            }
        }
        events
    })
}

fn answers() -> impl Strategy<Value = Vec<Event<'static>>> {
    let choices = (said(0), option::of(said(1)));
    let usage = option::of((0..1000_u64, 0..100_u64, 0..100_u64, 0..100_u64));
    (text(), text(), choices, 0..3_u8, usage).prop_map(|(id, model, choices, end, usage)| {
        let mut events = vec![Event::Start(Start { id, model, created: None, usage: None })];
        for (choice, said) in (0..).zip([Some(choices.0), choices.1].into_iter().flatten()) {
            let calls = said.iter().any(|event| matches!(event, Event::CallEnd { .. }));
            let reason = match end {
                0 if calls => Finish::Calls,
                0 => Finish::Stop,
                1 => Finish::Length,
                _ => Finish::Filtered,
            };
            events.extend(said);
            events.push(Event::Finish { choice, reason });
        }
        if let Some((prompt, cached, visible, reasoning)) = usage {
            let completion = visible + reasoning;
            let prompt = prompt + cached;
            let usage = Usage { prompt, completion, cached, reasoning, ..Usage::default() };
            events.push(Event::Usage(usage));
        }
        events.push(Event::End);
        events
    })
}

proptest! {
    #[test]
    fn requests_come_back(request in requests()) {
        let facts = Facts { thinking: ThinkingRule::Level, ..Facts::default() };
        let (body, losses) = written(&request, &facts).unwrap();
        prop_assert!(losses.is_empty());
        prop_assert_eq!(request::read(body.as_bytes()).unwrap(), request);
    }

    #[test]
    fn whole_answers_come_back(events in answers()) {
        let answer = folded(events);
        let mut body = Vec::new();
        response::write(&answer, SEED, &mut body);
        let mut read: Vec<Event<'_>> = Vec::new();
        response::read(&body, SEED, &mut read).unwrap();
        prop_assert_eq!(folded(read), answer);
    }

    #[test]
    fn streams_come_back_at_any_cut(events in answers(), size in 1..64_usize) {
        let mut writer = Writer::new(SEED, true);
        let mut body = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut body));
        let (read, complete) = drive(std::iter::once(&body[..]));
        prop_assert!(complete);
        prop_assert_eq!(drive(body.chunks(size)).0, read.clone());
        prop_assert_eq!(folded(read), folded(events));
        let (cut, complete) = drive(std::iter::once(&body[..body.len() - 2]));
        prop_assert!(!complete && !cut.contains(&Event::End));
    }

    #[test]
    fn nothing_panics(text in "[ -~\r\n]{0,80}", bytes in vec(any::<u8>(), 0..80)) {
        fuzz(text.as_bytes());
        fuzz(&bytes);
        fuzz(format!("data: {text}\n\n").as_bytes());
    }

    #[test]
    fn nothing_panics_on_what_is_nearly_right(request in requests(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (body, _) = written(&request, &Facts::default()).unwrap();
        let mut body = body.into_bytes();
        let place = at.index(body.len());
        body[place] = byte;
        fuzz(&body);
    }

    #[test]
    fn nothing_panics_on_answers_nearly_right(events in answers(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut writer = Writer::new(SEED, true);
        let mut body = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut body));
        let place = at.index(body.len());
        body[place] = byte;
        fuzz(&body);
        body.clear();
        response::write(&folded(events), SEED, &mut body);
        let place = at.index(body.len());
        body[place] = byte;
        fuzz(&body);
    }
}
