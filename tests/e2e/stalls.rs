//! A stall in each phase fires that phase's own timeout, when it is due.

use std::io;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::lab::Lab;
use crate::long_talks;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::gateway::Setup;
use crate::support::http;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::script::answer_bytes;
use crate::translate;

/// What the timeout under test is set to, all others being far longer.
const SET: Duration = Duration::from_millis(400);

/// How late it may fire.
const LATE: Duration = Duration::from_millis(50);

/// Tries at most, on a machine that others use too; one in time is enough, none may be early.
const ROUNDS: usize = 10;

/// More bytes than a connection to [`deaf`] takes.
const HUGE: usize = 4 << 20;

/// One phase: the key of its timeout, what the client is told, and where it stalls.
struct Phase {
    name: &'static str,
    key: &'static str,
    stream: bool,
    body: usize,
    answer: Script,
    /// A server other than the scripted upstream.
    elsewhere: Option<(String, Vec<TcpStream>)>,
}

impl Phase {
    fn new(name: &'static str, key: &'static str, stream: bool, answer: Script) -> Self {
        Self { name, key, stream, body: 0, answer, elsewhere: None }
    }

    /// Asks once; how long it took from the moment at which the stall began.
    fn measure(&self, lab: &Lab) -> Duration {
        let fill = "u".repeat(self.body);
        let mut client = lab.client();
        let body = fixtures::ask("real-model", self.stream, &fill);
        let mut began = Instant::now();
        client.send(&Req::chat(body).bytes());
        if self.name != "in the middle of a stream" {
            let answer = client.answer();
            let took = began.elapsed();
            assert_eq!(answer.status(), 504, "{}: {}", self.name, answer.text());
            assert!(answer.text().contains(self.key), "{}: {}", self.name, answer.text());
            return took;
        }
        client.head().expect("a head");
        client.until("w0 ");
        began = Instant::now();
        let told = client.until("upstream_timeout");
        let took = began.elapsed();
        assert!(told.contains(self.key), "{told}");
        assert!(matches!(client.more(), Ok(_) | Err(Ending::Closed | Ending::Reset)));
        took
    }

    fn judge(self) {
        let lines = format!("{} = {}", self.key, SET.as_secs_f64());
        let change = |mut setup: Setup| {
            if let Some((url, _)) = &self.elsewhere {
                setup.base_url.clone_from(url);
            }
            setup.shards(1).limits("max_body = \"64MiB\"").provider(&lines)
        };
        let answer = self.answer.clone();
        let lab = Lab::alone(change, move |_| answer.clone());
        let in_time = (0..ROUNDS).any(|_| {
            let took = self.measure(&lab);
            println!("{} ({}): {took:?}", self.name, self.key);
            assert!(took >= SET - Duration::from_millis(25), "{}: early, {took:?}", self.name);
            took <= SET + LATE
        });
        assert!(in_time, "{}: late in every round", self.name);
    }
}

/// A socket that keeps about so many connections until they are accepted.
fn listening(
    backlog: i32,
    set: impl FnOnce(&socket2::Socket) -> io::Result<()>,
) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let ready = set(&socket).and_then(|()| socket.bind(&any.into()));
    ready.and_then(|()| socket.listen(backlog)).expect("listen");
    socket
}

/// A port that takes no more connections, and what fills it.
fn full() -> (SocketAddr, Vec<TcpStream>) {
    let socket = listening(0, |_| Ok(()));
    let addr = socket.local_addr().expect("address").as_socket().expect("an IP address");
    let wait = Duration::from_millis(200);
    let mut held: Vec<TcpStream> =
        (0..2).filter_map(|_| TcpStream::connect_timeout(&addr, wait).ok()).collect();
    held.push(socket.into());
    (addr, held)
}

/// A port whose connections nobody reads from.
fn deaf() -> (SocketAddr, Vec<TcpStream>) {
    let socket = listening(128, |socket| socket.set_recv_buffer_size(4096));
    let addr = socket.local_addr().expect("address").as_socket().expect("an IP address");
    // The kernel accepts for a listener that lives and does not.
    (addr, vec![socket.into()])
}

fn at(
    scheme: &str,
    (addr, held): (SocketAddr, Vec<TcpStream>),
) -> Option<(String, Vec<TcpStream>)> {
    Some((format!("{scheme}://{addr}/v1"), held))
}

#[test]
fn connecting() {
    let quiet = Phase::new("a connection", "connect_timeout", false, Script::default());
    Phase { elsewhere: at("http", full()), ..quiet }.judge();
}

#[test]
fn shaking_hands() {
    let quiet = Phase::new("a TLS handshake", "connect_timeout", false, Script::default());
    Phase { elsewhere: at("https", deaf()), ..quiet }.judge();
}

#[test]
fn sending() {
    let quiet = Phase::new("a request's body", "stream_idle_timeout", false, Script::default());
    Phase { elsewhere: at("http", deaf()), body: HUGE, ..quiet }.judge();
}

#[test]
fn who_does_not_take_a_request_is_replaced() {
    let (addr, _held) = deaf();
    let deaf = format!(
        "[providers.deaf]\nkind = \"openai\"\nbase_url = \"http://{addr}/v1\"\nmodels = [\"m\"]\n\
         max_retries = 0\nstream_idle_timeout = 0.4\n"
    );
    let change = |mut setup: Setup| {
        setup.models = "\"m\"".to_owned();
        setup.shards(1).limits("max_body = \"64MiB\"").provider("weight = 0").tables(&deaf)
    };
    let lab = Lab::with(change, |_| Script::json(200, fixtures::COMPLETION));
    let talk = long_talks::talk(2501);
    let more = json!({"messages": &talk});
    for request in [translate::ask("m", more.clone()), translate::message("m", more)] {
        let id = fresh_id("deaf");
        let answer = lab.ask(&request.id(&id));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(lab.gateway.record(&id)["attempts"], 2, "the first was asked too");
        let seen = lab.upstream.requests().pop().expect("a request");
        assert!(seen.json()["messages"] == json!(talk));
    }
}

#[test]
fn waiting_for_the_head() {
    for stream in [false, true] {
        let script = Script::default().hold();
        Phase::new("the first byte", "first_byte_timeout", stream, script).judge();
    }
}

#[test]
fn waiting_for_the_first_content() {
    let role = http::as_chunk(fixtures::stream(1)[0].as_bytes());
    let script = Script::default().send(STREAM_HEAD).send(role).hold();
    Phase::new("the first content", "stream_idle_timeout", true, script).judge();
}

#[test]
fn in_the_middle_of_an_answer() {
    let bytes = answer_bytes(200, "", fixtures::COMPLETION);
    let half = Script::default().send(&bytes[..bytes.len() - 9]).hold();
    Phase::new("a whole answer", "stream_idle_timeout", false, half).judge();
}

#[test]
fn in_the_middle_of_a_stream() {
    let two = http::as_chunk(fixtures::stream(1)[..2].concat().as_bytes());
    let script = Script::default().send(STREAM_HEAD).send(two).hold();
    Phase::new("in the middle of a stream", "stream_idle_timeout", true, script).judge();
}

#[test]
fn all_in_all() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    let drip = (0..100).fold(Script::default().send(head), |script, _| script.pause(20).send(" "));
    Phase::new("an answer in drips", "timeout", false, drip.hold()).judge();
}
