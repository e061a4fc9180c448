//! `kind = "openai"`: OpenAI, and everything that speaks its protocol.

use std::fmt::Write;

use rustls::pki_types::ServerName;

use crate::config;
use crate::net::connect::Endpoint;
use crate::net::connect::Proxy;
use crate::protocol::openai::Endpoint as Operation;
use crate::provider::Upstream;
use crate::provider::trust;
use crate::provider::trust::Trust;
use crate::secret::Secret;

/// How the gateway names itself.
const USER_AGENT: &str = concat!("crabllm/", env!("CARGO_PKG_VERSION"));

/// Request heads up to what differs from request to request, made once.
pub struct Dialect {
    chat: Vec<u8>,
    embeddings: Vec<u8>,
}

impl std::fmt::Debug for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The heads hold the key.
        f.debug_struct("Dialect").finish_non_exhaustive()
    }
}

impl Dialect {
    /// The request line and the headers that are always the same.
    #[must_use]
    pub fn head(&self, operation: Operation) -> &[u8] {
        match operation {
            Operation::Chat => &self.chat,
            Operation::Embeddings => &self.embeddings,
        }
    }
}

/// Makes the upstream of a provider of this kind.
///
/// # Errors
/// What is wrong, and with which key.
pub fn build(
    config: &config::Provider,
    env: &config::Env,
    trust: &Trust,
) -> Result<Upstream, String> {
    let name = &config.name;
    let Some(base) = &config.base_url else {
        return Err(format!("providers.{name}.base_url is missing"));
    };
    let tls = if base.https {
        let server = ServerName::try_from(base.host.clone())
            .map_err(|error| format!("providers.{name}.base_url: {}: {error}", base.host))?;
        let client = trust
            .client_config(config.ca_file.as_deref())
            .map_err(|error| format!("providers.{name}.ca_file: {error}"))?;
        Some((client, server))
    } else {
        None
    };
    let proxy = proxy(config, base, env)?;
    let head = |operation: Operation| head(config, base, operation);
    let dialect = Dialect { chat: head(Operation::Chat), embeddings: head(Operation::Embeddings) };
    let endpoint = Endpoint { host: base.host.clone(), port: base.port, tls, proxy };
    Ok(Upstream::Openai { endpoint, dialect })
}

/// A base URL may name the version (`/v1`, or somewhere inside as `/v1beta/openai`) or leave it out.
fn path(base: &config::BaseUrl, operation: Operation) -> String {
    let prefix = base.path.as_str();
    let is_version = |segment: &str| {
        let mut bytes = segment.bytes();
        bytes.next() == Some(b'v') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
    };
    let version = if prefix.split('/').any(is_version) { "" } else { "/v1" };
    format!("{prefix}{version}{}", operation.suffix())
}

fn head(config: &config::Provider, base: &config::BaseUrl, operation: Operation) -> Vec<u8> {
    let standard = if base.https { 443 } else { 80 };
    let host = if base.host.contains(':') { format!("[{}]", base.host) } else { base.host.clone() };
    let port = if base.port == standard { String::new() } else { format!(":{}", base.port) };
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}{port}\r\nuser-agent: {USER_AGENT}\r\n\
         content-type: application/json\r\n",
        path(base, operation)
    );
    // Writing to a string cannot fail.
    if let Some(key) = config.api_keys.first() {
        let _ok = write!(head, "authorization: Bearer {}\r\n", key.expose());
    }
    for (name, value) in &config.headers {
        let _ok = write!(head, "{name}: {}\r\n", value.expose());
    }
    head.into_bytes()
}

/// The provider's own proxy, or the environment's for `https` (as curl reads it).
fn proxy(
    config: &config::Provider,
    base: &config::BaseUrl,
    env: &config::Env,
) -> Result<Option<Proxy>, String> {
    let (key, url) = match &config.proxy {
        Some(url) => (format!("providers.{}.proxy", config.name), url.as_str()),
        None if base.https && !trust::bypasses_proxy(env, &base.host) => {
            let names = ["https_proxy", "HTTPS_PROXY"];
            let Some(url) = names.iter().find_map(|name| env.get(name)) else { return Ok(None) };
            ("HTTPS_PROXY".to_owned(), url)
        }
        None => return Ok(None),
    };
    if url.is_empty() {
        return Ok(None);
    }
    let (authorization, address) = trust::proxy_address(url).map_err(|e| format!("{key}: {e}"))?;
    let authorization = authorization.map(Secret::new);
    Ok(Some(Proxy { host: address.host, port: address.port, authorization }))
}
