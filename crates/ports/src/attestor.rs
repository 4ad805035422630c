//! What one environment tells another: which files have ended their bake.

use staunch_model::{Attestation, ServiceName};

/// Keeps attestations in a folder that environments share. A reader may meet a folder that is empty, broken or slow:
/// it hears less then, never something wrong.
pub trait Attestor: Send + Sync {
    /// # Errors
    /// When it could not be written, in words.
    fn attest(&self, folder: &str, word: &Attestation) -> Result<(), String>;
    /// Says that a word could not be kept.
    fn complain(&self, why: &str);
    /// All that is attested of a service.
    fn attested(&self, folder: &str, service: &ServiceName) -> Vec<Attestation>;
}

impl Attestor for crate::Forgetful {
    fn attest(&self, _: &str, _: &Attestation) -> Result<(), String> {
        Ok(())
    }
    fn complain(&self, _: &str) {}
    fn attested(&self, _: &str, _: &ServiceName) -> Vec<Attestation> {
        vec![]
    }
}
