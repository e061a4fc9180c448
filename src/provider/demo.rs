//! `kind = "demo"`: answers made here, so that a first request needs no key and no network.
//!
//! It tells facts about the request it answers, as a real stream at a settable pace. Pure: the
//! exchange waits and writes.

use std::time::Duration;

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

fn tell(facts: &Facts<'_>) -> String {
    let body = json::validate(facts.body).ok();
    let messages = body.and_then(|body| body.get("messages"));
    let count = messages.map_or(0, |messages| messages.elements().count());
    let said = messages
        .and_then(|messages| messages.elements().last())
        .and_then(|message| message.get("content"))
        .and_then(json::Value::as_str)
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
    pub fn tokens(&self) -> u64 {
        self.words.len() as u64
    }

    /// What the prompt counts as.
    #[must_use]
    pub const fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens
    }

    /// How many events the stream has before `[DONE]`, the usage's included.
    #[must_use]
    pub fn events(&self) -> usize {
        self.words.len() + 3
    }

    fn word(&self, at: usize) -> Option<&str> {
        let (start, end) = *self.words.get(at)?;
        self.text.get(start..end)
    }

    const fn finish_reason(&self) -> &'static str {
        if self.cut { "length" } else { "stop" }
    }

    /// Appends event `at` of the stream as an SSE frame: the role, the words, the finish, the usage.
    pub fn event(&self, out: &mut Vec<u8>, at: usize) {
        out.extend_from_slice(b"data: ");
        self.begin(out, "chat.completion.chunk");
        let last = self.words.len() + 1;
        if at > last {
            out.extend_from_slice(br#","choices":[]"#);
            self.usage(out);
        } else {
            out.extend_from_slice(br#","choices":[{"index":0,"delta":"#);
            let delta = match at.checked_sub(1).and_then(|word| self.word(word)) {
                Some(word) => {
                    let mut delta = br#"{"content":"#.to_vec();
                    json::write_str(&mut delta, word);
                    delta.push(b'}');
                    delta
                }
                None if at == 0 => br#"{"role":"assistant","content":"","refusal":null}"#.to_vec(),
                None => b"{}".to_vec(),
            };
            out.extend_from_slice(&delta);
            out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
            if at == last {
                json::write_str(out, self.finish_reason());
            } else {
                out.extend_from_slice(b"null");
            }
            out.extend_from_slice(b"}]");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// Appends the whole answer.
    pub fn whole(&self, out: &mut Vec<u8>) {
        self.begin(out, "chat.completion");
        out.extend_from_slice(
            br#","choices":[{"index":0,"message":{"role":"assistant","content":"#,
        );
        let end = self.words.last().map_or(0, |(_, end)| *end);
        json::write_str(out, self.text.get(..end).unwrap_or_default());
        out.extend_from_slice(br#","refusal":null},"logprobs":null,"finish_reason":"#);
        json::write_str(out, self.finish_reason());
        out.extend_from_slice(b"}]");
        self.usage(out);
        out.push(b'}');
    }

    fn begin(&self, out: &mut Vec<u8>, object: &str) {
        out.extend_from_slice(br#"{"id":"#);
        json::write_str(out, &self.id);
        out.extend_from_slice(br#","object":"#);
        json::write_str(out, object);
        let created = self.created;
        out.extend_from_slice(format!(r#","created":{created},"model":"#).as_bytes());
        json::write_str(out, &self.model);
    }

    fn usage(&self, out: &mut Vec<u8>) {
        let (prompt, tokens) = (self.prompt_tokens, self.tokens());
        let total = prompt + tokens;
        let text = format!(
            r#","usage":{{"prompt_tokens":{prompt},"completion_tokens":{tokens},"total_tokens":{total}}}"#
        );
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{Demo, Facts};
    use crate::codec::json;
    use crate::protocol::openai::{response, stream};

    fn facts(token_cap: Option<u64>) -> Facts<'static> {
        let body = br#"{"model":"demo","messages":[{"role":"user","content":"Hi \"you\""}]}"#;
        Facts { model: "demo", key: "k", body, shard: 1, driver: "epoll", token_cap }
    }

    fn folded(cap: Option<u64>) -> (String, bool, u64) {
        let script = Demo::new(0).script(&facts(cap), "id".into(), 1);
        let (mut tap, mut text) = (stream::Tap::new(false, 1), String::new());
        for at in 0..script.events() {
            let mut out = Vec::new();
            script.event(&mut out, at);
            let data = out.strip_prefix(b"data: ").unwrap().strip_suffix(b"\n\n").unwrap();
            tap.event(data).unwrap();
            let choices = json::validate(data).unwrap().get("choices").unwrap();
            let delta = choices.elements().next().and_then(|choice| choice.get("delta"));
            if let Some(content) = delta.and_then(|delta| delta.get("content")) {
                text.push_str(&content.as_str().unwrap().decode());
            }
        }
        (text, tap.is_finished(), tap.usage().unwrap().completion)
    }

    #[test]
    fn stream_and_whole_say_the_same() {
        for cap in [None, Some(3), Some(0)] {
            let script = Demo::new(0).script(&facts(cap), "id".into(), 1);
            let mut whole = Vec::new();
            script.whole(&mut whole);
            let (text, finished, tokens) = folded(cap);
            let usage = response::read(&whole).unwrap().usage.unwrap();
            assert_eq!((finished, tokens), (true, usage.completion));
            let message = json::validate(&whole).unwrap().get("choices").unwrap();
            let message = message.elements().next().unwrap().get("message").unwrap();
            assert_eq!(message.get("content").unwrap().as_str().unwrap().decode(), text);
        }
    }

    #[test]
    fn it_tells_facts() {
        let (text, _, _) = folded(None);
        for fact in ["Hi \"you\"", "key `k`", "1 message in 68 bytes", "shard 1 on epoll"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
    }
}
