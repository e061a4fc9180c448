//! What the runtime promises the rest, on both drivers.

use std::cell::Cell;
use std::future::pending;
use std::io::Write;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::config::DriverChoice;
use crate::runtime;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Epoch;
use crate::runtime::clock::Micros;
use crate::runtime::deadline::Deadlines;
use crate::runtime::deadline::Elapsed;
use crate::runtime::driver;
use crate::runtime::select;
use crate::runtime::select::Either;
use crate::runtime::select::first;
use crate::runtime::tcp::Tcp;

/// Longest wait of a test that is about to fail.
const STUCK: Duration = Duration::from_secs(10);

/// Runs `test` on io_uring, where this machine has it, and on epoll.
fn on_both(test: impl AsyncFn()) {
    on(&[DriverChoice::IoUring, DriverChoice::Epoll], test);
}

fn on(choices: &[DriverChoice], test: impl AsyncFn()) {
    for choice in choices.iter().copied() {
        match driver::start(choice) {
            Ok(mut started) => {
                started.runtime.block_on(test());
                // Operations may be in flight.
                std::mem::forget(started.runtime);
            }
            Err(error) => eprintln!("without {choice}: {error}"),
        }
    }
}

/// A connection of ours, and a blocking peer.
async fn pair() -> (Tcp, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = std::thread::spawn(move || listener.accept().unwrap().0);
    let ours = Tcp::connect(address).await.unwrap();
    (ours, accepted.join().unwrap())
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    match first(pin!(future), pin!(runtime::sleep(STUCK))).await {
        Either::Left(value) => value,
        Either::Right(()) => panic!("nothing happened for {STUCK:?}"),
    }
}

#[test]
fn a_panic_ends_its_task_only() {
    on_both(async || {
        let done = Rc::new(Cell::new(false));
        let told = Rc::clone(&done);
        runtime::spawn(async { panic!("on purpose") });
        runtime::spawn(async move {
            runtime::fair_yield().await;
            told.set(true);
        });
        in_time(async {
            while !done.get() {
                runtime::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    });
}

#[test]
fn waiting_for_data_and_giving_up_loses_none() {
    on_both(async || {
        let (ours, mut peer) = pair().await;
        for round in 0..100_u8 {
            {
                let waiting = pin!(ours.readable());
                // The wait is begun, overtaken by the data, and dropped.
                let _begun = first(waiting, pin!(runtime::fair_yield())).await;
                peer.write_all(&[round]).unwrap();
            }
            let (read, buf) = in_time(ours.recv(Vec::with_capacity(16))).await;
            assert_eq!((read.unwrap(), buf), (1, vec![round]));
        }
    });
}

#[test]
fn a_task_that_always_goes_on_starves_nobody() {
    on_both(async || {
        let (ours, mut peer) = pair().await;
        let stop = Rc::new(Cell::new(false));
        for _ in 0..4 {
            let stop = Rc::clone(&stop);
            runtime::spawn(async move {
                while !stop.get() {
                    runtime::fair_yield().await;
                }
            });
        }
        runtime::fair_yield().await;
        peer.write_all(b"x").unwrap();
        assert_eq!(ours.recv(Vec::with_capacity(16)).await.0.unwrap(), 1);
        stop.set(true);
    });
}

#[test]
fn deadlines_pass_while_there_is_always_a_task_ready() {
    on_both(async || {
        let deadlines = Deadlines::new(Clock::new(Epoch::start()));
        let (late, busy) = (deadlines.register(), deadlines.register());
        late.arm(Duration::from_millis(5));
        let stop = Rc::new(Cell::new(false));
        let stopped = Rc::clone(&stop);
        runtime::spawn(async move {
            while !stopped.get() {
                busy.clock().refresh();
                busy.arm(STUCK);
                runtime::fair_yield().await;
            }
        });
        assert_eq!(late.limit(pending::<()>()).await, Err(Elapsed));
        stop.set(true);
    });
}

#[test]
fn turns_pause_every_sixteenth_time() {
    on_both(async || {
        let others = Rc::new(Cell::new(0));
        let mut turns = runtime::Turns::default();
        let counter = Rc::clone(&others);
        runtime::spawn(async move {
            loop {
                counter.set(counter.get() + 1);
                runtime::fair_yield().await;
            }
        });
        for _ in 0..160 {
            turns.next().await;
        }
        assert!(others.get() >= 9, "others ran {} times", others.get());
    });
}

#[test]
fn more_completions_than_the_queue_holds_are_all_seen() {
    // epoll keeps one waker a socket and has no such queue.
    on(&[DriverChoice::IoUring], async || {
        let (ours, mut peer) = pair().await;
        let (ours, woken) = (Rc::new(ours), Rc::new(Cell::new(0)));
        let waiters = 20_000;
        for _ in 0..waiters {
            let (ours, woken) = (Rc::clone(&ours), Rc::clone(&woken));
            runtime::spawn(async move {
                ours.readable().await.unwrap();
                woken.set(woken.get() + 1);
            });
        }
        runtime::sleep(Duration::from_millis(1)).await;
        peer.write_all(b"x").unwrap();
        in_time(async {
            while woken.get() < waiters {
                runtime::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    });
}

#[test]
fn another_thread_can_wake_a_task() {
    on_both(async || {
        let (send, receive) = flume::bounded(1);
        let (go, started) = std::sync::mpsc::channel::<()>();
        let sender = std::thread::spawn(move || {
            started.recv().unwrap();
            send.send(7).unwrap();
        });
        // The loop goes to sleep with nothing but a far timer before the value comes.
        runtime::spawn(async move {
            runtime::sleep(Duration::from_millis(2)).await;
            go.send(()).unwrap();
        });
        assert_eq!(in_time(receive.recv_async()).await, Ok(7));
        sender.join().unwrap();
    });
}

#[test]
fn a_hang_up_shows_behind_unread_data() {
    on_both(async || {
        let (ours, mut peer) = pair().await;
        peer.write_all(b"pipelined").unwrap();
        {
            let (hung_up, moment) = (ours.hung_up(), runtime::sleep(Duration::from_millis(20)));
            let early = first(pin!(hung_up), pin!(moment)).await;
            assert!(matches!(early, Either::Right(())), "data is no hang-up");
        }
        drop(peer);
        in_time(ours.hung_up()).await;
        assert_eq!(ours.recv(Vec::with_capacity(16)).await.0.unwrap(), 9, "and the data is there");
    });
}

#[test]
fn quiet_connections_are_told_from_others() {
    on_both(async || {
        let (ours, mut peer) = pair().await;
        assert!(ours.is_quiet());
        peer.write_all(b"x").unwrap();
        in_time(ours.readable()).await.unwrap();
        assert!(!ours.is_quiet());
        let (closed, peer) = pair().await;
        drop(peer);
        in_time(closed.readable()).await.unwrap();
        assert!(!closed.is_quiet());
    });
}

#[test]
fn deadlines_pass_and_are_moved() {
    on_both(async || {
        let deadlines = Deadlines::new(Clock::new(Epoch::start()));
        let sweeper = deadlines.clone();
        runtime::spawn(async move { sweeper.run().await });
        let deadline = deadlines.register();
        deadline.set_busy(true);
        deadline.arm(Duration::from_millis(20));
        assert_eq!(in_time(deadline.limit(pending::<()>())).await, Err(Elapsed));
        assert!(deadline.clock().now() >= Micros(20_000), "not before its time");
        deadline.arm(STUCK);
        assert_eq!(deadline.limit(async { 1 }).await, Ok(1), "what is ready is not late");
        let other = deadlines.register();
        other.arm(STUCK);
        deadlines.expire_idle();
        assert_eq!(in_time(other.limit(pending::<()>())).await, Err(Elapsed), "it was idle");
        assert!(!deadline.is_killed());
        deadline.arm(STUCK);
        deadlines.kill();
        assert_eq!(in_time(deadline.limit(pending::<()>())).await, Err(Elapsed));
        deadline.arm(STUCK);
        assert_eq!(in_time(deadline.limit(pending::<()>())).await, Err(Elapsed), "last words");
    });
}

/// A beat that strikes by itself.
fn beating() -> Deadlines {
    let deadlines = Deadlines::new(Clock::new(Epoch::start()));
    let beat = deadlines.beat().clone();
    runtime::spawn(async move { beat.run().await });
    deadlines
}

#[test]
fn all_who_wait_for_the_beat_go_on_together() {
    on_both(async || {
        let deadlines = beating();
        for _ in 0..3 {
            let (first_wait, second_wait) = (deadlines.beat().next(), deadlines.beat().next());
            let (mut one, mut other) = (pin!(first_wait), pin!(second_wait));
            let begun = first(one.as_mut(), other.as_mut());
            assert!(select::now(pin!(begun)).await.is_none(), "before its time");
            in_time(one).await;
            assert!(select::now(other.as_mut()).await.is_some(), "one beat for both");
        }
        // Whoever gives up waiting leaves the beat as it is.
        assert!(select::now(pin!(deadlines.beat().next())).await.is_none());
        in_time(deadlines.beat().next()).await;
    });
}

#[test]
fn the_beat_comes_while_there_is_always_a_task_ready() {
    on_both(async || {
        let deadlines = beating();
        let busy = deadlines.register();
        let stop = Rc::new(Cell::new(false));
        let stopped = Rc::clone(&stop);
        runtime::spawn(async move {
            while !stopped.get() {
                busy.clock().refresh();
                busy.arm(STUCK);
                runtime::fair_yield().await;
            }
        });
        deadlines.beat().next().await;
        stop.set(true);
    });
}

#[test]
fn what_comes_before_the_beat_is_read_at_once_and_the_rest_is_heard_of() {
    on_both(async || {
        let deadlines = beating();
        let (ours, mut peer) = pair().await;
        for _ in 0..3 {
            let mut gathering = pin!(ours.gather(deadlines.beat()));
            assert!(select::now(gathering.as_mut()).await.is_none());
            for piece in [b"one", b"two"] {
                peer.write_all(piece).unwrap();
            }
            in_time(gathering).await;
            let (read, buf) = in_time(ours.recv(Vec::with_capacity(64))).await;
            assert_eq!((read.unwrap(), buf), (6, b"onetwo".to_vec()));
            // A single byte after it is told of.
            let mut waiting = pin!(ours.readable());
            assert!(select::now(waiting.as_mut()).await.is_none());
            peer.write_all(b"x").unwrap();
            in_time(waiting).await.unwrap();
            assert_eq!(ours.recv(Vec::with_capacity(64)).await.1, b"x");
        }
        drop(peer);
        in_time(ours.gather(deadlines.beat())).await;
        assert_eq!(in_time(ours.recv(Vec::with_capacity(64))).await.0.unwrap(), 0, "the end");
    });
}
