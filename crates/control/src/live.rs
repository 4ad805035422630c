//! Rates and short series per service, from the edges' reports.

use std::collections::VecDeque;

use staunch_model::{EdgeReport, Histogram, RevisionDigest, ServiceName, Timestamp};

use crate::{ArmRates, Point};

const KEPT_SECONDS: usize = 120;
const RATE_SECONDS: usize = 10;

#[derive(Default)]
struct Arm {
    judged: u64,
    failed: u64,
    /// Sent by name: no part of comparisons.
    chosen: u64,
    latency: Histogram,
}

/// One second of both sides.
struct Second {
    at: Timestamp,
    stable: Arm,
    canary: Arm,
}

#[derive(Default)]
pub(crate) struct Live {
    seconds: VecDeque<Second>,
}

impl Live {
    pub(crate) fn observe(
        &mut self,
        report: &EdgeReport,
        service: &ServiceName,
        canary: Option<&RevisionDigest>,
        now: Timestamp,
    ) {
        self.open(now);
        let Some(second) = self.seconds.back_mut() else { return };
        for sample in report.samples.iter().filter(|sample| &sample.service == service) {
            let arm = if canary == Some(&sample.revision) { &mut second.canary } else { &mut second.stable };
            arm.judged += sample.outcomes.judged();
            arm.failed += sample.outcomes.failed();
            arm.chosen += if sample.chosen { sample.outcomes.judged() } else { 0 };
            arm.latency.merge(&sample.latency);
        }
    }

    /// Begins the second of this moment, if it has not begun.
    pub(crate) fn open(&mut self, now: Timestamp) {
        let at = Timestamp(now.0 - now.0.rem_euclid(1_000));
        if self.seconds.back().is_none_or(|second| second.at < at) {
            self.seconds.push_back(Second { at, stable: Arm::default(), canary: Arm::default() });
        }
        while self.seconds.len() > KEPT_SECONDS {
            self.seconds.pop_front();
        }
    }

    /// `(stable, canary)` over the last ten whole seconds.
    pub(crate) fn rates(&self, now: Timestamp) -> (ArmRates, ArmRates) {
        let (seconds, span) = self.recent(now);
        (sum(seconds.iter().map(|s| &s.stable), span), sum(seconds.iter().map(|s| &s.canary), span))
    }

    /// Requests per second on the canary that gates are asked about.
    pub(crate) fn compared(&self, now: Timestamp) -> f64 {
        let (seconds, span) = self.recent(now);
        let compared = |second: &&Second| second.canary.judged.saturating_sub(second.canary.chosen);
        seconds.iter().map(compared).sum::<u64>() as f64 / span
    }

    /// The last ten whole seconds, and how long they are.
    fn recent(&self, now: Timestamp) -> (Vec<&Second>, f64) {
        let recent = |second: &&Second| now.since(second.at).as_secs() <= RATE_SECONDS as u64;
        let seconds: Vec<_> = self.seconds.iter().filter(recent).collect();
        let span = seconds.first().map_or(1.0, |first| now.since(first.at).as_secs_f64().max(1.0));
        (seconds, span)
    }

    pub(crate) fn series(&self) -> Vec<Point> {
        let p95 = |arm: &Arm| arm.latency.answered_ms(0.95);
        self.seconds
            .iter()
            .map(|second| Point {
                at: second.at,
                stable: second.stable.judged,
                stable_failed: second.stable.failed,
                stable_p95_ms: p95(&second.stable),
                canary: second.canary.judged,
                canary_failed: second.canary.failed,
                canary_p95_ms: p95(&second.canary),
            })
            .collect()
    }
}

fn sum<'a>(arms: impl Iterator<Item = &'a Arm>, span: f64) -> ArmRates {
    let mut total = Arm::default();
    for arm in arms {
        total.judged += arm.judged;
        total.failed += arm.failed;
        total.latency.merge(&arm.latency);
    }
    ArmRates {
        per_second: total.judged as f64 / span,
        error_ratio: (total.judged > 0).then(|| total.failed as f64 / total.judged as f64),
        p95_ms: total.latency.answered_ms(0.95),
    }
}
