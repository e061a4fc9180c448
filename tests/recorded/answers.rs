//! Recorded answers: read, held to what the test's own readers see, written again in their own
//! protocol, and taken through every other one and back.

use crabllm::chat::Answer;
use crabllm::chat::Event;
use crabllm::chat::Failure;
use crabllm::chat::Protocol;
use crabllm::chat::Said;
use crabllm::protocol::any;
use crabllm::protocol::openai::response;
use crabllm::protocol::openai::stream::Tap;
use crabllm::protocol::openai::stream::Verdict;
use serde_json::Value;
use serde_json::json;

use crate::drive;
use crate::raw;
use crate::rows::Row;
use crate::table;
use crate::tree;
use crate::view;

/// All that is wrong with a row's answer.
pub fn problems(protocol: Protocol, row: &Row) -> Vec<String> {
    if row.status >= 400 {
        return refusal(protocol, row);
    }
    let events = match read(protocol, row.stream, &row.body) {
        Ok(_) if is_cut(protocol, row) => return vec!["cut, and taken for whole".to_owned()],
        Ok(events) => events,
        // Two of DeepSeek's are: the recorder hung up.
        Err(problem) if is_cut(protocol, row) && problem.contains("ended before") => {
            return Vec::new();
        }
        Err(problem) => return vec![problem],
    };
    let mut found = Vec::new();
    let frames = raw::frames(protocol, row.stream, &row.body);
    found.extend(unlike(protocol, &frames, &drive::fold(&events)));
    if protocol == Protocol::Openai {
        found.extend(passing(row, &frames));
    }
    if row.stream {
        found.extend(rewritten_stream(protocol, &events));
        found.extend(cut(protocol, &row.body, &events));
    } else {
        found.extend(rewritten(protocol, &frames, &events));
    }
    for other in Protocol::ALL.into_iter().filter(|other| *other != protocol) {
        found.extend(there_and_back(protocol, other, row.stream, &events));
    }
    found
}

/// Whether the recording itself is not whole: it has no finish, no failure and no `[DONE]`.
pub fn is_cut(protocol: Protocol, row: &Row) -> bool {
    if row.status >= 400 || !row.stream {
        return false;
    }
    let frames = raw::frames(protocol, true, &row.body);
    let said = raw::summary(protocol, &frames);
    let failed = frames.iter().any(|frame| frame.get("error").is_some());
    let done = row.body.windows(6).any(|word| word == b"[DONE]");
    !failed && !done && said.choices.values().all(|choice| choice.finish.is_empty())
}

/// What looks at OpenAI's answers as they pass agrees with what they say.
fn passing(row: &Row, frames: &[Value]) -> Option<String> {
    let usage = if row.stream {
        let mut tap = Tap::new(false, 1);
        for frame in frames {
            let data = frame.to_string();
            let verdict = tap.event(data.as_bytes()).expect("an object");
            let expected = match frame {
                frame if !frame["error"].is_null() => Verdict::Failure,
                // Azure's filters have their word before the answer begins.
                frame if frame.get("prompt_filter_results").is_some() => Verdict::Hide,
                _ => Verdict::Forward,
            };
            if verdict != expected {
                return Some(format!("passing: {verdict:?} of an event\n    {data}"));
            }
        }
        tap.usage()
    } else {
        match response::read(&row.body) {
            Ok(told) => told.usage,
            Err(error) => return Some(format!("passing: refused: {error}")),
        }
    };
    let told = frames.iter().rev().map(|frame| &frame["usage"]).find(|usage| !usage.is_null());
    let count = |name: &str| told.and_then(|usage| usage[name].as_u64());
    let found = usage.map(|usage| (usage.prompt, usage.completion));
    let told = told.map(|_| {
        let of = |name: &str| count(name).unwrap_or(0);
        (of("prompt_tokens"), of("completion_tokens"))
    });
    (found != told).then(|| format!("passing: usage {found:?} for {told:?}"))
}

/// A refusal keeps its status, its words and its class.
fn refusal(protocol: Protocol, row: &Row) -> Vec<String> {
    let failure = any::read_error(protocol, row.status, None, &row.body);
    let body: Value = serde_json::from_slice(&row.body).unwrap_or_default();
    let told = [&body["error"]["message"], &body["message"], &body["Message"], &body["error"]];
    let told = told.into_iter().find_map(Value::as_str).unwrap_or_default();
    let mut found = Vec::new();
    if failure.message.decode() != told {
        found.push(format!("refusal: {:?} for {told:?}", failure.message));
    }
    if failure.status != row.status {
        found.push(format!("refusal: {} for {}", failure.status, row.status));
    }
    found
}

fn read(protocol: Protocol, stream: bool, body: &[u8]) -> Result<Vec<Event<'static>>, String> {
    if stream {
        let (events, end) = drive::read_stream(protocol, [body]);
        return end.map(|()| events).map_err(|garbage| format!("stream refused: {garbage}"));
    }
    drive::read_whole(protocol, body).map_err(|garbage| format!("answer refused: {garbage}"))
}

/// In any pieces it gives the same, and without its end it is none.
fn cut(protocol: Protocol, body: &[u8], events: &[Event<'static>]) -> Option<String> {
    // Byte by byte, but for long streams: what is not a whole frame is looked at again and again.
    let size = if body.len() < 4096 { 1 } else { 61 };
    let (pieces, end) = drive::read_stream(protocol, body.chunks(size));
    if pieces != events || end.is_err() {
        return Some(format!("stream: in pieces of {size} it says something else"));
    }
    for at in (0..=body.len()).step_by((body.len() / 4).max(1)) {
        let (head, tail) = body.split_at(at);
        let (cut, end) = drive::read_stream(protocol, [head, tail]);
        if cut != events || end.is_err() {
            return Some(format!("stream: cut at {at} it says something else"));
        }
    }
    let (_, end) = drive::read_stream(protocol, [&body[..body.len() / 2]]);
    end.is_ok().then(|| "stream: half of it is taken for all".to_owned())
}

/// Whether the answer says what the provider's JSON does.
fn unlike(protocol: Protocol, frames: &[Value], answer: &Answer<'_>) -> Option<String> {
    let raw = raw::summary(protocol, frames);
    let mut expected = raw.tree();
    tree::strip(&mut expected);
    let mut found = view_of(answer);
    // What the provider gave no id has one of ours.
    keep_told(&expected, &mut found);
    table::compare(protocol, "reader", &expected, &found)
}

/// Leaves out of `found` the ids and counts that were never told.
fn keep_told(expected: &Value, found: &mut Value) {
    let choices = found["choices"].as_object_mut().into_iter().flatten();
    for (index, choice) in choices {
        let calls = choice["calls"].as_array_mut().into_iter().flatten();
        for (at, call) in calls.enumerate() {
            if expected["choices"][index]["calls"][at].get("id").is_none() {
                call["id"] = Value::Null;
            }
        }
    }
    let Some(usage) = found["usage"].as_object_mut() else { return };
    usage.retain(|class, count| *count != 0 || expected["usage"].get(class).is_some());
}

fn view_of(answer: &Answer<'_>) -> Value {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| {
        let mut said = raw::Said::default();
        for part in &choice.parts {
            match part {
                Said::Text { text, .. } => said.text += &text.decode(),
                Said::Refusal(text) => said.refusal += &text.decode(),
                Said::Thinking { text, .. } => said.thinking += &text.decode(),
                Said::Redacted(_) => {}
                Said::Call { id, name, arguments, .. } => {
                    let arguments = String::from_utf8_lossy(&arguments.json()).into_owned();
                    said.calls.push((id.decode().into(), name.decode().into(), arguments));
                }
            }
        }
        let mut tree = said.tree();
        tree["finish"] = choice.finish.as_ref().map(view::finish).unwrap_or_default();
        (index.to_string(), tree)
    });
    json!({
        "choices": choices.collect::<serde_json::Map<_, _>>(),
        "usage": answer.usage.map(|usage| view::usage(&usage)),
    })
}

/// A whole answer, written again, is the same JSON.
fn rewritten(protocol: Protocol, frames: &[Value], events: &[Event<'static>]) -> Option<String> {
    let answer = drive::fold(events);
    if let Some(failure) = &answer.failure {
        // It goes on as an error, with the provider's words.
        let frame = frames.first()?;
        let told = [&frame["error"]["message"], &frame["candidates"][0]["finishMessage"]];
        let told = told.into_iter().find_map(Value::as_str).unwrap_or("(nothing)");
        let said = failure.message.decode();
        return (!said.contains(told)).then(|| format!("answer: failure {said:?} for {told:?}"));
    }
    let written = drive::write_whole(protocol, &answer);
    let after: Value = serde_json::from_slice(&written).expect("JSON");
    table::compare(protocol, "answer", frames.first()?, &after)
}

/// A stream, written again, says the same to our reader and to the test's own.
fn rewritten_stream(protocol: Protocol, events: &[Event<'static>]) -> Option<String> {
    let written = drive::write_stream(protocol, events);
    let (again, end) = drive::read_stream(protocol, [&written[..]]);
    if let Err(garbage) = end {
        return Some(format!("stream: its own writing is refused: {garbage}"));
    }
    let [before, after] = [events, &again].map(|events| view::answer(&drive::fold(events)));
    let frames = raw::frames(protocol, true, &written);
    table::compare(protocol, "stream", &before, &after)
        .or_else(|| unlike(protocol, &frames, &drive::fold(&again)))
}

/// An answer taken through another protocol says the same but for the losses.
fn there_and_back(
    protocol: Protocol,
    other: Protocol,
    stream: bool,
    events: &[Event<'static>],
) -> Option<String> {
    let answer = drive::fold(events);
    let place = format!("{} by {}", protocol.as_str(), other.as_str());
    if let (Some(failure), false) = (&answer.failure, stream) {
        return failed(other, failure).map(|found| format!("{place}: {found}"));
    }
    let written = match stream {
        true => drive::write_stream(other, events),
        false => drive::write_whole(other, &answer),
    };
    let back = match read(other, stream, &written) {
        Ok(events) => drive::fold(&events),
        Err(problem) => return Some(format!("{place}: {problem}")),
    };
    table::compare(other, "through", &view::answer(&answer), &view::answer(&back))
        .map(|found| format!("{place}: {found}"))
}

/// A failure that came in the place of an answer is an error to the client, in the same words.
fn failed(other: Protocol, failure: &Failure<'_>) -> Option<String> {
    let mut body = Vec::new();
    any::write_error(other, failure, &mut body);
    let status = any::error_status(other, failure);
    let back = any::read_error(other, status, None, &body);
    let same = back.message == failure.message && (status >= 500) == (failure.status >= 500);
    (!same).then(|| format!("failure {failure:?} became {back:?}"))
}
