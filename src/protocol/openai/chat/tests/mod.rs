//! What the two directions say of each other, and what each says of bodies written here.

mod embed;
mod error;
mod properties;
mod request;
mod response;
mod stream;
mod write;

use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Request;
use crate::error::Error;
use crate::protocol::Dialect;
use crate::protocol::Seed;
use crate::protocol::Target;

const SEED: Seed = Seed { now: 1_700_000_000, random: 11 };

/// What a request becomes, and what was lost on the way.
fn written(request: &Request<'_>, facts: &Facts) -> Result<(String, Vec<String>), Error> {
    spoken(request, facts, Dialect::default())
}

/// The same for a server that knows as much as `dialect` says.
fn spoken(
    request: &Request<'_>,
    facts: &Facts,
    dialect: Dialect,
) -> Result<(String, Vec<String>), Error> {
    let model = request.model.decode().into_owned();
    let mut out = Vec::new();
    let mut losses = Losses::default();
    let target = Target { model: &model, facts, dialect, lent: None };
    super::request::write(request, &target, &mut out, &mut losses)?;
    let names = losses.names().iter().map(|name| name.clone().into_owned()).collect();
    Ok((String::from_utf8(out).unwrap(), names))
}

/// Two texts of JSON say the same.
#[track_caller]
fn same(one: &str, other: &str) {
    let tree = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(tree(one), tree(other), "\n{one}\n{other}");
}
