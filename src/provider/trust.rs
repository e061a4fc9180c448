//! Whom we trust over TLS, and through which proxy we go.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::codec::percent;
use crate::config::BaseUrl;
use crate::config::Env;

/// TLS settings towards upstreams; those without a `ca_file` share one.
#[derive(Debug, Default)]
pub struct Trust {
    public: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    /// Settings that trust the certificates in `ca_file`, or else those of the system, or else
    /// Mozilla's. Sessions are resumed; `http/1.1` is offered.
    ///
    /// # Errors
    /// Why `ca_file` cannot be used.
    pub fn client_config(&self, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
        let Some(file) = ca_file else {
            let made = match self.public.get() {
                Some(made) => Arc::clone(made),
                None => Arc::new(settings(public_roots())?),
            };
            return Ok(Arc::clone(self.public.get_or_init(|| made)));
        };
        Ok(Arc::new(settings(roots_of(file)?)?))
    }
}

fn roots_of(file: &Path) -> Result<RootCertStore, String> {
    let tell = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| tell(&error))? {
        let certificate = certificate.map_err(|error| tell(&error))?;
        roots.add(certificate).map_err(|error| tell(&error))?;
    }
    if roots.is_empty() { Err(tell(&"no certificate in it")) } else { Ok(roots) }
}

/// The system's store, or Mozilla's where the system has none (a container without one).
fn public_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A system's store may hold certificates that rustls cannot read; the others still count.
    let (_read, _unreadable) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn settings(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether `NO_PROXY` exempts `host`: `*`, a name, or a name's suffix (with or without its dot).
#[must_use]
pub fn bypasses_proxy(env: &Env, host: &str) -> bool {
    let list = ["no_proxy", "NO_PROXY"].iter().find_map(|name| env.get(name)).unwrap_or_default();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let suffix = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || host.eq_ignore_ascii_case(suffix)
            || host
                .len()
                .checked_sub(suffix.len())
                .and_then(|at| host.split_at_checked(at))
                .is_some_and(|(rest, tail)| {
                    rest.ends_with('.') && tail.eq_ignore_ascii_case(suffix)
                })
    })
}

/// Splits a proxy's URL into the value of `proxy-authorization` and the address.
///
/// # Errors
/// What is wrong with the URL.
pub fn proxy_address(url: &str) -> Result<(Option<String>, BaseUrl), String> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (scheme, rest) = full.split_once("://").unwrap_or(("http", &full));
    let (user, address) = match rest.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, rest),
    };
    let parsed: BaseUrl =
        format!("{scheme}://{address}").parse().map_err(|error| format!("{error}"))?;
    if parsed.https {
        return Err("a proxy that is itself spoken to by TLS is not served; use http://".into());
    }
    let authorization =
        user.map(|user| format!("Basic {}", base64(percent::decode(user.as_bytes()).as_bytes())));
    Ok((authorization, parsed))
}

fn base64(bytes: &[u8]) -> String {
    const TABLE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4_usize {
            let index = (group >> (18 - 6 * at)) as usize & 63;
            let symbol = TABLE.get(index).copied().unwrap_or(b'=');
            out.push(if at > chunk.len() { '=' } else { symbol.into() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{base64, bypasses_proxy, proxy_address};
    use crate::config::Env;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_proxy_has_an_address_and_maybe_a_user() {
        let (user, address) = proxy_address("http://a:p%40ss@proxy.example:3128").unwrap();
        assert_eq!(user.unwrap(), format!("Basic {}", base64(b"a:p@ss")));
        assert_eq!((address.host.as_str(), address.port), ("proxy.example", 3128));
        assert_eq!(proxy_address("proxy:8080").unwrap().0, None);
        assert!(proxy_address("https://proxy").is_err());
        assert!(proxy_address("socks5://proxy").is_err());
    }

    #[test]
    fn exempt_hosts_are_names_and_suffixes() {
        let env = Env::from_pairs([("NO_PROXY", "localhost, .internal,10.0.0.1")]);
        for (host, exempt) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("a.internal", true),
            ("internal", true),
            ("notinternal", false),
            ("10.0.0.1", true),
            ("api.openai.com", false),
        ] {
            assert_eq!(bypasses_proxy(&env, host), exempt, "{host}");
        }
        assert!(bypasses_proxy(&Env::from_pairs([("no_proxy", "*")]), "x"));
        assert!(!bypasses_proxy(&Env::from_pairs([("x", "y")]), "x"));
    }
}
