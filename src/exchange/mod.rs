//! The line: one request from its head to its record. The order of the lines in `line` is the
//! architecture; each step needs what the one before it made, so none can be skipped.

mod call;
pub mod core;
mod count;
mod demo;
mod embed;
mod failpoint;
mod finish;
mod forward;
mod pipe;
mod reframe;
mod relay;
mod reply;
pub mod signatures;
mod translate;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::auth;
use crate::auth::Caller;
use crate::cache;
use crate::codec::http1::Known;
use crate::codec::http1::Version;
use crate::error::Error;
use crate::error::Fault;
use crate::error::Kind;
use crate::exchange::core::Core;
use crate::exchange::forward::Prepared;
use crate::exchange::reply::Reply;
use crate::limit::Permit;
use crate::net::downstream::Downstream;
use crate::net::downstream::Gone;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::observe::Record;
use crate::protocol::openai::Endpoint;
use crate::protocol::openai::request::Ask;
use crate::protocol::openai::request::peek;
use crate::provider::Operation;
use crate::provider::Provider;
use crate::provider::Server;
use crate::provider::Upstream;
use crate::route::Plan;
use crate::runtime::panic::catch;
use crate::runtime::select::Either;
use crate::runtime::select::first;

pub use reply::refuse;
pub use reply::simple;

/// After this long without an answer the client is watched for a hang-up. Most requests that do
/// not stream are over by then, and are spared the cost of the watch.
const WATCH_AFTER: Duration = Duration::from_millis(2);

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another request may follow.
    KeepAlive,
    /// The connection ends here.
    Close,
}

/// One request on its way through.
pub(crate) struct Exchange<'a> {
    core: &'a Core,
    client: &'a Downstream,
    endpoint: Endpoint,
    reply: Reply,
}

/// What the decisions came to.
struct Route<'c, 'r> {
    ask: Ask<'r>,
    permit: Permit,
    provider: &'c Provider,
    provider_at: usize,
}

/// Answers `request`, whatever that takes, and writes its record.
pub async fn serve(
    core: &Core,
    client: &Downstream,
    request: &mut Request,
    endpoint: Endpoint,
) -> Next {
    let started = core.clock.now();
    let request_id = reply::request_id(request.known(Known::XRequestId), &core.random);
    let keep_alive = request.head.keep_alive && !client.is_draining();
    let chunked = request.head.version == Version::Http11;
    let mut meter = core.ledger.meter(Record::new(request_id, endpoint.path()), started);
    let reply = Reply::new(endpoint.protocol(), keep_alive, chunked);
    let mut exchange = Exchange { core, client, endpoint, reply };
    match catch(line(&mut exchange, request, &mut meter)).await {
        Ok(Ok(())) => {
            if meter.record.outcome == Outcome::ClientGone {
                meter.record.outcome = Outcome::Answered;
            }
        }
        Ok(Err(error)) => exchange.fail(error, request, &mut meter).await,
        Err(_payload) => {
            let error = Error::new(Kind::Internal, "the gateway failed on this request");
            exchange.fail(error, request, &mut meter).await;
            meter.record.outcome = Outcome::Panicked;
        }
    }
    if exchange.reply.keep_alive && request.is_complete() { Next::KeepAlive } else { Next::Close }
}

/// The line itself.
async fn line(x: &mut Exchange<'_>, request: &mut Request, meter: &mut Meter) -> Result<(), Error> {
    let core = x.core;
    let caller = authenticate(core, request)?;
    meter.record.key = caller.name.clone();
    failpoint::hit(request, "auth");
    if request.known(Known::ContentEncoding).is_some_and(|coding| coding != b"identity") {
        let message = "a compressed request body is not served; send it as it is";
        return Err(Error::new(Kind::UnsupportedEncoding, message));
    }
    x.client.read_body(request).await?;
    meter.record.request_bytes = request.body().len() as u64;
    let route = decide(x, caller, request, meter)?;
    let provider = route.provider;
    match &provider.upstream {
        Upstream::Server(server) => match step(x, server, route, request, meter)? {
            Step::Call(prepared) => forward::run(x, prepared, request, meter).await,
            Step::Embed(prepared) => embed::run(x, prepared, request, meter).await,
            Step::Estimate(permit) => count::estimate(x, permit, request, meter).await,
        },
        Upstream::Demo(demo) => {
            let show = demo::script(x, *demo, request, route, meter)?;
            demo::run(x, *demo, show, meter).await
        }
    }
}

/// How a server's answer comes about.
enum Step<'c> {
    /// By one call.
    Call(Prepared<'c>),
    /// By as many calls as it takes.
    Embed(Prepared<'c>),
    /// By the gateway itself.
    Estimate(Permit),
}

/// Decides how a server's answer comes about, and writes the request for it.
fn step<'c>(
    x: &mut Exchange<'c>,
    server: &'c Server,
    route: Route<'c, '_>,
    request: &Request,
    meter: &Meter,
) -> Result<Step<'c>, Error> {
    let operation = forward::operation(x.endpoint);
    let same = server.service.protocol() == x.endpoint.protocol();
    if !server.service.serves(operation) {
        return match operation {
            Operation::Count => Ok(Step::Estimate(route.permit)),
            Operation::Chat | Operation::Embed => Err(has_none(route.provider, operation)),
        };
    }
    if same {
        return forward::prepare(x, server, request, route, meter).map(Step::Call);
    }
    if operation == Operation::Embed {
        return Ok(Step::Embed(embed::prepare(x, server, route)));
    }
    translate::prepare(x, server, request, route, meter).map(Step::Call)
}

fn has_none(provider: &Provider, operation: Operation) -> Error {
    let what = match operation {
        Operation::Chat => "chat",
        Operation::Embed => "embeddings",
        Operation::Count => "token counts",
    };
    let message = format!("the provider `{}` of this model has no {what}", provider.name);
    Error { param: Some("model"), ..Error::new(Kind::BadRequest, message) }
}

/// The caller whose key `request` presents.
///
/// # Errors
/// [`Kind::Unauthorized`].
pub fn authenticate<'a>(core: &'a Core, request: &Request) -> Result<&'a Caller, Error> {
    let authorization = request.known(Known::Authorization).and_then(auth::bearer);
    let others = [Known::XApiKey, Known::ApiKey, Known::XGoogApiKey];
    let key = authorization.or_else(|| others.iter().find_map(|known| request.known(*known)));
    core.snapshot.keys.identify(key, core.unix_seconds())
}

/// peek - limit - cache - route: everything that is decided before anybody is called.
fn decide<'c, 'r>(
    x: &mut Exchange<'c>,
    caller: &Caller,
    request: &'r Request,
    meter: &mut Meter,
) -> Result<Route<'c, 'r>, Error> {
    let (core, record) = (x.core, &mut meter.record);
    failpoint::hit(request, "peek");
    let ask = peek(x.endpoint, request.body())?;
    record.model = ask.model.as_ref().into();
    record.stream = ask.stream;
    failpoint::hit(request, "limit");
    let permit = core.limits.reserve()?;
    failpoint::hit(request, "cache");
    x.reply.cache = cache::lookup();
    failpoint::hit(request, "route");
    let plan = core.snapshot.table.plan(&ask.model, core.random.next())?;
    may_use(caller, &ask.model, &plan)?;
    let deployment = plan.first().ok_or_else(|| no_deployment(&ask.model))?;
    let provider = core.snapshot.providers.get(deployment.provider);
    let provider = provider.ok_or_else(|| no_deployment(&ask.model))?;
    record.model = plan.model.into();
    record.provider = provider.name.clone();
    record.upstream_model = deployment.upstream.clone();
    let provider_at = deployment.provider;
    Ok(Route { ask, permit, provider, provider_at })
}

/// A key's list may name the model as the client does, or as it resolves.
fn may_use(caller: &Caller, asked: &str, plan: &Plan<'_>) -> Result<(), Error> {
    if caller.models.allow(asked) || caller.models.allow(plan.model) {
        return Ok(());
    }
    let message = format!("the key `{}` may not use the model `{asked}`", caller.name);
    Err(Error { param: Some("model"), ..Error::new(Kind::ModelNotAllowed, message) })
}

fn no_deployment(asked: &str) -> Error {
    Error::new(Kind::NoSuchModel, format!("no deployment serves the model `{asked}`"))
}

impl Exchange<'_> {
    /// Runs `work`, which does not write to the client, for as long as the client stays.
    async fn while_client_stays<F: Future>(
        &self,
        mut work: Pin<&mut F>,
    ) -> Result<F::Output, Gone> {
        let deadline = self.client.deadline();
        deadline.arm(WATCH_AFTER);
        match deadline.limit(work.as_mut()).await {
            Ok(output) => Ok(output),
            Err(_late) => self.watching(work).await,
        }
    }

    /// Runs `work` with the client watched from the start.
    async fn watching<F: Future>(&self, work: Pin<&mut F>) -> Result<F::Output, Gone> {
        // On the heap: few requests come here, and those that do wait long.
        let mut hung_up = Box::pin(self.client.hung_up());
        match first(work, hung_up.as_mut()).await {
            Either::Left(output) => Ok(output),
            Either::Right(()) => Err(Gone),
        }
    }

    /// Tells the client of a failure, where it can still be told, and the record too.
    async fn fail(&mut self, error: Error, request: &Request, meter: &mut Meter) {
        if meter.record.outcome == Outcome::Answered {
            // The client had its whole answer, and left while the upstream's connection was read
            // to its end.
            self.reply.keep_alive = false;
            return;
        }
        meter.record.outcome = match (error.kind, error.kind.fault()) {
            (Kind::ClientGone, _) => Outcome::ClientGone,
            (Kind::ShuttingDown, _) => Outcome::Shutdown,
            (_, Fault::Upstream) => Outcome::UpstreamFailed,
            (_, Fault::Client | Fault::Gateway) => Outcome::Refused,
        };
        if !request.is_complete() {
            self.reply.keep_alive = false;
        }
        if error.kind == Kind::ClientGone {
            self.reply.keep_alive = false;
        } else if self.reply.has_begun() && error.kind == Kind::UpstreamRefused {
            // The upstream's own event told the client.
            self.reply.keep_alive = false;
        } else if self.reply.has_begun() {
            // Only a stream fails after its head went out: the status stands, so the client is
            // told by an event, and by a body without its end.
            self.reply.keep_alive = false;
            let out = self.reply.failure_event(&error, &self.core.buffers);
            let _gone = self.client.send(out).await;
        } else {
            meter.record.status = error.kind.status();
            let out = self.reply.error(self.core, &error, &mut *meter);
            if self.client.send(out).await.is_err() {
                self.reply.keep_alive = false;
            }
        }
        meter.record.error = Some(error);
    }
}
