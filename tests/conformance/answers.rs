//! Answers of upstreams of every protocol, whole and streamed, written for clients of every protocol.

use crabllm::chat::Answer;
use crabllm::chat::Event;
use crabllm::chat::Protocol;
use crabllm::chat::Text;
use crabllm::protocol::Garbage;

use crate::drive;
use crate::fixture;
use crate::fixture::Fixture;
use crate::fixture::Goldens;
use crate::frames;
use crate::meaning;
use crate::meaning::meaning;
use crate::pretty;

const FOLDER: &str = "answers";

/// What an upstream said.
fn told(fixture: &Fixture) -> Vec<Event<'static>> {
    let label = fixture.label();
    let fail = |garbage: Garbage| panic!("{label}: {garbage}");
    if !fixture.is_stream() {
        return drive::read_whole(fixture.protocol, &fixture.bytes).unwrap_or_else(fail);
    }
    let bytes = frames::bytes(fixture.protocol, &fixture.bytes);
    let (events, end) = drive::read_stream(fixture.protocol, [bytes.as_slice()]);
    end.map_or_else(fail, |()| events)
}

/// What a client is told: as the gateway does, the model where the upstream names none.
fn named(mut events: Vec<Event<'static>>) -> Vec<Event<'static>> {
    for event in &mut events {
        if let Event::Start(start) = event
            && start.model.is_empty()
        {
            start.model = Text::plain("nova-pro");
        }
    }
    events
}

fn object(members: impl IntoIterator<Item = (Protocol, String)>) -> String {
    let members = members.into_iter().map(|(name, text)| format!("\"{}\":{text}", name.as_str()));
    pretty::print(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).as_bytes())
}

fn whole(client: Protocol, answer: &Answer<'_>) -> String {
    String::from_utf8(drive::write_whole(client, answer)).expect("UTF-8")
}

fn streamed(client: Protocol, events: &[Event<'_>]) -> String {
    let bytes = drive::write_stream(client, events);
    format!("[{}]", frames::shown(client, &bytes).join(","))
}

/// A stream for a client says what the whole answer for it says; if not, what each says.
fn both_ways(client: Protocol, events: &[Event<'static>]) -> Result<(), String> {
    let body = drive::write_whole(client, &drive::fold(events));
    let heard = drive::read_whole(client, &body).map_err(|garbage| garbage.to_string())?;
    let bytes = drive::write_stream(client, events);
    let (streamed, end) = drive::read_stream(client, [bytes.as_slice()]);
    end.map_err(|garbage| format!("streamed: {garbage}"))?;
    same(&streamed, &heard)
}

/// Whether a stream says what a whole answer says.
fn same(streamed: &[Event<'static>], whole: &[Event<'static>]) -> Result<(), String> {
    let (streamed, whole) = (meaning(&drive::fold(streamed)), meaning(&drive::fold(whole)));
    if streamed == whole {
        return Ok(());
    }
    Err(format!("\n  streamed {streamed:?}\n  whole    {whole:?}"))
}

#[test]
fn answers_are_written_for_every_protocol() {
    let (mut goldens, mut problems) = (Goldens::of(FOLDER), Vec::new());
    for fixture in fixture::all(FOLDER) {
        let (label, events) = (fixture.label(), named(told(&fixture)));
        let answer = drive::fold(&events);
        let clients = Protocol::ALL.map(|client| {
            let problem = both_ways(client, &events).err().filter(|_| answer.failure.is_none());
            problems.extend(problem.map(|problem| format!("{label} for {client:?}: {problem}")));
            let told = if fixture.is_stream() {
                streamed(client, &events)
            } else {
                whole(client, &answer)
            };
            (client, told)
        });
        let way = if fixture.is_stream() { "stream" } else { "whole" };
        goldens.check(&format!("{label}.{way}"), &object(clients));
    }
    goldens.finish();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_stream_is_the_same_at_every_cut() {
    for fixture in fixture::all(FOLDER).iter().filter(|fixture| fixture.is_stream()) {
        let events = told(fixture);
        let bytes = frames::bytes(fixture.protocol, &fixture.bytes);
        for cut in 0..=bytes.len() {
            let (before, behind) = bytes.split_at(cut);
            let (again, _) = drive::read_stream(fixture.protocol, [before, behind]);
            assert_eq!(again, events, "{}, cut at {cut}", fixture.label());
        }
        let (again, _) = drive::read_stream(fixture.protocol, bytes.chunks(1));
        assert_eq!(again, events, "{}, byte by byte", fixture.label());
    }
}

#[test]
fn a_stream_that_was_cut_off_is_whole_only_if_nothing_is_missing() {
    for fixture in fixture::all(FOLDER).iter().filter(|fixture| fixture.is_stream()) {
        let answer = drive::fold(&told(fixture));
        let bytes = frames::bytes(fixture.protocol, &fixture.bytes);
        // Behind a brace or a line end something may look complete.
        let ends = (0..bytes.len()).filter(|at| matches!(bytes.get(*at), Some(b'}' | b'\n')));
        for end in ends.map(|at| at + 1) {
            let (before, _) = bytes.split_at(end);
            let (events, result) = drive::read_stream(fixture.protocol, [before]);
            let some = drive::fold(&events);
            let label = format!("{}, cut off at {end} of {}", fixture.label(), bytes.len());
            assert!(result.is_err() || some.complete || some.failure.is_some(), "{label}");
            assert!(!some.complete || some.choices == answer.choices, "{label}: {some:?}");
        }
    }
}

#[test]
fn a_folded_stream_is_the_whole_answer() {
    let fixtures = fixture::all(FOLDER);
    let (mut pairs, mut problems) = (0, Vec::new());
    for stream in fixtures.iter().filter(|fixture| fixture.is_stream()) {
        let of = |other: &&Fixture| !other.is_stream() && other.label() == stream.label();
        let Some(whole) = fixtures.iter().find(of) else { continue };
        let problem = same(&told(stream), &told(whole)).err();
        problems.extend(problem.map(|problem| format!("{}: {problem}", stream.label())));
        pairs += 1;
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(pairs >= 30, "only {pairs} answers stand there both whole and as a stream");
}

#[test]
fn every_protocol_shows_what_it_can_say() {
    let fixtures = fixture::all(FOLDER);
    for protocol in Protocol::ALL {
        for stream in [false, true] {
            let of =
                |fixture: &&Fixture| fixture.protocol == protocol && fixture.is_stream() == stream;
            let count = fixtures.iter().filter(of).count();
            assert!(count >= 6, "{protocol:?}, stream {stream}: {count} fixtures");
        }
    }
}

#[test]
fn what_is_compared_is_compared() {
    let text = |text: &str| Event::Text { choice: 0, text: Text::plain(text) };
    let one = meaning(&drive::fold(&[text("a"), text("b")]));
    assert_eq!(one, meaning(&drive::fold(&[text("ab")])));
    assert_ne!(one, meaning(&drive::fold(&[text("ac")])));
    assert_ne!(one, meaning::Meaning::default());
}
