//! The shadow stage on a terminal.

use staunch_api::v1::{Rollout, Shadow, ShadowExample, ShadowTest};

const EXAMPLES: usize = 3;

/// One line of the live box.
pub(crate) fn line(shadow: &Shadow) -> String {
    let tests: Vec<_> = shadow.tests.iter().map(test_words).collect();
    format!("shadow  {} pairs   {}", shadow.counts.pairs, tests.join("   "))
}

/// What `status` says: all of it while the stage lasts, then what it came to.
pub(crate) fn lines(rollout: &Rollout, shadow: &Shadow) -> Vec<String> {
    let mut lines = vec![format!("    shadow {}: {}", shadow.outcome, shadow.because)];
    if rollout.phase == "shadowing" {
        let tests = shadow.tests.iter();
        lines.extend(tests.map(|test| format!("    shadow {}  ({})", test_words(test), test.because)));
    }
    lines.extend(shadow.examples.iter().take(EXAMPLES).map(example));
    lines
}

fn example(example: &ShadowExample) -> String {
    let first = example.differences.first().map_or_else(String::new, |difference| {
        format!(": {} {} → {}", difference.place, difference.stable, difference.shadow)
    });
    let text = format!("    differs {} {}{first}", example.method, example.path);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn test_words(test: &ShadowTest) -> String {
    if test.passed {
        return format!("{} ✓", test.test);
    }
    let share = (test.log_e_pass / test.pass_limit).clamp(0.0, 1.0) * 100.0;
    let needs = test.needs_pairs.map(|needs| format!(", ≈ {needs} more")).unwrap_or_default();
    format!("{} … {share:.0} % of evidence{needs}", test.test)
}
