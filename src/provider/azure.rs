//! `kind = "azure"`: Azure OpenAI, its deployments in the path (classic) or its v1 API.

use crate::chat::Protocol;
use crate::codec::percent;
use crate::config;
use crate::error::Error;
use crate::protocol::Dialect;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::trust::Trust;

/// The last dated version that is generally available.
const LAST_DATED: &str = "2024-10-21";

/// The first dated versions that know the usage of streams and the newer name of the limit.
const FIRST_CURRENT: &str = "2024-09-01";

/// A resource of Azure OpenAI.
#[derive(Debug)]
struct Azure {
    /// Of the classic API; none means v1.
    version: Option<String>,
    /// What of the path stands before the operation.
    prefix: &'static str,
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
    let base = Base::new(config, env, trust, None, &credentials(config))?;
    let in_path = base.path.ends_with("/openai/v1");
    let version = match config.api_version.as_deref() {
        Some("v1" | "preview" | "latest") => None,
        Some(dated) => Some(dated.to_owned()),
        None if in_path => None,
        None => Some(LAST_DATED.to_owned()),
    };
    let prefix = match (&version, in_path) {
        (None, true) => "",
        (None, false) if base.path.ends_with("/openai") => "/v1",
        (None, false) => "/openai/v1",
        (Some(_), _) if base.path.ends_with("/openai") => "/deployments/",
        (Some(_), _) => "/openai/deployments/",
    };
    Ok((base, Box::new(Azure { version, prefix })))
}

/// A key goes into `api-key`; a token of Entra, which is a JWT, is a bearer token.
fn credentials(config: &config::Provider) -> String {
    config.api_keys.first().map_or_else(String::new, |key| {
        let key = key.expose();
        let is_token = key.starts_with("eyJ") && key.matches('.').count() == 2;
        let name = if is_token { "authorization: Bearer" } else { "api-key:" };
        format!("{name} {key}\r\n")
    })
}

impl Service for Azure {
    fn protocol(&self) -> Protocol {
        Protocol::Openai
    }

    fn dialect(&self) -> Dialect {
        match self.version.as_deref() {
            None => Dialect::default(),
            // Each version refuses what came after it.
            Some(version) => {
                let current = version >= FIRST_CURRENT;
                let (max_completion_tokens, stream_usage) = (current, current);
                let end_user = Some("user");
                Dialect { max_completion_tokens, stream_usage, end_user, ..Dialect::default() }
            }
        }
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Embed)
    }

    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let path = match call.operation {
            Operation::Chat | Operation::Count => "/chat/completions",
            Operation::Embed => "/embeddings",
        };
        base.head(out, |out| {
            out.extend_from_slice(self.prefix.as_bytes());
            if let Some(version) = &self.version {
                percent::encode_segment(out, call.model);
                out.extend_from_slice(path.as_bytes());
                out.extend_from_slice(b"?api-version=");
                percent::encode_segment(out, version);
            } else {
                out.extend_from_slice(path.as_bytes());
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::build;
    use crate::config::{Env, Kind, Provider};
    use crate::protocol::Dialect;
    use crate::provider::trust::Trust;
    use crate::provider::{Call, Operation};
    use crate::secret::Secret;

    fn head(url: &str, version: Option<&str>, key: &str) -> String {
        let mut config = Provider::new("az", Kind::Azure);
        config.base_url = Some(url.parse().unwrap());
        config.api_version = version.map(str::to_owned);
        config.api_keys = vec![Secret::new(key.to_owned())];
        let env = Env::from_pairs(Vec::<(&str, &str)>::new());
        let (base, service) = build(&config, &env, &Trust::default()).unwrap();
        let call = Call { model: "my dep", ..Call::of(Operation::Chat) };
        let mut out = Vec::new();
        service.head(&base, &call, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_version_is_told_what_it_knows() {
        let known = |version: Option<&str>| {
            let mut config = Provider::new("az", Kind::Azure);
            config.base_url = Some("http://r.example".parse().unwrap());
            config.api_version = version.map(str::to_owned);
            let env = Env::from_pairs(Vec::<(&str, &str)>::new());
            build(&config, &env, &Trust::default()).unwrap().1.dialect()
        };
        let newest = Dialect::default();
        let dated = Dialect { end_user: Some("user"), ..newest };
        let old = Dialect { max_completion_tokens: false, stream_usage: false, ..dated };
        assert_eq!(known(Some("v1")), newest);
        assert_eq!(known(None), dated);
        assert_eq!(known(Some("2024-09-01-preview")), dated);
        assert_eq!(known(Some("2024-08-01-preview")), old);
        assert_eq!(known(Some("2024-02-01")), old);
    }

    #[test]
    fn classic_and_v1_have_their_paths() {
        let host = "http://r.example";
        let classic = "/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21";
        for (url, version, path) in [
            (host.to_owned(), None, classic),
            (format!("{host}/openai"), None, classic),
            (
                host.to_owned(),
                Some("2025-01-01-preview"),
                "/openai/deployments/my%20dep/chat/completions?api-version=2025-01-01-preview",
            ),
            (host.to_owned(), Some("v1"), "/openai/v1/chat/completions"),
            (format!("{host}/openai/v1"), None, "/openai/v1/chat/completions"),
            (format!("{host}/openai"), Some("v1"), "/openai/v1/chat/completions"),
        ] {
            let head = head(&url, version, "k");
            assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{url}: {head}");
            assert!(head.contains("\r\napi-key: k\r\n"), "{head}");
        }
    }

    #[test]
    fn a_token_is_a_bearer() {
        let head = head("http://r.example", None, "eyJa.b.c");
        assert!(head.contains("\r\nauthorization: Bearer eyJa.b.c\r\n"), "{head}");
    }
}
