//! `kind = "google"`: Gemini, of Google AI or (by `base_url`) of Vertex AI.

use crate::chat::Protocol;
use crate::codec::percent;
use crate::config;
use crate::error::Error;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::trust::Trust;

/// Where it is.
const URL: &str = "https://generativelanguage.googleapis.com/v1beta";

/// Gemini.
#[derive(Debug)]
struct Google {
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
    let base = Base::new(config, env, trust, Some(URL), &credentials(config))?;
    let version = if base.has_version() { "" } else { "/v1beta" };
    Ok((base, Box::new(Google { version })))
}

/// Google AI takes keys; Vertex takes OAuth tokens, which begin with `ya29.`, and keys as well.
fn credentials(config: &config::Provider) -> String {
    config.api_keys.first().map_or_else(String::new, |key| {
        let key = key.expose();
        let is_token = key.starts_with("ya29.") || key.starts_with("eyJ");
        let name = if is_token { "authorization: Bearer" } else { "x-goog-api-key:" };
        format!("{name} {key}\r\n")
    })
}

impl Service for Google {
    fn protocol(&self) -> Protocol {
        Protocol::Gemini
    }

    fn serves(&self, _operation: Operation) -> bool {
        true
    }

    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        base.head(out, |out| {
            out.extend_from_slice(self.version.as_bytes());
            out.extend_from_slice(b"/models/");
            percent::encode_segment(out, call.model.strip_prefix("models/").unwrap_or(call.model));
            out.extend_from_slice(match (call.operation, call.stream) {
                (Operation::Chat, false) => b":generateContent",
                (Operation::Chat, true) => b":streamGenerateContent?alt=sse",
                (Operation::Count, _) => b":countTokens",
                (Operation::Embed, _) => b":batchEmbedContents",
            });
        });
        Ok(())
    }
}
