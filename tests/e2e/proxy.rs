//! An upstream that is reached through a CONNECT proxy.

use crate::lab::Turn;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::client::Ending;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::fixtures::UPSTREAM_KEY;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::gateway::TempDir;
use crate::support::script::Script;
use crate::support::tls::Certificate;
use crate::support::tls::Tunnel;
use crate::support::upstream::Upstream;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[test]
fn tls_runs_through_the_tunnel() {
    let _turn = Turn::shared();
    let certificate = Certificate::new(&["upstream.test"]);
    let upstream = Upstream::start(|seen| {
        if seen.text().contains("\"stream\":true") {
            return Script::stream(&fixtures::stream(5));
        }
        Script::json(200, COMPLETION)
    });
    let proxy = Tunnel::start(ESTABLISHED, certificate.front(upstream.addr));
    let files = TempDir::new();
    let ca = files.file("ca.pem", &certificate.pem);
    let lines = format!("ca_file = \"{ca}\"\nproxy = \"http://{}\"", proxy.addr);
    let setup = Setup::new("https://upstream.test/v1").shards(1).provider(&lines);
    let gateway = Gateway::start(&setup);
    for _ in 0..3 {
        assert_eq!(gateway.client().ask(&plain()).text(), COMPLETION);
    }
    assert_eq!(gateway.client().ask(&streamed()).ending, Ending::Complete);
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1, "the tunnel is pooled");
    assert_eq!(asked[0].start, "CONNECT upstream.test:443 HTTP/1.1");
    assert_eq!(asked[0].get("host"), Some("upstream.test:443"));
    let credentials = asked[0].fields.iter().any(|(_, value)| value.contains(UPSTREAM_KEY));
    assert!(!credentials, "the proxy must not see the key: {:?}", asked[0]);
}

#[test]
fn a_proxy_that_refuses_is_an_upstream_error() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(whole);
    for reply in [
        "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!",
        "garbage\r\n\r\n",
    ] {
        let proxy = Tunnel::start(reply, upstream.addr);
        let lines = format!("proxy = \"http://{}\"\nconnect_timeout = 2", proxy.addr);
        let gateway = Gateway::start(&Setup::new("https://upstream.test/v1").provider(&lines));
        let answer = gateway.client().ask(&plain());
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "upstream_connect"));
    }
    assert!(upstream.requests().is_empty());
}
