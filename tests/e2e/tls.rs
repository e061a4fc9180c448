//! TLS towards the upstream and towards the client.

use serde_json::json;

use crate::lab::Turn;
use crate::lab::plain;
use crate::lab::streamed;
use crate::long_talks;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::fresh_id;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::gateway::TempDir;
use crate::support::script::Script;
use crate::support::tls::Certificate;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;
use crate::translate;

fn answer(seen: &Seen) -> Script {
    if seen.text().contains("\"stream\":true") {
        return Script::stream(&fixtures::stream(5));
    }
    Script::json(200, COMPLETION)
}

/// A gateway whose upstream shows `shown` while it trusts `trusted`.
fn behind(shown: &Certificate, trusted: &Certificate) -> (Gateway, Upstream, TempDir) {
    let upstream = Upstream::start(answer);
    let front = shown.front(upstream.addr);
    let files = TempDir::new();
    let ca = files.file("ca.pem", &trusted.pem);
    let setup = Setup::new(&format!("https://localhost:{}/v1", front.port()))
        .shards(1)
        .provider(&format!("ca_file = \"{ca}\""));
    (Gateway::start(&setup), upstream, files)
}

#[test]
fn an_upstream_with_a_trusted_certificate_is_used() {
    let _turn = Turn::shared();
    let certificate = Certificate::new(&["localhost"]);
    let (gateway, upstream, _files) = behind(&certificate, &certificate);
    for _ in 0..5 {
        assert_eq!(gateway.client().ask(&plain()).text(), COMPLETION);
    }
    let answer = gateway.client().ask(&streamed());
    assert_eq!(answer.ending, Ending::Complete);
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    let large = "x".repeat(2_000_000);
    let body = fixtures::ask("real-model", false, &large);
    assert_eq!(gateway.client().ask(&Req::chat(body)).status(), 200);
    let talk = long_talks::talk(901);
    let request = translate::message("real-model", json!({"messages": &talk}));
    assert_eq!(gateway.client().ask(&request).status(), 200);
    let seen = upstream.requests().pop().expect("a request");
    assert!(seen.json()["messages"] == json!(talk), "what was translated is whole too");
    assert_eq!(upstream.conns().len(), 1, "TLS connections are pooled too");
    assert_eq!(upstream.violations(), Vec::<String>::new());
}

#[test]
fn an_upstream_that_cannot_prove_its_name_gets_nothing() {
    let _turn = Turn::shared();
    let good = Certificate::new(&["localhost"]);
    let other = Certificate::new(&["localhost"]);
    let wrong_name = Certificate::new(&["elsewhere.test"]);
    for (shown, trusted) in [(&other, &good), (&wrong_name, &wrong_name)] {
        let (gateway, upstream, _files) = behind(shown, trusted);
        let id = fresh_id("tls");
        let answer = gateway.client().ask(&plain().id(&id));
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "upstream_tls"));
        assert!(upstream.requests().is_empty());
        assert_eq!(gateway.record(&id)["outcome"], "upstream_failed");
    }
}

#[test]
fn an_upstream_that_does_not_speak_tls_is_an_error() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(answer);
    let setup = Setup::new(&format!("https://localhost:{}/v1", upstream.addr.port()))
        .provider("first_byte_timeout = 1\nconnect_timeout = 1\ntimeout = 2");
    let gateway = Gateway::start(&setup);
    let answer = gateway.client().ask(&plain());
    assert!(matches!(answer.status(), 502 | 504), "{}", answer.text());
    answer.error_code();
}

#[test]
fn the_gateway_serves_https_itself() {
    let _turn = Turn::shared();
    let certificate = Certificate::new(&["localhost"]);
    let files = TempDir::new();
    let cert = files.file("cert.pem", &certificate.pem);
    let key = files.file("key.pem", &certificate.key_pem);
    let upstream = Upstream::start(answer);
    let setup = Setup::new(&upstream.base_url())
        .tables(&format!("[tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n"));
    let gateway = Gateway::start(&setup);
    assert!(gateway.log().iter().any(|line| line.contains("listening on https://")));
    let mut client = Client::tls(certificate.client(gateway.addr));
    for _ in 0..5 {
        assert_eq!(client.ask(&plain()).text(), COMPLETION);
    }
    let answer = client.ask(&streamed());
    assert_eq!(answer.ending, Ending::Complete);
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    let large = fixtures::ask("real-model", false, &"y".repeat(2_000_000));
    assert_eq!(client.ask(&Req::chat(large)).status(), 200);
    let mut bare = gateway.client();
    bare.send(&plain().bytes());
    let answer = bare.answer();
    assert_eq!(answer.status(), 400, "plain HTTP is not served on a TLS listener");
    assert!(answer.text().contains("this port speaks HTTPS"), "{answer:?}");
    bare.expect_close();
}
