//! The file's words, kept beside what they mean.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A key that the file gives, with its value as it is written there. Values of `env` are not among them: their names
/// are, with [`Setting::HIDDEN`] for a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Within the service (`canary.bake`), or within the file for what holds for all of its services
    /// (`policy.max-share`).
    pub key: String,
    /// TOML.
    pub value: String,
    /// Of the file, counted from 1.
    pub line: u32,
    /// The environment in whose table it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl Setting {
    /// Stands for a value that may be a secret.
    pub const HIDDEN: &str = "•••";
}

/// Everything that the file gives of a service, in the order of its keys. How something is written is no part of what
/// it says: two of these are always equal.
#[derive(Debug, Clone, Default)]
pub struct Given(pub Arc<[Setting]>);

impl PartialEq for Given {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
