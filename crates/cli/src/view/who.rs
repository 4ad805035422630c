//! Users who get the new version by name, on a terminal.

use staunch_api::v1::{Cohort, Rollout, Service};

/// Nobody else has it at the present step.
pub(crate) fn is_alone(rollout: &Rollout) -> bool {
    let weight = rollout.steps_ratio.get(rollout.step);
    rollout.phase == "progressing" && !rollout.who.is_empty() && weight == Some(&0.0)
}

/// `, 5 % of the traffic and who is meant by name`
pub(crate) fn share(service: &Service, rollout: &Rollout) -> String {
    let percent = (service.canary_weight_ratio * 10_000.0).round() / 100.0;
    match (is_alone(rollout), is_sent(rollout)) {
        (true, _) => ", only who gets it by name".to_owned(),
        (false, true) => format!(", {percent} % of the traffic and who gets it by name"),
        (false, false) => format!(", {percent} % of the traffic"),
    }
}

/// Somebody has it by name now; when everybody has it nobody needs one.
fn is_sent(rollout: &Rollout) -> bool {
    rollout.phase == "progressing" && !rollout.who.is_empty()
}

fn cohort(rollout: &Rollout) -> Option<&Cohort> {
    rollout.judgement.as_ref()?.cohort.as_ref()
}

/// What `status` says.
pub(crate) fn lines(rollout: &Rollout) -> Vec<String> {
    if rollout.who.is_empty() || !rollout.active {
        return vec![];
    }
    let mut lines = vec![format!("    by name: {}", rollout.who.join(", "))];
    lines.extend(cohort(rollout).map(|cohort| format!("    {}", cohort.sentence)));
    let too_many = cohort(rollout).and_then(|cohort| cohort.too_many.as_ref());
    lines.extend(too_many.map(|text| format!("    ! {text}")));
    lines
}

/// One line of the live box, while they have it alone.
pub(crate) fn line(rollout: &Rollout) -> Option<String> {
    let said = cohort(rollout).map_or("nobody has come yet", |cohort| cohort.sentence.as_str());
    is_alone(rollout).then(|| format!("alone   {said}"))
}
