//! Which versions fit together: the two of this service with all others that run, with the schema, and in which order
//! they may follow each other.

use std::collections::BTreeSet;

use staunch_model::{VersionEntry, VersionMatch, semantic};

use super::landscape::{Want, WantKind, wants};
use super::{Facts, Finding, FindingCode, Place};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let to = facts.to.label.as_str();
    let from = facts.service.stable.as_ref().map(|stable| stable.label.as_str());
    if from == Some(to) {
        return;
    }
    for entry in entries(facts, to) {
        about_itself(facts, entry, findings);
        its_wants(facts, entry, to, findings);
    }
    wants_of_others(facts, to, findings);
    // What runs today and does not fit is no reason to refuse what may fit.
    if let Some(from) = from {
        let mut today = vec![];
        entries(facts, from).for_each(|entry| its_wants(facts, entry, from, &mut today));
        wants_of_others(facts, from, &mut today);
        findings.extend(today.into_iter().map(Finding::warning));
        order(facts, from, to, findings);
        schema(facts, from, to, findings);
    }
}

fn entries<'a>(facts: &Facts<'a>, version: &str) -> impl Iterator<Item = &'a VersionEntry> {
    facts.spec.policy.versions.iter().filter(move |entry| entry.versions.holds(version))
}

fn place(entry: &VersionEntry, key: &str) -> Place {
    let dot = if key.is_empty() { "" } else { "." };
    Place {
        key: format!("versions[{}]{dot}{key}", entry.number),
        line: Some(entry.line).filter(|line| *line > 0),
    }
}

fn about_itself(facts: &Facts<'_>, entry: &VersionEntry, findings: &mut Vec<Finding>) {
    let to = &facts.to.label;
    if let Some(why) = &entry.deprecated {
        let text = format!("{to} is deprecated: {why}");
        findings
            .push(Finding::new(FindingCode::VersionDeprecated, place(entry, "deprecated"), text).warning());
    }
    for step in &entry.before {
        let text = format!("before {to}: {step}");
        findings.push(Finding::new(FindingCode::StepBefore, place(entry, "before"), text).note());
    }
    for step in &entry.after {
        let text = format!("after {to}: {step}");
        findings.push(Finding::new(FindingCode::StepAfter, place(entry, "after"), text).note());
    }
}

/// What one of the two versions wants of the others.
fn its_wants(facts: &Facts<'_>, entry: &VersionEntry, version: &str, findings: &mut Vec<Finding>) {
    for (target, kind, range) in wants(entry).filter(|(target, _, _)| *target != facts.spec.name.as_str()) {
        let own = format!("{} {version}", facts.spec.name);
        match kind {
            WantKind::Requires => findings.extend(required(facts, entry, &own, target, range)),
            WantKind::Breaks => {
                let broken = running(facts, target).into_iter().filter(|live| range.holds(live));
                findings.extend(broken.map(|live| {
                    let text = format!("{own} makes {target} {range} fail, and {live} runs");
                    Finding::new(FindingCode::Breaks, place(entry, &format!("breaks.{target}")), text)
                }));
            }
        }
    }
}

/// What runs of a service, or is known of what Staunch does not run.
fn running<'a>(facts: &Facts<'a>, target: &str) -> Vec<&'a str> {
    let outside = facts.spec.policy.outside.get(target).map(|version| vec![version.as_str()]);
    facts.landscape.known.get(target).map(|known| known.live.clone()).or(outside).unwrap_or_default()
}

fn required(
    facts: &Facts<'_>,
    entry: &VersionEntry,
    own: &str,
    target: &str,
    range: &VersionMatch,
) -> Vec<Finding> {
    let place = || place(entry, &format!("requires.{target}"));
    let known = facts.landscape.known.contains_key(target) || facts.spec.policy.outside.contains_key(target);
    if !known {
        let text = format!("{own} needs {target} {range}, and nothing here is called {target}");
        let fix = format!("correct the name, or tell its version: `[policy.outside]` {target} = \"…\"");
        return vec![Finding::new(FindingCode::RequiresUnknown, place(), text).fix(fix)];
    }
    let live = running(facts, target);
    if live.is_empty() {
        let text = format!("{own} needs {target} {range}, and {target} runs nothing");
        let fix = format!("`staunch deploy {target}` first");
        return vec![Finding::new(FindingCode::RequiresMissing, place(), text).fix(fix)];
    }
    let wrong = live.iter().filter(|version| !range.holds(version));
    wrong.map(|version| misfit(own, target, range, version, place())).collect()
}

fn misfit(own: &str, target: &str, range: &VersionMatch, version: &str, place: Place) -> Finding {
    let ranged = matches!(range, VersionMatch::Range(_));
    if ranged && semantic(version).is_none() {
        let text = format!(
            "{own} needs {target} {range}, and `{version}`, which runs, cannot be compared with that"
        );
        let fix = format!("give {target} a version such as 1.4.2, or name `{version}` in the entry");
        return Finding::new(FindingCode::RequiresVersion, place, text).fix(fix);
    }
    let text = format!("{own} needs {target} {range}, and {version} runs");
    let fix = format!("bring {target} to {range} first");
    Finding::new(FindingCode::RequiresVersion, place, text).fix(fix)
}

/// What versions of others that run want of this one.
fn wants_of_others(facts: &Facts<'_>, version: &str, findings: &mut Vec<Finding>) {
    let own = facts.spec.name.as_str();
    let wants = facts.landscape.wants.get(own).into_iter().flatten().filter(|want| want.owner != own);
    findings.extend(wants.filter_map(|want| unmet(want, own, version)));
}

fn unmet(want: &Want<'_>, own: &str, version: &str) -> Option<Finding> {
    let Want { owner, version: theirs, entry, kind, versions } = want;
    let fits = versions.holds(version);
    match kind {
        WantKind::Requires if !fits => {
            let text = format!("{owner} {theirs} runs and needs {own} {versions}, not {version}");
            let fix = format!("bring {owner} to a version that works with {own} {version} first");
            let place = place(entry, &format!("requires.{own}"));
            Some(Finding::new(FindingCode::RequiredBy, place, text).fix(fix))
        }
        WantKind::Breaks if fits => {
            let text = format!("{owner} {theirs} runs and makes {own} {versions} fail, so {version} too");
            Some(Finding::new(FindingCode::Breaks, place(entry, &format!("breaks.{own}")), text))
        }
        WantKind::Requires | WantKind::Breaks => None,
    }
}

fn order(facts: &Facts<'_>, from: &str, to: &str, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (semantic(from), semantic(to)) else { return };
    if new < old {
        findings.push(downgrade(facts, from, to));
        return;
    }
    let path = upgrade_path(facts, from, to);
    if let [_, .., _] = path.as_slice() {
        let entry = entries(facts, to).find(|entry| !entry.upgrade_via.is_empty());
        let place = entry.map_or_else(|| facts.place("version"), |entry| place(entry, "upgrade-via"));
        let text = format!("{from} cannot become {to} at once: the path is {from} → {}", path.join(" → "));
        let fix = format!("deploy {} first", path.first().map_or("", String::as_str));
        findings.push(Finding::new(FindingCode::VersionSkips, place, text).fix(fix));
    }
}

/// The versions to deploy one after the other, `to` last: all mandatory ones above `from`, and those that these need.
fn upgrade_path(facts: &Facts<'_>, from: &str, to: &str) -> Vec<String> {
    let Some(old) = semantic(from) else { return vec![to.to_owned()] };
    let mut path = BTreeSet::new();
    let mut open = vec![to.to_owned()];
    while let Some(goal) = open.pop() {
        let Some(end) = semantic(&goal) else { continue };
        let vias = entries(facts, &goal).flat_map(|entry| &entry.upgrade_via);
        let between = vias.filter(|via| semantic(via).is_some_and(|via| old < via && via < end));
        let fresh: Vec<_> =
            between.filter(|via| !path.iter().any(|(_, name)| name == *via)).cloned().collect();
        path.extend(fresh.iter().filter_map(|via| Some((semantic(via)?, via.clone()))));
        open.extend(fresh);
    }
    path.into_iter().map(|(_, name)| name).chain([to.to_owned()]).collect()
}

fn downgrade(facts: &Facts<'_>, from: &str, to: &str) -> Finding {
    let bound = entries(facts, from).find(|entry| entry.downgrade_to.is_some());
    let refused = bound.and_then(|entry| Some((entry, entry.downgrade_to.as_ref()?)));
    match refused.filter(|(_, range)| !range.holds(to)) {
        Some((entry, range)) => {
            let text = format!("{to} is older than {from}, and from {from} one can go back to {range} only");
            let place = place(entry, "downgrade-to");
            Finding::new(FindingCode::VersionDowngrade, place, text)
        }
        None => {
            let text = format!("{to} is older than {from}, which runs");
            let fix = "`staunch rollback` goes back to what served before, at once";
            Finding::new(FindingCode::VersionDowngrade, facts.place("version"), text).fix(fix).warning()
        }
    }
}

/// Both versions work on one database: each must fit what is there, and what the new one makes of it.
fn schema(facts: &Facts<'_>, from: &str, to: &str, findings: &mut Vec<Finding>) {
    let brought = entries(facts, to).find_map(|entry| entry.migrates_to);
    let present = present_schema(facts);
    let after = brought.max(present);
    let Some(after) = after else { return };
    let both = [(from, "would meet"), (to, "meets")];
    for (version, meets) in both {
        let bounds = entries(facts, version).find_map(|entry| Some((entry, entry.schema?)));
        if let Some((entry, range)) = bounds.filter(|(_, range)| !range.holds(after)) {
            let text =
                format!("{version} works with schema {range} and {meets} {after} while both versions run");
            findings.push(Finding::new(FindingCode::SchemaMismatch, place(entry, "schema"), text));
        }
    }
}

/// The highest that a version which served has brought: schemas do not go back by themselves.
fn present_schema(facts: &Facts<'_>) -> Option<u64> {
    let stable = facts.service.stable.iter().map(|stable| stable.label.as_str());
    let seen = &facts.service.standing.seen;
    let served = seen.iter().filter(|(_, seen)| seen.served).map(|(label, _)| label.as_str());
    served
        .chain(stable)
        .flat_map(|version| entries(facts, version))
        .filter_map(|entry| entry.migrates_to)
        .max()
}
