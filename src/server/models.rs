//! `GET /v1/models[/{id}]`: what the caller's key may use.

use crate::auth::Caller;
use crate::codec::http1::Known;
use crate::codec::percent;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange;
use crate::exchange::core::Core;
use crate::net::downstream::Request;
use crate::protocol::openai::models;

/// The list.
pub fn list(core: &Core, request: &Request, lines: &[u8]) -> Vec<u8> {
    let caller = match exchange::authenticate(core, request) {
        Ok(caller) => caller,
        Err(error) => {
            return exchange::refuse(core, error.kind.status(), id_of(request), &error, lines);
        }
    };
    let snapshot = &core.snapshot;
    let names = snapshot.table.names().filter(|(name, _)| may_see(core, caller, name));
    let owned = names.map(|(name, provider)| (name, owner(core, provider)));
    let mut body = Vec::new();
    models::write_list(&mut body, owned, snapshot.created);
    exchange::simple(core, 200, id_of(request), lines, &body)
}

/// One model. `id` is as it stands in the path: it may be escaped, and may hold slashes.
pub fn one(core: &Core, request: &Request, id: &[u8], lines: &[u8]) -> Vec<u8> {
    let found = exchange::authenticate(core, request).and_then(|caller| {
        let id = percent::decode(id);
        let found = core.snapshot.table.find(&id)?;
        let first = found.pool.deployments.first();
        let provider = first.map_or(usize::MAX, |deployment| deployment.provider);
        if !may_see(core, caller, &id) {
            let message = format!("the model `{id}` does not exist, or this key may not use it");
            return Err(Error::new(Kind::NoSuchModel, message));
        }
        Ok((id, provider))
    });
    match found {
        Ok((id, provider)) => {
            let mut body = Vec::new();
            models::write_model(&mut body, &id, owner(core, provider), core.snapshot.created);
            exchange::simple(core, 200, id_of(request), lines, &body)
        }
        Err(error) => exchange::refuse(core, error.kind.status(), id_of(request), &error, lines),
    }
}

fn id_of(request: &Request) -> Option<&[u8]> {
    request.known(Known::XRequestId)
}

fn owner(core: &Core, provider: usize) -> &str {
    core.snapshot.providers.get(provider).map_or("", |provider| &provider.name)
}

fn may_see(core: &Core, caller: &Caller, name: &str) -> bool {
    caller.models.allow(name)
        || core.snapshot.table.find(name).is_ok_and(|found| caller.models.allow(found.model))
}
