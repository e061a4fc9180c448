//! `kind = "demo"`: answers made here, so that a first request needs no key and no network.
//!
//! It tells facts about the request it answers, as a real stream at a settable pace. Pure: the
//! exchange waits and writes.

use std::time::Duration;

use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;

/// The settings of a demo provider.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    tokens_per_second: u32,
}

/// What there is to tell of a request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The model asked for.
    pub model: &'a str,
    /// Name of the caller's key; empty without one.
    pub key: &'a str,
    /// The request's body.
    pub body: &'a [u8],
    /// The shard that answers.
    pub shard: usize,
    /// What that shard runs on.
    pub driver: &'a str,
    /// Tokens the answer may have.
    pub token_cap: Option<u64>,
}

/// One answer, word by word.
#[derive(Clone, Debug)]
pub struct Script {
    id: String,
    model: String,
    created: u64,
    text: String,
    words: Vec<(usize, usize)>,
    cut: bool,
    prompt_tokens: u64,
}

impl Demo {
    /// A provider that sends so many tokens a second; zero is as fast as possible.
    #[must_use]
    pub const fn new(tokens_per_second: u32) -> Self {
        Self { tokens_per_second }
    }

    /// The wait before each word.
    #[must_use]
    pub fn pace(self) -> Option<Duration> {
        Duration::from_secs(1).checked_div(self.tokens_per_second)
    }

    /// Writes the answer to a request. `created` is Unix seconds.
    #[must_use]
    pub fn script(self, facts: &Facts<'_>, id: String, created: u64) -> Script {
        let text = tell(facts);
        let mut words: Vec<_> =
            text.split_inclusive(' ').scan(0, |at, word| span(at, word.len())).collect();
        let cap =
            facts.token_cap.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX));
        let cut = words.len() > cap;
        words.truncate(cap);
        Script {
            id,
            model: facts.model.to_owned(),
            created,
            words,
            cut,
            text,
            // About four bytes of text make a token.
            prompt_tokens: (facts.body.len() as u64).div_ceil(4),
        }
    }
}

fn span(at: &mut usize, len: usize) -> Option<(usize, usize)> {
    let start = *at;
    *at += len;
    Some((start, *at))
}

/// What a message says: its content, or the last text of it.
fn said(content: json::Value<'_>) -> Option<json::Str<'_>> {
    let texts = content.elements().filter_map(|part| part.get("text")?.as_str());
    content.as_str().or_else(|| texts.last())
}

fn tell(facts: &Facts<'_>) -> String {
    let body = json::validate(facts.body).ok();
    let messages = body.and_then(|body| body.get("messages"));
    let count = messages.map_or(0, |messages| messages.elements().count());
    let said = messages
        .and_then(|messages| messages.elements().last())
        .and_then(|message| message.get("content"))
        .and_then(said)
        .map(|text| text.decode().chars().take(200).collect::<String>());
    let said = said.map_or_else(String::new, |said| format!(" You said: \"{said}\"."));
    let key = if facts.key.is_empty() {
        "without a key".to_owned()
    } else {
        format!("with the key `{}`", facts.key)
    };
    let plural = if count == 1 { "" } else { "s" };
    format!(
        "Hello from CrabLLM.{said} Your request came {key}, holds {count} message{plural} in {} \
         bytes, and was answered by shard {} on {}. Add a provider to the configuration and this \
         same request reaches a real model.",
        facts.body.len(),
        facts.shard,
        facts.driver
    )
}

impl Script {
    /// How many words the answer has; each is one token.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.words.len()
    }

    /// What is counted once so many words are told.
    #[must_use]
    pub fn usage(&self, told: usize) -> Usage {
        let completion = self.words.len().min(told) as u64;
        Usage { prompt: self.prompt_tokens, completion, ..Usage::default() }
    }

    /// The beginning of the answer.
    #[must_use]
    pub fn start(&self) -> Event<'_> {
        Event::Start(Start {
            id: Text::plain(&self.id),
            model: Text::plain(&self.model),
            created: Some(self.created),
            usage: Some(self.usage(0)),
        })
    }

    /// The word `at`.
    #[must_use]
    pub fn word(&self, at: usize) -> Event<'_> {
        let word = self.words.get(at).and_then(|(start, end)| self.text.get(*start..*end));
        Event::Text { choice: 0, text: Text::plain(word.unwrap_or_default()) }
    }

    /// The end of the answer.
    #[must_use]
    pub fn end(&self) -> [Event<'_>; 3] {
        let reason = if self.cut { Finish::Length } else { Finish::Stop };
        let usage = Event::Usage(self.usage(self.words.len()));
        [Event::Finish { choice: 0, reason }, usage, Event::End]
    }

    /// All of it, in order.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let words = (0..self.words.len()).map(|at| self.word(at));
        std::iter::once(self.start()).chain(words).chain(self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::{Demo, Facts};
    use crate::chat::{Finish, Fold, Said, Sink};

    fn facts(body: &[u8], token_cap: Option<u64>) -> Facts<'_> {
        Facts { model: "demo", key: "k", body, shard: 1, driver: "epoll", token_cap }
    }

    fn told(body: &str, cap: Option<u64>) -> (String, Option<Finish<'static>>, u64) {
        let script = Demo::new(0).script(&facts(body.as_bytes(), cap), "id".into(), 1);
        let mut fold = Fold::default();
        script.events().for_each(|event| fold.event(event));
        let mut answer = fold.answer();
        let choice = answer.choices.remove(0);
        let text = match &choice.parts[..] {
            [] => String::new(),
            [Said::Text { text, .. }] => text.decode().into_owned(),
            others => panic!("{others:?}"),
        };
        (text, choice.finish.map(Finish::into_owned), answer.usage.unwrap().completion)
    }

    const BODY: &str = r#"{"model":"demo","messages":[{"role":"user","content":"Hi \"you\""}]}"#;

    #[test]
    fn it_tells_facts() {
        let (text, finish, _) = told(BODY, None);
        for fact in ["Hi \"you\"", "key `k`", "1 message in 68 bytes", "shard 1 on epoll"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        assert_eq!(finish, Some(Finish::Stop));
        let blocks = BODY.replace(r#""Hi \"you\"""#, r#"[{"text":"a"},{"text":"So?"},{}]"#);
        assert!(told(&blocks, None).0.contains("You said: \"So?\""));
    }

    #[test]
    fn a_limit_is_kept() {
        for cap in [0, 3] {
            let (text, finish, tokens) = told(BODY, Some(cap));
            assert_eq!((text.split_whitespace().count() as u64, tokens), (cap, cap));
            assert_eq!(finish, Some(Finish::Length));
        }
    }
}
