//! A service's certificate, read when its table arrives.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use staunch_model::TlsSpec;
use tokio_rustls::TlsAcceptor;

/// Reads certificate and key; the error says which file is wrong and how.
pub(crate) fn acceptor(spec: &TlsSpec) -> Result<TlsAcceptor, String> {
    let chain = CertificateDer::pem_file_iter(&spec.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| format!("cannot read the certificate {}: {e}", spec.cert))?;
    let key = PrivateKeyDer::from_pem_file(&spec.key)
        .map_err(|e| format!("cannot read the key {}: {e}", spec.key))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| format!("cannot use the certificate {} with the key {}: {e}", spec.cert, spec.key))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
