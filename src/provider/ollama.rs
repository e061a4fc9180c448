//! `kind = "ollama"`: Ollama by its own API.

use crate::chat::Protocol;
use crate::config;
use crate::error::Error;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::base::key_line;
use crate::provider::trust::Trust;

/// Where it is.
const URL: &str = "http://localhost:11434";

/// Ollama.
#[derive(Debug)]
struct Ollama {
    api: &'static str,
}

/// Makes a provider of this kind.
///
/// # Errors
/// What is wrong, and with which key.
pub fn build(
    config: &config::Provider,
    env: &config::Env,
    trust: &Trust,
) -> Result<(Base, Box<dyn Service>), String> {
    let key = key_line(config, "authorization: Bearer ");
    let base = Base::new(config, env, trust, Some(URL), &key)?;
    let api = if base.path.ends_with("/api") { "" } else { "/api" };
    Ok((base, Box::new(Ollama { api })))
}

impl Service for Ollama {
    fn protocol(&self) -> Protocol {
        Protocol::Ollama
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Embed)
    }

    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        base.head(out, |out| {
            out.extend_from_slice(self.api.as_bytes());
            out.extend_from_slice(match call.operation {
                Operation::Chat | Operation::Count => b"/chat",
                Operation::Embed => b"/embed",
            });
        });
        Ok(())
    }
}
