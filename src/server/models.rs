//! `GET /v1/models[/{id}]`: what the caller's key may use, in the shape of the client's protocol.

use crate::auth::Caller;
use crate::chat::Protocol;
use crate::codec::percent;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange;
use crate::exchange::core::Core;
use crate::net::downstream::Request;
use crate::protocol::anthropic;
use crate::protocol::openai;

/// The list; for Anthropic's clients a page of it.
///
/// # Errors
/// [`Kind::Unauthorized`], or [`Kind::BadRequest`] for a page that is none.
pub fn list(core: &Core, request: &Request, protocol: Protocol) -> Result<Vec<u8>, Error> {
    let caller = exchange::authenticate(core, request)?;
    let snapshot = &core.snapshot;
    let names = snapshot.table.names().filter(|(name, _)| may_see(core, caller, name));
    let mut body = Vec::new();
    if protocol == Protocol::Anthropic {
        let page = anthropic::models::Page::read(request.query())?;
        let ids: Vec<&str> = names.map(|(name, _)| name).collect();
        page.write(&ids, snapshot.created, &mut body)?;
    } else {
        let owned = names.map(|(name, provider)| (name, owner(core, provider)));
        openai::models::write_list(&mut body, owned, snapshot.created);
    }
    Ok(body)
}

/// One model. `id` is as it stands in the path: it may be escaped, and may hold slashes.
///
/// # Errors
/// [`Kind::Unauthorized`], [`Kind::NoSuchModel`].
pub fn one(
    core: &Core,
    request: &Request,
    id: &[u8],
    protocol: Protocol,
) -> Result<Vec<u8>, Error> {
    let caller = exchange::authenticate(core, request)?;
    let (id, created) = (percent::decode(id), core.snapshot.created);
    let found = core.snapshot.table.find(&id)?;
    if !may_see(core, caller, &id) {
        let message = format!("the model `{id}` does not exist, or this key may not use it");
        return Err(Error::new(Kind::NoSuchModel, message));
    }
    let mut body = Vec::new();
    if protocol == Protocol::Anthropic {
        anthropic::models::write_model(&id, created, &mut body);
    } else {
        let first = found.pool.deployments.first();
        let provider = first.map_or(usize::MAX, |deployment| deployment.provider);
        openai::models::write_model(&mut body, &id, owner(core, provider), created);
    }
    Ok(body)
}

fn owner(core: &Core, provider: usize) -> &str {
    core.snapshot.providers.get(provider).map_or("", |provider| &provider.name)
}

fn may_see(core: &Core, caller: &Caller, name: &str) -> bool {
    caller.models.allow(name)
        || core.snapshot.table.find(name).is_ok_and(|found| caller.models.allow(found.model))
}
