//! The table of decisions: every fault, before and after content, streamed and whole, with every
//! way out: the same deployment again, another key, another deployment, another model, or none.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;

use crate::lab::Turn;
use crate::support::client::Answer;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::http;
use crate::support::script::Gate;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::script::answer_bytes;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;

/// What goes wrong with the first attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Connect,
    Tls,
    /// A refusal: status, header lines, type and code.
    Status(u16, &'static str, &'static str, &'static str),
    Garbage,
    Cut,
    Stall,
    /// A 200 that turns out to be a failure.
    Event,
}

/// Where a request could go on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Again,
    OtherKey,
    OtherDeployment,
    OtherModel,
    /// Another model that is listed for prompts that are too long, or against the rules.
    ListedModel,
    Nowhere,
}

const WAYS: [Way; 6] = [
    Way::Again,
    Way::OtherKey,
    Way::OtherDeployment,
    Way::OtherModel,
    Way::ListedModel,
    Way::Nowhere,
];

/// A fault, the ways out of it, and the status that the client sees where there is none.
type Row = (Fault, &'static [Way], u16);

const ALL: &[Way] = &[Way::Again, Way::OtherKey, Way::OtherDeployment, Way::OtherModel];
const ELSEWHERE: &[Way] = &[Way::OtherKey, Way::OtherDeployment, Way::OtherModel];

const TABLE: [Row; 24] = [
    // The port stays shut, so that asking again is of no use, and so is another key.
    (Fault::Connect, &[Way::OtherDeployment, Way::OtherModel], 502),
    (Fault::Tls, &[Way::OtherDeployment, Way::OtherModel], 502),
    (Fault::Status(400, "", "invalid_request_error", "bad"), &[], 400),
    (Fault::Status(401, "", "authentication_error", "invalid_api_key"), ELSEWHERE, 401),
    (Fault::Status(403, "", "permission_error", "forbidden"), ELSEWHERE, 403),
    (Fault::Status(404, "", "invalid_request_error", "model_not_found"), &[], 404),
    (Fault::Status(408, "", "timeout", "timeout"), ALL, 408),
    (Fault::Status(409, "", "conflict", "conflict"), ALL, 409),
    (Fault::Status(413, "", "invalid_request_error", "too_large"), &[], 413),
    (
        Fault::Status(400, "", "invalid_request_error", "context_length_exceeded"),
        &[Way::ListedModel],
        400,
    ),
    (Fault::Status(400, "", "invalid_request_error", "content_filter"), &[Way::ListedModel], 400),
    (Fault::Status(429, "", "requests", "rate_limit_exceeded"), ALL, 429),
    (Fault::Status(429, "retry-after-ms: 40\r\n", "requests", "rate_limit_exceeded"), ALL, 429),
    (Fault::Status(429, "retry-after: 40\r\n", "requests", "rate_limit_exceeded"), ELSEWHERE, 429),
    (Fault::Status(429, "", "insufficient_quota", "insufficient_quota"), ELSEWHERE, 429),
    (Fault::Status(500, "", "server_error", "e"), ALL, 500),
    (Fault::Status(502, "", "server_error", "e"), ALL, 502),
    (Fault::Status(503, "retry-after-ms: 30\r\n", "server_error", "e"), ALL, 503),
    (Fault::Status(504, "", "server_error", "e"), ALL, 504),
    (Fault::Status(529, "", "overloaded_error", "e"), ALL, 529),
    (Fault::Garbage, ALL, 502),
    (Fault::Cut, ALL, 502),
    (Fault::Stall, ALL, 504),
    (Fault::Event, ALL, 500),
];

/// When the fault comes, and in what.
#[derive(Clone, Copy, Debug)]
struct Cell {
    stream: bool,
    after: bool,
}

const CELLS: [Cell; 4] = [
    Cell { stream: false, after: false },
    Cell { stream: false, after: true },
    Cell { stream: true, after: false },
    Cell { stream: true, after: true },
];

const FAILURE: &str =
    r#"{"error":{"message":"it broke","type":"server_error","param":null,"code":null}}"#;

/// What a provider says that fails in this way.
fn broken(fault: Fault, cell: Cell, gate: &Gate) -> Script {
    let event = |text: &str| http::as_chunk(text.as_bytes());
    let mut head = Script::default().send(STREAM_HEAD);
    let told = fixtures::stream(3)[..if cell.after { 3 } else { 1 }].concat();
    head = head.send(event(&told));
    if cell.after {
        // What comes with the content is still before it for the client.
        head = head.wait(gate);
    }
    let half = answer_bytes(200, "", fixtures::COMPLETION);
    let at = half.len() - if cell.after { 40 } else { fixtures::COMPLETION.len() };
    let half = Script::default().send(&half[..at]);
    match (fault, cell.stream) {
        (Fault::Connect | Fault::Tls, _) => panic!("nobody is there"),
        (Fault::Status(status, lines, kind, code), _) => {
            let body = format!(
                "{{\"error\":{{\"message\":\"no\",\"type\":\"{kind}\",\"param\":null,\
                 \"code\":\"{code}\"}}}}"
            );
            Script::answer(status, lines, &body)
        }
        (Fault::Garbage, true) => head.send(event("data: {\"choices\n\n")).hold(),
        (Fault::Garbage, false) => Script::json(200, "{\"choices\":["),
        (Fault::Cut, true) => head.fin(),
        (Fault::Cut, false) => half.fin(),
        (Fault::Stall, true) => head.hold(),
        (Fault::Stall, false) => half.hold(),
        (Fault::Event, true) => head.send(event(&format!("data: {FAILURE}\n\n"))).hold(),
        (Fault::Event, false) => Script::json(200, FAILURE),
    }
}

/// The name under which a cell and a way have their providers and models.
fn name(cell: usize, way: Way, role: &str) -> String {
    format!("c{cell}-{way:?}-{role}").to_lowercase()
}

/// The providers of one row: for each cell and way a first that fails once, and who comes after.
fn config(fault: Fault, addr: SocketAddr, others: (SocketAddr, SocketAddr)) -> String {
    let (mut tables, mut chains) = (String::new(), "[fallbacks]\n".to_owned());
    for (cell, way) in (0..CELLS.len()).flat_map(|cell| WAYS.map(|way| (cell, way))) {
        let first = name(cell, way, "first");
        let base = match fault {
            Fault::Connect => format!("http://{}/{first}/v1", others.0),
            Fault::Tls => format!("https://{}/{first}/v1", others.1),
            _ => format!("http://{addr}/{first}/v1"),
        };
        let keys = if way == Way::OtherKey { "[\"k1\", \"k2\"]" } else { "\"k1\"" };
        let retries = u32::from(way == Way::Again);
        let patience = if fault == Fault::Stall { 0.5 } else { 20.0 };
        tables += &format!(
            "[providers.{first}]\nkind = \"openai\"\nbase_url = \"{base}\"\napi_key = {keys}\n\
             models = [\"{first}\"]\nmax_retries = {retries}\nfirst_byte_timeout = {patience}\n\
             stream_idle_timeout = {patience}\n"
        );
        let second = name(cell, way, "second");
        let serves = if way == Way::OtherDeployment { &first } else { &second };
        tables += &format!(
            "[providers.{second}]\nkind = \"openai\"\nbase_url = \"http://{addr}/{second}/v1\"\n\
             models = [\"{serves}\"]\nweight = 0\nmax_retries = 0\n"
        );
        chains += &match way {
            Way::OtherModel => format!("{first} = [\"{second}\"]\n"),
            Way::ListedModel => format!(
                "{first} = [{{ model = \"{second}\", on = [\"context_length\", \
                 \"content_filter\"] }}]\n"
            ),
            Way::Again | Way::OtherKey | Way::OtherDeployment | Way::Nowhere => String::new(),
        };
    }
    tables + &chains
}

/// The provider that a request is for: the first segment of its path.
fn provider(seen: &Seen) -> String {
    seen.head.start.split('/').nth(1).unwrap_or_default().to_owned()
}

fn usual(seen: &Seen) -> Script {
    if seen.json()["stream"] == true {
        Script::stream(&fixtures::stream(3))
    } else {
        Script::json(200, fixtures::COMPLETION)
    }
}

/// A provider whose name ends in `first` fails the first time it is asked.
fn upstream(fault: Fault, gates: Arc<HashMap<String, Gate>>) -> Upstream {
    let asked: Mutex<HashMap<String, usize>> = Mutex::default();
    Upstream::start(move |seen| {
        let name = provider(seen);
        let mut asked = asked.lock().expect("the count");
        let times = asked.entry(name.clone()).or_default();
        *times += 1;
        if name.ends_with("first") && *times == 1 {
            let cell: usize = name[1..2].parse().expect("a cell");
            return broken(fault, CELLS[cell], &gates[&name]);
        }
        usual(seen)
    })
}

/// A port that speaks something else than TLS.
fn no_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let addr = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _gone = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n"));
        }
    });
    addr
}

struct Case<'c> {
    row: Row,
    cell: Cell,
    way: Way,
    answer: &'c Answer,
    record: &'c Value,
    seen: &'c [Seen],
}

impl Case<'_> {
    fn judge(&self) {
        let Self { row: (fault, ways, status), cell, way, answer, record, seen } = self;
        let (text, ending) = (answer.text(), answer.ending);
        let what =
            format!("{fault:?} {cell:?} {way:?}: {:?} {ending:?} {text} {record}", answer.head);
        let told = fails_after_content(*fault, *cell);
        let answered = ways.contains(way) && !told;
        let retried = *way == Way::Again && matches!(fault, Fault::Connect | Fault::Tls);
        let attempts = 1 + usize::from(answered || retried);
        assert_eq!(record["attempts"], attempts, "{what}");
        assert_eq!(record["tried"].as_array().map(Vec::len), Some(attempts - 1), "{what}");
        if told {
            assert_eq!(answer.status(), 200, "{what}");
            assert!(matches!(answer.ending, Ending::Closed | Ending::Reset), "{what}");
            assert!(answer.text().contains("w1 ") && answer.text().contains("\"error\""), "{what}");
            assert!(!answer.text().contains("[DONE]"), "{what}");
        } else if answered {
            assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{what}");
            assert_eq!(answer.head.get("x-crabllm-attempts"), Some("2"), "{what}");
            assert!(answer.head.get("x-crabllm-tried").is_some(), "{what}");
            if cell.stream {
                assert_eq!(answer.text(), expected_stream(), "{what}");
            } else {
                assert_eq!(answer.text(), fixtures::COMPLETION, "{what}");
            }
        } else {
            assert_eq!((answer.status(), answer.ending), (*status, Ending::Complete), "{what}");
            assert!(answer.json()["error"]["message"].is_string(), "{what}");
        }
        let sent = if matches!(fault, Fault::Connect | Fault::Tls) { 1 } else { 0 };
        let reached = if answered { attempts - sent } else { 1 - sent };
        assert_eq!(seen.len(), reached, "{what}");
        if answered && *way == Way::OtherKey {
            assert_ne!(seen[0].head.get("authorization"), seen[1].head.get("authorization"));
        }
    }
}

/// Whether the client has content by the time of the fault.
const fn fails_after_content(fault: Fault, cell: Cell) -> bool {
    let speaks = !matches!(fault, Fault::Connect | Fault::Tls | Fault::Status(..));
    cell.stream && cell.after && speaks
}

/// What the client of a stream sees that did not ask for usage.
fn expected_stream() -> String {
    let events = fixtures::stream(3);
    events.iter().filter(|event| !event.contains("\"usage\"")).cloned().collect()
}

/// The gateway and the providers of one row.
struct Bench {
    row: Row,
    gateway: Gateway,
    upstream: Upstream,
    gates: Arc<HashMap<String, Gate>>,
}

impl Bench {
    fn new(row: Row) -> Self {
        let named = |cell| WAYS.map(|way| (name(cell, way, "first"), Gate::default()));
        let gates: Arc<HashMap<String, Gate>> =
            Arc::new((0..CELLS.len()).flat_map(named).collect());
        let upstream = upstream(row.0, Arc::clone(&gates));
        let shut = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
        let tables = config(row.0, upstream.addr, (shut, no_tls()));
        let setup = Setup::new(&upstream.base_url()).shards(1).tables(&tables);
        Self { row, gateway: Gateway::start(&setup), upstream, gates }
    }

    fn case(&self, at: usize, way: Way) {
        let (row, cell) = (self.row, CELLS[at]);
        let (model, id) = (name(at, way, "first"), fresh_id("table"));
        let answer = self.ask(&model, cell, &id);
        let record = self.gateway.record(&id);
        let mut seen = self.upstream.requests();
        seen.retain(|seen| seen.user() == id);
        Case { row, cell, way, answer: &answer, record: &record, seen: &seen }.judge();
    }

    fn ask(&self, model: &str, cell: Cell, id: &str) -> Answer {
        let mut client = self.gateway.client();
        let request = Req::chat(fixtures::ask(model, cell.stream, id)).id(id).bytes();
        if !fails_after_content(self.row.0, cell) {
            client.send(&request);
            return client.answer();
        }
        // The beginning of another request, so that the gateway cannot give this one's bytes back.
        client.send(&[&*request, b"P"].concat());
        let head = client.head().expect("a head");
        let before = client.until("w1 ");
        self.gates[model].open();
        let mut answer = client.rest(head);
        answer.body.splice(..0, before.into_bytes());
        answer
    }
}

fn run(row: Row) {
    let bench = &Bench::new(row);
    std::thread::scope(|scope| {
        for cell in 0..CELLS.len() {
            scope.spawn(move || WAYS.into_iter().for_each(|way| bench.case(cell, way)));
        }
    });
}

#[test]
fn every_fault_finds_its_way_out() {
    let _turn = Turn::shared();
    let half = TABLE.len() / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| TABLE[..half].iter().for_each(|row| run(*row)));
        TABLE[half..].iter().for_each(|row| run(*row));
    });
}
