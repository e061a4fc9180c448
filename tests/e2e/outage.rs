//! Upstreams that fail, or are slow, and recover: who is benched and when, who is probed, what the
//! clients see of it, and how many requests it costs.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::lab::Turn;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::in_parallel;
use crate::support::script::Script;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;

/// What one of the three does.
const WELL: u8 = 0;
const FAILS: u8 = 1;
const SLOW: u8 = 2;

/// Clients at the same time, and how often each asks.
const CLIENTS: usize = 60;
const PACE: Duration = Duration::from_millis(200);

/// What the others take, and twenty times that.
const USUAL: u64 = 15;
const TWENTYFOLD: u64 = 20 * USUAL;

/// Runs at most, on a machine that others use too.
const ROUNDS: usize = 5;

/// Three providers of one model, of which `a` is the one that fails.
fn three(upstream: &Upstream, shards: usize) -> Gateway {
    let provider = |name: &str| {
        format!(
            "[providers.{name}]\nkind = \"openai\"\nbase_url = \"http://{}/{name}/v1\"\n\
             models = [\"m\"]\n",
            upstream.addr
        )
    };
    let tables = ["a", "b", "c"].map(provider).concat();
    Gateway::start(&Setup::new(&upstream.base_url()).shards(shards).tables(&tables))
}

fn is_a(seen: &Seen) -> bool {
    seen.head.start.starts_with("POST /a/")
}

fn ask() -> Req {
    Req::chat(fixtures::ask("m", false, ""))
}

#[test]
fn a_total_outage_is_amplified_by_less_than_a_fifth() {
    const REQUESTS: usize = 3000;
    let _turn = Turn::shared();
    let upstream = Upstream::start(|_| Script::json(500, "{\"error\":{\"message\":\"down\"}}"));
    let gateway = three(&upstream, 2);
    in_parallel(8, 8, |_| {
        let mut client = gateway.client();
        for _ in 0..REQUESTS / 8 {
            assert_eq!(client.ask(&ask()).status(), 500);
        }
    });
    let sent = upstream.requests().len();
    println!("{sent} requests upstream for {REQUESTS} of clients");
    assert!(sent > REQUESTS, "the reserve lets some be tried again");
    assert!(sent <= REQUESTS * 12 / 10, "{sent}");
}

#[test]
fn a_clients_fault_goes_upstream_once_and_benches_nobody() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(|seen| match (&*seen.user(), is_a(seen)) {
        ("bad", _) => Script::json(400, "{\"error\":{\"message\":\"no\",\"type\":\"x\"}}"),
        _ => Script::json(200, fixtures::COMPLETION),
    });
    let gateway = three(&upstream, 1);
    let mut client = gateway.client();
    for _ in 0..100 {
        assert_eq!(client.ask(&Req::chat(fixtures::ask("m", false, "bad"))).status(), 400);
    }
    assert_eq!(upstream.requests().len(), 100);
    for _ in 0..100 {
        assert_eq!(client.ask(&ask()).head.get("x-crabllm-attempts"), Some("1"));
    }
    let later = upstream.requests().split_off(100);
    let of_a = later.iter().filter(|seen| is_a(seen)).count();
    assert!((10..=60).contains(&of_a), "a third goes to each: {of_a}");
}

#[test]
fn the_log_tells_once_who_fails_and_that_he_is_back() {
    let _turn = Turn::shared();
    let well = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&well);
    let upstream = Upstream::start(move |_| {
        if state.load(Ordering::SeqCst) {
            return Script::json(200, fixtures::COMPLETION);
        }
        Script::json(503, "{\"error\":{\"message\":\"down\"}}")
    });
    let gateway = Gateway::start(&Setup::new(&upstream.base_url()).shards(1));
    let ask = || Req::chat(fixtures::ask("real-model", false, ""));
    let mut client = gateway.client();
    for _ in 0..12 {
        assert_eq!(client.ask(&ask()).status(), 503);
    }
    let line = gateway.wait_log("failures in a row");
    assert!(line.contains("provider mock, model real-model: 5 failures in a row"), "{line}");
    assert!(line.contains("the last: status 503 (shard 0)"), "{line}");
    well.store(true, Ordering::SeqCst);
    assert_eq!(client.ask(&ask()).status(), 200);
    gateway.wait_log("provider mock, model real-model: answers again (shard 0)");
    let told = gateway.log().iter().filter(|line| line.contains("in a row")).count();
    assert_eq!(told, 1);
}

/// The usual answer after so many milliseconds.
fn after(millis: u64) -> Script {
    let mut script = Script::default().pause(millis);
    script.0.extend(Script::json(200, fixtures::COMPLETION).0);
    script
}

/// When requests came to `a`, and what was answered.
type Arrivals = Arc<Mutex<Vec<(Instant, u8)>>>;

fn moody(mood: Arc<AtomicU8>, arrivals: Arrivals) -> Upstream {
    Upstream::start(move |seen| {
        let now = if is_a(seen) { mood.load(Ordering::SeqCst) } else { WELL };
        if is_a(seen) {
            arrivals.lock().expect("arrivals").push((Instant::now(), now));
        }
        match now {
            FAILS => Script::json(503, "{\"error\":{\"message\":\"down\"}}"),
            SLOW => after(TWENTYFOLD),
            _ => after(USUAL),
        }
    })
}

/// What came of one run: how long `a` was still asked after its mood changed, how often, the
/// shortest time between two probes, and how long it took to be back.
#[derive(Debug)]
struct Run {
    benched_after: Duration,
    asked_before: usize,
    probes: usize,
    closest: Duration,
    back_after: Duration,
    errors: usize,
}

/// Keeps [`CLIENTS`] busy while `a` is well, in `mood`, and well again.
fn run(mood: u8) -> Run {
    let (state, arrivals) = (Arc::new(AtomicU8::new(WELL)), Arrivals::default());
    let upstream = moody(Arc::clone(&state), Arc::clone(&arrivals));
    let gateway = three(&upstream, 1);
    let (stop, errors) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut changed, mut recovered) = (Instant::now(), Instant::now());
    std::thread::scope(|scope| {
        for turn in 0..CLIENTS {
            let (gateway, stop, errors) = (&gateway, &stop, &errors);
            scope.spawn(move || {
                let mut client = gateway.client();
                // They come one after the other, whatever became of those before.
                let mut due = Instant::now() + PACE * turn as u32 / CLIENTS as u32;
                while !stop.load(Ordering::SeqCst) {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    // What a machine that stood still has missed is not made up for at once.
                    due = (due + PACE).max(Instant::now());
                    let failed = client.ask(&ask()).status() != 200;
                    errors.fetch_add(usize::from(failed), Ordering::SeqCst);
                }
            });
        }
        // The phases of the upstream, by the clock that its clients live by.
        std::thread::sleep(Duration::from_millis(500));
        changed = Instant::now();
        state.store(mood, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(3500));
        recovered = Instant::now();
        state.store(WELL, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2500));
        stop.store(true, Ordering::SeqCst);
    });
    let arrivals = arrivals.lock().expect("arrivals");
    let ill: Vec<Instant> =
        arrivals.iter().filter(|(_, how)| *how == mood).map(|(at, _)| *at).collect();
    // Before it is benched it is asked all the time; then it is probed.
    let first_gap = ill.windows(2).position(|pair| pair[1] - pair[0] > Duration::from_millis(500));
    let asked_before = first_gap.map_or(ill.len(), |at| at + 1);
    let probes = &ill[asked_before..];
    let closest = probes.windows(2).map(|pair| pair[1] - pair[0]).min();
    let well = |at: &Instant| arrivals.iter().filter(|(then, _)| then >= at).count();
    let back = arrivals.iter().map(|(at, _)| *at).find(|at| *at > recovered && well(at) > 20);
    Run {
        benched_after: ill[asked_before - 1] - changed,
        asked_before,
        probes: probes.len(),
        closest: closest.unwrap_or(Duration::MAX),
        back_after: back.map_or(Duration::MAX, |at| at - recovered),
        errors: errors.into_inner(),
    }
}

/// What holds in every run, and the rest in one of [`ROUNDS`].
fn judge(mood: u8, name: &str, benched: impl Fn(&Run) -> bool) {
    let _turn = Turn::alone();
    let good = (0..ROUNDS).any(|_| {
        let run = run(mood);
        println!("{name}: {run:?}");
        assert_eq!(run.errors, 0, "clients see nothing of it: {run:?}");
        assert!(run.probes >= 1, "it is probed: {run:?}");
        benched(&run)
            && run.closest >= Duration::from_millis(950)
            && run.back_after <= Duration::from_secs(2)
    });
    assert!(good, "{name}: in no round as it should be");
}

#[test]
fn one_of_three_that_fails_is_benched_probed_and_taken_back() {
    // Five failures, and what was under way at the fifth.
    judge(FAILS, "failing", |run| {
        run.asked_before <= 5 + 10 && run.benched_after <= Duration::from_millis(200)
    });
}

#[test]
fn one_of_three_that_is_slow_is_benched_probed_and_taken_back() {
    judge(SLOW, "slow", |run| run.benched_after <= Duration::from_millis(200));
}
