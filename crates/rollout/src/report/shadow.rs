//! What was compared with a shadow, for people.

use staunch_analysis::ShadowReading;
use staunch_model::ShadowExample;

use super::render::stamp;

const EXAMPLES: usize = 5;
const PLACES: usize = 8;

pub(super) fn lines(shadow: &ShadowReading) -> Vec<String> {
    let mut lines: Vec<_> = shadow.tests.iter().map(|test| test.because.clone()).collect();
    lines.extend(apart(shadow));
    if !shadow.volatile.is_empty() {
        let shown: Vec<_> = shadow.volatile.iter().take(PLACES).map(String::as_str).collect();
        lines.push(format!("not compared, since it changes by itself: {}", shown.join(", ")));
    }
    lines
}

/// What stands beside the pairs.
fn apart(shadow: &ShadowReading) -> Vec<String> {
    let counts = &shadow.counts;
    let all = [
        (counts.dropped, "requests were not copied: too many copies at once"),
        (counts.too_large, "requests were not copied: too large a body"),
        (counts.unread, "answers were too large to be compared beyond status and headers"),
    ];
    let seen = all.into_iter().filter(|(count, _)| *count > 0);
    seen.map(|(count, what)| format!("{count} {what}")).collect()
}

/// Pairs of answers that differ.
pub(super) fn pair_lines(shadow: &ShadowReading) -> Vec<String> {
    shadow.examples.iter().take(EXAMPLES).flat_map(pair).collect()
}

fn pair(example: &ShadowExample) -> Vec<String> {
    let ended = if example.stable == example.shadow {
        example.stable.clone()
    } else {
        format!("{} → {}", example.stable, example.shadow)
    };
    let mut lines = vec![format!("{} {} {} {ended}", stamp(example.at), example.method, example.path)];
    let places = example.differences.iter().filter(|difference| difference.place != "status");
    lines.extend(places.map(|difference| {
        let [stable, shadow] = [&difference.stable, &difference.shadow].map(|text| one_line(text));
        format!("  {}: {stable} → {shadow}", difference.place)
    }));
    lines
}

/// Control characters of an answer are not for a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
