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

#[test]
fn a_key_that_has_expired_is_warned_of() {
    let toml = "[[keys]]\nname = \"old\"\nkey = \"k1\"\nexpires = 2001-01-01T00:00:00Z\n\
        [[keys]]\nname = \"new\"\nkey = \"k2\"\nexpires = 2999-01-01T00:00:00Z\n";
    let (output, out, err) = check(toml, &[]);
    assert!(output.status.success(), "{err}");
    assert!(out.contains("# warning: keys: \"old\" has expired\n"), "{out}");
    assert!(!out.contains("\"new\" has expired"), "{out}");
}

#[test]
fn check_refuses_what_serve_would() {
    let good = Setup::new("http://127.0.0.1:9/v1").to_toml();
    let ca = "[providers.x]\nkind = \"openai\"\nbase_url = \"https://x\"\nca_file = \"no.pem\"\n";
    let key = "[tls]\ncert = \"no.pem\"\nkey = \"no.pem\"\n";
    for (more, mention) in [(ca, "providers.x.ca_file: no.pem"), (key, "tls.cert no.pem")] {
        for form in [&[][..], &["--json"]] {
            let (output, out, err) = check(&format!("{good}\n{more}"), form);
            let said = format!("{out}{err}");
            assert!(!output.status.success() && said.contains(mention), "{said}");
        }
    }
}

#[test]
fn without_a_file_check_and_explain_take_what_serve_takes() {
    let dir = TempDir::new();
    for line in [&["check"][..], &["explain", "--model", "demo"]] {
        let mut command = gateway::command(line, dir.path());
        let output = command.env("ANTHROPIC_API_KEY", "sk-a").output().expect("a run");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && out.contains("demo"), "{out}");
        assert!(line.len() > 1 || out.contains("# ANTHROPIC_API_KEY: provider anthropic"), "{out}");
    }
    dir.file("crabllm.toml", "listen = 1");
    let (output, _, err) = run(&["check"], &dir);
    assert!(!output.status.success() && err.contains("crabllm.toml:1: listen"), "{err}");
}

/// A model with two keys here and a spare there, an alias, and a fallback.
const ROUTES: &str = "[providers.a]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
    api_key = [\"k1-secret\", \"k2-secret\"]\nmodels = [\"m\"]\nmax_retries = 0\n\
    [providers.b]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmax_retries = 0\n\
    models = [{ name = \"m\", upstream = \"m-b\" }, \"big\"]\n\
    [aliases]\nshort = \"m\"\n\
    [fallbacks]\nm = [{ model = \"big\", on = [\"context_length\"] }]\n\
    [[keys]]\nname = \"team\"\nkey = \"team-secret\"\nmodels = [\"m\", \"big\"]\n\
    [[keys]]\nname = \"other\"\nkey = \"other-secret\"\nmodels = [\"big\"]\n";

fn explain(more: &[&str]) -> (Output, String, String) {
    let dir = TempDir::new();
    let file = dir.file("crabllm.toml", ROUTES);
    run(&[&["explain", "--config", &file], more].concat(), &dir)
}

#[test]
fn explain_tells_who_is_asked_and_who_after_a_failure() {
    let (output, out, err) = explain(&["--model", "short", "--key", "team", "--json"]);
    assert!(output.status.success(), "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told["model"], &told["allowed"]), (&"m".into(), &true.into()));
    let chances: Vec<f64> = told["deployments"]
        .as_array()
        .expect("deployments")
        .iter()
        .filter_map(|one| one["chance_percent"].as_f64())
        .collect();
    assert_eq!(chances, [50.0, 25.0, 25.0]);
    assert_eq!(told["deployments"][0]["upstream_model"], "m-b");
    let way = |fault: &str| told["ways"][fault].clone();
    assert_eq!(
        way("401, 403, no money left"),
        serde_json::json!(["b/m-b", "a/m (key 1)", "a/m (key 2)"])
    );
    assert_eq!(way("prompt too long"), serde_json::json!(["b/m-b", "b/big"]));
    assert_eq!(way("content filter"), serde_json::json!(["b/m-b"]));
}

#[test]
fn explain_is_for_people_too_and_shows_no_secret() {
    let (output, out, err) = explain(&["--model", "m", "--key", "other-secret"]);
    assert!(output.status.success(), "{err}");
    for words in ["key other may NOT use it", "50.0 %  b/m-b", "then a/m (key 1)", "fallback big"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("-secret"), "{out}");
}

#[test]
fn explain_names_what_there_is() {
    let (output, _, err) = explain(&["--model", "n"]);
    assert!(!output.status.success() && err.contains("big, m, short"), "{err}");
    let (output, _, err) = explain(&["--model", "m", "--key", "nobody"]);
    assert!(!output.status.success() && err.contains("team, other"), "{err}");
}
