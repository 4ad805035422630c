//! What only the composition root can look up: the configuration's text, the machine.

use crate::v1::{DoctorCheck, Validation};

/// Blocking, and without effect on anything.
pub trait Desk: Send + Sync + 'static {
    /// The findings of a configuration that somebody sent; nothing of it is run or called.
    fn validate(&self, text: &str, environment: Option<&str>) -> Validation;
    /// What keeps this server's machine from working well.
    fn doctor(&self) -> Vec<DoctorCheck>;
    /// The environments that the server's own file names.
    ///
    /// # Errors
    /// The findings of the file in words, when it cannot be read.
    fn environments(&self) -> Result<Vec<String>, String>;
}
