//! Whom to trust.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::spawn_blocking;

/// Trusts these authorities, whose certificates are X.509 in DER, or those of the system. Ones that cannot be read are left out: then servers
/// that have their certificates from them are not trusted. `protocols` are offered, the best first.
pub(crate) async fn client_config(authorities: Option<Vec<Vec<u8>>>, protocols: &[&str]) -> ClientConfig {
    let roots = spawn_blocking(move || {
        let certificates = match authorities {
            Some(authorities) => authorities.into_iter().map(CertificateDer::from).collect(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        roots
    });
    let roots = roots.await.unwrap_or_else(|_| RootCertStore::empty());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of all protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}
