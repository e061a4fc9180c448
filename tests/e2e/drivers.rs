//! The choice of driver and of the number of shards.

use std::time::Duration;

use crate::lab::Turn;
use crate::lab::plain;
use crate::lab::whole;
use crate::support::gateway;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::gateway::TempDir;
use crate::support::upstream::Upstream;

/// Starts a gateway with these further arguments and gives its line about listening.
fn line_with(arguments: &[&str], upstream: &Upstream) -> (Gateway, String) {
    let dir = TempDir::new();
    let file = dir.file("crabllm.toml", &Setup::new(&upstream.base_url()).to_toml());
    let all = [&["serve", "--config", &file], arguments].concat();
    let started = Gateway::run(gateway::command(&all, dir.path()), dir);
    let found = started.log().into_iter().find(|line| line.contains("listening on"));
    (started, found.expect("the line that was waited for"))
}

#[test]
fn the_driver_under_test_is_the_one_that_runs() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(whole);
    let driver = gateway::driver();
    let (started, line) = line_with(&["--driver", &driver, "--shards", "1"], &upstream);
    assert!(
        line.ends_with(&format!("(1 shard, {driver})"))
            || line.ends_with(&format!("(1 shards, {driver})")),
        "{line}"
    );
    assert_eq!(started.client().ask(&plain()).status(), 200);
}

#[test]
fn epoll_serves_where_no_ring_may_be_had() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(whole);
    let (started, line) = line_with(&["--driver", "epoll", "--shards", "3"], &upstream);
    assert!(line.contains("3 shards, epoll"), "{line}");
    assert_eq!(started.client().ask(&plain()).status(), 200);
}

#[test]
fn auto_finds_a_driver() {
    let _turn = Turn::shared();
    let upstream = Upstream::start(whole);
    let (started, line) = line_with(&["--driver", "auto"], &upstream);
    assert!(line.contains("io_uring") || line.contains("epoll"), "{line}");
    assert_eq!(started.client().ask(&plain()).status(), 200);
}

#[test]
fn an_unknown_driver_is_refused() {
    let dir = TempDir::new();
    let output = gateway::command(&["serve", "--driver", "kqueue"], dir.path()).output();
    let output = output.expect("a run");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("kqueue"), "{said}");
}

#[test]
fn an_idle_gateway_uses_no_processor() {
    let turn = Turn::alone();
    let upstream = Upstream::start(whole);
    let gateway = Gateway::start(&Setup::new(&upstream.base_url()));
    assert_eq!(gateway.client().ask(&plain()).status(), 200);
    // An absence is what is measured, so this test does wait. A virtual machine charges the gateway
    // for time that others were given, so one quiet second of a few is enough.
    let spent = |_| {
        let before = used(gateway.pid());
        std::thread::sleep(Duration::from_secs(1));
        used(gateway.pid()) - before
    };
    let least = (0..8).map(spent).find(|spent| *spent < Duration::from_millis(50));
    assert!(least.is_some(), "no second was idle");
    drop(turn);
}

/// Processor time of all threads of a process.
fn used(pid: i32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its tasks");
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
