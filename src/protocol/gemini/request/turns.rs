//! Writing the conversation, in the order Gemini wants: the user begins, the results of all calls of
//! a step stand in one content behind it, in the order of the calls.

use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::gemini::out;
use crate::protocol::gemini::pairs::Pairs;
use crate::protocol::gemini::request::runs;
use crate::protocol::gemini::request::write_media;

/// What Google takes in place of a signature that another provider's model could not give.
const SKIP: &[u8] = b"\"skip_thought_signature_validator\"";

/// What stands for a user who said nothing.
const NOBODY: &[u8] = br#"{"role":"user","parts":[{"text":"."}]}"#;

/// The field all faults are told of.
const FIELD: &str = "messages";

struct Contents<'w, 'r> {
    out: &'w mut Vec<u8>,
    losses: &'w mut Losses,
    facts: &'w Facts,
    /// The calls of the model's step before.
    calls: Pairs<'r>,
}

/// Appends `contents`.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let facts = target.facts;
    out::name(out, "contents");
    out.push(b'[');
    // From here on calls need signatures: behind the last thing that the user said.
    let current = if facts.signed_calls {
        Some(request.turns.iter().rposition(runs::says_something).map_or(0, |at| at + 1))
    } else {
        None
    };
    let start = out.len();
    let mut contents = Contents { out, losses, facts, calls: Pairs::default() };
    let mut rest = 0..request.turns.len();
    let mut last = Role::User;
    while let Some((role, run)) = runs::next(&request.turns, rest.clone()) {
        rest.start = run.end;
        let turns = request.turns.get(run.clone()).unwrap_or_default();
        let turns = || turns.iter().filter(|turn| turn.role != Role::System);
        match role {
            Role::System | Role::User => contents.user(turns)?,
            Role::Assistant => {
                let before = contents.out.len();
                if before == start {
                    contents.out.extend_from_slice(NOBODY);
                }
                let signed = current.is_some_and(|current| run.start >= current);
                if !contents.model(turns, signed)? {
                    contents.out.truncate(before);
                }
            }
        }
        last = role;
    }
    if out.len() == start {
        out.extend_from_slice(NOBODY);
    }
    if last == Role::Assistant && !facts.prefill {
        return Err(Error::field(FIELD, "the last message must be the user's for this model"));
    }
    out.push(b']');
    Ok(())
}

impl<'r> Contents<'_, 'r> {
    fn open(&mut self, role: &str) -> (usize, usize) {
        let start = self.out.len();
        out::comma(self.out);
        self.out.extend_from_slice(b"{\"role\":\"");
        self.out.extend_from_slice(role.as_bytes());
        self.out.extend_from_slice(b"\",\"parts\":[");
        (start, self.out.len())
    }

    /// Ends the parts of a content. One without any is left out; false then.
    fn close(&mut self, (start, parts): (usize, usize)) -> bool {
        let said = self.out.len() > parts;
        if said {
            self.out.extend_from_slice(b"]}");
        } else {
            self.out.truncate(start);
        }
        said
    }

    /// Puts the members of `turns` into the content that was ended last; of turns that say nothing
    /// there is none, and their members are told.
    fn dress<'t>(&mut self, said: bool, turns: impl Iterator<Item = &'t Turn<'t>>) {
        let extras = turns.flat_map(|turn| &turn.extra);
        if !said {
            extras.for_each(|extra| self.losses.drop_extra(extra));
            return;
        }
        self.out.pop();
        extras.for_each(|extra| {
            out::extras(self.out, std::slice::from_ref(extra), self.losses);
        });
        self.out.push(b'}');
    }

    /// The model's turns. False if it said nothing.
    fn model<I>(&mut self, turns: impl Fn() -> I, signed: bool) -> Result<bool, Error>
    where
        I: Iterator<Item = &'r Turn<'r>>,
    {
        let at = self.open("model");
        self.calls = Pairs::default();
        for part in turns().flat_map(|turn| &turn.parts) {
            self.losses.drop_if(part.cache.is_some(), "cache_control");
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => self.text(text, part, false),
                Content::Thinking(text) => self.thought(text, part),
                Content::Redacted => self.thought(&Text::default(), part),
                Content::Media(media) => self.media(media, part)?,
                Content::Call(call) => self.call(call, part, signed),
                Content::Other(other) => self.other(other),
                Content::Result(_) => {
                    let message = "what a tool returned cannot stand in the model's turn";
                    return Err(Error::field(FIELD, message));
                }
            }
        }
        let said = self.close(at);
        self.dress(said, turns());
        Ok(said)
    }

    /// The user's turns: what tools returned, then what the user says.
    fn user<I>(&mut self, turns: impl Fn() -> I) -> Result<(), Error>
    where
        I: Iterator<Item = &'r Turn<'r>>,
    {
        let parts = || turns().flat_map(|turn| &turn.parts);
        let results = parts().filter_map(|part| match &part.content {
            Content::Result(result) => Some((result, part)),
            Content::Text(_)
            | Content::Refusal(_)
            | Content::Media(_)
            | Content::Call(_)
            | Content::Thinking(_)
            | Content::Redacted
            | Content::Other(_) => None,
        });
        let returned = self.results(results)?;
        let at = self.open("user");
        for part in parts() {
            self.losses.drop_if(part.cache.is_some(), "cache_control");
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => self.text(text, part, false),
                Content::Media(media) => self.media(media, part)?,
                Content::Other(other) if other.by == Protocol::Gemini => self.other(other),
                Content::Result(_) | Content::Thinking(_) | Content::Redacted => {}
                Content::Call(_) => {
                    return Err(Error::field(FIELD, "a call cannot stand in the user's turn"));
                }
                Content::Other(other) => {
                    let message = format!("this provider has no `{}`", other.name);
                    return Err(Error::field(FIELD, message));
                }
            }
        }
        let said = self.close(at);
        self.dress(said || returned, turns());
        Ok(())
    }

    /// What tools returned. False if they returned nothing.
    fn results(
        &mut self,
        results: impl Iterator<Item = (&'r CallResult<'r>, &'r Part<'r>)>,
    ) -> Result<bool, Error> {
        let mut calls = std::mem::take(&mut self.calls);
        let mut answers = vec![None; calls.len()];
        for (result, part) in results {
            let at = calls.answer(&result.id, result.name.as_ref());
            let Some(place) = at.and_then(|at| answers.get_mut(at)) else {
                let message = format!("no call before has the id `{}`", result.id.decode());
                return Err(Error::field(FIELD, message));
            };
            *place = Some((result, part));
        }
        if answers.is_empty() {
            return Ok(false);
        }
        let at = self.open("user");
        for (n, answer) in answers.into_iter().enumerate() {
            let Some((result, part)) = answer else {
                let id = calls.id(n).map(|id| id.decode().into_owned()).unwrap_or_default();
                let message = format!("the call `{id}` has no result");
                return Err(Error::field(FIELD, message));
            };
            if let Some(name) = calls.name(n) {
                self.result(name, result, part)?;
            }
        }
        Ok(self.close(at))
    }

    fn result(
        &mut self,
        name: &Text<'_>,
        result: &CallResult<'_>,
        part: &Part<'_>,
    ) -> Result<(), Error> {
        out::comma(self.out);
        self.out.extend_from_slice(b"{\"functionResponse\":{");
        out::name(self.out, "name");
        out::function(self.out, name);
        let texts = result.parts.iter().filter_map(|part| match &part.content {
            Content::Text(text) | Content::Refusal(text) => Some(text),
            Content::Media(_)
            | Content::Call(_)
            | Content::Result(_)
            | Content::Thinking(_)
            | Content::Redacted
            | Content::Other(_) => None,
        });
        out::name(self.out, "response");
        runs::response(texts, result.failed, self.out);
        self.attachments(result)?;
        self.end(part, "functionResponse.");
        Ok(())
    }

    /// Media that a tool returned.
    fn attachments(&mut self, result: &CallResult<'_>) -> Result<(), Error> {
        let mut any = false;
        for part in &result.parts {
            self.losses.drop_if(part.cache.is_some(), "cache_control");
            match &part.content {
                Content::Text(_) | Content::Refusal(_) => {
                    // The text itself is in the response.
                    part.extra.iter().for_each(|extra| self.losses.drop_extra(extra));
                }
                Content::Media(media) => {
                    if !any {
                        out::name(self.out, "parts");
                        self.out.push(b'[');
                    }
                    any = true;
                    out::comma(self.out);
                    let path = write_media::write(media, self.facts, self.out, self.losses)?;
                    self.end(part, path);
                }
                Content::Call(_)
                | Content::Result(_)
                | Content::Thinking(_)
                | Content::Redacted
                | Content::Other(_) => {
                    let message = "a tool may return text and media only";
                    return Err(Error::field(FIELD, message));
                }
            }
        }
        if any {
            self.out.push(b']');
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>, part: &Part<'_>, thought: bool) {
        let own = own_signature(part);
        if text.is_empty() && own.is_none() {
            part.extra.iter().for_each(|extra| self.losses.drop_extra(extra));
            return;
        }
        out::comma(self.out);
        self.out.push(b'{');
        out::text(self.out, "text", text);
        if thought {
            out::raw(self.out, "thought", b"true");
        }
        self.members(part, own, "");
        self.out.push(b'}');
    }

    /// A thought: Gemini's own, or one that nobody signed.
    fn thought(&mut self, text: &Text<'_>, part: &Part<'_>) {
        if part.signature.is_none() || own_signature(part).is_some() {
            self.text(text, part, !text.is_empty());
        }
    }

    fn media(&mut self, media: &Media<'_>, part: &Part<'_>) -> Result<(), Error> {
        out::comma(self.out);
        let path = write_media::write(media, self.facts, self.out, self.losses)?;
        self.end(part, path);
        Ok(())
    }

    fn call(&mut self, call: &'r Call<'r>, part: &Part<'_>, signed: bool) {
        out::comma(self.out);
        self.out.extend_from_slice(b"{\"functionCall\":{");
        out::name(self.out, "name");
        out::function(self.out, &call.name);
        out::name(self.out, "args");
        out::arguments(self.out, &call.arguments);
        nested(self.out, part, "functionCall.");
        self.out.push(b'}');
        let own = own_signature(part);
        if own.is_none() && signed && self.calls.len() == 0 {
            out::raw(self.out, "thoughtSignature", SKIP);
        }
        self.calls.push(call.id.borrowed(), call.name.borrowed());
        self.members(part, own, "functionCall.");
        self.out.push(b'}');
    }

    fn other(&mut self, other: &Extra<'_>) {
        if other.by == Protocol::Gemini {
            out::comma(self.out);
            other.value.write(self.out);
        } else {
            self.losses.drop(other.name.clone().into_owned());
        }
    }

    /// Ends the object of a part's data, and the part.
    fn end(&mut self, part: &Part<'_>, path: &str) {
        nested(self.out, part, path);
        self.out.push(b'}');
        self.members(part, own_signature(part), path);
        self.out.push(b'}');
    }

    /// The members of a part beside its data.
    fn members(&mut self, part: &Part<'_>, signature: Option<&Text<'_>>, path: &str) {
        if let Some(signature) = signature {
            out::text(self.out, "thoughtSignature", signature);
        }
        for extra in &part.extra {
            if extra.by != Protocol::Gemini {
                self.losses.drop_extra(extra);
            } else if path.is_empty() || !extra.name.starts_with(path) {
                out::extra(self.out, &extra.name, extra);
            }
        }
    }
}

/// The members of our own that belong in the object of a part's data.
fn nested(out: &mut Vec<u8>, part: &Part<'_>, path: &str) {
    for extra in part.extra.iter().filter(|extra| extra.by == Protocol::Gemini) {
        if let Some(name) = extra.name.strip_prefix(path) {
            out::extra(out, name, extra);
        }
    }
}

fn own_signature<'p>(part: &'p Part<'_>) -> Option<&'p Text<'p>> {
    let signature = part.signature.as_ref().filter(|own| own.by == Protocol::Gemini);
    signature.map(|signature| &signature.data)
}
