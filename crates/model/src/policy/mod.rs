//! What a service's owners ask of every change before it may begin.

mod approvals;
mod limits;
mod version;
mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A date without a place.
pub use jiff::civil::Date as CivilDate;

pub use approvals::{Approvals, Attestation};
pub use limits::Limit;
pub use version::{Naming, Schema, VersionEntry, VersionFlaw, VersionMatch, VersionName, semantic};
pub use window::{Day, Effect, Window, Zone, ZoneError};

/// The policy that holds for one service: the file's own, as the chosen environment changes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicySpec {
    /// `staging`, `production`, …; `None` is the file as it stands.
    pub environment: Option<String>,
    pub limits: Vec<Limit>,
    pub windows: Vec<Window>,
    /// What is known of this service's own versions.
    pub versions: Vec<VersionEntry>,
    /// Versions of what Staunch does not run, such as a database.
    pub outside: BTreeMap<String, String>,
    /// Environments in which the same files must have ended their bake.
    pub baked_in: Vec<String>,
    pub approvals: Option<Approvals>,
    /// The folder in which environments tell each other what has baked; absolute, or relative to the file.
    pub attestations: Option<String>,
    pub naming: Naming,
    #[serde(skip)]
    pub lines: Lines,
    /// What the file gives, in its words.
    #[serde(skip)]
    pub given: crate::Given,
}

/// Lines of the file by key (`policy.max-share`, `canary.steps`), counted from 1. Where something is written is no part of
/// what it says: two of these are always equal.
#[derive(Debug, Clone, Default)]
pub struct Lines(pub BTreeMap<String, u32>);

impl PartialEq for Lines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
