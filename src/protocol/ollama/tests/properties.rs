//! What is written is what is read, of all that this protocol can say; and any bytes at all.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Choice;
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
use crate::chat::Source;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::Tool;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::chat::Usage;
use crate::protocol::ollama::fuzz::drive;
use crate::protocol::ollama::fuzz::folded;
use crate::protocol::ollama::fuzz::fuzz;
use crate::protocol::ollama::request;
use crate::protocol::ollama::stream::Writer;
use crate::protocol::ollama::tests::SEED;
use crate::protocol::ollama::tests::answer;
use crate::protocol::ollama::tests::answer_text;
use crate::protocol::ollama::tests::written;

fn text() -> impl Strategy<Value = Text<'static>> {
    let edges = ["\"", "\\", "\n", "\u{0}", "\u{e9}", "\u{2028}", "\u{1f980}", "data: x", " "];
    prop_oneof![
        "[a-z]{1,8}".prop_map(|text| Text::plain(&text)),
        vec(proptest::sample::select(edges.to_vec()), 1..5)
            .prop_map(|parts| Text::plain(&parts.concat())),
    ]
}

fn maybe_empty() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![1 => Just(Text::default()), 3 => text()]
}

fn object() -> impl Strategy<Value = Json<'static>> {
    let values = ["{}", r#"{"a":1.0}"#, r#"{"z":[1e400],"a":{"\u0061":null}}"#, r#"{"x":"\"{"}"#];
    proptest::sample::select(values.to_vec()).prop_map(Json::fixed)
}

fn number() -> impl Strategy<Value = Option<Json<'static>>> {
    of(proptest::sample::select(vec!["0", "0.70", "-1", "1e-3"]).prop_map(Json::fixed))
}

fn extras(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Extra<'static>>> {
    proptest::sample::subsequence(names, 0..=names.len()).prop_map(|names| {
        let extra = |name: &str| Extra {
            by: Protocol::Ollama,
            name: name.to_owned().into(),
            value: Json::fixed(r#"{"b":[0.10],"a":true}"#),
        };
        names.into_iter().map(extra).collect()
    })
}

fn image() -> impl Strategy<Value = Part<'static>> {
    let images = [("image/png", "iVBORw0KGgoAAAAA"), ("image/jpeg", "/9j/4AAQ")];
    proptest::sample::select(images.to_vec()).prop_map(|(mime, data)| {
        let source = Source::Base64(Text::plain(data));
        let mime = Some(Text::plain(mime));
        let kind = MediaKind::Image;
        Part::new(Content::Media(Media { kind, source, mime, detail: None, name: None }))
    })
}

/// Images and a text, in the order a message is read in.
fn said() -> impl Strategy<Value = Vec<Part<'static>>> {
    (vec(image(), 0..3), of(text())).prop_map(|(mut parts, text)| {
        parts.extend(text.map(Part::text));
        parts
    })
}

fn call() -> impl Strategy<Value = Part<'static>> {
    (maybe_empty(), text(), object(), extras(&["y", "function.d"])).prop_map(
        |(id, name, arguments, extra)| {
            let arguments = Arguments::Value(arguments);
            let call = Call { id, name, arguments, custom: false };
            Part { extra, ..Part::new(Content::Call(call)) }
        },
    )
}

fn turn() -> impl Strategy<Value = Turn<'static>> {
    let plain =
        (any::<bool>(), said(), extras(&["x", "z\""])).prop_map(|(system, parts, extra)| {
            let role = if system { Role::System } else { Role::User };
            Turn::new(role, parts).with(extra)
        });
    let model = (of(text()), said(), vec(call(), 0..3), extras(&["x"])).prop_map(
        |(thought, said, calls, extra)| {
            let thought = thought.map(|text| Part::new(Content::Thinking(text)));
            let parts = thought.into_iter().chain(said).chain(calls).collect();
            Turn::new(Role::Assistant, parts).with(extra)
        },
    );
    // Ids that no call has, so that results stay where they are.
    let result = (text(), text(), said(), extras(&["x"])).prop_map(|(id, name, parts, extra)| {
        let id = Text::plain(&format!("r{}", id.decode()));
        let result = CallResult { id, name: Some(name), parts, failed: false };
        let parts = vec![Part::new(Content::Result(result))];
        Turn::new(Role::User, parts).with(extra)
    });
    prop_oneof![3 => plain, 2 => model, 2 => result]
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    (text(), of(text()), object(), extras(&["l", "function.k"])).prop_map(
        |(name, description, schema, extra)| Tool {
            name,
            description,
            kind: ToolKind::Function(Some(schema)),
            strict: None,
            cache: None,
            extra,
        },
    )
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let efforts = vec![Effort::Low, Effort::Medium, Effort::High, Effort::Max];
    let of_mode = |mode, effort| Thinking { mode, effort, ..Thinking::default() };
    prop_oneof![
        Just(Thinking::default()),
        Just(of_mode(Some(ThinkingMode::Off), None)),
        of(proptest::sample::select(efforts))
            .prop_map(move |effort| of_mode(Some(ThinkingMode::On), effort)),
    ]
}

fn format() -> impl Strategy<Value = Option<Format<'static>>> {
    let schema = object().prop_map(|schema| Format::Schema {
        name: None,
        description: None,
        schema,
        strict: None,
    });
    of(prop_oneof![Just(Format::Object), schema])
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    (number(), number(), number(), number(), number(), number(), number()).prop_map(
        |(temperature, top_p, top_k, min_p, seed, presence_penalty, frequency_penalty)| Sampling {
            temperature,
            top_p,
            top_k,
            min_p,
            seed,
            presence_penalty,
            frequency_penalty,
        },
    )
}

prop_compose! {
    fn any_request()(
        stream in any::<bool>(),
        turns in vec(turn(), 1..6),
        tools in vec(tool(), 0..3),
        (format, thinking, sampling) in (format(), thinking(), sampling()),
        max_tokens in of(1..u64::MAX),
        stop in vec(text(), 0..3),
        (logprobs, top_logprobs) in (of(any::<bool>()), of(0..20_u64)),
        extra in extras(&["keep_alive", "truncate", "options.num_ctx", "options.\n"]),
    ) -> Request<'static> {
        Request {
            model: Text::plain("up"), stream, turns, tools, format, thinking, sampling, max_tokens,
            stop, logprobs, top_logprobs, extra, ..Request::default()
        }
    }
}

fn token() -> impl Strategy<Value = Json<'static>> {
    let token = r#"{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[]}],"refusal":null}"#;
    Just(Json::fixed(token))
}

fn said_calls() -> impl Strategy<Value = Vec<Said<'static>>> {
    let call = (text(), text(), object()).prop_map(|(id, name, arguments)| Said::Call {
        id,
        name,
        arguments: Arguments::Value(arguments),
        custom: false,
        signature: None,
    });
    vec(call, 0..3)
}

prop_compose! {
    fn any_answer()(
        model in text(),
        created in 0..4_000_000_000_u64,
        (thought, content, calls) in (of(text()), of(text()), said_calls()),
        logprobs in vec(token(), 0..3),
        (length, usage) in (any::<bool>(), of((0..u64::MAX, 0..u64::MAX))),
        (extra, of_choice) in (extras(&["total_duration", "remote_host"]), extras(&["mood"])),
    ) -> Answer<'static> {
        let finish = match (length, calls.is_empty()) {
            (true, _) => Finish::Length,
            (false, true) => Finish::Stop,
            (false, false) => Finish::Calls,
        };
        let thought = thought.map(|text| Said::Thinking { text, signature: None });
        let content =
            content.map(|text| Said::Text { text, citations: Vec::new(), signature: None });
        let parts = thought.into_iter().chain(content).chain(calls).collect();
        let usage =
            usage.map(|(prompt, completion)| Usage { prompt, completion, ..Usage::default() });
        let choice = Choice { parts, finish: Some(finish), logprobs, extra: of_choice, media: Vec::new() };
        let start = Start { model, created: Some(created), ..Start::default() };
        Answer { start, choices: vec![choice], usage, extra, failure: None, complete: true }
    }
}

/// The same answer as a stream, its texts and arguments in pieces of `size` characters.
fn events(answer: &Answer<'static>, size: usize) -> Vec<Event<'static>> {
    let pieces = |text: &Text<'_>| -> Vec<Text<'static>> {
        let letters: Vec<char> = text.decode().chars().collect();
        letters.chunks(size).map(|piece| Text::plain(&String::from_iter(piece))).collect()
    };
    let mut out = vec![Event::Start(answer.start.clone())];
    let choice = &answer.choices[0];
    let mut number = 0;
    for part in &choice.parts {
        match part {
            Said::Text { text, .. } => {
                out.extend(pieces(text).into_iter().map(|text| Event::Text { choice: 0, text }));
            }
            Said::Thinking { text, .. } => {
                out.extend(
                    pieces(text).into_iter().map(|text| Event::Thinking { choice: 0, text }),
                );
            }
            Said::Call { id, name, arguments, .. } => {
                let (call, id, name) = (number, id.clone(), name.clone());
                number += 1;
                let (custom, signature) = (false, None);
                out.push(Event::CallStart { choice: 0, call, id, name, custom, signature });
                let text = Text::plain(std::str::from_utf8(&arguments.json()).unwrap());
                let piece = |piece| Event::CallArguments {
                    choice: 0,
                    call,
                    piece: Arguments::Quoted(piece),
                };
                out.extend(pieces(&text).into_iter().map(piece));
                out.push(Event::CallEnd { choice: 0, call });
            }
            Said::Refusal(_) | Said::Redacted(_) => {}
        }
    }
    out.extend(choice.logprobs.iter().map(|v| Event::Logprobs { choice: 0, value: v.clone() }));
    let extra =
        |choice| move |extra: &Extra<'static>| Event::Extra { choice, extra: extra.clone() };
    out.extend(choice.extra.iter().map(extra(Some(0))));
    out.extend(answer.extra.iter().map(extra(None)));
    out.extend(choice.finish.clone().map(|reason| Event::Finish { choice: 0, reason }));
    out.extend(answer.usage.map(Event::Usage));
    out.push(Event::End);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_request_is_read_as_it_was_written(request in any_request()) {
        let (text, losses) = written(&request, &Facts::default()).unwrap();
        prop_assert_eq!(losses, Vec::<String>::new());
        let mut again = request::read(text.as_bytes()).unwrap();
        // Members of `options` come after the others.
        let rank = |extra: &Extra<'_>| extra.name.starts_with("options.");
        again.extra.sort_by_key(rank);
        prop_assert_eq!(again, request);
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(told in any_answer()) {
        let text = answer_text(&told);
        prop_assert_eq!(answer(&text).unwrap(), told);
    }

    #[test]
    fn a_stream_is_read_as_it_was_written(told in any_answer(), size in 1..9_usize) {
        let mut writer = Writer::new(SEED, true);
        let mut out = Vec::new();
        events(&told, size).iter().for_each(|event| writer.write(event, &mut out));
        let (events, end) = drive(&[&out]);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(folded(events), told);
        fuzz(&out);
    }

    #[test]
    fn any_bytes_do(data in vec(any::<u8>(), 0..80)) {
        fuzz(&data);
    }

    #[test]
    fn bodies_with_holes_do(request in any_request(), told in any_answer(), at in any::<prop::sample::Index>()) {
        let request = written(&request, &Facts::default()).unwrap().0.into_bytes();
        for mut body in [request, answer_text(&told).into_bytes()] {
            fuzz(&body);
            let at = at.index(body.len());
            body.remove(at);
            fuzz(&body);
        }
    }
}
