//! Everything that is asked before a rollout begins: facts → findings, all at once. `plan` shows them, `deploy` is
//! refused by those that are errors; going back is never asked.

mod blast;
mod codes;
mod consent;
mod finding;
mod landscape;
mod naming;
mod timing;
mod versions;

use sha2::{Digest as _, Sha256};
use staunch_model::{Attestation, Revision, ServiceSpec, Timestamp};

pub use codes::{FindingCode, FindingInfo, Stop, finding_info};
pub use finding::{Finding, Place, Severity, stop};
pub use landscape::Landscape;

use crate::Service;

/// What is known when somebody wants to deploy.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub now: Timestamp,
    /// The service as the file describes it, with its policy.
    pub spec: &'a ServiceSpec,
    /// The same as history tells it.
    pub service: &'a Service,
    pub to: &'a Revision,
    /// Who asks.
    pub by: &'a str,
    pub landscape: &'a Landscape<'a>,
    /// What other environments say of this service.
    pub baked: &'a [Attestation],
    /// Findings from elsewhere: budgets, checks, scores.
    pub more: &'a [Finding],
}

impl Facts<'_> {
    fn place(&self, key: &str) -> Place {
        Place { key: key.to_owned(), line: self.spec.policy.lines.0.get(key).copied() }
    }
}

/// What the preflight says.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    pub findings: Vec<Finding>,
    /// The digest of all that people agree to: the content, its path and policy, and what was found.
    pub plan: String,
}

/// All findings at once, the gravest first.
pub fn preflight(facts: &Facts<'_>) -> Preflight {
    let mut findings = facts.more.to_vec();
    naming::check(facts, &mut findings);
    versions::check(facts, &mut findings);
    blast::check(facts, &mut findings);
    timing::check(facts, &mut findings);
    consent::check_baked(facts, &mut findings);
    let plan = digest(facts, &findings);
    consent::check_approval(facts, &plan, &mut findings);
    findings.sort_by_key(|finding| finding.severity);
    Preflight { findings, plan }
}

/// Errors are left out: they refuse by themselves, and come and go with the hour.
fn digest(facts: &Facts<'_>, findings: &[Finding]) -> String {
    let spec = facts.spec;
    let from = facts.service.stable.as_ref().map(|from| &from.digest);
    let warned: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| (&finding.code, &finding.place.key))
        .collect();
    let path = (&spec.strategy, &spec.gates, &spec.triggers, &spec.evidence, spec.replicas);
    let whole = (&spec.name, from, &facts.to.digest, path, &spec.policy, warned);
    let text = serde_json::to_vec(&whole).unwrap_or_default();
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The identity of a revision's files alone, by which two environments know that they run the same: programs outside
/// of the project and environment variables differ between machines.
pub fn artifact(revision: &Revision) -> String {
    let inside = revision.files.iter().filter(|file| !file.path.starts_with('/'));
    let mut files: Vec<_> = inside.map(|file| (&file.path, &file.sha256)).collect();
    if files.is_empty() {
        return format!("version:{}", revision.label);
    }
    files.sort();
    let mut hasher = Sha256::new();
    for (path, hash) in files {
        hasher.update(format!("{path}\0{hash}\n"));
    }
    format!("files:{}", hex(&hasher.finalize()))
}
