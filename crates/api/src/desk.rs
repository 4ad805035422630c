//! What only the composition root can look up: the configuration's text, the machine.

use std::collections::BTreeMap;

use staunch_model::{ServiceName, Setting};

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
    /// Every key of the server's own file that has a say for a service.
    fn values(&self, service: &ServiceName) -> FileValues;
}

/// The server's own file, as it is now.
pub struct FileValues {
    pub file: String,
    pub environment: Option<String>,
    /// In words why it cannot be read, with nothing of what it says: that may be a secret.
    pub values: Result<Vec<FileValue>, String>,
    /// Variables with their values: to be compared, never to be shown.
    pub env: BTreeMap<String, String>,
}

/// One key of the file.
pub struct FileValue {
    pub key: String,
    pub given: Option<Setting>,
    pub default: Option<String>,
    pub about: String,
}
