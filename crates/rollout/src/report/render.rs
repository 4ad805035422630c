//! The report for people: plain text and Markdown from the same sections.

use std::time::Duration;

use staunch_analysis::{Band, Judgement, SourceReading};
use staunch_model::{Outcomes, Timestamp, UNTIMED_MICROS, human_duration};

use super::{Cost, Report, shadow};
use crate::{Cause, ExitCapture, RouteRow};

const LOG_LINES: usize = 8;
const EXAMPLES: usize = 5;

impl Report {
    pub fn headline(&self) -> String {
        let from = self.from.as_ref().map_or_else(String::new, |from| format!("{from} → "));
        let outcome = match self.phase.as_str() {
            "succeeded" => format!("promoted after {}", self.took()),
            "rolled-back" => format!("rolled back after {}{}", self.took(), self.at_step()),
            "shadowed" => format!("shadow passed after {}, not promoted as asked", self.took()),
            "rolling-back" => format!("going back{}", self.at_step()),
            other if self.step.is_some() => format!("{other}{}", self.at_step()),
            other => other.to_owned(),
        };
        format!("rollout {} · {} {from}{} · {outcome}", self.rollout, self.service, self.to)
    }

    fn took(&self) -> String {
        let total = self.ended.map(|ended| ended.since(self.started));
        let exposed = self.exposed_ms.map(Duration::from_millis);
        let span = if self.phase == "succeeded" { total } else { exposed.or(total) };
        human_duration(span.unwrap_or_default())
    }

    fn at_step(&self) -> String {
        match self.step {
            Some((step, 0.0)) if self.was_exposed() => format!(" at step {} (by name)", step + 1),
            Some((step, weight)) if self.was_exposed() => format!(" at step {} ({weight} %)", step + 1),
            Some(_) | None if self.worker => " before its first step".to_owned(),
            Some(_) | None => " before any user saw it".to_owned(),
        }
    }

    fn was_exposed(&self) -> bool {
        self.exposed_ms.is_some() || self.cost.canary_requests > 0
    }

    /// Aligned text for a terminal.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n\n", self.headline());
        for (title, lines) in self.sections() {
            for (number, line) in lines.iter().enumerate() {
                let label = if number == 0 { title } else { "" };
                out.push_str(format!("{label:<10}{line}").trim_end());
                out.push('\n');
            }
        }
        out
    }

    /// The same for a pull request.
    pub fn markdown(&self) -> String {
        let mut out = format!("## {}\n", self.headline());
        for (title, lines) in self.sections() {
            out.push_str(&format!("\n**{title}**\n\n```\n{}\n```\n", lines.join("\n").replace("```", "'''")));
        }
        out
    }

    fn sections(&self) -> Vec<(&'static str, Vec<String>)> {
        let shadow = self.judgement.as_ref().and_then(|judgement| judgement.shadow.as_ref());
        // Routes that no user took on it may well have been copied.
        let unknown =
            if shadow.is_some() && !self.was_exposed() { vec![] } else { unknown_lines(&self.unknown) };
        let all = vec![
            ("Because", self.because_lines()),
            ("By name", self.who_lines()),
            ("Shadow", shadow.map(shadow::lines).unwrap_or_default()),
            ("Pairs", shadow.map(shadow::pair_lines).unwrap_or_default()),
            ("Where", where_lines(&self.routes)),
            ("First", self.first_lines()),
            ("Log", self.exits.iter().flat_map(log_lines).collect()),
            ("Changed", self.changed.clone()),
            ("Before", self.vetting.lines()),
            ("Around", self.infra.iter().flat_map(infra_lines).collect()),
            ("Unknown", unknown),
            ("Cost", self.cost_lines()),
            ("Timeline", self.timeline_lines()),
        ];
        all.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
    }

    fn because_lines(&self) -> Vec<String> {
        let Some(because) = &self.because else { return self.gate_lines() };
        let mut lines = vec![because.clone()];
        if let Some(gate) = &self.deciding {
            let canary = gate.canary.as_ref().map(|band| format!("{} {}", self.to, show(&gate.gate, band)));
            let from = self.from.as_deref().unwrap_or("stable");
            let stable = gate.stable.as_ref().map(|band| format!("{from} {}", show(&gate.gate, band)));
            lines.extend(canary);
            lines.extend(stable);
        }
        if let Some(Cause::SmokeFailed { output, .. }) = &self.cause {
            lines.extend(output.iter().map(|line| format!("  {line}")));
        }
        lines.extend(self.exits.iter().filter_map(ended));
        if let Some(judgement) = self.judgement.as_ref().filter(|_| self.decided_by_evidence()) {
            let sure = 100.0 * (1.0 - (-judgement.harm_limit).exp());
            let e = grouped(judgement.log_e_harm.exp());
            lines.push(format!("e = {e}, limit {:.0}: {sure:.0} % sure", judgement.harm_limit.exp()));
            lines.extend(evidence_lines(judgement));
        }
        lines
    }

    fn decided_by_evidence(&self) -> bool {
        // A rule of the file is no test: it has no evidence.
        let rule = self.deciding.as_ref().is_some_and(|gate| gate.log_e_harm == 0.0);
        !rule && matches!(self.cause, Some(Cause::Gate { .. } | Cause::Harm { .. }))
    }

    /// What the gates said last, for a rollout that was not taken back.
    fn gate_lines(&self) -> Vec<String> {
        let gates = self.judgement.iter().flat_map(|judgement| &judgement.gates);
        gates.map(|gate| format!("gate {}: {}", gate.gate, gate.verdict.because)).collect()
    }

    fn first_lines(&self) -> Vec<String> {
        self.failures
            .iter()
            .take(EXAMPLES)
            .map(|failure| {
                let status = failure.status.map_or_else(|| kind_words(failure.kind), |code| code.to_string());
                let trace = failure.trace.as_ref().map(|id| format!("  trace {id}")).unwrap_or_default();
                let shield = if failure.shielded { "  (user answered from stable)" } else { "" };
                let ms = failure.micros as f64 / 1_000.0;
                format!(
                    "{} {} {} {status} {ms:.0} ms{trace}{shield}",
                    stamp(failure.at),
                    failure.method,
                    failure.path
                )
            })
            .collect()
    }

    fn cost_lines(&self) -> Vec<String> {
        let Cost { canary_requests, failed, shielded, retried, all_at_once } = self.cost;
        if self.worker {
            return vec![];
        }
        if canary_requests == 0 && self.was_exposed() && self.judgement.is_none() {
            // Nothing was counted, or nothing was captured: nothing is claimed.
            return vec![];
        }
        if canary_requests == 0 {
            return vec!["no user request reached the new revision".to_owned()];
        }
        let reached = failed.saturating_sub(shielded + retried);
        let again = if retried == 0 { String::new() } else { format!(", {retried} by another attempt") };
        let mut lines = vec![format!(
            "{failed} of {canary_requests} canary requests failed; {reached} reached users, {shielded} were answered \
             from stable{again}"
        )];
        if self.cause.is_some() && failed > 0 {
            lines.push(format!("all at once, the same time would have failed ≈ {all_at_once}"));
        }
        lines.extend(self.budget_cost.map(|cost| cost.line()));
        lines
    }

    fn timeline_lines(&self) -> Vec<String> {
        self.timeline.iter().map(|row| format!("{} {}", stamp(row.at), row.what)).collect()
    }
}

/// A process that ended is the truest cause there is.
fn ended(exit: &ExitCapture) -> Option<String> {
    let last = exit.exits.last()?;
    let times = if exit.exits.len() == 1 { "once".to_owned() } else { format!("{} times", exit.exits.len()) };
    Some(format!(
        "{} ended {times}, the last with {} after {} ms",
        exit.instance, last.status, last.uptime_ms
    ))
}

pub(super) fn stamp(at: Timestamp) -> String {
    at.rfc3339().get(11..23).map_or_else(|| at.rfc3339(), str::to_owned)
}

fn kind_words(kind: staunch_model::FailureKind) -> String {
    use staunch_model::FailureKind;
    match kind {
        FailureKind::ServerError => "server error",
        FailureKind::ConnectError => "connection refused",
        FailureKind::Timeout => "no answer",
        FailureKind::Reset => "connection reset",
    }
    .to_owned()
}

fn show(gate: &str, band: &Band) -> String {
    if gate.starts_with("latency") {
        let timed = |micros: f64| format!("{:.1} ms", micros / 1_000.0);
        let ms = |micros: f64| if micros < UNTIMED_MICROS { timed(micros) } else { "a failure".to_owned() };
        return format!("{} ({} requests)", ms(band.estimate), band.requests);
    }
    let percent = |ratio: f64| format!("{:.2}", ratio * 100.0);
    format!(
        "{} %  [{} … {}]  {} of {}",
        percent(band.estimate),
        percent(band.low),
        percent(band.high),
        band.events,
        band.requests
    )
}

fn grouped(value: f64) -> String {
    if value.is_finite() && value < 1e6 { format!("{value:.0}") } else { format!("{value:.1e}") }
}

/// The failing routes, worst first: canary against stable.
/// What the number is made of: each kind of evidence, with its weight in the average.
fn evidence_lines(judgement: &Judgement) -> Vec<String> {
    let part = |source: &SourceReading| {
        let (name, e) = (&source.source, grouped(source.log_e.exp()));
        format!("{name} e = {e} (weight {:.0} %)", 100.0 * source.weight)
    };
    let parts: Vec<_> = judgement.sources.iter().filter(|source| source.log_e > 0.0).map(part).collect();
    let mut lines = vec![];
    if !parts.is_empty() {
        lines.push(format!("of these: {}", parts.join(", ")));
    }
    lines.extend(least_ratio(judgement));
    if judgement.carried {
        lines.push("evidence of an earlier rollout of the same content counts too".to_owned());
    }
    lines
}

/// By how much the canary fails more often than stable at the least, in the moment of the verdict.
fn least_ratio(judgement: &Judgement) -> Option<String> {
    let bounds = judgement.gates.iter().filter_map(|gate| gate.bounds);
    // Of a comparison with stable the bound is a ratio, of which 1 is allowed.
    let least = bounds.filter(|bounds| bounds.least_allowed == 1.0).find_map(|bounds| bounds.least)?;
    (least >= 1.0).then(|| format!("its errors are at least {least:.1} times stable's"))
}

fn where_lines(routes: &[RouteRow]) -> Vec<String> {
    let failing: Vec<_> = routes.iter().filter(|row| row.canary.failed() > 0).take(10).collect();
    if failing.is_empty() {
        return vec![];
    }
    let width = failing.iter().map(|row| row.route.chars().count()).max().unwrap_or(0).max(5);
    let mut lines =
        vec![format!("{:<width$}  {:<18} {:>14} {:>16}", "route", "failed as", "canary", "stable")];
    lines.extend(failing.iter().map(|row| {
        let canary = format!("{} / {}", row.canary.failed(), row.canary.judged());
        let stable = format!("{} / {}", row.stable.failed(), row.stable.judged());
        let new = if row.stable.failed() == 0 { "  new in canary" } else { "" };
        format!("{:<width$}  {:<18} {canary:>14} {stable:>16}{new}", row.route, kinds(&row.canary))
    }));
    lines
}

fn kinds(outcomes: &Outcomes) -> String {
    let all = [
        ("5xx", outcomes.server_error),
        ("refused", outcomes.connect_error),
        ("no answer", outcomes.timeout),
        ("reset", outcomes.reset),
    ];
    let seen: Vec<_> = all.iter().filter(|(_, count)| *count > 0).map(|(name, _)| *name).collect();
    seen.join(", ")
}

fn log_lines(exit: &ExitCapture) -> Vec<String> {
    let pid = exit.pid.map(|pid| format!(" pid {pid}")).unwrap_or_default();
    let last = exit.exits.last().map(|e| format!(", last exit: {}", e.status)).unwrap_or_default();
    let probe = exit.probe.as_ref().map(|text| format!(", last probe: {text}")).unwrap_or_default();
    let mut lines = vec![format!("{}{pid} {}{last}{probe}", exit.instance, exit.state)];
    let skip = exit.log.len().saturating_sub(LOG_LINES);
    lines.extend(exit.log.iter().skip(skip).map(|line| format!("  {line}")));
    lines
}

fn unknown_lines(routes: &[String]) -> Vec<String> {
    if routes.is_empty() {
        return vec![];
    }
    let shown = routes.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let more = if routes.len() > 8 { format!(" and {} more", routes.len() - 8) } else { String::new() };
    vec![format!("{shown}{more} had no canary requests; nothing is known of them")]
}

fn infra_lines(run: &crate::InfraRun) -> Vec<String> {
    let skipped = run.output.len().saturating_sub(LOG_LINES);
    let output = run.output.iter().skip(skipped).map(|line| format!("  {line}"));
    std::iter::once(run.line()).chain(output).collect()
}
