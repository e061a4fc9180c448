//! What the codecs cost: JSON bodies of a chat, and streams of events.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot prepare its input has nothing to measure"
)]

use std::fmt::Write;
use std::hint::black_box;

use crabllm::codec::json;
use crabllm::codec::sse;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use sonic_rs::LazyValue;

/// What the strings of a body are made of.
#[derive(Clone, Copy)]
enum Text {
    /// Prose and code with an escape every 30 to 60 bytes and some letters beyond ASCII.
    Mixed,
    /// Chinese, as it is.
    Cjk,
    /// Chinese, escaped as Python's `json.dumps` does unless told otherwise.
    Escaped,
}

/// A chat request of about `size` bytes, the same at each call.
fn chat(size: usize, text: Text) -> Vec<u8> {
    let mut body = String::from(
        r#"{"model": "gpt-4o-mini", "temperature": 0.7, "stream": true, "messages": [{"role": "system", "content": "You are a helpful assistant."}"#,
    );
    let mut seed = 7_u32;
    // Messages grow with the body, up to what a file pasted into a chat has.
    let longest = (size / 4).clamp(150, 24_000);
    let mut user = true;
    while body.len() + 250 < size {
        let length = longest.min(size - body.len() - 200);
        let role = if user { "user" } else { "assistant" };
        write!(
            body,
            r#", {{"role": "{role}", "content": "{}"}}"#,
            content(length, text, &mut seed)
        )
        .expect("strings can be written to");
        user = !user;
    }
    body.push_str(
        r#"], "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}]}"#,
    );
    body.into_bytes()
}

fn content(length: usize, text: Text, seed: &mut u32) -> String {
    let words =
        ["the", "request", "returns", "a", "value", "when", "function", "is", "called", "with"];
    let mut out = String::new();
    while out.len() < length {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let n = *seed >> 16;
        match (text, n % 16) {
            (Text::Cjk, _) => {
                out.push_str("\u{8bf7}\u{6c42}\u{8fd4}\u{56de}\u{4e00}\u{4e2a}\u{503c}")
            }
            (Text::Escaped, _) => out.push_str(r"\u8bf7\u6c42\u8fd4\u56de "),
            (Text::Mixed, 0) => out.push_str(r"\n"),
            (Text::Mixed, 1) => out.push_str(r#"\"quoted\""#),
            (Text::Mixed, 2) if n.is_multiple_of(3) => out.push_str("caf\u{e9} "),
            (Text::Mixed, _) => {
                out.push_str(words.get(n as usize / 16 % words.len()).copied().unwrap_or("x"));
                out.push(' ');
            }
        }
    }
    out
}

/// All that a translation looks at: every message's role and content.
fn walk(body: &[u8]) -> usize {
    contents(json::validate_object(body).expect("valid"))
}

/// The same with the places of the parts known.
fn walk_marked(body: &[u8]) -> usize {
    contents(json::Document::read(body, |_, _| {}).expect("valid").value())
}

fn contents(body: json::Value<'_>) -> usize {
    let messages = body.get("messages").expect("there are some");
    let members = messages.elements().flat_map(json::Value::members);
    members.filter(|m| m.key.is("content")).map(|m| m.value.raw().len()).sum()
}

fn json_bodies(c: &mut Criterion) {
    let bodies = [
        ("1K", chat(1024, Text::Mixed)),
        ("20K", chat(20 << 10, Text::Mixed)),
        ("200K", chat(200 << 10, Text::Mixed)),
        ("200K-cjk", chat(200 << 10, Text::Cjk)),
        ("200K-escaped", chat(200 << 10, Text::Escaped)),
    ];
    for (name, body) in &bodies {
        let mut group = c.benchmark_group(format!("json/{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("validate", |b| b.iter(|| json::validate(black_box(body)).is_ok()));
        group.bench_function("object", |b| {
            b.iter(|| {
                let mut members = 0;
                json::object(black_box(body), |member, at| members += at + member.key.raw().len())
                    .map(|()| members)
            });
        });
        group.bench_function("walk", |b| b.iter(|| walk(black_box(body))));
        group.bench_function("walk-marked", |b| b.iter(|| walk_marked(black_box(body))));
        group.bench_function("sonic-lazy", |b| {
            b.iter(|| sonic_rs::from_slice::<LazyValue<'_>>(black_box(body)).is_ok());
        });
        group.bench_function("sonic-members", |b| {
            b.iter(|| {
                sonic_rs::to_object_iter(black_box(body.as_slice())).filter(Result::is_ok).count()
            });
        });
        group.bench_function("serde-value", |b| {
            b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(body)).is_ok());
        });
        group.bench_function("memcpy", |b| {
            let mut copy = vec![0; body.len()];
            b.iter(|| copy.copy_from_slice(black_box(body)));
        });
        group.finish();
    }
}

/// An answer with one vector, in the layout of OpenAI's or of servers that waste no bytes.
fn embedding(length: u32, spaced: bool) -> Vec<u8> {
    let gap = if spaced { ",\n        " } else { "," };
    let number = |n: u32| f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX) - 0.5;
    let vector: Vec<String> = (1..=length).map(|n| format!("{:.9}", number(n) / 10.0)).collect();
    let vector = vector.join(gap);
    format!(
        r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[{vector}]}}],"model":"m","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
    )
    .into_bytes()
}

fn embeddings(c: &mut Criterion) {
    for (name, spaced) in [("tight", false), ("spaced", true)] {
        let body = embedding(1536, spaced);
        let mut group = c.benchmark_group(format!("json/embedding-{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("validate", |b| b.iter(|| json::validate(black_box(&body)).is_ok()));
        group.bench_function("sonic-lazy", |b| {
            b.iter(|| sonic_rs::from_slice::<LazyValue<'_>>(black_box(&body)).is_ok());
        });
        group.finish();
    }
}

fn write_strings(c: &mut Criterion) {
    let text = content(20 << 10, Text::Mixed, &mut 7).replace(r"\n", "\n").replace('\\', "");
    let mut group = c.benchmark_group("json/write-str-20K");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let mut out = Vec::with_capacity(2 * text.len());
    group.bench_function("write_str", |b| {
        b.iter(|| {
            out.clear();
            json::write_str(&mut out, black_box(&text));
        });
    });
    group.finish();
}

fn events(c: &mut Criterion) {
    let head = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":""#;
    let tail = "\"}}]}\n\n";
    let event = format!("{head}{}{tail}", "x".repeat(200 - head.len() - tail.len()));
    let stream = event.repeat(512).into_bytes();
    let mut group = c.benchmark_group("sse/200-byte-events");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("decode", |b| b.iter(|| decode(black_box(&stream), |frame| frame.len())));
    group.bench_function("decode-and-data", |b| {
        b.iter(|| decode(black_box(&stream), |frame| frame.data().map_or(0, |data| data.len())));
    });
    group.finish();
}

/// The sum of what `look` makes of each frame.
fn decode(stream: &[u8], look: impl Fn(sse::Frame<'_>) -> usize) -> usize {
    let mut decoder = sse::Decoder::new(1 << 20);
    let mut rest = stream;
    let mut sum = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        rest = rest.get(frame.len()..).unwrap_or_default();
        sum += look(frame);
    }
    sum
}

criterion_group!(benches, json_bodies, embeddings, write_strings, events);
criterion_main!(benches);
