//! What an answer says, in a form in which a stream and a whole answer are the same.

use std::collections::BTreeMap;

use crabllm::chat::Answer;
use crabllm::chat::Choice;
use crabllm::chat::Extra;
use crabllm::chat::Finish;
use crabllm::chat::Said;
use crabllm::chat::Signature;
use crabllm::chat::Text;

use crate::pretty;

/// What an answer says.
#[derive(Debug, Default, PartialEq)]
pub struct Meaning {
    start: (String, String, Option<u64>),
    choices: Vec<Of>,
    usage: String,
    extra: Extras,
    failure: String,
    complete: bool,
}

/// By whose words and name.
type Extras = BTreeMap<(&'static str, String), serde_json::Value>;

/// What a choice says.
#[derive(Debug, Default, PartialEq)]
struct Of {
    parts: Vec<Part>,
    finish: Option<Finish<'static>>,
    /// The tokens of both lists.
    logprobs: Vec<serde_json::Value>,
    citations: Vec<String>,
    extra: Extras,
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(String, Option<String>),
    Refusal(String),
    Thinking(String, Option<String>),
    Redacted(String),
    Call { id: String, name: String, arguments: String, custom: bool, signature: Option<String> },
}

/// What `answer` says.
pub fn meaning(answer: &Answer<'_>) -> Meaning {
    let start = &answer.start;
    Meaning {
        start: (said(&start.id), said(&start.model), start.created),
        choices: answer.choices.iter().map(choice).collect(),
        usage: format!("{:?}", answer.usage),
        extra: extras(&answer.extra),
        failure: format!("{:?}", answer.failure),
        complete: answer.complete,
    }
}

fn said(text: &Text<'_>) -> String {
    text.decode().into_owned()
}

fn signed(signature: Option<&Signature<'_>>) -> Option<String> {
    signature.map(|signature| format!("{}.{}", signature.by.as_str(), signature.data.decode()))
}

fn extras(extras: &[Extra<'_>]) -> Extras {
    let value = |raw| serde_json::from_slice(raw).expect("JSON");
    let named = |extra: &Extra<'_>| (extra.by.as_str(), extra.name.clone().into_owned());
    extras.iter().map(|extra| (named(extra), value(extra.value.raw()))).collect()
}

fn choice(choice: &Choice<'_>) -> Of {
    let mut of = Of {
        finish: choice.finish.clone().map(Finish::into_owned),
        extra: extras(&choice.extra),
        ..Of::default()
    };
    for logprobs in &choice.logprobs {
        let value: serde_json::Value = serde_json::from_slice(logprobs.raw()).expect("JSON");
        for list in ["content", "refusal"] {
            of.logprobs.extend(
                value.get(list).and_then(serde_json::Value::as_array).cloned().unwrap_or_default(),
            );
        }
    }
    for part in &choice.parts {
        if let Said::Text { citations, .. } = part {
            of.citations.extend(citations.iter().map(|citation| format!("{citation:?}")));
        }
        add(&mut of.parts, part);
    }
    of
}

/// Adds a part. Text that nothing stands between is one.
fn add(parts: &mut Vec<Part>, part: &Said<'_>) {
    let new = match part {
        Said::Text { text, signature, .. } => Part::Text(said(text), signed(signature.as_ref())),
        Said::Refusal(text) => Part::Refusal(said(text)),
        Said::Thinking { text, signature } => {
            Part::Thinking(said(text), signed(signature.as_ref()))
        }
        Said::Redacted(data) => Part::Redacted(signed(Some(data)).unwrap_or_default()),
        Said::Call { id, name, arguments, custom, signature } => {
            let arguments = match arguments.json() {
                text if *custom => String::from_utf8_lossy(&text).into_owned(),
                // None at all are an empty object.
                text if text.is_empty() => pretty::print(b"{}"),
                text => pretty::print(&text),
            };
            let signature = signed(signature.as_ref());
            Part::Call { id: said(id), name: said(name), arguments, custom: *custom, signature }
        }
    };
    match (parts.last_mut(), new) {
        (Some(Part::Text(text, signature @ None)), Part::Text(more, new)) => {
            text.push_str(&more);
            *signature = new;
        }
        (_, new) => parts.push(new),
    }
}
