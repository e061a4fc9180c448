//! From deployment to deployment until one answers: what failed is noted, and as long as nothing
//! of it has reached the client, the next one is asked.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use crate::auth::Caller;
use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Losses;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::Ready;
use crate::exchange::call::Head;
use crate::exchange::core::Core;
use crate::exchange::count;
use crate::exchange::demo;
use crate::exchange::embed;
use crate::exchange::finish;
use crate::exchange::forward;
use crate::exchange::forward::Way;
use crate::exchange::make;
use crate::exchange::queue;
use crate::exchange::queue::Place;
use crate::net::downstream::Gone;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::observe::Record;
use crate::observe::Tried;
use crate::protocol::openai::request::Ask;
use crate::protocol::openai::request::peek;
use crate::provider::Provider;
use crate::route::Deployment;
use crate::route::Fault;
use crate::route::Journey;
use crate::route::Next;
use crate::route::View;
use crate::runtime::clock::Micros;

/// An attempt that came to nothing.
#[derive(Debug)]
pub struct Miss {
    /// What went wrong with the deployment; none where it is not at fault.
    pub fault: Option<Fault>,
    /// Whether nothing of its answer reached the client.
    pub replaceable: bool,
    /// What the client is told if nobody else is asked.
    pub last: Last,
}

/// What a client is told of a failed attempt.
#[derive(Debug)]
pub enum Last {
    /// What went wrong.
    Error(Error),
    /// The upstream's refusal.
    Refusal(Box<Refusal>),
    /// The failure that an upstream told in its stream, or in the place of an answer.
    Failure(Box<Failure<'static>>),
}

/// An upstream's refusal as it came.
#[derive(Debug)]
pub struct Refusal {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// What becomes of it.
    pub way: Way,
    /// What it says.
    pub failure: Failure<'static>,
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        let fault = match error.kind {
            Kind::UpstreamConnect => Some(Fault::Connect),
            Kind::UpstreamTls => Some(Fault::Tls),
            Kind::UpstreamClosed => Some(Fault::Closed),
            Kind::UpstreamGarbage => Some(Fault::Garbage),
            Kind::UpstreamTimeout => Some(Fault::Timeout),
            Kind::BadRequest
            | Kind::NoSuchRoute
            | Kind::MethodNotAllowed
            | Kind::UnsupportedEncoding
            | Kind::Unauthorized
            | Kind::ModelNotAllowed
            | Kind::NoSuchModel
            | Kind::BodyTooLarge
            | Kind::RequestTimeout
            | Kind::RateLimited
            | Kind::Overloaded
            | Kind::ShuttingDown
            | Kind::Internal
            | Kind::ClientGone
            | Kind::UpstreamRefused => None,
        };
        Self { fault, replaceable: true, last: Last::Error(error) }
    }
}

impl From<Gone> for Miss {
    fn from(gone: Gone) -> Self {
        Error::from(gone).into()
    }
}

impl Miss {
    /// The request cannot be written for this provider; another may take it.
    pub fn unfit(error: Error) -> Self {
        let fault = (error.kind == Kind::BadRequest).then_some(Fault::Unfit);
        Self { fault, ..Self::from(error) }
    }

    /// The provider has no place for it; another may have.
    fn full(error: Error) -> Self {
        let fault = (error.kind == Kind::Overloaded).then_some(Fault::Full);
        Self { fault, ..Self::from(error) }
    }

    /// The provider told a failure in the place of an answer.
    pub fn told(failure: Failure<'static>) -> Self {
        let fault = Fault::Refused {
            class: failure.class,
            wait_ms: failure.retry_after_ms,
            final_word: false,
        };
        Self { fault: Some(fault), replaceable: true, last: Last::Failure(Box::new(failure)) }
    }

    /// How much it tells a client of why nobody answered.
    const fn weight(&self) -> u8 {
        match self.fault {
            // Nobody was asked.
            Some(Fault::Unfit) => 0,
            // It is the operator who has to do something.
            Some(Fault::Refused {
                class: Class::Unauthorized | Class::Forbidden | Class::NotFound,
                ..
            }) => 1,
            Some(
                Fault::Connect
                | Fault::Tls
                | Fault::Timeout
                | Fault::Closed
                | Fault::Garbage
                | Fault::Refused { .. }
                | Fault::Full,
            ) => 2,
            // The request itself is over.
            None => 3,
        }
    }

    /// The word for it in a record.
    fn why(&self) -> Box<str> {
        match &self.last {
            Last::Error(error) => error.kind.label().into(),
            Last::Refusal(refusal) => refusal.head.status.to_string().into(),
            Last::Failure(failure) => failure.status.to_string().into(),
        }
    }

    /// The same for people. A provider's own words stay in the record: they may quote what nobody
    /// looks for in a log.
    fn to_operators(&self) -> String {
        match &self.last {
            Last::Error(error) => error.message.to_string(),
            Last::Refusal(_) | Last::Failure(_) => format!("status {}", self.why()),
        }
    }
}

/// A request under way at a deployment, which learns of its end when this is dropped.
#[derive(Debug)]
pub struct Busy<'c> {
    core: &'c Core,
    deployment: &'c Deployment,
    asked: Micros,
    waiting: bool,
    _place: Place<'c>,
}

impl<'c> Busy<'c> {
    fn begin(core: &'c Core, deployment: &'c Deployment, place: Place<'c>) -> Self {
        let asked = core.clock.now();
        core.health.borrow_mut().begin(deployment, asked.0);
        Self { core, deployment, asked, waiting: true, _place: place }
    }

    /// The head of an answer came. What refuses quickly is not fast.
    pub fn answered(&mut self, status: u16) {
        if self.waiting && status < 400 {
            self.waiting = false;
            let now = self.core.clock.now();
            let waited = now.since(self.asked);
            self.core.health.borrow_mut().first_byte(self.deployment, now.0, waited);
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let now = self.core.clock.now();
        self.core.health.borrow_mut().end(self.deployment, now.0, self.waiting);
    }
}

/// A request under way.
pub struct Under<'c> {
    /// Whose it is.
    pub caller: &'c Caller,
    /// Who can answer.
    pub journey: Journey<'c>,
    /// Who is asked.
    pub next: Next<'c>,
}

/// Makes the first attempt ready.
///
/// # Errors
/// Where that one cannot be asked.
pub async fn first<'c>(
    x: &mut Exchange<'c>,
    next: &Next<'c>,
    ask: Ask<'_>,
    request: &Request,
    meter: &mut Meter,
) -> Result<Ready<'c>, Miss> {
    let provider = aim(x, next, meter).await?;
    make(x, provider, next.deployment, &ask, request, meter)
}

/// Makes a further attempt ready.
async fn further<'c>(
    x: &mut Exchange<'c>,
    next: &Next<'c>,
    request: &Request,
    meter: &mut Meter,
) -> Result<Ready<'c>, Miss> {
    let provider = aim(x, next, meter).await?;
    let ask = peek(x.endpoint, request.body())?;
    make(x, provider, next.deployment, &ask, request, meter)
}

/// What decisions depend on now.
pub fn view<'v>(core: &'v Core, health: &'v crate::route::Health) -> View<'v> {
    let (gates, now) = (core.snapshot.table.gates(), core.clock.now().0);
    View { health, gates, now, seed: core.random.next() }
}

/// Asks one deployment after the other. `ready` is what was made of the request for the first.
///
/// # Errors
/// What the client has to be told, where it was not told already.
pub async fn run<'c>(
    x: &mut Exchange<'c>,
    mut under: Under<'c>,
    mut ready: Result<Ready<'c>, Miss>,
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Error> {
    let core = x.core;
    let (mut began, mut before) = (core.clock.now(), None);
    loop {
        let missed = match ready {
            Ok(ready) => perform(x, ready, request, meter).await,
            Err(miss) => Err(miss),
        };
        x.busy = None;
        let Err(miss) = missed else {
            core.succeeded(under.next.deployment);
            return Ok(());
        };
        let Some(next) = follow(x, &mut under, &miss, request, meter) else {
            let miss = decide(before, miss, x, &under.next, began, meter);
            return tell(x, miss, meter).await;
        };
        note(&under.next, &miss, began, core, meter);
        before = Some(Failed::weightier(before, miss, x, &meter.record));
        pause(x, next.wait).await?;
        began = core.clock.now();
        under.next = next;
        ready = further(x, &next, request, meter).await;
    }
}

/// Takes aim at a deployment: a place there, and its name in the record.
async fn aim<'c>(
    x: &mut Exchange<'c>,
    next: &Next<'c>,
    meter: &mut Meter,
) -> Result<&'c Provider, Miss> {
    let (core, deployment) = (x.core, next.deployment);
    if let Some(slow) = next.slow {
        core.bench_slow(slow);
    }
    let provider = core.snapshot.providers.get(deployment.provider);
    let Some(provider) = provider else {
        let message = "the table names a provider that is not there";
        return Err(Error::new(Kind::Internal, message).into());
    };
    let record = &mut meter.record;
    if let Some(model) = next.model {
        record.model = model.into();
    }
    record.provider = provider.name.clone();
    record.upstream_model = deployment.upstream.clone();
    let ends = meter.started().after(provider.timeouts.total);
    let place = queue::enter(x, provider, deployment, ends).await.map_err(Miss::full)?;
    x.busy = Some(Busy::begin(core, deployment, place));
    Ok(provider)
}

/// Has the answer made, and sent to the client.
async fn perform(
    x: &mut Exchange<'_>,
    ready: Ready<'_>,
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Miss> {
    match ready {
        Ready::Call(prepared) => forward::run(x, prepared, request, meter).await,
        Ready::Embed(prepared) => embed::run(x, prepared, request, meter).await,
        Ready::Estimate => Ok(count::estimate(x, request, meter).await?),
        Ready::Show(demo, show) => Ok(demo::run(x, demo, show, meter).await?),
    }
}

/// Notes the fault, and who is asked next, if that makes sense and the budget allows it.
fn follow<'c>(
    x: &Exchange<'c>,
    under: &mut Under<'c>,
    miss: &Miss,
    request: &Request,
    meter: &Meter,
) -> Option<Next<'c>> {
    let (core, fault) = (x.core, miss.fault?);
    let Under { caller, journey, next: last } = under;
    if !matches!(fault, Fault::Unfit | Fault::Full) {
        core.failed(last.deployment, fault.remedy().blame, || miss.to_operators());
    }
    let now = core.clock.now().0;
    let mut health = core.health.borrow_mut();
    // What was lent to a write that never ended is not ours any more.
    if !miss.replaceable || !request.is_whole() {
        return None;
    }
    let total = core.snapshot.providers.get(last.deployment.provider)?.timeouts.total;
    let ends = meter.started().after(total).0;
    let may_use = |model: &str| caller.models.allow(model);
    let next = journey.next(last.deployment, fault, &view(core, &health), ends, &may_use)?;
    let paid = !next.extra || health.budget(journey.origin()).is_some_and(|it| it.take(now));
    paid.then_some(next)
}

/// A failure that was followed by another attempt, and whose it was.
struct Failed {
    miss: Miss,
    model: Box<str>,
    upstream_model: Option<Box<str>>,
    provider: Box<str>,
    losses: Losses,
}

impl Failed {
    /// Of `before` and `miss`, which is the later one, the one that tells a client more.
    fn weightier(before: Option<Self>, miss: Miss, x: &mut Exchange<'_>, record: &Record) -> Self {
        match before.filter(|before| before.miss.weight() > miss.weight()) {
            Some(before) => before,
            None => Self {
                miss,
                model: record.model.clone(),
                upstream_model: record.upstream_model.clone(),
                provider: record.provider.clone(),
                losses: std::mem::take(&mut x.reply.losses),
            },
        }
    }
}

/// What the client is told: the last failure, unless one before it says more of why nobody answered.
fn decide(
    before: Option<Failed>,
    last: Miss,
    x: &mut Exchange<'_>,
    next: &Next<'_>,
    began: Micros,
    meter: &mut Meter,
) -> Miss {
    let Some(before) = before.filter(|before| before.miss.weight() > last.weight()) else {
        return last;
    };
    note(next, &last, began, x.core, meter);
    let record = &mut meter.record;
    record.model = before.model;
    record.upstream_model = before.upstream_model;
    record.provider = before.provider;
    x.reply.losses = before.losses;
    before.miss
}

/// Writes the failed attempt down, and takes back what was to be told of it.
fn note(next: &Next<'_>, miss: &Miss, began: Micros, core: &Core, meter: &mut Meter) {
    let record = &mut meter.record;
    let model = record.provider_model().into();
    record.tried.push(Tried {
        provider: record.provider.clone(),
        model,
        key: next.deployment.server + 1,
        why: miss.why(),
        took_us: core.clock.now().since(began),
    });
    meter.discard();
}

/// Waits for as long as the client stays.
async fn pause(x: &Exchange<'_>, micros: u64) -> Result<(), Error> {
    if micros == 0 {
        return Ok(());
    }
    let deadline = x.core.deadlines.register();
    deadline.set_busy(true);
    deadline.arm(Duration::from_micros(micros));
    let waiting = pin!(deadline.limit(pending::<()>()));
    let _elapsed = x.while_client_stays(waiting).await?;
    if deadline.is_killed() {
        return Err(Error::new(Kind::ShuttingDown, "the gateway is shutting down"));
    }
    x.core.clock.refresh();
    Ok(())
}

/// Tells the client of the last failure.
async fn tell(x: &mut Exchange<'_>, miss: Miss, meter: &mut Meter) -> Result<(), Error> {
    match miss.last {
        Last::Error(error) => Err(error),
        Last::Refusal(refusal) => finish::refuse(x, *refusal, meter).await,
        Last::Failure(failure) => finish::tell(x, &failure, meter).await,
    }
}
