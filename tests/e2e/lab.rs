//! The usual bench of a test: one scripted upstream, one gateway in front of it.

use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

use crate::support::client::Answer;
use crate::support::client::Client;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::script::Script;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;

/// Tests that measure time run alone, all others beside each other.
static FLOOR: RwLock<()> = RwLock::new(());

/// The right to run.
pub enum Turn {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    pub fn shared() -> Self {
        Self::Shared { _guard: FLOOR.read().unwrap_or_else(|poisoned| poisoned.into_inner()) }
    }

    pub fn alone() -> Self {
        Self::Alone { _guard: FLOOR.write().unwrap_or_else(|poisoned| poisoned.into_inner()) }
    }
}

/// A gateway and its upstream.
pub struct Lab {
    pub gateway: Gateway,
    pub upstream: Upstream,
    _turn: Turn,
}

impl Lab {
    /// The usual configuration.
    pub fn new(answer: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Self {
        Self::with(|setup| setup, answer)
    }

    /// One shard, so that the pool has one home.
    pub fn one_shard(answer: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Self {
        Self::with(|setup| setup.shards(1), answer)
    }

    /// The usual configuration, changed.
    pub fn with(
        change: impl FnOnce(Setup) -> Setup,
        answer: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self::at(Turn::shared(), change, answer)
    }

    /// As `with`, while no other test runs.
    pub fn alone(
        change: impl FnOnce(Setup) -> Setup,
        answer: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self::at(Turn::alone(), change, answer)
    }

    fn at(
        turn: Turn,
        change: impl FnOnce(Setup) -> Setup,
        answer: impl Fn(&Seen) -> Script + Send + Sync + 'static,
    ) -> Self {
        let upstream = Upstream::start(answer);
        let gateway = Gateway::start(&change(Setup::new(&upstream.base_url())));
        Self { gateway, upstream, _turn: turn }
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &Req) -> Answer {
        self.client().ask(request)
    }

    pub fn client(&self) -> Client {
        self.gateway.client()
    }

    /// Asserts that the gateway still answers properly.
    pub fn assert_alive(&self) {
        assert_eq!(self.ask(&Req::get("/health")).status(), 200);
    }
}

/// Answers every request with the usual whole answer.
pub fn whole(_: &Seen) -> Script {
    Script::json(200, fixtures::COMPLETION)
}

/// Answers every request with a stream of five words.
pub fn streaming(_: &Seen) -> Script {
    Script::stream(&fixtures::stream(5))
}

/// A plain chat request that is answered whole.
pub fn plain() -> Req {
    Req::chat(fixtures::ask("real-model", false, ""))
}

/// A plain chat request that is answered by a stream.
pub fn streamed() -> Req {
    Req::chat(fixtures::ask("real-model", true, ""))
}
