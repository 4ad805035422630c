//! Which versions of all services run, and what they want of each other: built once, asked for each service.

use std::collections::BTreeMap;

use staunch_model::{ServiceName, ServiceSpec, VersionEntry, VersionMatch};

use crate::Service;

/// All services at one moment.
#[derive(Debug, Clone, Default)]
pub struct Landscape<'a> {
    pub(super) known: BTreeMap<&'a str, Known<'a>>,
    /// By the service that is wanted something of.
    pub(super) wants: BTreeMap<&'a str, Vec<Want<'a>>>,
}

/// A service of the file.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    /// The version that serves, and the one on its way.
    pub(super) live: Vec<&'a str>,
}

/// What a version that runs wants of another service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want<'a> {
    pub(super) owner: &'a str,
    pub(super) version: &'a str,
    pub(super) entry: &'a VersionEntry,
    pub(super) kind: WantKind,
    pub(super) versions: &'a VersionMatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantKind {
    Requires,
    Breaks,
}

impl<'a> Landscape<'a> {
    pub fn of(specs: &'a [ServiceSpec], services: &'a BTreeMap<ServiceName, Service>) -> Self {
        let mut landscape = Self::default();
        for spec in specs {
            let live = services.get(&spec.name).map(live).unwrap_or_default();
            for version in &live {
                landscape.note_wants(spec, version);
            }
            landscape.known.insert(spec.name.as_str(), Known { live });
        }
        landscape
    }

    fn note_wants(&mut self, spec: &'a ServiceSpec, version: &'a str) {
        for entry in spec.policy.versions.iter().filter(|entry| entry.versions.holds(version)) {
            for (target, kind, versions) in wants(entry) {
                let want = Want { owner: spec.name.as_str(), version, entry, kind, versions };
                self.wants.entry(target).or_default().push(want);
            }
        }
    }
}

/// What an entry says of other services.
pub(super) fn wants(entry: &VersionEntry) -> impl Iterator<Item = (&str, WantKind, &VersionMatch)> {
    let requires = entry.requires.iter().map(|(name, range)| (name.as_str(), WantKind::Requires, range));
    requires.chain(entry.breaks.iter().map(|(name, range)| (name.as_str(), WantKind::Breaks, range)))
}

/// While a rollout runs, both of its versions do.
fn live(service: &Service) -> Vec<&str> {
    let stable = service.stable.iter().map(|stable| stable.label.as_str());
    stable.chain(service.active().map(|rollout| rollout.spec.to.label.as_str())).collect()
}
