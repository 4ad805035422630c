//! A name is one content's for ever.

use staunch_model::Naming;

use super::{Facts, Finding, FindingCode};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    if let Naming::Unnamed(why) = &facts.spec.policy.naming {
        let text = format!("this version has no name of its own, but a number: {why}");
        findings.push(Finding::new(FindingCode::VersionUnnamed, facts.place("version"), text).warning());
    }
    let label = &facts.to.label;
    let known =
        facts.service.standing.seen.get(label).filter(|seen| seen.served && seen.digest != facts.to.digest);
    if let Some(seen) = known.filter(|_| facts.spec.version.is_some()) {
        let text =
            format!("{label} is the name of other content, which served everyone ({})", seen.digest.short());
        findings.push(Finding::new(FindingCode::VersionReused, facts.place("version"), text).warning());
    }
}
