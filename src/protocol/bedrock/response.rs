//! Whole answers of Converse.

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Member;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::bedrock::extra;
use crate::protocol::bedrock::media;
use crate::protocol::bedrock::name;
use crate::protocol::bedrock::names;
use crate::protocol::bedrock::read_stop;
use crate::protocol::bedrock::read_usage;
use crate::protocol::bedrock::request;
use crate::protocol::bedrock::request::blocks;
use crate::protocol::bedrock::signature;
use crate::protocol::bedrock::stop_word;
use crate::protocol::bedrock::write_usage;

/// The one choice of an answer.
const CHOICE: u32 = 0;

/// The member that holds what a model tells beside Converse's own words.
pub(super) const ADDITIONAL: &str = "additionalModelResponseFields";

/// Members of an answer that the vocabulary has no words for, in the order they are told.
pub(super) const TOLD: [&str; 5] =
    [ADDITIONAL, "metrics", "trace", "performanceConfig", "serviceTier"];

/// Reads an answer. It has neither an id nor a model.
///
/// # Errors
/// Where it is no answer of Converse.
pub fn read<'a>(body: &'a [u8], _: Seed, sink: &mut dyn Sink<'a>) -> Result<(), Garbage> {
    let (mut output, mut stop, mut usage) = (None, None, None);
    let mut told: [Option<Value<'a>>; TOLD.len()] = [None; TOLD.len()];
    let mut others = Vec::new();
    json::object(body, |member, _| {
        if member.value.is_null() {
            return;
        }
        let key = name(member.key);
        match &*key {
            b"output" => output = Some(member.value),
            b"stopReason" => stop = member.value.as_str(),
            b"usage" => usage = Some(member.value),
            key => match TOLD.iter().zip(&mut told).find(|(name, _)| name.as_bytes() == key) {
                Some((_, place)) => *place = Some(member.value),
                None => others.push(extra(member.key.decode(), member.value)),
            },
        }
    })?;
    let stop = stop.ok_or_else(|| Garbage::new("an answer without a stopReason"))?;
    let message = output.and_then(|output| output.get("message"));
    let content = message.and_then(|message| message.get("content"));
    let content = content.filter(|content| content.kind() == JsonKind::Array);
    let content =
        content.ok_or_else(|| Garbage::new("an answer without output.message.content"))?;
    sink.event(Event::Start(Start::default()));
    let mut calls = 0;
    for block in content.elements() {
        for member in block.members().filter(|member| !member.value.is_null()) {
            read_block(block, member, &mut calls, sink)?;
        }
    }
    read_finish(stop, told.first().copied().flatten(), sink);
    for (name, value) in TOLD.into_iter().zip(told) {
        if let Some(value) = value {
            sink.event(Event::Extra { choice: None, extra: extra(name, value) });
        }
    }
    others.into_iter().for_each(|extra| sink.event(Event::Extra { choice: None, extra }));
    if let Some(usage) = usage {
        sink.event(Event::Usage(read_usage(usage)));
    }
    sink.event(Event::End);
    Ok(())
}

/// Tells why an answer ended. `more` may hold the stop sequence.
pub(super) fn read_finish<'a, S: Sink<'a> + ?Sized>(
    stop: json::Str<'a>,
    more: Option<Value<'a>>,
    sink: &mut S,
) {
    let (reason, special) = read_stop(stop);
    let mut reason: Finish<'a> = reason;
    if let Finish::StopSequence(word) = &mut reason {
        *word = more.and_then(|fields| fields.get("stop_sequence")).and_then(Text::from_value);
    }
    if special {
        let extra = Extra { by: Protocol::Bedrock, name: "stopReason".into(), value: quoted(stop) };
        sink.event(Event::Extra { choice: Some(CHOICE), extra });
    }
    sink.event(Event::Finish { choice: CHOICE, reason });
}

/// A string with its quotes.
fn quoted(text: json::Str<'_>) -> Json<'static> {
    let mut made = Vec::with_capacity(text.raw().len() + 2);
    Text::of(text).write(&mut made);
    Json::made(made)
}

fn read_block<'a>(
    block: Value<'a>,
    member: Member<'a>,
    calls: &mut u32,
    sink: &mut dyn Sink<'a>,
) -> Result<(), Garbage> {
    let value = member.value;
    let other = || Event::Extra { choice: Some(CHOICE), extra: extra(member.key.decode(), block) };
    match &*name(member.key) {
        b"text" => {
            let text = Text::from_value(value).ok_or_else(|| Garbage::new("text is no string"))?;
            if !text.is_empty() {
                sink.event(Event::Text { choice: CHOICE, text });
            }
        }
        b"toolUse" => return read_call(value, other(), calls, sink),
        b"reasoningContent" => read_thought(value, other(), sink),
        b"citationsContent" => {
            let texts = value.get("content").into_iter().flat_map(Value::elements);
            for text in texts.filter_map(|text| text.get("text").and_then(Text::from_value)) {
                sink.event(Event::Text { choice: CHOICE, text });
            }
            let list = value.get("citations").into_iter().flat_map(Value::elements);
            list.for_each(|citation| sink.event(read_citation(citation)));
        }
        key => {
            sink.event(other());
            if let Some(media) = media::kind(key).and_then(|kind| blocks::made(kind, value)) {
                sink.event(Event::Media { choice: CHOICE, by: Protocol::Bedrock, media });
            }
        }
    }
    Ok(())
}

fn read_call<'a>(
    value: Value<'a>,
    other: Event<'a>,
    calls: &mut u32,
    sink: &mut dyn Sink<'a>,
) -> Result<(), Garbage> {
    if is_servers(value) {
        sink.event(other);
        return Ok(());
    }
    let text = |key: &str| {
        let found = value.get(key).and_then(Text::from_value);
        found.ok_or_else(|| Garbage::new(format!("a toolUse without {key}")))
    };
    let (id, name) = (text("toolUseId")?, text("name")?);
    let input = value.get("input").ok_or_else(|| Garbage::new("a toolUse without input"))?;
    let call = *calls;
    *calls += 1;
    sink.event(Event::CallStart { choice: CHOICE, call, id, name, custom: false, signature: None });
    let piece = Arguments::Value(Json::of(input));
    sink.event(Event::CallArguments { choice: CHOICE, call, piece });
    sink.event(Event::CallEnd { choice: CHOICE, call });
    Ok(())
}

/// Whether a call is one that the provider itself answers.
pub(super) fn is_servers(value: Value<'_>) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| !kind.is("tool_use"))
}

fn read_thought<'a>(value: Value<'a>, other: Event<'a>, sink: &mut dyn Sink<'a>) {
    if let Some(data) = value.get("redactedContent").and_then(Value::as_str) {
        let data = signature::read_redacted(data);
        return sink.event(Event::Redacted { choice: CHOICE, data });
    }
    let Some(thought) = value.get("reasoningText") else { return sink.event(other) };
    let text = thought.get("text").and_then(Text::from_value).unwrap_or_default();
    let signed = thought.get("signature").and_then(Value::as_str);
    if signed.is_some() || !text.is_empty() {
        sink.event(Event::Thinking { choice: CHOICE, text });
    }
    if let Some(signed) = signed {
        let signature = signature::read(signed);
        sink.event(Event::Signature { choice: CHOICE, signature });
    }
}

/// A source: one of the web has a place in the vocabulary.
pub(super) fn read_citation(value: Value<'_>) -> Event<'_> {
    let web = value.get("location").and_then(|location| location.get("web"));
    let url = web.and_then(|web| web.get("url")).and_then(Text::from_value);
    match url {
        Some(url) => {
            let title = value.get("title").and_then(Text::from_value);
            Event::Citation { choice: CHOICE, citation: Citation { url, title, range: None } }
        }
        None => Event::Extra { choice: Some(CHOICE), extra: extra("citation", value) },
    }
}

/// Appends an answer. Of several choices only the first can be said.
pub fn write(answer: &Answer<'_>, _: Seed, out: &mut Vec<u8>) {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut body = Object::open(out);
    let mut output = Object::open(body.key("output"));
    let mut message = Object::open(output.key("message"));
    message.word("role", "assistant");
    write_content(choice, message.key("content"));
    message.close();
    output.close();
    let own = choice.extra.iter().find(|extra| is_own(extra) && extra.name == "stopReason");
    match own {
        Some(own) => own.value.write(body.key("stopReason")),
        None => {
            body.word("stopReason", stop_word(choice.finish.as_ref().unwrap_or(&Finish::Stop)));
        }
    }
    let usage = answer.usage.unwrap_or_default();
    write_told(&answer.extra, &usage, &mut body);
    let stop = choice.finish.as_ref().and_then(stop_sequence);
    let told = answer.extra.iter().any(|extra| is_own(extra) && extra.name == ADDITIONAL);
    if let Some(word) = stop.filter(|_| !told) {
        write_stop_sequence(word, &mut body);
    }
    body.close();
}

/// The stop sequence that ended an answer, where it is known.
pub(super) const fn stop_sequence<'f>(finish: &'f Finish<'_>) -> Option<&'f Text<'f>> {
    match finish {
        Finish::StopSequence(word) => word.as_ref(),
        Finish::Stop
        | Finish::Length
        | Finish::ContextFull
        | Finish::Calls
        | Finish::Filtered
        | Finish::Refused
        | Finish::Paused => None,
    }
}

/// Writes a stop sequence where Claude tells it on Bedrock.
pub(super) fn write_stop_sequence(word: &Text<'_>, object: &mut Object<'_>) {
    let mut fields = Object::open(object.key(ADDITIONAL));
    fields.text("stop_sequence", word);
    fields.close();
}

/// Whether a member is Bedrock's own.
pub(super) fn is_own(extra: &Extra<'_>) -> bool {
    extra.by == Protocol::Bedrock
}

/// Writes usage, metrics, which must not be missing, and what else is Bedrock's own.
pub(super) fn write_told(extras: &[Extra<'_>], usage: &Usage, object: &mut Object<'_>) {
    write_usage(usage, object.key("usage"));
    if !extras.iter().any(|extra| is_own(extra) && extra.name == "metrics") {
        object.key("metrics").extend_from_slice(br#"{"latencyMs":0}"#);
    }
    for extra in extras.iter().filter(|extra| is_own(extra)) {
        extra.value.write(object.any_key(&extra.name));
    }
}

fn write_content(choice: &Choice<'_>, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    for part in &choice.parts {
        list.next(out);
        write_part(part, &mut list, out);
    }
    // Where such a block stood is not known any more.
    let blocks = choice
        .extra
        .iter()
        .filter(|extra| is_own(extra) && extra.value.value().get(&extra.name).is_some());
    for block in blocks {
        list.next(out);
        block.value.write(out);
    }
    out.push(b']');
}

fn write_part(part: &Said<'_>, list: &mut List, out: &mut Vec<u8>) {
    match part {
        Said::Text { text, citations, .. } if citations.is_empty() => {
            let mut block = Object::open(out);
            block.text("text", text);
            block.close();
        }
        Said::Text { text, citations, .. } => write_cited(text, citations, out),
        Said::Refusal(text) => {
            let mut block = Object::open(out);
            block.text("text", text);
            block.close();
        }
        Said::Thinking { text, signature } => write_thought(text, signature.as_ref(), out),
        Said::Redacted(data) => {
            let mut block = Object::open(out);
            let mut inner = Object::open(block.key("reasoningContent"));
            signature::write_redacted(data, inner.key("redactedContent"));
            inner.close();
            block.close();
        }
        Said::Call { id, name, arguments, custom, signature } => {
            if let Some(signature) = signature {
                // The client holds it for us, since a call has no place for it.
                write_thought(&Text::default(), Some(signature), out);
                list.next(out);
            }
            let mut block = Object::open(out);
            let mut inner = Object::open(block.key("toolUse"));
            inner.word("toolUseId", &names::call_id(id));
            inner.word("name", &names::tool(name));
            let out = inner.key("input");
            if *custom || arguments.write_object(out).is_err() {
                request::write_input(arguments, out);
            }
            inner.close();
            block.close();
        }
    }
}

fn write_thought(text: &Text<'_>, signed: Option<&Signature<'_>>, out: &mut Vec<u8>) {
    let mut block = Object::open(out);
    let mut content = Object::open(block.key("reasoningContent"));
    let mut inner = Object::open(content.key("reasoningText"));
    inner.text("text", text);
    if let Some(signed) = signed {
        signature::write(signed, inner.key("signature"));
    }
    inner.close();
    content.close();
    block.close();
}

fn write_cited(text: &Text<'_>, citations: &[Citation<'_>], out: &mut Vec<u8>) {
    let mut block = Object::open(out);
    let mut content = Object::open(block.key("citationsContent"));
    let inner = content.key("content");
    inner.extend_from_slice(br#"[{"text":"#);
    text.write(inner);
    inner.extend_from_slice(b"}]");
    let inner = content.key("citations");
    let mut list = List::open(inner);
    for citation in citations {
        list.next(inner);
        write_citation(citation, inner);
    }
    inner.push(b']');
    content.close();
    block.close();
}

/// Appends a source of the web.
pub(super) fn write_citation(citation: &Citation<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    if let Some(title) = &citation.title {
        object.text("title", title);
    }
    let mut location = Object::open(object.key("location"));
    let mut web = Object::open(location.key("web"));
    web.text("url", &citation.url);
    web.close();
    location.close();
    object.close();
}
