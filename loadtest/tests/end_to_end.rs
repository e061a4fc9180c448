//! The binary as its users run it: a mock, and loads against it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtest");

struct Mock {
    process: Child,
    address: String,
}

impl Mock {
    fn start(args: &[&str]) -> Self {
        let mut process = Command::new(PROGRAM)
            .args(["mock", "--end-with-parent", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address }
    }

    /// Sends raw bytes and returns all that comes back before the mock closes.
    fn talk(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.talk(&format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n"))
    }

    fn post(&self, headers: &str, body: &str) -> String {
        let length = body.len();
        self.talk(&format!(
            "POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    fn stats(&self) -> Value {
        let answer = self.get("/_mock/stats");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn load(&self, args: &[&str]) -> Value {
        run_load(&self.address, args)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run_load(address: &str, args: &[&str]) -> Value {
    let url = format!("http://{address}/v1/chat/completions");
    let output = Command::new(PROGRAM)
        .args(["run", "--end-with-parent", "--json", "--duration", "0.4"])
        .args(["--url", &url])
        .args(if args.contains(&"--warmup") { &[][..] } else { &["--warmup", "0.1"] })
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_clean(figures: &Value) {
    for name in ["errors", "non_2xx", "truncated", "overdue", "closed_idle"] {
        assert_eq!(figures[name], 0, "{name}: {figures}");
    }
}

#[test]
fn a_closed_loop_is_answered_and_its_cost_is_seen() {
    let mock = Mock::start(&["--key", "k"]);
    let pid = mock.process.id().to_string();
    let header = "authorization: Bearer k";
    let figures = mock.load(&[
        "--connections",
        "4",
        "--body-bytes",
        "204800",
        "--header",
        header,
        "--pid",
        &pid,
    ]);
    assert_clean(&figures);
    assert!(figures["requests"].as_u64().unwrap() > 10, "{figures}");
    assert!(figures["cpu_us_per_request"].as_f64().unwrap() > 1.0, "{figures}");
    assert!(figures["rss_kib"].as_u64().unwrap() > 500, "{figures}");
    let stats = mock.stats();
    let requests = stats["requests"].as_u64().unwrap();
    assert_eq!(stats["request_bytes"].as_u64().unwrap(), requests * 204_800);
    assert_eq!(stats["bad_requests"], 0);
}

#[test]
fn a_wrong_key_and_a_body_that_is_no_object_are_refused() {
    let mock = Mock::start(&["--key", "k"]);
    let figures = mock.load(&["--connections", "2", "--header", "authorization: Bearer x"]);
    assert_eq!(figures["requests"], figures["non_2xx"]);
    assert!(figures["requests"].as_u64().unwrap() > 0);
    let before = mock.stats()["bad_requests"].as_u64().unwrap();
    let answer = mock.post("authorization: Bearer k\r\n", "{\"model\":\"m\"");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(mock.stats()["bad_requests"].as_u64().unwrap(), before + 1);
}

#[test]
fn streams_are_whole_and_paced() {
    let mock = Mock::start(&["--chunks", "5", "--pace-us", "4000"]);
    let figures = mock.load(&["--stream", "--connections", "8"]);
    assert_clean(&figures);
    let streams = figures["requests"].as_f64().unwrap();
    let events = figures["events"].as_f64().unwrap();
    // Five of content, the finish and the usage; streams at the edges of the window count in part.
    assert!((events / streams - 7.0).abs() < 2.0, "{figures}");
    assert!(figures["latency_us"]["p50"].as_f64().unwrap() >= 16_000.0, "{figures}");
}

#[test]
fn settings_come_by_header_and_by_control() {
    let mock = Mock::start(&["--chunks", "2"]);
    let events = |answer: &str| answer.matches("data: {").count();
    let body = "{\"stream\":true}";
    assert_eq!(events(&mock.post("", body)), 3);
    assert_eq!(events(&mock.post("x-mock: chunks=9\r\n", body)), 10);
    assert!(mock.get("/_mock/ctl?chunks=4&delay_us=1000").starts_with("HTTP/1.1 200 "));
    let answer = mock.post("", "{\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    assert_eq!(events(&answer), 6);
    assert!(answer.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{answer}");
    assert!(mock.get("/_mock/ctl?chanks=4").starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_chunked_request_and_a_pipelined_one_are_answered() {
    let mock = Mock::start(&[]);
    let answer = mock.talk(
        "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\n{\r\n1\r\n}\r\n0\r\n\r\n\
         POST /v1/embeddings HTTP/1.1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    );
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(answer.contains("chat.completion") && answer.contains("embedding"), "{answer}");
}

#[test]
fn an_open_loop_keeps_its_schedule_and_blames_a_slow_server() {
    let mock = Mock::start(&["--delay-us", "20000"]);
    // One connection answers at most 50 a second; 200 are due.
    let figures = mock.load(&["--connections", "1", "--rate", "200"]);
    assert!(figures["overdue"].as_u64().unwrap() > 20, "{figures}");
    let p99 = figures["latency_us"]["p99"].as_f64().unwrap();
    assert!(p99 > 100_000.0, "waiting in line must count: {figures}");
    let figures = mock.load(&["--connections", "64", "--rate", "200"]);
    assert_clean(&figures);
    let rate = figures["requests_per_s"].as_f64().unwrap();
    assert!((150.0..250.0).contains(&rate), "{figures}");
}

#[test]
fn idle_connections_stay_open_and_streams_that_are_left_are_noticed() {
    let mock = Mock::start(&["--chunks", "100", "--pace-us", "100000"]);
    let figures = mock.load(&["--once", "--connections", "300", "--warmup", "10"]);
    assert_clean(&figures);
    assert_eq!((&figures["connections_open"], &figures["requests"]), (&300.into(), &0.into()));
    let figures = mock.load(&["--stream", "--connections", "50", "--warmup", "1"]);
    assert_clean(&figures);
    assert_eq!(figures["streams_open"], 50);
    assert_eq!(mock.stats()["streams_cut"], 50);
    assert_eq!(mock.stats()["streams_active"], 0);
}

/// Reads a whole request: a socket closed with bytes unread resets the connection, and what was
/// written to it may be lost on the way.
fn read_request(socket: &mut std::net::TcpStream) {
    let (mut request, mut more) = (Vec::new(), [0; 65_536]);
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let length = text.split_once("content-length: ").and_then(|(_, rest)| {
            rest.split_once("\r\n").and_then(|(length, _)| length.parse::<usize>().ok())
        });
        let head = text.find("\r\n\r\n").map(|at| at + 4);
        if let (Some(head), Some(length)) = (head, length)
            && request.len() >= head + length
        {
            return;
        }
        match socket.read(&mut more) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(more.get(..n).unwrap_or_default()),
        }
    }
}

#[test]
fn a_stream_cut_short_is_an_error_and_a_truncated_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (turn, socket) in listener.incoming().enumerate() {
            let mut socket = socket.unwrap();
            read_request(&mut socket);
            let event = "data: {\"a\":1}\n\n";
            let size = event.len();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
            // Every second one ends as HTTP wants but without its terminator.
            let end = if turn % 2 == 0 { "" } else { "0\r\n\r\n" };
            let _ = write!(socket, "{head}{size:x}\r\n{event}\r\n{end}");
        }
    });
    let figures = run_load(&address, &["--stream", "--connections", "2"]);
    let count = |name: &str| figures[name].as_u64().unwrap();
    assert!(count("errors") > 0 && count("requests") > 0, "{figures}");
    assert_eq!(count("truncated"), count("errors") + count("requests"), "{figures}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_no_hang() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let figures = run_load(&address, &["--connections", "2"]);
    assert_eq!(figures["requests"], 0);
    assert!(figures["errors"].as_u64().unwrap() > 0, "{figures}");
}
