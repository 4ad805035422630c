//! Whose certificates are trusted.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::ClientError;

/// `authorities` is a PEM file; without it the system's certificates are trusted.
pub(super) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, ClientError> {
    let roots = match authorities {
        Some(path) => from_file(path)?,
        None => of_the_system(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Protocol(error.to_string()))?;
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

fn from_file(path: &Path) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let wrong = |why: &dyn std::fmt::Display| ClientError::Unreachable {
        what: format!("cannot read the certificates of {}: {why}", path.display()),
        fix: "give --ca a PEM file with the certificate of the authority".to_owned(),
    };
    for certificate in read.map_err(|error| wrong(&error))? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() { Err(wrong(&"it has none")) } else { Ok(roots) }
}

/// Those that cannot be read are left out: what they would vouch for is then not trusted.
fn of_the_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The name that the certificate has to be for.
pub(super) fn name(authority: &str) -> Result<ServerName<'static>, ClientError> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(host).map_err(|_| {
        ClientError::Protocol(format!("`{authority}` is not a name that a certificate can have"))
    })
}
