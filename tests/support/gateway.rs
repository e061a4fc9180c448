//! A gateway process under test: its configuration, its records and its end.

use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::DEADLINE;
use crate::support::client::Client;
use crate::support::fixtures::KEY;
use crate::support::fixtures::UPSTREAM_KEY;

/// The driver under test.
pub fn driver() -> String {
    std::env::var("CRABLLM_TEST_DRIVER").unwrap_or_else(|_| "io_uring".to_owned())
}

/// The gateway's binary: the one this test was built with, unless the environment names another.
pub fn binary() -> PathBuf {
    let built = env!("CARGO_BIN_EXE_crabllm");
    std::env::var_os("CRABLLM_BIN").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// A command that runs the binary with an environment of its own.
pub fn command(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(dir).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", dir);
    command
}

/// A directory that goes away with the value.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("crabllm-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("make a temporary directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into the directory and gives its path as text.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("write a test file");
        path.to_str().expect("a plain path").to_owned()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration in parts: lines for the top, for tables that exist, and whole further tables.
#[derive(Clone, Debug)]
pub struct Setup {
    pub base_url: String,
    pub shards: usize,
    pub top: String,
    pub limits: String,
    pub provider: String,
    pub models: String,
    pub key: String,
    pub tables: String,
    pub env: Vec<(String, String)>,
}

impl Setup {
    /// One `openai` provider called `mock` at `base_url`, one key, no retries.
    pub fn new(base_url: &str) -> Self {
        let models = r#""real-model", { name = "alias-model", upstream = "real-model" }, "embed-model", "org/deep/model""#;
        Self {
            base_url: base_url.to_owned(),
            shards: 2,
            top: "shutdown_timeout = 5".to_owned(),
            limits: String::new(),
            provider: "max_retries = 0".to_owned(),
            models: models.to_owned(),
            key: format!("key = \"{KEY}\""),
            tables: String::new(),
            env: Vec::new(),
        }
    }

    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    pub fn top(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.top);
        self
    }

    pub fn limits(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.limits);
        self
    }

    /// Adds lines to the provider's table.
    pub fn provider(mut self, lines: &str) -> Self {
        self.provider = format!("{}\n{lines}", self.provider);
        self
    }

    pub fn tables(mut self, tables: &str) -> Self {
        tables.clone_into(&mut self.tables);
        self
    }

    /// The configuration file.
    pub fn to_toml(&self) -> String {
        let Self { base_url, shards, top, limits, provider, models, key, tables, .. } = self;
        format!(
            "listen = \"127.0.0.1:0\"\n{top}\n[runtime]\nshards = {shards}\npin = false\n\
             [limits]\n{limits}\n[providers.mock]\nkind = \"openai\"\nbase_url = \"{base_url}\"\n\
             api_key = \"{UPSTREAM_KEY}\"\nmodels = [{models}]\n{provider}\n\
             [[keys]]\nname = \"tester\"\n{key}\n[extensions.logging]\nlevel = \"info\"\n{tables}\n"
        )
    }
}

/// What the process has said so far.
#[derive(Debug, Default)]
struct Said {
    records: Vec<(Instant, Value)>,
    garbage: Vec<String>,
    log: Vec<String>,
}

#[derive(Debug, Default)]
struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

impl Output {
    fn note(&self, note: impl FnOnce(&mut Said)) {
        note(&mut self.said.lock().expect("output"));
        self.changed.notify_all();
    }

    fn record(&self, line: String) {
        let now = Instant::now();
        self.note(|said| match serde_json::from_str(&line) {
            Ok(record @ Value::Object(_)) => said.records.push((now, record)),
            Ok(_) | Err(_) => said.garbage.push(line),
        });
    }

    /// Waits until `ready` finds something; none after `patience`.
    fn wait<T>(&self, patience: Duration, ready: impl Fn(&Said) -> Option<T>) -> Option<T> {
        let until = Instant::now() + patience;
        let mut said = self.said.lock().expect("output");
        loop {
            if let Some(found) = ready(&said) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            said = self.changed.wait_timeout(said, left).expect("output").0;
        }
    }
}

/// A running gateway; killed when dropped, and held to have neither panicked nor garbled its log.
pub struct Gateway {
    pub addr: SocketAddr,
    _dir: TempDir,
    pid: Pid,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    exit: Mutex<Receiver<ExitStatus>>,
    status: Option<ExitStatus>,
    may_panic: bool,
}

impl Gateway {
    /// Starts the gateway with this configuration and the driver under test.
    pub fn start(setup: &Setup) -> Self {
        let dir = TempDir::new();
        let file = dir.file("crabllm.toml", &setup.to_toml());
        let driver = driver();
        let mut command = command(&["serve", "--config", &file, "--driver", &driver], dir.path());
        command.envs(setup.env.iter().map(|(name, value)| (name, value)));
        Self::run(command, dir)
    }

    /// Runs a command that must come to listen.
    pub fn run(mut command: Command, dir: TempDir) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start the gateway");
        let pid = Pid::from_child(&child);
        let output = Arc::new(Output::default());
        let readers = listen_to(&mut child, &output);
        let (sender, exit) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait().expect("wait for the gateway")));
        let addr = output.wait(DEADLINE, |said| said.log.iter().find_map(|line| listening(line)));
        let mut gateway = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            _dir: dir,
            pid,
            output,
            readers,
            exit: Mutex::new(exit),
            status: None,
            may_panic: false,
        };
        match addr {
            Some(addr) => gateway.addr = addr,
            None => panic!("the gateway never listened; it said {:#?}", gateway.log()),
        }
        gateway
    }

    /// Allows panics in the log: the tests that cause them on purpose.
    #[cfg(feature = "failpoints")]
    pub fn may_panic(&mut self) {
        self.may_panic = true;
    }

    pub fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// The process id, for /proc.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The lines of the human log.
    pub fn log(&self) -> Vec<String> {
        self.output.said.lock().expect("output").log.clone()
    }

    /// Waits for a line of the human log that holds `text`.
    pub fn wait_log(&self, text: &str) -> String {
        let found = self
            .output
            .wait(DEADLINE, |said| said.log.iter().find(|line| line.contains(text)).cloned());
        found.unwrap_or_else(|| panic!("{text:?} was never logged: {:#?}", self.log()))
    }

    /// Every record so far.
    pub fn records(&self) -> Vec<Value> {
        let said = self.output.said.lock().expect("output");
        said.records.iter().map(|(_, record)| record.clone()).collect()
    }

    /// The record of that request, and when it was written; waits for it.
    pub fn record_at(&self, id: &str) -> (Instant, Value) {
        let found = self.output.wait(DEADLINE, |said| {
            said.records.iter().find(|(_, record)| record["request_id"] == id).cloned()
        });
        found.unwrap_or_else(|| panic!("no record of {id}; log {:#?}", self.log()))
    }

    pub fn record(&self, id: &str) -> Value {
        self.record_at(id).1
    }

    /// Waits for at least `count` records; fewer after [`DEADLINE`].
    pub fn wait_records(&self, count: usize) -> Vec<Value> {
        self.output.wait(DEADLINE, |said| (said.records.len() >= count).then_some(()));
        self.records()
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).expect("signal the gateway");
    }

    /// Waits for the process to end by itself; none when it does not.
    pub fn wait_exit(&mut self, patience: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.exit.get_mut().expect("exit").recv_timeout(patience).ok();
        }
        self.status
    }

    /// Asks the process to end, asserts that it ends well, and gives all its records.
    pub fn stop(self) -> Vec<Value> {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Asserts that the process, which has been asked to, ends well, and gives all its records.
    pub fn end(mut self) -> Vec<Value> {
        let status = self.wait_exit(Duration::from_secs(15));
        assert!(status.is_some_and(|status| status.success()), "{status:?} {:#?}", self.log());
        self.drained();
        self.records()
    }

    /// Waits until all that the ended process wrote has been read.
    pub fn drained(&mut self) {
        self.readers.drain(..).for_each(|reader| reader.join().expect("a reader"));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let ended = self.status.is_some() || self.wait_exit(Duration::ZERO).is_some();
        if !ended {
            let _ = rustix::process::kill_process(self.pid, Signal::KILL);
            self.wait_exit(DEADLINE);
        }
        if thread::panicking() {
            return;
        }
        self.drained();
        let said = self.output.said.lock().expect("output");
        assert!(said.garbage.is_empty(), "not records: {:#?}", said.garbage);
        let panicked = said.log.iter().any(|line| line.contains("panicked at"));
        assert!(self.may_panic || !panicked, "the gateway panicked: {:#?}", said.log);
    }
}

/// Reads both outputs of the process on threads of their own.
fn listen_to(child: &mut Child, output: &Arc<Output>) -> Vec<JoinHandle<()>> {
    let stdout = BufReader::new(child.stdout.take().expect("stdout"));
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let (records, log) = (Arc::clone(output), Arc::clone(output));
    let first = thread::spawn(move || {
        stdout.lines().map_while(Result::ok).for_each(|line| records.record(line))
    });
    let second = thread::spawn(move || {
        stderr.lines().map_while(Result::ok).for_each(|line| log.note(|said| said.log.push(line)));
    });
    vec![first, second]
}

/// The address of a `listening on http://...` line.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http")?;
    let (_, rest) = rest.split_once("://")?;
    rest.split_whitespace().next()?.parse().ok()
}
