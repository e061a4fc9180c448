//! The listener's certificate.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::config::Tls;

/// Reads certificate and key. TLS 1.2 and 1.3, `http/1.1`, sessions resumed by tickets.
///
/// # Errors
/// What is wrong with which file.
pub fn load(config: &Tls) -> Result<Arc<ServerConfig>, String> {
    let cert =
        |error: &dyn std::fmt::Display| format!("tls.cert {}: {error}", config.cert.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(&config.cert)
        .map_err(|error| cert(&error))?
        .collect::<Result<_, _>>()
        .map_err(|error| cert(&error))?;
    if chain.is_empty() {
        return Err(cert(&"no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| format!("tls.key {}: {error}", config.key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("tls.cert and tls.key: {error}"))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|error| error.to_string())?;
    Ok(Arc::new(server))
}
