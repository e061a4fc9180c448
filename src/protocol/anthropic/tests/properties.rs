//! What is written is what is read, over all that this format can say.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Choice;
use crate::chat::Citation;
use crate::chat::Content;
use crate::chat::Effort;
use crate::chat::Event;
use crate::chat::Extra;
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
use crate::chat::Said;
use crate::chat::Sampling;
use crate::chat::Signature;
use crate::chat::Source;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::chat::Usage;
use crate::protocol::anthropic::fuzz;
use crate::protocol::anthropic::request;
use crate::protocol::anthropic::response;
use crate::protocol::anthropic::tests::SEED;
use crate::protocol::anthropic::tests::folded;
use crate::protocol::anthropic::tests::folded_stream;
use crate::protocol::anthropic::tests::streamed;
use crate::protocol::anthropic::tests::written;

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![3 => "[ -~]{0,20}[!-~]", 1 => "\\PC{0,8}x", 1 => "[\n\t\"\\\\]{1,4}y"]
        .prop_map(|text| Text::plain(&text))
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9_-]{1,32}".prop_map(|name| Text::plain(&name))
}

fn object() -> impl Strategy<Value = Json<'static>> {
    select(vec![r#"{"b":1.0,"a":[true,null]}"#, r#"{"n":12345678901234567890}"#, "{}"])
        .prop_map(Json::fixed)
}

fn schema() -> impl Strategy<Value = Json<'static>> {
    select(vec![
        r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        r#"{"type":"object", "additionalProperties":false}"#,
    ])
    .prop_map(Json::fixed)
}

fn own(name: &'static str, value: Json<'static>) -> Extra<'static> {
    Extra { by: Protocol::Anthropic, name: name.into(), value }
}

fn extra(name: &'static str) -> impl Strategy<Value = Vec<Extra<'static>>> {
    vec(object(), 0..2)
        .prop_map(move |values| values.into_iter().map(|value| own(name, value)).collect())
}

fn cache() -> impl Strategy<Value = Option<Cache>> {
    prop_oneof![9 => Just(None), 1 => Just(Some(Cache::Standard))]
}

fn part(content: Content<'static>) -> impl Strategy<Value = Part<'static>> {
    (Just(content), cache(), extra("x_part")).prop_map(|(content, cache, extra)| Part {
        content,
        cache,
        signature: None,
        extra,
    })
}

fn media() -> impl Strategy<Value = Content<'static>> {
    let media = |kind, source, mime: Option<&str>, name| {
        let mime = mime.map(Text::plain);
        Content::Media(Media { kind, source, mime, detail: None, name })
    };
    let data = || "[a-zA-Z0-9+/]{4}".prop_map(|data| Source::Base64(Text::plain(&data)));
    let url = "https://[a-z]{1,5}/".prop_map(|url| Source::Url(Text::plain(&url)));
    let file = name().prop_map(|id| Source::File(Protocol::Anthropic, id));
    prop_oneof![
        data().prop_map(move |data| media(MediaKind::Image, data, Some("image/png"), None)),
        url.prop_map(move |url| media(MediaKind::Image, url, None, None)),
        (data(), option::of(text())).prop_map(move |(data, name)| {
            media(MediaKind::Document, data, Some("application/pdf"), name)
        }),
        text().prop_map(move |text| {
            media(MediaKind::Document, Source::Plain(text), Some("text/plain"), None)
        }),
        file.prop_map(move |file| media(MediaKind::Document, file, None, None)),
    ]
}

fn said_part() -> impl Strategy<Value = Part<'static>> {
    text().prop_map(Content::Text).prop_flat_map(part)
}

fn user_part() -> impl Strategy<Value = Part<'static>> {
    let value = Json::fixed(r#"{"type":"container_upload","file_id":"f"}"#);
    let other = Part::new(Content::Other(own("container_upload", value)));
    prop_oneof![
        3 => said_part(),
        1 => media().prop_flat_map(part),
        1 => Just(other),
    ]
}

fn signed(by: Protocol) -> impl Strategy<Value = Signature<'static>> {
    "[a-zA-Z0-9+/=]{1,12}".prop_map(move |data| Signature { by, data: Text::plain(&data) })
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    let text = prop_oneof![Just(Text::default()), text()];
    (option::of(text), signed(Protocol::Anthropic)).prop_map(|(text, signature)| {
        let content = text.map_or(Content::Redacted, Content::Thinking);
        Part { signature: Some(signature), ..Part::new(content) }
    })
}

/// The person's turn and the model's, with calls whose results stand in the turn after that.
fn round() -> impl Strategy<Value = (Vec<Part<'static>>, Vec<Part<'static>>, Vec<Part<'static>>)> {
    let returned = prop_oneof![3 => said_part(), 1 => media().prop_map(Part::new)];
    let call = (name(), object(), vec(returned, 0..3), any::<bool>());
    let said = (vec(thought(), 0..2), vec(said_part(), 0..3), vec(call, 0..3));
    (vec(user_part(), 1..3), said).prop_map(|(user, (mut said, texts, calls))| {
        said.extend(texts);
        let mut results = Vec::new();
        for (name, value, parts, failed) in calls {
            let (id, arguments) = (Text::default(), Arguments::Value(value));
            said.push(Part::new(Content::Call(Call { id, name, arguments, custom: false })));
            let id = Text::default();
            results.push(Part::new(Content::Result(CallResult { id, name: None, parts, failed })));
        }
        (user, said, results)
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let system = vec(said_part(), 0..3);
    (system, vec(round(), 1..4), extra("x_turn")).prop_map(|(system, rounds, extra)| {
        let mut turns = Vec::new();
        if !system.is_empty() {
            turns.push(Turn::new(Role::System, system));
        }
        let mut before = Vec::new();
        let mut ids = 0;
        for (user, said, mut results) in rounds {
            before.extend(user);
            turns.push(Turn::new(Role::User, before).with(extra.clone()));
            before = Vec::new();
            if said.is_empty() {
                before = turns.pop().map(|turn| turn.parts).unwrap_or_default();
                continue;
            }
            let mut said = Turn::new(Role::Assistant, said);
            let first = ids;
            number(&mut said.parts, &mut ids);
            ids = first;
            number(&mut results, &mut ids);
            turns.push(said);
            before.extend(results);
        }
        before.push(Part::text(Text::plain("go on")));
        turns.push(Turn::new(Role::User, before));
        turns
    })
}

/// Gives calls, or results, ids one after the other.
fn number(parts: &mut [Part<'static>], ids: &mut u32) {
    for part in parts {
        let id = match &mut part.content {
            Content::Call(call) => &mut call.id,
            Content::Result(result) => &mut result.id,
            Content::Text(_)
            | Content::Refusal(_)
            | Content::Media(_)
            | Content::Thinking(_)
            | Content::Redacted
            | Content::Other(_) => continue,
        };
        *id = Text::plain(&format!("toolu_{ids}"));
        *ids += 1;
    }
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let tool = (name(), option::of(text()), schema(), option::of(any::<bool>()), extra("x_tool"));
    let tool = tool.prop_map(|(name, description, schema, strict, extra)| Tool {
        name,
        description,
        kind: ToolKind::Function(Some(schema)),
        strict,
        cache: None,
        extra,
    });
    vec(tool, 0..3).prop_map(|mut tools| {
        let value = Json::fixed(r#"{"type":"bash_1","name":"bash"}"#);
        let kind = ToolKind::Own(own("bash_1", value));
        let name = Text::plain("bash");
        let (strict, cache, extra) = (None, None, Vec::new());
        tools.push(Tool { name, description: None, kind, strict, cache, extra });
        tools
    })
}

fn choice() -> impl Strategy<Value = (Option<ToolChoice<'static>>, Option<bool>)> {
    prop_oneof![
        Just((None, None)),
        Just((Some(ToolChoice::None), None)),
        option::of(any::<bool>()).prop_map(|parallel| (Some(ToolChoice::Auto), parallel)),
        option::of(any::<bool>()).prop_map(|parallel| (Some(ToolChoice::Required), parallel)),
        (name(), option::of(any::<bool>()))
            .prop_map(|(name, parallel)| (Some(ToolChoice::Named(name)), parallel)),
    ]
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let effort = option::of(select(vec![Effort::Low, Effort::Xhigh, Effort::Max]));
    let mode = select(vec![
        (None, None),
        (Some(ThinkingMode::Off), None),
        (Some(ThinkingMode::BetweenTools), None),
        (Some(ThinkingMode::Adaptive), None),
        (Some(ThinkingMode::On), Some(1024)),
    ]);
    (mode, effort, option::of(any::<bool>())).prop_map(|((mode, budget), effort, visible)| {
        let shown = matches!(mode, Some(ThinkingMode::Adaptive | ThinkingMode::On));
        Thinking { mode, effort, budget, visible: visible.filter(|_| shown) }
    })
}

fn any_request() -> impl Strategy<Value = Request<'static>> {
    let number = || option::of(select(vec!["1", "0.50", "1e-3"]).prop_map(Json::fixed));
    let sampling = (number(), number(), number()).prop_map(|(temperature, top_p, top_k)| {
        Sampling { temperature, top_p, top_k, ..Sampling::default() }
    });
    let format = option::of(schema().prop_map(|schema| Format::Schema {
        name: None,
        description: None,
        schema,
        strict: None,
    }));
    let tier = option::of(select(vec!["auto", "default"]).prop_map(Text::plain));
    let some = (turns(), tools(), choice(), thinking(), sampling, format);
    let rest = (any::<bool>(), 2000..9999_u64, vec(text(), 0..3), tier, option::of(text()));
    let extra = (extra("speed"), extra("output_config.x"), extra("metadata.x"));
    (some, rest, extra, cache()).prop_map(|(some, rest, extra, cache)| {
        let (turns, tools, (tool_choice, parallel_tools), thinking, sampling, format) = some;
        let (stream, max_tokens, stop, tier, user) = rest;
        let (speed, config, metadata) = extra;
        // One that thinks by a budget is not forced.
        let forced = matches!(tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        let budget = thinking.mode == Some(ThinkingMode::On);
        let tool_choice = tool_choice.map(|c| if forced && budget { ToolChoice::Auto } else { c });
        Request {
            model: Text::plain("claude-x"),
            stream,
            turns,
            tools,
            tool_choice,
            parallel_tools,
            format,
            thinking,
            max_tokens: Some(max_tokens),
            stop,
            sampling,
            tier,
            user,
            cache,
            extra: speed.into_iter().chain(config).chain(metadata).collect(),
            ..Request::default()
        }
    })
}

fn said() -> impl Strategy<Value = Vec<Said<'static>>> {
    let citation =
        (text(), option::of(text())).prop_map(|(url, title)| Citation { url, title, range: None });
    let words = (text(), vec(citation, 0..2)).prop_map(|(text, citations)| Said::Text {
        text,
        citations,
        signature: None,
    });
    let by = || select(Protocol::ALL.to_vec()).prop_flat_map(signed);
    let shown = (prop_oneof![Just(Text::default()), text()], by());
    let call = (name(), name(), object()).prop_map(|(id, name, value)| Said::Call {
        id,
        name,
        arguments: Arguments::Value(value),
        custom: false,
        signature: None,
    });
    let one = prop_oneof![
        words,
        shown.prop_map(|(text, signature)| Said::Thinking { text, signature: Some(signature) }),
        by().prop_map(Said::Redacted),
        call,
    ];
    vec(one, 0..5).prop_map(|mut parts| {
        // Texts that meet are one.
        parts.dedup_by(|one, other| matches!((one, other), (Said::Text { .. }, Said::Text { .. })));
        parts
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..99_u64, 0..99_u64, 0..99_u64, 0..99_u64, 0..9_u64).prop_map(
        |(input, cached, written, output, some)| Usage {
            prompt: input + cached + written,
            completion: output,
            cached,
            cache_write: written,
            cache_write_long: some.min(written),
            reasoning: some.min(output),
            ..Usage::default()
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer<'static>> {
    let sequence = text().prop_map(|text| Finish::StopSequence(Some(text)));
    let reason = prop_oneof![
        select(vec![
            Finish::Stop,
            Finish::Length,
            Finish::ContextFull,
            Finish::Calls,
            Finish::Refused,
            Finish::Paused,
        ]),
        sequence,
    ];
    (said(), reason, usage(), name(), extra("container")).prop_map(
        |(parts, finish, usage, id, extra)| {
            let choice = Choice { parts, finish: Some(finish), ..Choice::default() };
            Answer {
                start: Start { id, model: Text::plain("m"), ..Start::default() },
                choices: vec![choice],
                usage: Some(usage),
                extra,
                failure: None,
                complete: true,
            }
        },
    )
}

/// An answer as a stream tells it, its texts and arguments cut at `cut`.
fn events(answer: &Answer<'static>, cut: usize) -> Vec<Event<'static>> {
    let halves = |text: &str| {
        let at = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (one, other) = text.split_at(at.min(text.len()));
        [Text::plain(one), Text::plain(other)]
    };
    let mut events = vec![Event::Start(answer.start.clone())];
    let mut calls = 0;
    for part in &answer.choices[0].parts {
        match part.clone() {
            Said::Text { text, citations, .. } => {
                let texts = halves(&text.decode());
                events.extend(texts.map(|text| Event::Text { choice: 0, text }));
                let cite = |citation| Event::Citation { choice: 0, citation };
                events.extend(citations.into_iter().map(cite));
            }
            Said::Refusal(text) => events.push(Event::Refusal { choice: 0, text }),
            Said::Thinking { text, signature } => {
                let texts = halves(&text.decode());
                events.extend(texts.map(|text| Event::Thinking { choice: 0, text }));
                let sign = |signature| Event::Signature { choice: 0, signature };
                events.extend(signature.map(sign));
            }
            Said::Redacted(data) => events.push(Event::Redacted { choice: 0, data }),
            Said::Call { id, name, arguments, custom, signature } => {
                let (choice, call) = (0, calls);
                calls += 1;
                events.push(Event::CallStart { choice, call, id, name, custom, signature });
                let texts = halves(std::str::from_utf8(&arguments.json()).unwrap());
                let piece =
                    |text| Event::CallArguments { choice, call, piece: Arguments::Quoted(text) };
                events.extend(texts.map(piece));
                events.push(Event::CallEnd { choice, call });
            }
        }
    }
    let extras = answer.extra.iter().cloned();
    events.extend(extras.map(|extra| Event::Extra { choice: None, extra }));
    let reason = answer.choices[0].finish.clone().unwrap();
    events.push(Event::Finish { choice: 0, reason });
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

/// More than four marks are not kept.
fn few_marks(request: &Request<'_>) -> bool {
    let body = format!("{request:?}");
    body.matches("Some(Standard)").count() <= 4
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn requests_come_back(asked in any_request().prop_filter("marks", few_marks)) {
        let (body, losses) = written(&asked, &Facts::default()).unwrap();
        prop_assert!(losses.is_empty(), "{losses:?}");
        let read = request::read(body.as_bytes()).unwrap();
        let mut sorted = read.clone();
        sorted.extra.sort_by(|one, other| one.name.cmp(&other.name));
        let mut asked = asked;
        asked.extra.sort_by(|one, other| one.name.cmp(&other.name));
        prop_assert_eq!(sorted, asked);
        let (again, _) = written(&read, &Facts::default()).unwrap();
        prop_assert_eq!(again, body);
    }

    #[test]
    fn answers_come_back(answer in any_answer()) {
        let mut out = Vec::new();
        response::write(&answer, SEED, &mut out);
        let body = String::from_utf8(out).unwrap();
        prop_assert_eq!(folded(&body), answer);
    }

    #[test]
    fn streams_come_back(answer in any_answer(), cut in 0..9_usize) {
        let body = streamed(&events(&answer, cut));
        prop_assert_eq!(folded_stream(&body), answer, "{}", body);
    }

    #[test]
    fn any_bytes_are_read(data in vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    #[test]
    fn broken_bodies_are_read(
        answer in any_answer(),
        asked in any_request(),
        at in 0..2000_usize,
        byte in any::<u8>(),
    ) {
        let mut whole = Vec::new();
        response::write(&answer, SEED, &mut whole);
        let (body, _) = written(&asked, &Facts::default()).unwrap();
        let stream = streamed(&events(&answer, 1));
        for mut data in [whole, body.into_bytes(), stream.into_bytes()] {
            if let Some(place) = data.get_mut(at) {
                *place = byte;
            }
            fuzz(&data);
        }
    }
}
