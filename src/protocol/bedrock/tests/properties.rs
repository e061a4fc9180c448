//! What is written is read back, for anything that Converse can say.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{CLAUDE, fold, written};
use crate::chat::*;
use crate::codec::json;
use crate::protocol::Seed;
use crate::protocol::bedrock::fuzz;
use crate::protocol::bedrock::fuzz::drive;
use crate::protocol::bedrock::request;
use crate::protocol::bedrock::response;
use crate::protocol::bedrock::stream;

fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-z\"\\\\\n\u{e9}\u{1f600} ]{0,8}[a-z.]".prop_map(|text| Text::plain(&text))
}

fn id() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9_-]{1,12}".prop_map(|text| Text::plain(&text))
}

fn object() -> impl Strategy<Value = Json<'static>> {
    let value = prop_oneof![
        Just("1.0".to_owned()),
        Just("12345678901234567890".to_owned()),
        Just("[null,{}]".to_owned()),
        Just(r#""\u00e9\n""#.to_owned()),
    ];
    vec(("[a-z]{1,3}", value), 0..3).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        Json::parse(format!("{{{}}}", members.join(",")).as_bytes()).unwrap()
    })
}

fn media() -> impl Strategy<Value = Part<'static>> {
    let mime = proptest::sample::select(vec![
        (MediaKind::Image, "image/png"),
        (MediaKind::Image, "image/jpeg"),
        (MediaKind::Video, "video/mp4"),
    ]);
    (mime, any::<bool>()).prop_map(|((kind, mime), remote)| {
        let source = if remote {
            Source::Url(Text::plain("s3://bucket/key"))
        } else {
            Source::Base64(Text::plain("QUJD"))
        };
        let mime = Some(Text::plain(mime));
        Part::new(Content::Media(Media { kind, source, mime, detail: None, name: None }))
    })
}

fn said() -> impl Strategy<Value = Part<'static>> {
    text().prop_map(Part::text)
}

fn mark(part: Part<'static>, cache: bool) -> Part<'static> {
    Part { cache: cache.then_some(Cache::Hour), ..part }
}

/// A turn of the person, a turn of the model with its calls, and their results.
fn round() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let thought = (text(), id(), any::<bool>()).prop_map(|(text, data, hidden)| {
        let content = if hidden { Content::Redacted } else { Content::Thinking(text) };
        let signature = Some(Signature { by: Protocol::Bedrock, data });
        Part { signature, ..Part::new(content) }
    });
    let user = vec(prop_oneof![said(), media()], 1..3);
    let calls = vec((id(), object(), vec(prop_oneof![said(), media()], 1..3), any::<bool>()), 1..3);
    (user, option::of(thought), option::of(said()), calls).prop_map(
        |(user, thought, spoken, calls)| {
            let mut parts: Vec<_> = thought.into_iter().chain(spoken).collect();
            let mut results = Vec::new();
            for (at, (name, arguments, content, failed)) in calls.into_iter().enumerate() {
                let id = Text::plain(&format!("id.{at}:x"));
                let arguments = Arguments::Value(arguments);
                let call = Call { id: id.clone(), name, arguments, custom: false };
                parts.push(Part::new(Content::Call(call)));
                let result = CallResult { id, name: None, parts: content, failed };
                results.push(mark(Part::new(Content::Result(result)), failed && at == 0));
            }
            vec![
                Turn::new(Role::User, user),
                Turn::new(Role::Assistant, parts),
                Turn::new(Role::User, results),
            ]
        },
    )
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    (id(), option::of(text()), object(), option::of(any::<bool>())).prop_map(
        |(name, description, members, strict)| {
            let rest = String::from_utf8_lossy(members.raw()).into_owned();
            let comma = if rest == "{}" { "" } else { "," };
            let schema = format!("{{\"type\":\"object\"{comma}{}", &rest[1..]);
            let schema = Json::parse(schema.as_bytes()).unwrap();
            let kind = ToolKind::Function(Some(schema));
            Tool { name, description, kind, strict, cache: None, extra: vec![] }
        },
    )
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let effort = proptest::sample::select(Effort::ALL[1..].to_vec());
    let mode = prop_oneof![
        Just((None, None)),
        (1..99_999_u64).prop_map(|budget| (Some(ThinkingMode::On), Some(budget))),
        Just((Some(ThinkingMode::Adaptive), None)),
        Just((Some(ThinkingMode::Off), None)),
        Just((Some(ThinkingMode::BetweenTools), None)),
    ];
    (mode, option::of(effort), option::of(any::<bool>())).prop_map(
        |((mode, budget), effort, visible)| Thinking {
            mode,
            effort,
            budget,
            visible: visible.filter(|_| mode.is_some()),
        },
    )
}

fn number() -> impl Strategy<Value = Option<Json<'static>>> {
    option::of(proptest::sample::select(vec!["0", "0.50", "1e-2", "1"]).prop_map(Json::fixed))
}

prop_compose! {
    fn any_request()(
        system in option::of(text()),
        rounds in vec(round(), 1..3),
        last in text(),
        tools in vec(tool(), 1..3),
        choice in option::of(prop_oneof![
            Just(ToolChoice::Auto), Just(ToolChoice::Required), id().prop_map(ToolChoice::Named),
        ]),
        thinking in thinking(),
        (max_tokens, stop) in (option::of(1..9999_u64), vec(text(), 0..3)),
        (temperature, top_p, top_k) in (number(), number(), number()),
        tier in option::of(proptest::sample::select(vec!["flex", "default", "priority"])),
        format in option::of((option::of(text()), option::of(text()), object())),
        metadata in any::<bool>(),
        own in option::of(object()),
    ) -> Request<'static> {
        let mut turns: Vec<Turn<'static>> = Vec::new();
        turns.extend(system.map(|text| Turn::new(Role::System, vec![Part::text(text)])));
        for turn in rounds.into_iter().flatten() {
            // Neighbours are one turn, and results come first in it.
            match turns.last_mut().filter(|before| before.role == turn.role) {
                Some(before) => before.parts.extend(turn.parts),
                None => turns.push(turn),
            }
        }
        turns.push(Turn::new(Role::Assistant, vec![Part::text(last)]));
        let extra = |name: &'static str, value: &Json<'static>| Extra {
            by: Protocol::Bedrock, name: name.into(), value: value.clone(),
        };
        let names = ["guardrailConfig", "inferenceConfig.x", "additionalModelRequestFields.y"];
        let extra = own.iter().flat_map(|value| names.map(|name| extra(name, value))).collect();
        Request {
            turns, tools, thinking, max_tokens, stop, extra,
            tool_choice: choice,
            tier: tier.map(Text::plain),
            metadata: metadata.then(|| Json::fixed(r#"{"k":"v w"}"#)),
            format: format.map(|(name, description, schema)| {
                Format::Schema { name, description, schema, strict: None }
            }),
            sampling: Sampling { temperature, top_p, top_k, ..Sampling::default() },
            ..Request::default()
        }
    }
}

fn part() -> impl Strategy<Value = Said<'static>> {
    let by = proptest::sample::select(Protocol::ALL.to_vec());
    let signature = (by, id()).prop_map(|(by, data)| Signature { by, data }).boxed();
    prop_oneof![
        text().prop_map(|text| Said::Text { text, citations: vec![], signature: None }),
        (text(), signature.clone())
            .prop_map(|(text, signed)| Said::Thinking { text, signature: Some(signed) }),
        signature.prop_map(Said::Redacted),
        (id(), id(), object()).prop_map(|(id, name, arguments)| {
            let arguments = Arguments::Value(arguments);
            Said::Call { id, name, arguments, custom: false, signature: None }
        }),
    ]
}

prop_compose! {
    fn any_answer()(
        parts in vec(part(), 0..6),
        finish in proptest::sample::select(vec![
            Finish::Stop, Finish::Length, Finish::ContextFull, Finish::Calls, Finish::Filtered,
            Finish::StopSequence(None),
        ]),
        (a, b, c, d) in (0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64),
    ) -> Answer<'static> {
        let mut merged: Vec<Said<'static>> = Vec::new();
        for part in parts {
            match (merged.last_mut(), part) {
                (Some(Said::Text { text, .. }), Said::Text { text: more, .. }) => text.push(&more),
                (_, part) => merged.push(part),
            }
        }
        let usage = Usage {
            prompt: a + b + c + d, completion: a, cached: b, cache_write: c + d, cache_write_long: d,
            ..Usage::default()
        };
        let metrics = Json::fixed(r#"{"latencyMs":0}"#);
        let metrics = Extra { by: Protocol::Bedrock, name: "metrics".into(), value: metrics };
        Answer {
            choices: vec![Choice { parts: merged, finish: Some(finish), ..Choice::default() }],
            usage: Some(usage),
            extra: vec![metrics],
            complete: true,
            ..Answer::default()
        }
    }
}

/// The events of an answer, its texts in two pieces.
fn events(answer: &Answer<'static>) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start(Start::default())];
    let choice = 0;
    let halves = |text: &Text<'_>| {
        let text = text.decode().into_owned();
        let at = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        [Text::plain(&text[..at]), Text::plain(&text[at..])]
    };
    let mut calls = 0;
    for part in answer.choices.iter().flat_map(|choice| &choice.parts).cloned() {
        match part {
            Said::Text { text, .. } | Said::Refusal(text) => {
                events.extend(halves(&text).map(|text| Event::Text { choice, text }));
            }
            Said::Thinking { text, signature } => {
                events.extend(halves(&text).map(|text| Event::Thinking { choice, text }));
                events.extend(signature.map(|signature| Event::Signature { choice, signature }));
            }
            Said::Redacted(data) => events.push(Event::Redacted { choice, data }),
            Said::Call { id, name, arguments, custom, signature } => {
                let call = calls;
                calls += 1;
                events.push(Event::CallStart { choice, call, id, name, custom, signature });
                events.push(Event::CallArguments { choice, call, piece: arguments });
                events.push(Event::CallEnd { choice, call });
            }
        }
    }
    let reason = answer.choices[0].finish.clone().unwrap();
    events.push(Event::Finish { choice, reason });
    events.extend(answer.extra.iter().cloned().map(|extra| Event::Extra { choice: None, extra }));
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn a_request_comes_back(request in any_request()) {
        let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
        prop_assert_eq!(losses, [""; 0]);
        let again = request::read(body.as_bytes()).unwrap();
        prop_assert_eq!(&again, &request);
        fuzz(body.as_bytes());
    }

    #[test]
    fn an_answer_comes_back(answer in any_answer()) {
        let mut out = Vec::new();
        response::write(&answer, Seed::default(), &mut out);
        json::validate(&out).unwrap();
        let mut fold = Fold::default();
        response::read(&out, Seed::default(), &mut fold).unwrap();
        prop_assert_eq!(fold.answer(), answer);
        fuzz(&out);
    }

    #[test]
    fn a_stream_comes_back(answer in any_answer(), size in 1..40_usize) {
        let mut writer = stream::Writer::new(Seed::default(), true);
        let mut out = Vec::new();
        events(&answer).iter().for_each(|event| writer.write(event, &mut out));
        let pieces: Vec<&[u8]> = out.chunks(size).collect();
        let (again, result) = drive(&pieces);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(fold(&again), answer);
        fuzz(&out);
    }

    #[test]
    fn no_bytes_break_it(mut body in any_request(), at in any::<usize>(), byte in any::<u8>()) {
        body.tools.truncate(1);
        let (text, _) = written(&body, CLAUDE, &Facts::default()).unwrap();
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        fuzz(&bytes);
        fuzz(&bytes[..at]);
    }
}
