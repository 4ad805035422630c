//! Not now: change windows and freezes. Both yield to an emergency, and neither holds anybody back from going back.

use staunch_model::{Effect, Timestamp, Window};

use super::{Facts, Finding, FindingCode, Place};

/// How far ahead the next opening is looked for.
const AHEAD_DAYS: u16 = 35;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    if let Some(freeze) = facts.service.standing.frozen(facts.now) {
        let until = freeze
            .until
            .map_or_else(|| "until somebody unfreezes".to_owned(), |until| format!("until {until}"));
        let why = if freeze.reason.is_empty() { "no reason was given" } else { &freeze.reason };
        let text =
            format!("{} is frozen by {} since {}, {until}: {why}", facts.spec.name, freeze.by, freeze.since);
        let place = Place { key: "staunch freeze".to_owned(), line: None };
        findings.push(Finding::new(FindingCode::Frozen, place, text));
    }
    let windows = &facts.spec.policy.windows;
    let denying = windows.iter().filter(|window| window.effect == Effect::Deny);
    findings.extend(denying.filter(|window| window.is_open(facts.now)).map(|window| closed(facts, window)));
    let mut allowing = windows.iter().filter(|window| window.effect == Effect::Allow).peekable();
    let first = allowing.peek().copied();
    if let Some(first) = first.filter(|_| !allowing.any(|window| window.is_open(facts.now))) {
        findings.push(closed(facts, first));
    }
}

fn closed(facts: &Facts<'_>, window: &Window) -> Finding {
    let why = window.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let now = window.zone.show(facts.now);
    let text = match window.effect {
        Effect::Deny => format!("no change begins in this window{why}: {}; it is {now}", window.describe()),
        Effect::Allow => format!("changes begin in the window{why} {}; it is {now}", window.describe()),
    };
    let place = Place {
        key: format!("windows[{}]", window.number),
        line: Some(window.line).filter(|line| *line > 0),
    };
    let finding = Finding::new(FindingCode::WindowClosed, place, text);
    match next_opening(&facts.spec.policy.windows, facts.now) {
        Some(opening) => finding.fix(format!(
            "wait until {}, or use `staunch deploy --emergency --reason …`",
            window.zone.show(opening)
        )),
        None => finding.fix(format!(
            "no window opens within {AHEAD_DAYS} days: change the windows, or use `staunch deploy --emergency --reason …`"
        )),
    }
}

/// Whether a change may begin then.
fn admits(windows: &[Window], at: Timestamp) -> bool {
    let denied = windows.iter().any(|window| window.effect == Effect::Deny && window.is_open(at));
    let mut allowing = windows.iter().filter(|window| window.effect == Effect::Allow).peekable();
    let free = allowing.peek().is_none();
    !denied && (free || allowing.any(|window| window.is_open(at)))
}

/// The first moment at which a change may begin again.
fn next_opening(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let mut edges: Vec<_> = windows.iter().flat_map(|window| window.edges(now, AHEAD_DAYS)).collect();
    edges.sort_unstable();
    edges.into_iter().find(|edge| admits(windows, *edge))
}
