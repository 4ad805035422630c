//! The judge: takes reports, keeps evidence, says how everything stands.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, SampleRatio};
use staunch_model::{
    EdgeReport, Failure, Histogram, Outcomes, RolloutSpec, SplitGeneration, Timestamp, Weight,
};

use crate::GateReading;
use crate::clients::FailingClients;
use crate::gate::{Gate, Present, Test, latencies};
use crate::harm::{Harm, Source};
use crate::intake::{Arms, Group, Subject};
use crate::latency::slow;
use crate::ledger::{Ledger, RouteTotals};
use crate::verdict::{Finding, Judgement};
use crate::words;

/// Judges one rollout. Bounded in size whatever the traffic; checkpoint it after any report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    subject: Subject,
    clients: Arms<FailingClients>,
    ledger: Ledger,
    harm: Harm,
    gates: Vec<Gate>,
    now: Present,
    routing: Option<SampleRatio>,
    splits: u32,
    /// Buckets that wait for attempts on both sides, by split.
    open: BTreeMap<SplitGeneration, Open>,
    ticked: Option<Timestamp>,
    warming: bool,
    /// Harm once decided stays decided: the level is an all-time one.
    decided: Option<Decision>,
}

/// A bucket that is not closed yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Open {
    distinct: Arms<Counts>,
    raw: Arms<Counts>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Decision {
    /// The gate that is blamed; `None` for harm that belongs to no gate.
    gate: Option<usize>,
    because: String,
}

/// Fresh mass for faults that begin late is bet this often.
const TICK: Duration = Duration::from_secs(60);
/// Splits whose attempts may still be ending; older ones have nothing left to say.
const OPEN_SPLITS: usize = 4;
/// The chance of a false alarm about routing, over all splits of a rollout.
const ROUTING_ALPHA: f64 = 1e-3;

impl Judge {
    /// `sticky`: users are kept on one side, so failures count per client and requests say nothing about the split.
    pub fn new(spec: &RolloutSpec, sticky: bool) -> Self {
        let evidence = &spec.evidence;
        let mut harm = Harm::new(evidence.false_rollback, spec.triggers.catastrophic, spec.from.is_some());
        let gates =
            spec.gates.iter().map(|gate| Gate::new(gate, evidence.false_promotion, &mut harm)).collect();
        Self {
            subject: Subject::new(spec, sticky),
            clients: Arms::default(),
            ledger: Ledger::default(),
            harm,
            gates,
            now: Present::default(),
            routing: None,
            splits: 0,
            open: BTreeMap::new(),
            ticked: None,
            warming: false,
            decided: None,
        }
    }

    /// A new split: what was shown for a pass is void, what was shown of harm stays. Entering the present split
    /// again changes nothing.
    pub fn enter_split(&mut self, generation: SplitGeneration, weight: Weight) {
        if self.splits > 0 && self.now.generation == generation {
            return;
        }
        self.splits = self.splits.saturating_add(1);
        let share = weight.ratio();
        self.now = Present { generation, share, ..Present::default() };
        self.gates.iter_mut().for_each(Gate::enter_split);
        self.harm.latency.iter_mut().for_each(|test| test.enter_split());
        let random = !self.subject.sticky && self.subject.stable.is_some() && share > 0.0 && share < 1.0;
        self.routing = random.then(|| SampleRatio::new(&[share, 1.0 - share]));
    }

    /// Takes the samples of its service and its two revisions. While `warming`, they only feed the guard against
    /// gross failure and the totals.
    pub fn observe(&mut self, report: &EdgeReport, at: Timestamp, warming: bool) {
        self.tick(at);
        self.warming = warming;
        self.ledger.add(&self.subject, report);
        let groups = self.subject.groups(report, at, &mut self.clients);
        // After a lapse the configured share no longer says how requests were assigned.
        let lapsed = report.lapsed.contains_key(self.subject.service.as_str());
        for (generation, group) in &groups {
            self.ledger.add_latency(group);
            self.harm.guard.observe(group.distinct());
            if *generation == self.now.generation {
                self.count_present(group, lapsed);
            }
            if !warming {
                self.weigh(*generation, group, lapsed);
            }
        }
        self.close_buckets();
        self.decide();
    }

    fn tick(&mut self, at: Timestamp) {
        let last = *self.ticked.get_or_insert(at);
        if at < last {
            // The clock was set back: the next minute is counted from here.
            self.ticked = Some(at);
        } else if at.since(last) >= TICK {
            self.harm.tick();
            self.ticked = Some(at);
        }
    }

    fn count_present(&mut self, group: &Group, lapsed: bool) {
        self.now.seen += group.arms.canary.outcomes.judged();
        if let Some(routing) = self.routing.as_mut().filter(|_| !lapsed) {
            routing.observe(&[group.arms.canary.outcomes.assigned, group.arms.stable.outcomes.assigned]);
        }
    }

    fn weigh(&mut self, generation: SplitGeneration, group: &Group, lapsed: bool) {
        let present = generation == self.now.generation && self.splits > 0;
        let (distinct, raw) = (group.distinct(), group.raw());
        let latency = Arms { canary: &group.arms.canary.latency, stable: &group.arms.stable.latency };
        for gate in &mut self.gates {
            gate.observe(&mut self.harm, distinct, raw, latency, present);
        }
        let share = if lapsed { 0.0 } else { group.share };
        for test in &mut self.harm.latency {
            test.observe(share, latency, present);
        }
        if present {
            self.now.counts.add(raw);
            self.now.latency.canary.merge(latency.canary);
            self.now.latency.stable.merge(latency.stable);
        }
        let open = self.open.entry(generation).or_default();
        open.distinct.add(distinct);
        open.raw.add(raw);
    }

    /// Assignment alone closes a bucket: both sides have attempts. Nothing is thrown away for its outcome.
    fn close_buckets(&mut self) {
        let ready: Vec<SplitGeneration> =
            self.open.iter().filter(|(_, open)| open.raw.both_present()).map(|(split, _)| *split).collect();
        for split in ready {
            let Some(bucket) = self.open.remove(&split) else { continue };
            self.harm.compare(bucket.distinct, bucket.raw);
            if split == self.now.generation && self.splits > 0 {
                self.gates.iter_mut().for_each(|gate| gate.compare(bucket.raw));
            }
        }
        while self.open.len() > OPEN_SPLITS {
            self.open.pop_first();
        }
    }

    fn decide(&mut self) {
        if self.decided.is_none() && self.harm.log_e() >= self.harm.limit() {
            self.decided = Some(self.blame());
        }
    }

    fn blame(&self) -> Decision {
        let source = self.harm.culprit();
        match source {
            Source::Errors => self.blame_errors(),
            Source::Latency(test) => self.blame_latency(test),
            Source::Absolute(_) => {
                let gate = self.gates.iter().position(|gate| gate.source() == Some(source));
                Decision {
                    gate,
                    because: gate.map_or_else(String::new, |at| self.absolute_words(&self.gates[at])),
                }
            }
            Source::Guard => Decision { gate: None, because: self.guard_words() },
        }
    }

    /// The gate that asks about errors, if its limit is broken; else the comparison speaks for itself.
    fn blame_errors(&self) -> Decision {
        let (window, recent) = self.harm.compared.worst().unwrap_or((self.harm.compared.whole, false));
        let rate = window.canary.rate().unwrap_or(0.0);
        let gate = self.gates.iter().position(|gate| match gate.test {
            Test::ErrorVsStable { .. } => true,
            Test::ErrorMax { max, .. } => rate > max,
            Test::LatencyMax { .. } | Test::LatencyVsStable { .. } | Test::Unanswerable => false,
        });
        let numbers = format!("{}{}", words::both(window), when(recent));
        let because = match gate {
            Some(at) => format!("{numbers}, limit {}", self.gates[at].limit_words()),
            None => format!("error rate is higher than stable's: {numbers}"),
        };
        Decision { gate, because }
    }

    /// Of the gates that share the test, the one whose quantile looks worst.
    fn blame_latency(&self, test: usize) -> Decision {
        let latency = self.latency_shown();
        let worst = self.gates.iter().enumerate().filter_map(|(at, gate)| match gate.test {
            Test::LatencyVsStable { test: its, quantile, .. } if its == test => {
                let of = |histogram: &Histogram| histogram.quantile_micros(quantile).unwrap_or(1.0);
                Some((at, quantile, of(&latency.canary) / of(&latency.stable)))
            }
            Test::LatencyVsStable { .. }
            | Test::ErrorMax { .. }
            | Test::ErrorVsStable { .. }
            | Test::LatencyMax { .. }
            | Test::Unanswerable => None,
        });
        match worst.max_by(|a, b| a.2.total_cmp(&b.2)) {
            Some((at, quantile, _)) => {
                let because = latencies(latency, quantile, &self.gates[at].limit_words());
                Decision { gate: Some(at), because }
            }
            None => Decision { gate: None, because: "the canary is slower than stable".to_owned() },
        }
    }

    fn absolute_words(&self, gate: &Gate) -> String {
        let limit = gate.limit_words();
        let Test::LatencyMax { absolute, max, quantile, .. } = gate.test else {
            let (window, recent) = self.harm.compared.worst().unwrap_or((self.ledger.judged(), false));
            return format!("{}{}, limit {limit}", words::both(window), when(recent));
        };
        let latency = self.latency_shown();
        let counts = Arms { canary: slow(&latency.canary, max), stable: slow(&latency.stable, max) };
        let allowed = words::exact_percent(self.harm.absolute[absolute].limit);
        let slower = words::both(counts);
        format!("{}; slower than {limit}: {slower}, allowed {allowed}", latencies(latency, quantile, &limit))
    }

    /// The present split's latencies, or the whole rollout's when it has none yet.
    fn latency_shown(&self) -> &Arms<Histogram> {
        let present = self.now.latency.canary.count() > 0 && self.now.latency.stable.count() > 0;
        if present { &self.now.latency } else { &self.ledger.latency }
    }

    fn guard_words(&self) -> String {
        let guard = &self.harm.guard;
        let limit = words::exact_percent(guard.limit);
        let when = if self.warming { " while warming up" } else { "" };
        format!("too many requests fail{when}: {}, limit {limit}", words::both(guard.counts))
    }

    /// How everything stands. Does not change anything: ask as often as you like.
    pub fn judge(&self) -> Judgement {
        let blamed = |at: usize| self.decided.as_ref().filter(|decision| decision.gate == Some(at));
        let gates = self.gates.iter().enumerate();
        let gates = gates.map(|(at, gate)| {
            let fail = blamed(at).map(|decision| decision.because.as_str());
            finite(gate.reading(&self.harm, &self.now, self.warming, fail))
        });
        let common = self.decided.as_ref().filter(|decision| decision.gate.is_none());
        Judgement {
            under: self.now.generation,
            gates: gates.collect(),
            harm: common.map(|decision| decision.because.clone()),
            findings: self.findings(),
            log_e_harm: bounded(self.harm.log_e()),
            harm_limit: bounded(self.harm.limit()),
            confidence: self.confidence(),
            requests_now: self.now.counts.canary.attempts(),
            requests_total: self.ledger.totals.canary.judged(),
            failed_total: self.ledger.totals.canary.failed(),
            warming: self.warming,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let shared = |gate: String, absolute: &crate::absolute::Absolute| Finding::StableIsBadToo {
            gate,
            because: words::both(absolute.counts),
        };
        let of_gates = self
            .gates
            .iter()
            .filter_map(|gate| gate.both_bad(&self.harm).map(|absolute| shared(gate.spec.name(), absolute)));
        let guard = Some(&self.harm.guard).filter(|guard| guard.both_bad(self.harm.limit()));
        let guard = guard.map(|guard| shared("gross failure".to_owned(), guard));
        of_gates.chain(guard).chain(self.misrouted()).collect()
    }

    fn misrouted(&self) -> Option<Finding> {
        let routing = self.routing.as_ref()?;
        let split = f64::from(self.splits);
        // The alarm's chance is spent over the splits: 1/2, 1/6, 1/12, …
        let limit = libm::log(split * (split + 1.0) / ROUTING_ALPHA);
        let [canary, stable] = routing.counts() else { return None };
        let seen = Counts::new(canary + stable, *canary);
        (routing.log_e() >= limit).then(|| Finding::SampleRatioMismatch {
            because: format!(
                "{} of {} requests were assigned to the canary ({}), configured are {}",
                canary,
                seen.attempts(),
                words::percent(seen.rate().unwrap_or(0.0)),
                words::exact_percent(self.now.share)
            ),
        })
    }

    fn confidence(&self) -> f64 {
        let earned = |gate: &Gate| gate.log_e_pass(&self.harm) / gate.pass_limit();
        let pass = self.gates.iter().map(earned).fold(f64::INFINITY, f64::min);
        let pass = if pass.is_finite() { pass.min(1.0) } else { 0.0 };
        // Evidence of innocence is not evidence for a pass: below zero, harm counts as none.
        let harm = (self.harm.log_e() / self.harm.limit()).max(0.0);
        let score = if self.decided.is_some() { 0.0 } else { 50.0 + 50.0 * (pass - harm) };
        score.clamp(0.0, 100.0)
    }

    /// Routes on both sides since the rollout began, at most 200, ascending by route.
    pub fn routes(&self) -> &[RouteTotals] {
        &self.ledger.routes
    }

    /// The first failed attempts on the canary, at most 20.
    pub fn failures(&self) -> &[Failure] {
        &self.ledger.failures
    }

    /// Canary's and stable's outcomes since the rollout began, warm-up included.
    pub fn totals(&self) -> (Outcomes, Outcomes) {
        (self.ledger.totals.canary, self.ledger.totals.stable)
    }

    /// Canary's and stable's latencies since the rollout began, warm-up included.
    pub fn latencies(&self) -> (&Histogram, &Histogram) {
        (&self.ledger.latency.canary, &self.ledger.latency.stable)
    }
}

/// JSON has no infinity, and what is recorded must be readable.
fn bounded(log_e: f64) -> f64 {
    if log_e.is_nan() { 0.0 } else { log_e.clamp(-1e6, 1e6) }
}

fn finite(reading: GateReading) -> GateReading {
    GateReading {
        log_e_harm: bounded(reading.log_e_harm),
        log_e_pass: bounded(reading.log_e_pass),
        harm_limit: bounded(reading.harm_limit),
        pass_limit: bounded(reading.pass_limit),
        ..reading
    }
}

fn when(recent: bool) -> &'static str {
    if recent { " in the last minutes" } else { "" }
}
