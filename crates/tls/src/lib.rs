//! A certificate and its key from PEM files, read again when the files change: renewing a certificate needs no restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Between two looks at the files, which only a handshake causes.
const PAUSE: Duration = Duration::from_secs(10);

/// Where a certificate and its private key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl PemFiles {
    /// Serves with what is in the files, and with what comes to be in them. New files that cannot be used, or do not
    /// belong together, change nothing: the old certificate is served on.
    ///
    /// # Errors
    /// Which file is wrong and how, in words.
    pub fn acceptor(&self, protocols: &[&str]) -> Result<TlsAcceptor, String> {
        let renewing = Arc::new(Renewing::new(self.clone(), PAUSE)?);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(renewing);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn read(&self) -> Result<CertifiedKey, String> {
        let Self { cert, key } = self;
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("cannot read the certificate {}: {error}", cert.display()))?;
        if chain.is_empty() {
            return Err(format!("{} has no certificate", cert.display()));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| format!("cannot read the key {}: {error}", key.display()))?;
        CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| {
            format!("cannot use the certificate {} with the key {}: {error}", cert.display(), key.display())
        })
    }

    fn stamps(&self) -> [Option<SystemTime>; 2] {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        [changed(&self.cert), changed(&self.key)]
    }
}

struct Renewing {
    files: PemFiles,
    pause: Duration,
    served: Mutex<Served>,
}

struct Served {
    key: Arc<CertifiedKey>,
    /// When the files were changed that it was read from.
    stamps: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Renewing {
    fn new(files: PemFiles, pause: Duration) -> Result<Self, String> {
        // Before they are read: a change in between is seen at the next look.
        let stamps = files.stamps();
        let key = Arc::new(files.read()?);
        let served = Mutex::new(Served { key, stamps, looked: Instant::now() });
        Ok(Self { files, pause, served })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if served.looked.elapsed() < self.pause {
            return served.key.clone();
        }
        served.looked = Instant::now();
        let stamps = self.files.stamps();
        if stamps != served.stamps
            && let Ok(key) = self.files.read()
        {
            (served.key, served.stamps) = (Arc::new(key), stamps);
        }
        served.key.clone()
    }
}

impl ResolvesServerCert for Renewing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renewing").field(&self.files).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        cert: String,
        key: String,
    }

    fn make() -> Made {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Made { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Files on some disks change twice within one tick of their clock; a renewal is months after the last.
    fn put(path: &Path, text: &str, second: u64) {
        std::fs::write(path, text).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn files(dir: &tempfile::TempDir) -> PemFiles {
        PemFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") }
    }

    #[test]
    fn a_renewed_certificate_is_served_once_both_files_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let (files, first, second) = (files(&dir), make(), make());
        put(&files.cert, &first.cert, 1);
        put(&files.key, &first.key, 1);
        let renewing = Renewing::new(files.clone(), Duration::ZERO).unwrap();
        let old = renewing.current();
        assert!(Arc::ptr_eq(&old, &renewing.current()), "nothing has changed");

        put(&files.cert, &second.cert, 2);
        assert!(Arc::ptr_eq(&old, &renewing.current()), "the key is still that of the old one");
        put(&files.key, &second.key, 2);
        let renewed = renewing.current();
        assert_ne!(old.cert, renewed.cert);

        std::fs::remove_file(&files.cert).unwrap();
        put(&files.key, "-----BEGIN", 3);
        assert!(Arc::ptr_eq(&renewed, &renewing.current()), "what cannot be used changes nothing");
    }

    #[test]
    fn files_are_not_looked_at_with_every_handshake() {
        let dir = tempfile::tempdir().unwrap();
        let (files, first, second) = (files(&dir), make(), make());
        put(&files.cert, &first.cert, 1);
        put(&files.key, &first.key, 1);
        let renewing = Renewing::new(files.clone(), Duration::from_secs(3_600)).unwrap();
        let old = renewing.current();
        put(&files.cert, &second.cert, 2);
        put(&files.key, &second.key, 2);
        assert!(Arc::ptr_eq(&old, &renewing.current()));
    }

    #[test]
    fn the_error_names_the_file_and_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        let refused = || files.acceptor(&[]).err().unwrap();
        assert!(refused().contains("cannot read the certificate") && refused().contains("cert.pem"));
        put(&files.cert, "", 1);
        assert!(refused().contains("has no certificate"), "{}", refused());
        put(&files.cert, &make().cert, 1);
        assert!(refused().contains("cannot read the key") && refused().contains("key.pem"));
        put(&files.key, &make().key, 1);
        assert!(refused().contains("with the key"), "{}", refused());
    }
}
