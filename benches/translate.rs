//! What a translation costs: requests of OpenAI's format for Anthropic, and events of every
//! protocol's streams for clients of OpenAI's.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot prepare its input has nothing to measure"
)]

use std::fmt::Write;
use std::hint::black_box;

use crabllm::chat::Event;
use crabllm::chat::Facts;
use crabllm::chat::Losses;
use crabllm::chat::Protocol;
use crabllm::chat::Sink;
use crabllm::chat::Start;
use crabllm::chat::Text;
use crabllm::codec::json::Document;
use crabllm::protocol::Seed;
use crabllm::protocol::Target;
use crabllm::protocol::any;
use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;

// The allocator is a good part of the cost, and this is the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events in one stream.
const EVENTS: u64 = 512;

/// A chat request of about `size` bytes: turns of prose and code, an escape every few dozen bytes.
fn chat(size: usize) -> Vec<u8> {
    let mut body = String::from(
        r#"{"model":"gpt-4o","max_tokens":512,"messages":[{"role":"system","content":"You are a careful reviewer."}"#,
    );
    let text = r#"Please review this:\n\tfn parse(path: &str) -> Result<Limits> { read(\"limits.toml\") }\n"#;
    let longest = (size / 4).clamp(150, 24_000);
    let mut user = true;
    while body.len() + 300 < size {
        let role = if user { "user" } else { "assistant" };
        let length = longest.min(size - body.len() - 200);
        let said = text.repeat(length.div_ceil(text.len()));
        write!(body, r#",{{"role":"{role}","content":"{said}"}}"#).expect("a string takes all");
        user = !user;
    }
    body.push_str(r#",{"role":"user","content":"Go on."}]}"#);
    body.into_bytes()
}

fn requests(c: &mut Criterion) {
    let facts = Facts::default();
    let target = Target::new("claude-sonnet-4-5", &facts);
    let mut group = c.benchmark_group("translate/openai-to-anthropic");
    for size in [1_024, 21_000, 225_000] {
        let body = chat(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut out = Vec::with_capacity(2 * body.len());
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                out.clear();
                let document = Document::read(black_box(&body), |_, _| {}).expect("an object");
                let request = any::read_valid(Protocol::Openai, document.value()).expect("one");
                let mut losses = Losses::default();
                any::write_request(Protocol::Anthropic, &request, &target, &mut out, &mut losses)
                    .expect("it can be carried");
                out.len()
            });
        });
    }
    group.finish();
}

/// Takes events to a client.
struct Written<'w> {
    writer: any::Writer,
    out: &'w mut Vec<u8>,
}

impl<'e> Sink<'e> for Written<'_> {
    fn event(&mut self, event: Event<'e>) {
        self.writer.write(&event, self.out);
    }
}

/// A stream of `protocol`, of [`EVENTS`] pieces of text.
fn stream(protocol: Protocol) -> Vec<u8> {
    let (mut writer, mut out) = (any::Writer::new(protocol, Seed::default(), true), Vec::new());
    let start = Start { id: Text::plain("id"), model: Text::plain("model"), ..Start::default() };
    writer.write(&Event::Start(start), &mut out);
    for n in 0..EVENTS {
        let text = Text::plain(&format!(" word {n}"));
        writer.write(&Event::Text { choice: 0, text }, &mut out);
    }
    out
}

/// A stream of Gemini's as Google sends it: every event counts the tokens so far.
fn counting_stream() -> Vec<u8> {
    let stream = String::from_utf8(stream(Protocol::Gemini)).expect("JSON is UTF-8");
    let counted = stream.split_terminator("}\r\n\r\n").zip(1_u32..).map(|(event, n)| {
        format!(
            "{event},\"usageMetadata\":{{\"promptTokenCount\":21,\"candidatesTokenCount\":{n},\
             \"totalTokenCount\":{},\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\
             \"tokenCount\":21}}]}}}}\r\n\r\n",
            21 + n
        )
    });
    counted.collect::<String>().into_bytes()
}

fn events(c: &mut Criterion) {
    for client in [Protocol::Openai, Protocol::Anthropic] {
        let mut group = c.benchmark_group(format!("translate/events-to-{}", client.as_str()));
        group.throughput(Throughput::Elements(EVENTS));
        let upstreams = Protocol::ALL.into_iter().filter(|upstream| *upstream != client);
        let plain = upstreams.map(|upstream| (upstream, upstream.as_str(), stream(upstream)));
        let counting = (Protocol::Gemini, "gemini-counting", counting_stream());
        for (upstream, name, bytes) in plain.chain([counting]) {
            let mut out = Vec::with_capacity(4 * bytes.len());
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| {
                    out.clear();
                    let mut reader = any::Reader::new(upstream, Seed::default());
                    let writer = any::Writer::new(client, Seed::default(), true);
                    let mut written = Written { writer, out: &mut out };
                    reader.push(black_box(&bytes), &mut written).expect("a stream")
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, requests, events);
criterion_main!(benches);
