//! `kind = "anthropic"`: Anthropic's Messages API, and what looks like it.

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
const URL: &str = "https://api.anthropic.com";

/// The version asked for where the client does not say: the one that still takes sampling
/// parameters, which older models have.
const VERSION: &[u8] = b"2023-06-01";

/// Anthropic.
#[derive(Debug)]
struct Anthropic {
    version: &'static str,
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
    let base = Base::new(config, env, trust, Some(URL), &key_line(config, "x-api-key: "))?;
    let version = if base.has_version() { "" } else { "/v1" };
    Ok((base, Box::new(Anthropic { version })))
}

impl Service for Anthropic {
    fn protocol(&self) -> Protocol {
        Protocol::Anthropic
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Count)
    }

    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        base.head(out, |out| {
            out.extend_from_slice(self.version.as_bytes());
            out.extend_from_slice(b"/messages");
            if call.operation == Operation::Count {
                out.extend_from_slice(b"/count_tokens");
            }
        });
        out.extend_from_slice(b"anthropic-version: ");
        out.extend_from_slice(call.version.unwrap_or(VERSION));
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}
