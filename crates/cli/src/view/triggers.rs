//! Triggers as one line each.

use staunch_api::v1::{Time, Trigger};
use staunch_model::human_duration;

use crate::term::Tone;

/// `trigger error-rate  suspected for 12 s: 6.1 % (61 of 1000) of requests failed (rolls back above 5 % for 30 s)`
pub(crate) fn trigger_words(trigger: &Trigger, now: Time) -> String {
    let then = if trigger.grade == "warn" { "warns" } else { "rolls back" };
    let figure = if trigger.figure.is_empty() { String::new() } else { format!(": {}", trigger.figure) };
    format!("trigger {}  {}{figure} ({then} {})", trigger.trigger, state_words(trigger, now), trigger.limit)
}

fn state_words(trigger: &Trigger, now: Time) -> String {
    match (trigger.suspected_since, trigger.cooling_until) {
        (Some(since), _) => format!("suspected for {}", human_duration(now.0.since(since.0))),
        (None, Some(until)) => format!("told, silent for {} more", human_duration(until.0.since(now.0))),
        (None, None) => trigger.state.clone(),
    }
}

pub(crate) fn trigger_tone(trigger: &Trigger) -> Tone {
    match trigger.state.as_str() {
        "fired" => Tone::Bad,
        "suspected" | "cooling" => Tone::Warn,
        _ => Tone::Dim,
    }
}
