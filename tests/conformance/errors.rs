//! Refusals of upstreams of every protocol, written for clients of every protocol.

use crabllm::chat::Protocol;
use crabllm::codec::json;
use crabllm::protocol::any;

use crate::fixture;
use crate::fixture::Fixture;
use crate::fixture::Goldens;
use crate::pretty;

const FOLDER: &str = "errors";

/// A fixture is `{"status":..,"body":..}`, with the value of `x-amzn-errortype` as `type` where the
/// upstream sends one, and with the body as `text` where it is none of the protocol's.
fn golden(fixture: &Fixture) -> String {
    let value = json::validate(&fixture.bytes).expect("JSON");
    let text_of = |name| {
        let text = value.get(name).and_then(|value| value.as_str());
        text.map(|text| text.decode().into_owned())
    };
    let status = value.get("status").and_then(|status| status.as_u64()).expect("a status");
    let status = u16::try_from(status).expect("a status");
    let text = text_of("text");
    let body = value.get("body").map(|body| body.raw()).or(text.as_deref().map(str::as_bytes));
    let kind = text_of("type");
    let body = body.unwrap_or_default();
    let failure = any::read_error(fixture.protocol, status, kind.as_deref(), body);
    let clients = Protocol::ALL.map(|client| {
        let mut out = Vec::new();
        any::write_error(client, &failure, &mut out);
        let told = any::error_status(client, &failure);
        // The same class again for whoever reads it, or at least one of the same status.
        let again = any::read_error(client, told, None, &out);
        assert_eq!(
            any::error_status(client, &again),
            told,
            "{} for {client:?}: {again:?}",
            fixture.label()
        );
        let body = String::from_utf8(out).expect("UTF-8");
        format!("\"{}\":{{\"status\":{told},\"body\":{body}}}", client.as_str())
    });
    let class = pretty::quoted(&format!("{:?}", failure.class));
    pretty::print(format!("{{\"class\":{class},{}}}", clients.join(",")).as_bytes())
}

#[test]
fn refusals_are_written_for_every_protocol() {
    let mut goldens = Goldens::of(FOLDER);
    for fixture in fixture::all(FOLDER) {
        goldens.check(&fixture.label(), &golden(&fixture));
    }
    goldens.finish();
}
