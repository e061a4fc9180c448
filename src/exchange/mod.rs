//! The line: one request from its head to its record. The order of the lines in `line` is the
//! architecture; each step needs what the one before it made, so none can be skipped.

mod attempt;
mod call;
pub mod core;
mod count;
mod demo;
mod embed;
mod failpoint;
mod finish;
mod forward;
mod pace;
mod pipe;
mod queue;
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
use crate::chat::Losses;
use crate::codec::http1::Known;
use crate::codec::http1::Version;
use crate::error::Error;
use crate::error::Fault;
use crate::error::Kind;
use crate::exchange::attempt::Busy;
use crate::exchange::attempt::Miss;
use crate::exchange::attempt::Under;
use crate::exchange::core::Core;
use crate::exchange::demo::Performance;
use crate::exchange::forward::Prepared;
use crate::exchange::reply::Reply;
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
use crate::provider::demo::Demo;
use crate::route::Deployment;
use crate::route::Journey;
use crate::route::Next as Step;
use crate::runtime::panic::catch;
use crate::runtime::select::Either;
use crate::runtime::select::first;

pub use queue::Queues;
pub use reply::Asker;
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
    /// Who is at work on it.
    busy: Option<Busy<'a>>,
    /// Whether the client was told of a failure by the upstream's own event.
    told: bool,
}

/// What the decisions came to.
struct Order<'c, 'r> {
    ask: Ask<'r>,
    journey: Journey<'c>,
    next: Step<'c>,
}

/// How an answer comes about.
pub(crate) enum Ready<'c> {
    /// By one call.
    Call(Box<Prepared<'c>>),
    /// By as many calls as it takes.
    Embed(Box<Prepared<'c>>),
    /// By the gateway itself: a count of tokens.
    Estimate,
    /// By the gateway itself: the built-in provider.
    Show(Demo, Performance),
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
    let mut exchange = Exchange { core, client, endpoint, reply, busy: None, told: false };
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
    let Order { ask, journey, next } = decide(x, caller, request, meter)?;
    let ready = attempt::first(x, &next, ask, request, meter).await;
    attempt::run(x, Under { caller, journey, next }, ready, request, meter).await
}

/// Writes the request for a deployment of `provider`.
fn make<'c>(
    x: &mut Exchange<'c>,
    provider: &'c Provider,
    deployment: &'c Deployment,
    ask: &Ask<'_>,
    request: &Request,
    meter: &Meter,
) -> Result<Ready<'c>, Miss> {
    x.reply.losses = Losses::default();
    let servers = match &provider.upstream {
        Upstream::Servers(servers) => servers,
        Upstream::Demo(_) if x.endpoint == Endpoint::CountTokens => return Ok(Ready::Estimate),
        Upstream::Demo(demo) => {
            let show = demo::script(x, *demo, request, ask, meter).map_err(Miss::unfit)?;
            return Ok(Ready::Show(*demo, show));
        }
    };
    let Some(server) = servers.get(deployment.server) else {
        let message = "the table names a key that is not there";
        return Err(Error::new(Kind::Internal, message).into());
    };
    let target = Aim { provider, deployment, server };
    write(x, &target, ask, request, meter).map_err(Miss::unfit)
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(crate) struct Aim<'c> {
    provider: &'c Provider,
    deployment: &'c Deployment,
    server: &'c Server,
}

fn write<'c>(
    x: &mut Exchange<'c>,
    aim: &Aim<'c>,
    ask: &Ask<'_>,
    request: &Request,
    meter: &Meter,
) -> Result<Ready<'c>, Error> {
    let operation = forward::operation(x.endpoint);
    let service = &aim.server.service;
    if !service.serves(operation) {
        return match operation {
            Operation::Count => Ok(Ready::Estimate),
            Operation::Chat | Operation::Embed => Err(has_none(aim.provider, operation)),
        };
    }
    let same = service.protocol() == x.endpoint.protocol();
    if same && !translate::is_needed(x, aim, ask, meter) {
        return forward::prepare(x, aim, ask, request, meter).map(Ready::Call);
    }
    if operation == Operation::Embed {
        return Ok(Ready::Embed(embed::prepare(x, aim)));
    }
    translate::prepare(x, aim, ask, request, meter).map(Ready::Call)
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
) -> Result<Order<'c, 'r>, Error> {
    let core = x.core;
    failpoint::hit(request, "peek");
    let ask = peek(x.endpoint, request.body())?;
    meter.record.model = ask.model.as_ref().into();
    meter.record.stream = ask.stream;
    failpoint::hit(request, "limit");
    meter.hold(core.limits.reserve()?);
    failpoint::hit(request, "cache");
    x.reply.cache = cache::lookup();
    failpoint::hit(request, "route");
    let found = core.snapshot.table.find(&ask.model)?;
    may_use(caller, &ask.model, found.model)?;
    meter.record.model = found.model.into();
    let journey = Journey::new(&core.snapshot.table, &found);
    let mut health = core.health.borrow_mut();
    let next = journey.first(&attempt::view(core, &health));
    let next = next.ok_or_else(|| no_deployment(&ask.model))?;
    if let Some(budget) = health.budget(journey.origin()) {
        budget.put();
    }
    Ok(Order { ask, journey, next })
}

/// A key's list may name the model as the client does, or as it resolves.
fn may_use(caller: &Caller, asked: &str, model: &str) -> Result<(), Error> {
    if caller.models.allow(asked) || caller.models.allow(model) {
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
        } else if self.told {
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
