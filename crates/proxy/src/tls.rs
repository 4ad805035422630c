//! A service's certificate, read when its table arrives and when its files change.

use staunch_model::TlsSpec;
use staunch_tls::PemFiles;
use tokio_rustls::TlsAcceptor;

/// The error says which file is wrong and how.
pub(crate) fn acceptor(spec: &TlsSpec) -> Result<TlsAcceptor, String> {
    PemFiles { cert: (&spec.cert).into(), key: (&spec.key).into() }.acceptor(&["h2", "http/1.1"])
}
