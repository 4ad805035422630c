//! Who has to have seen it before: another environment, other people.

use staunch_model::Attestation;

use super::{Facts, Finding, FindingCode, artifact};
use crate::policy::people;

pub(super) fn check_baked(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let own = artifact(facts.to);
    for environment in &facts.spec.policy.baked_in {
        let there: Vec<_> = facts.baked.iter().filter(|word| &word.environment == environment).collect();
        if there.iter().any(|word| word.artifact == own) {
            continue;
        }
        let last = there.iter().max_by_key(|word| word.at).map_or_else(
            || format!("nothing of {} has baked there", facts.spec.name),
            |word: &&Attestation| format!("the last that did is {} of {}", word.version, word.at),
        );
        let text = format!("{} has not baked in {environment}: {last}", facts.to.label);
        let fix = format!("`staunch --env {environment} deploy` with the same files, and let its bake end");
        findings.push(Finding::new(FindingCode::NotBaked, facts.place("policy.requires"), text).fix(fix));
    }
}

/// Asked last: people agree to the rest.
pub(super) fn check_approval(facts: &Facts<'_>, plan: &str, findings: &mut Vec<Finding>) {
    let Some(approvals) = &facts.spec.policy.approvals else { return };
    let place = || facts.place("policy.approvals");
    let others = approvals.from.iter().filter(|name| *name != facts.by).count();
    if !approvals.from.is_empty() && others < approvals.count as usize {
        let text =
            format!("{} needed, and besides {} only {others} may approve", people(approvals.count), facts.by);
        findings.push(Finding::new(FindingCode::ApproversTooFew, place(), text));
        return;
    }
    let ask = facts.service.standing.asking(facts.now).filter(|ask| ask.plan == plan);
    if let Some(no) = ask.and_then(|ask| ask.rejection()) {
        let reason = if no.reason.is_empty() { String::new() } else { format!(": {}", no.reason) };
        let text = format!("{} rejected it{reason}", no.by);
        findings.push(Finding::new(FindingCode::ApprovalRejected, place(), text));
        return;
    }
    if ask.is_some_and(crate::Ask::is_granted) {
        return;
    }
    let have = ask.map(|ask| ask.approved_by().join(", ")).filter(|names| !names.is_empty());
    let have = have.map_or_else(String::new, |names| format!(", so far by {names}"));
    let from = if approvals.from.is_empty() { "anyone else".to_owned() } else { approvals.from.join(", ") };
    let text = format!("{} of {from} needed{have}", people(approvals.count));
    findings.push(Finding::new(FindingCode::ApprovalNeeded, place(), text));
}
