//! The live box of one rollout: a pure function from a view to lines.

use std::time::Duration;

use staunch_api::v1::{Eta, Gate, Point, Rollout, Service, Traffic};
use staunch_model::human_duration;

pub(crate) const HEIGHT: u16 = 7;

/// The box for a terminal `width` columns wide; always [`HEIGHT`] lines.
pub(crate) fn frame(view: &Service, rollout: &Rollout, width: usize) -> Vec<String> {
    let width = width.clamp(40, 110);
    let inner = width - 4;
    let [first, second, third] = if view.worker {
        super::fleet::lines(view, rollout)
    } else {
        [shares(view, rollout, inner), errors_line(view, inner), latency_line(view, inner)]
    };
    let body = [traffic_bar(view, rollout, inner), first, second, third, gates_line(rollout)];
    let mut lines = vec![top(view, rollout, width)];
    lines.extend(body.iter().map(|line| format!("│ {} │", fit(line, inner))));
    lines.push(bottom(rollout, width));
    lines
}

fn top(view: &Service, rollout: &Rollout, width: usize) -> String {
    let from = rollout.from.as_ref().map_or_else(String::new, |from| format!("{from} → "));
    let title = format!(" rollout {} · {} {from}{} ", rollout.id, view.name, rollout.to);
    let eta = rollout.eta.map_or_else(String::new, |eta| format!("· {} ", eta_words(eta)));
    let step = format!(" {} {eta}", step_words(rollout));
    let rule = width.saturating_sub(2 + title.chars().count() + step.chars().count());
    format!("┌{title}{}{step}┐", "─".repeat(rule))
}

/// `ETA 4 s (2 s to 9 s)`, once for the step.
pub(crate) fn eta_words(eta: Eta) -> String {
    let span = |ms: u64| human_duration(Duration::from_millis(ms));
    match eta.high_ms {
        Some(high) => format!("ETA {} ({} to {})", span(eta.median_ms), span(eta.low_ms), span(high)),
        None => format!("ETA {} or later", span(eta.median_ms)),
    }
}

fn step_words(rollout: &Rollout) -> String {
    let all = rollout.steps_ratio.len();
    match rollout.phase.as_str() {
        "progressing" | "promoting" | "baking" => format!("step {} of {all}", (rollout.step + 1).min(all)),
        other => other.to_owned(),
    }
}

fn bottom(rollout: &Rollout, width: usize) -> String {
    let waits = rollout.waiting.as_ref().map(|waiting| format!(" {} ", waiting.because)).unwrap_or_default();
    let waits = shorten(&waits, width.saturating_sub(4));
    let rule = width.saturating_sub(2 + waits.chars().count());
    format!("└{waits}{}┘", "─".repeat(rule))
}

fn traffic_bar(view: &Service, rollout: &Rollout, inner: usize) -> String {
    let from = rollout.from.as_deref().unwrap_or("-");
    let room = inner.saturating_sub(from.chars().count() + rollout.to.chars().count() + 2);
    let canary = (view.canary_weight_ratio * room as f64).round() as usize;
    format!("{from} {}{} {}", "█".repeat(room - canary), "░".repeat(canary), rollout.to)
}

fn shares(view: &Service, rollout: &Rollout, inner: usize) -> String {
    let canary = view.canary_weight_ratio;
    let share = |ratio: f64| format!("{} %", (ratio * 10_000.0).round() / 100.0);
    let left = format!("{}, {:.0} req/s", share(1.0 - canary), view.stable_traffic.requests_per_second);
    let right = format!("{}, {:.0} req/s", share(canary), view.canary_traffic.requests_per_second);
    let pad = " ".repeat(rollout.from.as_deref().unwrap_or("-").chars().count() + 1);
    let gap = inner.saturating_sub(2 * pad.len() + left.chars().count() + right.chars().count());
    format!("{pad}{left}{}{right}", " ".repeat(gap))
}

fn errors_line(view: &Service, inner: usize) -> String {
    let width = spark_width(inner);
    let stable = sparkline(view.series.iter().map(|p: &Point| ratio(p.stable_failed, p.stable)), width);
    let canary = sparkline(view.series.iter().map(|p| ratio(p.canary_failed, p.canary)), width);
    let now = [view.stable_traffic.error_ratio, view.canary_traffic.error_ratio].map(|r| r.map(percent));
    pair("errors", [stable, canary], now)
}

fn latency_line(view: &Service, inner: usize) -> String {
    let width = spark_width(inner);
    let stable = sparkline(view.series.iter().map(|p| p.stable_p95_ms), width);
    let canary = sparkline(view.series.iter().map(|p| p.canary_p95_ms), width);
    let now = [&view.stable_traffic, &view.canary_traffic].map(p95);
    pair("p95", [stable, canary], now)
}

/// Where more than one in twenty failed, the 95th percentile is one of them.
pub(crate) fn p95(side: &Traffic) -> Option<String> {
    let failed = side.error_ratio.is_some_and(|ratio| ratio > 0.0).then(|| "a failure".to_owned());
    side.p95_ms.map(millis).or(failed)
}

fn spark_width(inner: usize) -> usize {
    (inner.saturating_sub(48) / 2).clamp(4, 20)
}

fn pair(name: &str, lines: [String; 2], now: [Option<String>; 2]) -> String {
    let [stable, canary] = lines;
    let [stable_now, canary_now] = now.map(|text| text.unwrap_or_else(|| "-".to_owned()));
    format!("{name:<7} stable {stable} {stable_now:<8} canary {canary} {canary_now}")
}

fn gates_line(rollout: &Rollout) -> String {
    if let Some(alone) = super::who::line(rollout) {
        return alone;
    }
    let Some(judgement) = &rollout.judgement else { return "gates   -".to_owned() };
    if let Some(shadow) = judgement.shadow.as_ref().filter(|_| rollout.phase == "shadowing") {
        return super::shadow::line(shadow);
    }
    let gates: Vec<_> = judgement.gates.iter().map(gate_words).collect();
    format!("gates   {}", gates.join("   "))
}

pub(crate) fn gate_words(gate: &Gate) -> String {
    let state = match gate.outcome.as_str() {
        "pass" => "✓".to_owned(),
        "fail" => "✕".to_owned(),
        "no-data" => "no data".to_owned(),
        _ => {
            let share = (gate.log_e_pass / gate.pass_limit).clamp(0.0, 1.0) * 100.0;
            let needs = gate.needs_requests.map(|needs| format!(", ≈ {needs} more")).unwrap_or_default();
            format!("… {share:.0} % of evidence{needs}")
        }
    };
    format!("{} {state}", gate.gate)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

pub(crate) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

pub(crate) fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// The last `width` values as bars; gaps stay empty.
fn sparkline(values: impl Iterator<Item = Option<f64>>, width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let all: Vec<_> = values.collect();
    let shown = &all[all.len().saturating_sub(width)..];
    let top = shown.iter().flatten().copied().fold(0.0_f64, f64::max);
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(_) if top <= 0.0 => BARS[0],
        Some(value) => BARS[((value / top) * 7.0).round() as usize % 8],
    };
    let text: String = shown.iter().map(bar).collect();
    format!("{text:>width$}")
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{kept}… ")
}

fn fit(text: &str, width: usize) -> String {
    let short = shorten(text, width);
    format!("{short:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_is_as_wide_as_asked_and_survives_zeros() {
        assert_eq!(sparkline([Some(0.0), None, Some(0.0)].into_iter(), 5), "  ▁ ▁");
        assert_eq!(sparkline((0..20).map(|n| Some(f64::from(n))), 3).chars().count(), 3);
    }

    #[test]
    fn long_words_never_break_the_box() {
        assert_eq!(fit("abcdef", 4).chars().count(), 4);
        assert_eq!(fit("ab", 4), "ab  ");
    }
}
