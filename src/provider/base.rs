//! What the kinds of providers share: an address, and request heads made of parts that stay.

use std::fmt;
use std::fmt::Write;

use rustls::pki_types::ServerName;

use crate::config;
use crate::net::connect::Endpoint;
use crate::net::connect::Proxy;
use crate::provider::trust;
use crate::provider::trust::Trust;
use crate::secret::Secret;

/// How the gateway names itself.
const USER_AGENT: &str = concat!("crabllm/", env!("CARGO_PKG_VERSION"));

/// Where a provider is and what every request to it says.
pub struct Base {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// The value of `host`.
    pub host: String,
    /// The path of the base URL, without a slash at its end.
    pub path: String,
    /// The end of the request line, and the headers that are always the same.
    tail: Vec<u8>,
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers hold the key.
        f.debug_struct("Base").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Base {
    /// The address in `config`, or else `default`; `headers` are whole lines of the kind's own.
    ///
    /// # Errors
    /// What is wrong, and with which key.
    pub fn new(
        config: &config::Provider,
        env: &config::Env,
        trust: &Trust,
        default: Option<&str>,
        headers: &str,
    ) -> Result<Self, String> {
        let name = &config.name;
        let url = match (&config.base_url, default) {
            (Some(url), _) => url.clone(),
            (None, Some(default)) => {
                default.parse().map_err(|error| format!("providers.{name}: {default}: {error}"))?
            }
            (None, None) => return Err(format!("providers.{name}.base_url is missing")),
        };
        let tls = if url.https {
            let server = ServerName::try_from(url.host.clone())
                .map_err(|error| format!("providers.{name}.base_url: {}: {error}", url.host))?;
            let client = trust
                .client_config(config.ca_file.as_deref())
                .map_err(|error| format!("providers.{name}.ca_file: {error}"))?;
            Some((client, server))
        } else {
            None
        };
        let proxy = proxy(config, &url, env)?;
        let standard = if url.https { 443 } else { 80 };
        let plain =
            if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
        let port = if url.port == standard { String::new() } else { format!(":{}", url.port) };
        let host = format!("{plain}{port}");
        let mut tail = format!(
            " HTTP/1.1\r\nhost: {host}\r\nuser-agent: {USER_AGENT}\r\n\
             content-type: application/json\r\n{headers}"
        );
        for (name, value) in &config.headers {
            // Writing to a string cannot fail.
            let _ok = write!(tail, "{name}: {}\r\n", value.expose());
        }
        let endpoint = Endpoint { host: url.host, port: url.port, tls, proxy };
        Ok(Self { endpoint, host, path: url.path, tail: tail.into_bytes() })
    }

    /// Whether the base URL's path names a version (`/v1`, or somewhere inside as
    /// `/v1beta/openai`): one that is given is not added again.
    #[must_use]
    pub fn has_version(&self) -> bool {
        let is_version = |segment: &str| {
            let mut bytes = segment.bytes();
            bytes.next() == Some(b'v') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
        };
        self.path.split('/').any(is_version)
    }

    /// Appends a head whose path, below that of the base URL, is what `path` appends.
    pub fn head(&self, out: &mut Vec<u8>, path: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(self.path.as_bytes());
        path(out);
        out.extend_from_slice(&self.tail);
    }

    /// A head with a path that is always the same.
    #[must_use]
    pub fn fixed(&self, path: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.head(&mut out, |out| out.extend_from_slice(path.as_bytes()));
        out
    }
}

/// The header line that shows the provider's first key, if it has one.
#[must_use]
pub fn key_line(config: &config::Provider, before: &str) -> String {
    config.api_keys.first().map_or_else(String::new, |key| format!("{before}{}\r\n", key.expose()))
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
