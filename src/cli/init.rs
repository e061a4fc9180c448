//! `crabllm init`: a configuration to begin with.

use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

/// Random bytes of a key or token: 192 bits.
const STRENGTH: usize = 24;

/// Writes the file, which must not exist, readable by its owner only.
///
/// # Errors
/// Why it cannot be written.
pub fn write(file: &Path) -> Result<(), String> {
    let key = fresh("sk-crabllm-")?;
    let text = template(&fresh("adm-")?, &key);
    let tell = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            format!("{} exists already; name another with --config", file.display())
        } else {
            format!("{}: {error}", file.display())
        }
    };
    let mut out =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(tell)?;
    out.write_all(text.as_bytes()).map_err(tell)?;
    let name = file.display();
    let said = writeln!(
        io::stdout(),
        "wrote {name} with a first key:\n\n    {key}\n\nnext: crabllm serve --config {name}"
    );
    said.map_err(|error| error.to_string())
}

fn fresh(prefix: &str) -> Result<String, String> {
    let mut bytes = [0; STRENGTH];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system has no randomness to give".to_owned())?;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(prefix.chars().chain(hex.collect::<String>().chars()).collect())
}

fn template(token: &str, key: &str) -> String {
    format!(
        r#"# CrabLLM. Every key with its default: config/full.toml; `crabllm check` shows what is in force.

listen = "127.0.0.1:8080"        # where applications connect
shutdown_timeout = 30            # seconds for streams under way when the process is told to end

[admin]
listen = "127.0.0.1:8081"
token = "{token}"

# Answers model `demo` by itself, to try the gateway without a provider.
[providers.demo]
kind = "demo"
models = ["demo"]

# [providers.openai]
# kind = "openai"                # OpenAI, or anything that speaks its protocol (set base_url)
# api_key = "${{OPENAI_API_KEY}}"  # taken from the environment
# models = ["gpt-4o", "gpt-4o-mini"]

# [aliases]
# fast = "gpt-4o-mini"

[[keys]]
name = "first"
key = "{key}"
models = ["*"]                   # or a list of models this key may use

[extensions.logging]
level = "info"                   # one line of JSON for each request, on standard output
"#
    )
}

#[cfg(test)]
mod tests {
    use super::{fresh, template};
    use crate::config::{self, Env};

    #[test]
    fn the_template_loads() {
        let env = Env::from_pairs([("OPENAI_API_KEY", "sk-x")]);
        let text = template("adm-0123456789abcdef", "sk-crabllm-0123456789abcdef");
        let config = config::parse(&text, "crabllm.toml", &env).unwrap();
        assert_eq!((config.keys.len(), config.providers.len()), (1, 1));
        // What stands there as a comment loads too.
        let all: String = text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).fold(
            String::new(),
            |all, line| {
                if line.contains("CrabLLM.") || line.starts_with("Answers") {
                    all
                } else {
                    all + line + "\n"
                }
            },
        );
        let config = config::parse(&all, "crabllm.toml", &env).unwrap();
        assert_eq!(config.providers.len(), 2);
    }

    #[test]
    fn keys_differ_and_are_long() {
        let (a, b) = (fresh("sk-").unwrap(), fresh("sk-").unwrap());
        assert!(a != b && a.len() == 3 + 48);
    }
}
