//! The protocol by examples, and by what must hold for anything it can say.

mod answers;
mod edges;
mod properties;
mod requests;
mod thinking;

use crate::chat::Answer;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Kept;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Sink;
use crate::codec::json;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::bedrock::request;

const CLAUDE: &str = "us.anthropic.claude-some-v1:0";

/// Writes a request for `model`; the body and what was lost.
fn written(
    request: &Request<'_>,
    model: &str,
    facts: &Facts,
) -> Result<(String, Vec<String>), Error> {
    let mut out = b"x".to_vec();
    let mut losses = Losses::default();
    let result = request::write(request, &Target::new(model, facts), &mut out, &mut losses);
    if let Err(error) = result {
        assert_eq!(out, b"x", "nothing is appended");
        return Err(error);
    }
    json::validate(&out[1..]).unwrap();
    let losses = losses.names().iter().map(|name| name.clone().into_owned()).collect();
    Ok((String::from_utf8(out[1..].to_vec()).unwrap(), losses))
}

/// The body that becomes of `body` for a model of which nothing is known.
fn again(body: &str) -> String {
    let read = request::read(body.as_bytes()).unwrap();
    let (out, losses) = written(&read, CLAUDE, &Facts::default()).unwrap();
    assert_eq!(losses, [""; 0], "{body}");
    assert_eq!(request::read(out.as_bytes()).unwrap(), read, "{body}");
    out
}

/// The value in `body` at a path of names and numbers, as it stands.
fn at(body: &str, path: &str) -> String {
    let mut value = json::validate(body.as_bytes()).unwrap();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let next = match step.parse::<usize>() {
            Ok(index) => value.elements().nth(index),
            Err(_) => value.get(step),
        };
        let Some(next) = next else { return String::new() };
        value = next;
    }
    String::from_utf8(value.raw().to_vec()).unwrap()
}

fn fold(events: &Kept) -> Answer<'static> {
    let mut fold = Fold::default();
    events.0.iter().cloned().for_each(|event| fold.event(event));
    fold.answer()
}
