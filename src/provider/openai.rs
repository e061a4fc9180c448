//! `kind = "openai"`: OpenAI, and everything that speaks its protocol.

use crate::chat::Protocol;
use crate::config;
use crate::error::Error;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::base::key_line;
use crate::provider::trust::Trust;

/// OpenAI, or a server like it. Heads are made once: no path depends on the request.
#[derive(Debug)]
struct Openai {
    chat: Secret,
    embeddings: Secret,
}

/// A head, which holds the key.
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
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
    let base = Base::new(config, env, trust, None, &key_line(config, "authorization: Bearer "))?;
    let version = if base.has_version() { "" } else { "/v1" };
    let head = |path: &str| Secret(base.fixed(&format!("{version}{path}")));
    let service = Openai { chat: head("/chat/completions"), embeddings: head("/embeddings") };
    Ok((base, Box::new(service)))
}

impl Service for Openai {
    fn protocol(&self) -> Protocol {
        Protocol::Openai
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Embed)
    }

    fn head(&self, _base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(match call.operation {
            Operation::Chat | Operation::Count => &self.chat.0,
            Operation::Embed => &self.embeddings.0,
        });
        Ok(())
    }
}
