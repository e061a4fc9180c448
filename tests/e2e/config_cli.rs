//! The commands besides `serve`, and what is said about a bad configuration.

use std::process::Output;

use crate::support::fixtures::KEY;
use crate::support::fixtures::UPSTREAM_KEY;
use crate::support::gateway;
use crate::support::gateway::Setup;
use crate::support::gateway::TempDir;

fn run(arguments: &[&str], dir: &TempDir) -> (Output, String, String) {
    let output = gateway::command(arguments, dir.path()).output().expect("a run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

fn check(toml: &str, more: &[&str]) -> (Output, String, String) {
    let dir = TempDir::new();
    let file = dir.file("crabllm.toml", toml);
    run(&[&["check", "--config", &file], more].concat(), &dir)
}

#[test]
fn check_prints_the_effective_configuration_without_secrets() {
    let toml = Setup::new("http://127.0.0.1:9/v1").to_toml();
    for more in [&[][..], &["--json"]] {
        let (output, out, err) = check(&toml, more);
        assert!(output.status.success(), "{err}");
        assert!(!out.contains(KEY) && !out.contains(UPSTREAM_KEY), "{out}");
        assert!(!err.contains(KEY) && !err.contains(UPSTREAM_KEY), "{err}");
        assert!(out.contains("127.0.0.1:9") && out.contains("real-model"), "{out}");
        if !more.is_empty() {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&out);
            assert!(parsed.is_ok(), "{out}");
        }
    }
}

#[test]
fn every_problem_is_named_with_file_line_and_key() {
    let good = Setup::new("http://127.0.0.1:9/v1").to_toml();
    let cases = [
        (good.replace("max_retries", "max_retrys"), "max_retries"),
        (good.replace("kind = \"openai\"", "kind = \"opanai\""), "kind"),
        (good.replace("shards = 2", "shards = -2"), "shards"),
        (good.replace("shutdown_timeout = 5", "shutdown_timeout = \"x\""), "shutdown_timeout"),
        (good.replace("http://127.0.0.1:9/v1", "ftp://x"), "base_url"),
        (good.replace(UPSTREAM_KEY, "${NO_SUCH_VARIABLE}"), "NO_SUCH_VARIABLE"),
    ];
    for (toml, mention) in cases {
        assert_ne!(toml, good, "{mention}");
        for more in [&[][..], &["--json"]] {
            let (output, out, err) = check(&toml, more);
            assert!(!output.status.success(), "{mention}: {out}");
            let said = format!("{out}{err}");
            assert!(said.contains("crabllm.toml:") && said.contains(mention), "{mention}: {said}");
            assert!(!said.contains(KEY) && !said.contains(UPSTREAM_KEY), "{said}");
        }
    }
}

#[test]
fn two_problems_are_reported_together() {
    let toml = Setup::new("http://127.0.0.1:9/v1").to_toml();
    let toml = toml.replace("max_retries", "max_retrys").replace("shards = 2", "shrads = 2");
    let (_, out, err) = check(&toml, &[]);
    let said = format!("{out}{err}");
    assert!(said.contains("max_retrys") && said.contains("shrads"), "{said}");
}

#[test]
fn serve_refuses_what_check_refuses() {
    let dir = TempDir::new();
    let toml = Setup::new("http://127.0.0.1:9/v1").to_toml().replace("max_retries", "max_retrys");
    let file = dir.file("crabllm.toml", &toml);
    let (output, _, err) = run(&["serve", "--config", &file], &dir);
    assert!(!output.status.success() && err.contains("max_retries"), "{err}");
    let missing = dir.path().join("nowhere.toml");
    let (output, _, err) = run(&["serve", "--config", missing.to_str().expect("text")], &dir);
    assert!(!output.status.success() && err.contains("nowhere.toml"), "{err}");
}

#[test]
fn no_keys_beyond_loopback_is_refused() {
    let open = "listen = \"0.0.0.0:0\"\n[providers.demo]\nkind = \"demo\"\nmodels = [\"demo\"]\n";
    let (output, out, err) = check(open, &[]);
    assert!(!output.status.success(), "{out}");
    assert!(format!("{out}{err}").contains("auth"), "{out}{err}");
    let (output, _, err) = check(&format!("auth = \"none\"\n{open}"), &[]);
    assert!(output.status.success(), "{err}");
}

#[test]
fn init_writes_a_file_that_check_accepts_and_never_overwrites() {
    let dir = TempDir::new();
    let path = dir.path().join("new.toml");
    let file = path.to_str().expect("text").to_owned();
    let (output, out, err) = run(&["init", "--config", &file], &dir);
    assert!(output.status.success(), "{out}{err}");
    let written = std::fs::read_to_string(&path).expect("the file");
    assert!(written.contains("[[keys]]") && written.contains('#'), "{written}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&path).expect("metadata").permissions(),
    );
    assert_eq!(mode & 0o077, 0, "a file with secrets is its owner's alone");
    let second = TempDir::new();
    let other = second.path().join("new.toml");
    run(&["init", "--config", other.to_str().expect("text")], &second);
    assert_ne!(std::fs::read_to_string(other).expect("the file"), written, "secrets are fresh");
    let mut command = gateway::command(&["check", "--config", &file], dir.path());
    let output = command.env("OPENAI_API_KEY", "sk-test-openai").output().expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (output, _, _) = run(&["init", "--config", &file], &dir);
    assert!(!output.status.success(), "an existing file was overwritten");
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), written);
}

#[test]
fn help_and_version_are_there() {
    let dir = TempDir::new();
    let (output, out, _) = run(&["--help"], &dir);
    assert!(output.status.success());
    for word in ["serve", "check", "init"] {
        assert!(out.contains(word), "{out}");
    }
    let (output, out, _) = run(&["--version"], &dir);
    assert!(output.status.success() && out.contains(env!("CARGO_PKG_VERSION")), "{out}");
    let (output, _, err) = run(&["no-such-command"], &dir);
    assert!(!output.status.success() && !err.is_empty());
}
