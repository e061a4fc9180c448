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
use crate::chat::Fold;
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
use crate::chat::Sink;
use crate::chat::Source;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::chat::Usage;
use crate::protocol::openai::chat::fuzz;
use crate::protocol::openai::chat::request;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::stream::Writer;
use crate::protocol::openai::chat::tests::SEED;
use crate::protocol::openai::chat::tests::written;

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![3 => "[ -~]{1,20}", 1 => "\\PC{1,8}", 1 => "[\n\t\"\\\\]{1,4}"]
        .prop_map(|text| Text::plain(&text))
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9_-]{1,64}".prop_map(|name| Text::plain(&name))
}

fn id() -> impl Strategy<Value = Text<'static>> {
    "[!-~&&[^\"\\\\]]{1,40}".prop_map(|name| Text::plain(&name))
}

fn object() -> impl Strategy<Value = Json<'static>> {
    select(vec![r#"{"b":1.0,"a":[true,null]}"#, r#"{"type":"object"}"#, r#"{"x":"\u00e9\n"}"#])
        .prop_map(Json::fixed)
}

fn number() -> impl Strategy<Value = Json<'static>> {
    select(vec!["1", "0.50", "-1", "1e-3", "12345678901234567890"]).prop_map(Json::fixed)
}

fn extra(name: &'static str) -> impl Strategy<Value = Vec<Extra<'static>>> {
    vec(object(), 0..2).prop_map(move |values| {
        let make = |value| Extra { by: Protocol::Openai, name: name.into(), value };
        values.into_iter().map(make).collect()
    })
}

fn part(content: Content<'static>) -> impl Strategy<Value = Part<'static>> {
    (Just(content), extra("x_part")).prop_map(|(content, extra)| Part {
        content,
        cache: None,
        signature: None,
        extra,
    })
}

fn media() -> impl Strategy<Value = Content<'static>> {
    let source = |kind, source, mime: Option<&str>, detail, name| {
        let mime = mime.map(Text::plain);
        Content::Media(Media { kind, source, mime, detail, name })
    };
    let data = || "[a-zA-Z0-9+/]{4}".prop_map(|data| Source::Base64(Text::plain(&data)));
    let url = "https://[a-z]{1,5}/".prop_map(|url| Source::Url(Text::plain(&url)));
    let file = id().prop_map(|id| Source::File(Protocol::Openai, id));
    prop_oneof![
        (data(), option::of(name())).prop_map(move |(data, detail)| {
            source(MediaKind::Image, data, Some("image/png"), detail, None)
        }),
        url.prop_map(move |url| source(MediaKind::Image, url, None, None, None)),
        data().prop_map(move |d| source(MediaKind::Audio, d, Some("audio/mpeg"), None, None)),
        (data(), text()).prop_map(move |(data, name)| {
            source(MediaKind::Document, data, Some("application/pdf"), None, Some(name))
        }),
        file.prop_map(move |file| source(MediaKind::Document, file, None, None, None)),
    ]
}

fn texts(more: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Part<'static>>> {
    vec(text().prop_map(Content::Text).prop_flat_map(part), more)
}

fn system() -> impl Strategy<Value = Turn<'static>> {
    (texts(1..3), any::<bool>()).prop_map(|(parts, developer)| {
        let mut turn = Turn::new(Role::System, parts);
        if developer {
            let value = Json::fixed("\"developer\"");
            turn.extra.push(Extra { by: Protocol::Openai, name: "role".into(), value });
        }
        turn
    })
}

fn user() -> impl Strategy<Value = Turn<'static>> {
    let own = Extra {
        by: Protocol::Openai,
        name: "video_url".into(),
        value: Json::fixed(r#"{"type":"video_url","video_url":{"url":"x"}}"#),
    };
    let one = prop_oneof![
        3 => text().prop_map(Content::Text).prop_flat_map(part),
        1 => media().prop_flat_map(part),
        1 => Just(Part::new(Content::Other(own))),
    ];
    let mark = option::of(select(vec![Cache::Standard, Cache::HalfHour, Cache::HalfDay]));
    (vec(one, 1..4), extra("name"), mark).prop_map(|(mut parts, extra, mark)| {
        if let Some(first) = parts.first_mut().filter(|p| !matches!(p.content, Content::Other(_))) {
            first.cache = mark;
        }
        Turn::new(Role::User, parts).with(extra)
    })
}

/// An answer with calls and their results, or without.
fn round() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let call = (id(), name(), object(), any::<bool>()).prop_map(|(id, name, value, custom)| Call {
        id,
        name,
        arguments: Arguments::Quoted(Text::plain(std::str::from_utf8(value.raw()).unwrap())),
        custom,
    });
    let refusal = option::of(text());
    (texts(0..3), refusal, vec((call, texts(0..3)), 0..3), extra("prefix")).prop_map(
        |(mut said, refusal, calls, extra)| {
            said.extend(refusal.map(|words| Part::new(Content::Refusal(words))));
            let mut results = Vec::new();
            for (call, parts) in calls {
                let id = call.id.clone();
                let result = CallResult { id, name: None, parts, failed: false };
                results.push(Part::new(Content::Result(result)));
                said.push(Part::new(Content::Call(call)));
            }
            if said.is_empty() {
                return Vec::new();
            }
            let mut turns = vec![Turn::new(Role::Assistant, said).with(extra)];
            if !results.is_empty() {
                turns.push(Turn::new(Role::User, results));
            }
            turns
        },
    )
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let kind = prop_oneof![
        option::of(object()).prop_map(ToolKind::Function),
        option::of(object()).prop_map(ToolKind::Custom),
    ];
    let tool = (name(), option::of(text()), kind, option::of(any::<bool>()), extra("x_tool"));
    let tool = tool.prop_map(|(name, description, kind, strict, extra)| Tool {
        name,
        description,
        kind,
        strict,
        cache: None,
        extra,
    });
    vec(tool, 0..3)
}

fn choice() -> impl Strategy<Value = Option<ToolChoice<'static>>> {
    option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
        (any::<bool>(), vec(name(), 1..3))
            .prop_map(|(required, names)| ToolChoice::Allowed { required, names }),
    ])
}

fn format() -> impl Strategy<Value = Option<Format<'static>>> {
    let schema = (name(), option::of(text()), object(), option::of(any::<bool>()));
    option::of(prop_oneof![
        Just(Format::Text),
        Just(Format::Object),
        schema.prop_map(|(name, description, schema, strict)| {
            Format::Schema { name: Some(name), description, schema, strict }
        }),
    ])
}

fn thinking() -> impl Strategy<Value = Thinking> {
    select(vec![None, Some(Effort::None), Some(Effort::Minimal), Some(Effort::Max)]).prop_map(
        |effort| {
            let mode = (effort == Some(Effort::None)).then_some(ThinkingMode::Off);
            Thinking { mode, effort, budget: None, visible: None }
        },
    )
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    let one = || option::of(number());
    (one(), one(), one(), one(), one()).prop_map(
        |(temperature, top_p, seed, presence, frequency)| Sampling {
            temperature,
            top_p,
            seed,
            presence_penalty: presence,
            frequency_penalty: frequency,
            ..Sampling::default()
        },
    )
}

fn any_request() -> impl Strategy<Value = Request<'static>> {
    let turns = (vec(system(), 0..2), vec((user(), round()), 1..4)).prop_map(|(system, rounds)| {
        let mut turns = system;
        for (user, round) in rounds {
            turns.push(user);
            turns.extend(round);
        }
        turns
    });
    let asked = (turns, tools(), choice(), format(), thinking(), sampling());
    let rest = (
        (any::<bool>(), option::of(any::<bool>()), option::of(0..9_u64), option::of(1..9_u64)),
        (vec(text(), 0..4), option::of(any::<bool>()), option::of(0..9_u64)),
        (option::of(name()), option::of(text()), option::of(object()), extra("logit_bias")),
    );
    (name(), asked, rest).prop_map(|(model, asked, (counts, (stop, logprobs, top), named))| {
        let (turns, tools, tool_choice, format, thinking, sampling) = asked;
        let (stream, parallel, max_tokens, choices) = counts;
        let (tier, user, metadata, mut extra) = named;
        if stream {
            let value = Json::fixed(r#"{"include_usage":true}"#);
            let by = Protocol::Openai;
            extra.insert(0, Extra { by, name: "stream_options".into(), value });
        }
        let asked = !tools.is_empty();
        Request {
            model,
            stream,
            turns,
            tools,
            functions: false,
            tool_choice: tool_choice.filter(|_| asked),
            parallel_tools: parallel.filter(|_| asked),
            format,
            thinking,
            max_tokens,
            stop,
            sampling,
            choices,
            logprobs,
            top_logprobs: top,
            tier,
            user: user.filter(|user| user.raw().len() <= 128),
            metadata,
            cache: None,
            extra,
        }
    })
}

fn said() -> impl Strategy<Value = Vec<Said<'static>>> {
    let citation = (text(), option::of(text()), option::of((0..9_u64, 1..99_u64)))
        .prop_map(|(url, title, range)| Citation { url, title, range });
    let words = (text(), vec(citation, 0..2)).prop_map(|(text, citations)| Said::Text {
        text,
        citations,
        signature: None,
    });
    let call = (id(), name(), object(), any::<bool>()).prop_map(|(id, name, value, custom)| {
        let text = Text::plain(std::str::from_utf8(value.raw()).unwrap());
        Said::Call { id, name, arguments: Arguments::Quoted(text), custom, signature: None }
    });
    let thought = text().prop_map(|text| Said::Thinking { text, signature: None });
    let refusal = text().prop_map(Said::Refusal);
    (option::of(thought), option::of(words), option::of(refusal), vec(call, 0..3)).prop_map(
        |(thought, words, refusal, calls)| {
            thought.into_iter().chain(words).chain(refusal).chain(calls).collect()
        },
    )
}

fn any_choice() -> impl Strategy<Value = Choice<'static>> {
    let logprobs = vec(Just(Json::fixed(r#"{"content":[{"token":"a"}],"refusal":null}"#)), 0..2);
    let reason = select(vec![Finish::Stop, Finish::Length, Finish::Filtered]);
    (said(), reason, logprobs, extra("content_filter_results")).prop_map(
        |(parts, reason, logprobs, extra)| {
            let calls = parts.iter().any(|part| matches!(part, Said::Call { .. }));
            let stopped = reason == Finish::Stop && calls;
            let finish = Some(if stopped { Finish::Calls } else { reason });
            Choice { parts, finish, logprobs, extra, media: Vec::new() }
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer<'static>> {
    let usage = (0..99_u64, 0..99_u64, 0..9_u64).prop_map(|(prompt, completion, some)| Usage {
        prompt,
        completion,
        cached: some,
        cache_write: some / 2,
        reasoning: some,
        audio_prompt: some,
        audio_completion: some / 3,
        ..Usage::default()
    });
    let start = (id(), name(), 1..u64::from(u32::MAX));
    (start, vec(any_choice(), 1..3), option::of(usage), extra("service_tier")).prop_map(
        |((id, model, created), choices, usage, extra)| Answer {
            start: Start { id, model, created: Some(created), usage: None },
            choices,
            usage,
            extra,
            failure: None,
            complete: true,
        },
    )
}

/// Pieces of a text, cut between characters.
fn pieces(text: &Text<'_>, size: usize) -> Vec<Text<'static>> {
    let whole: Vec<char> = text.decode().chars().collect();
    whole.chunks(size).map(|piece| Text::plain(&piece.iter().collect::<String>())).collect()
}

/// The events that an answer is in pieces.
fn in_pieces(answer: &Answer<'static>, size: usize) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start(answer.start.clone())];
    let extras = answer.extra.iter().cloned();
    events.extend(extras.map(|extra| Event::Extra { choice: None, extra }));
    for (choice, each) in (0..).zip(&answer.choices) {
        let mut call = 0;
        for part in &each.parts {
            add(part, choice, &mut call, size, &mut events);
        }
        let logprobs = each.logprobs.iter().cloned();
        events.extend(logprobs.map(|value| Event::Logprobs { choice, value }));
        let extras = each.extra.iter().cloned();
        events.extend(extras.map(|extra| Event::Extra { choice: Some(choice), extra }));
        let reason = each.finish.clone().unwrap();
        events.push(Event::Finish { choice, reason });
    }
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn add(
    part: &Said<'static>,
    choice: u32,
    calls: &mut u32,
    size: usize,
    events: &mut Vec<Event<'static>>,
) {
    match part {
        Said::Text { text, citations, .. } => {
            events.extend(pieces(text, size).into_iter().map(|text| Event::Text { choice, text }));
            let citations = citations.iter().cloned();
            events.extend(citations.map(|citation| Event::Citation { choice, citation }));
        }
        Said::Refusal(text) => {
            let pieces = pieces(text, size).into_iter();
            events.extend(pieces.map(|text| Event::Refusal { choice, text }));
        }
        Said::Thinking { text, .. } => {
            let pieces = pieces(text, size).into_iter();
            events.extend(pieces.map(|text| Event::Thinking { choice, text }));
        }
        Said::Redacted(_) => {}
        Said::Call { id, name, arguments, custom, .. } => {
            let call = *calls;
            *calls += 1;
            let (id, name, custom) = (id.clone(), name.clone(), *custom);
            events.push(Event::CallStart { choice, call, id, name, custom, signature: None });
            let text = Text::plain(std::str::from_utf8(&arguments.json()).unwrap());
            for piece in pieces(&text, size) {
                let piece = Arguments::Quoted(piece);
                events.push(Event::CallArguments { choice, call, piece });
            }
            events.push(Event::CallEnd { choice, call });
        }
    }
}

fn folded(events: Vec<Event<'static>>) -> Answer<'static> {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
    fold.answer()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_request_written_is_the_request_read(request in any_request()) {
        let facts = Facts { thinking: ThinkingRule::Effort, ..Facts::default() };
        let (body, losses) = written(&request, &facts).unwrap();
        prop_assert!(losses.is_empty(), "{:?}", losses);
        let back = request::read(body.as_bytes()).unwrap();
        prop_assert_eq!(back, request, "{}", body);
    }

    #[test]
    fn an_answer_written_is_the_answer_read(answer in any_answer()) {
        let mut out = Vec::new();
        response::write(&answer, SEED, &mut out);
        let mut fold = Fold::default();
        response::read(&out, SEED, &mut fold).unwrap();
        prop_assert_eq!(fold.answer(), answer, "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn a_stream_written_is_the_answer_read(answer in any_answer(), size in 1..9_usize, cut in 1..99_usize) {
        let mut writer = Writer::new(SEED, true);
        let mut out = Vec::new();
        in_pieces(&answer, size).iter().for_each(|event| writer.write(event, &mut out));
        let (events, whole) = fuzz::drive(out.chunks(cut));
        prop_assert!(whole);
        prop_assert_eq!(folded(events), answer, "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn damage_makes_no_panic(request in any_request(), answer in any_answer(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (body, _) = written(&request, &Facts::default()).unwrap();
        let (mut whole, mut stream) = (Vec::new(), Vec::new());
        response::write(&answer, SEED, &mut whole);
        let mut writer = Writer::new(SEED, true);
        in_pieces(&answer, 5).iter().for_each(|event| writer.write(event, &mut stream));
        for mut bytes in [body.into_bytes(), whole, stream] {
            fuzz::fuzz(&bytes);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            fuzz::fuzz(&bytes);
            bytes.truncate(at);
            fuzz::fuzz(&bytes);
        }
    }

    #[test]
    fn any_bytes_make_no_panic(bytes in vec(any::<u8>(), 0..200)) {
        fuzz::fuzz(&bytes);
    }
}
