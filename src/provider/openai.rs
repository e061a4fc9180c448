//! `kind = "openai"`: OpenAI, and everything that speaks its protocol.

use crate::chat::Protocol;
use crate::config;
use crate::error::Error;
use crate::protocol::Dialect;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::base::key_line;
use crate::provider::trust::Trust;

/// OpenAI's host, and what the names of its hosts for regions end with.
const OPENAI: (&str, &str) = ("api.openai.com", ".api.openai.com");

/// Hosts that refuse a request for members they do not know: those of streams' usage, which they
/// tell unasked, and of who the request is for.
const STRICT: [&str; 1] = ["api.mistral.ai"];

/// OpenAI, or a server like it. Heads are made once: no path depends on the request.
#[derive(Debug)]
struct Openai {
    dialect: Dialect,
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
    let service = Openai {
        dialect: dialect(config),
        chat: head("/chat/completions"),
        embeddings: head("/embeddings"),
    };
    Ok((base, Box::new(service)))
}

/// What the server at the provider's address knows, but for what the configuration says.
fn dialect(config: &config::Provider) -> Dialect {
    let host = config.base_url.as_ref().map_or(OPENAI.0, |url| url.host.as_str());
    let original = host == OPENAI.0 || host.ends_with(OPENAI.1);
    let known = if original { Dialect::default() } else { Dialect::COMMON };
    let lax = !STRICT.contains(&host);
    let told = config.end_user.unwrap_or(lax);
    Dialect {
        stream_usage: config.stream_usage.unwrap_or(lax),
        end_user: known.end_user.filter(|_| told),
        ..known
    }
}

impl Service for Openai {
    fn protocol(&self) -> Protocol {
        Protocol::Openai
    }

    fn dialect(&self) -> Dialect {
        self.dialect
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

#[cfg(test)]
mod tests {
    use super::dialect;
    use crate::config::{Kind, Provider};
    use crate::protocol::Dialect;

    #[test]
    fn servers_are_told_what_they_know() {
        let (own, common) = (Dialect::default(), Dialect::COMMON);
        let strict = Dialect { stream_usage: false, end_user: None, ..common };
        for (url, stream_usage, end_user, expected) in [
            ("https://api.openai.com/v1", None, None, own),
            ("https://eu.api.openai.com/v1", None, None, own),
            ("https://openai.example/v1", None, None, common),
            ("https://eu.api.openai.com.example/v1", None, None, common),
            ("http://127.0.0.1:8000", None, None, common),
            ("https://api.mistral.ai/v1", None, None, strict),
            ("https://api.mistral.ai/v1", Some(true), Some(true), common),
            ("http://127.0.0.1:8000", Some(false), Some(false), strict),
            ("https://api.openai.com/v1", None, Some(false), Dialect { end_user: None, ..own }),
        ] {
            let mut config = Provider::new("p", Kind::Openai);
            config.base_url = Some(url.parse().unwrap());
            (config.stream_usage, config.end_user) = (stream_usage, end_user);
            assert_eq!(dialect(&config), expected, "{url} {stream_usage:?} {end_user:?}");
        }
    }
}
