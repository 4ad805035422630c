//! The judge: is shown looks, keeps evidence, says how everything stands.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, SampleRatio};
use staunch_model::{GaugeReading, Histogram, NoData, SplitGeneration, Timestamp, Weight};

use crate::GateReading;
use crate::absolute::Absolute;
use crate::cohort::{Cohort, CohortLook, alone};
use crate::forecast::Needs;
use crate::gate::{Gate, Present};
use crate::gauge::{Gauge, Levels};
use crate::harm::{Harm, Part, Source};
use crate::intake::Arms;
use crate::look::{Look, SplitLook};
use crate::question::Question;
use crate::ramp::Ramp;
use crate::verdict::{Finding, Judgement, Outcome, SourceReading};
use crate::words;

/// Judges one rollout. Bounded in size whatever the traffic; checkpoint it after any look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    pub(crate) harm: Harm,
    pub(crate) gates: Vec<Gate>,
    pub(crate) now: Present,
    /// Whether requests are split one by one: then their numbers say whether the split is what it should be.
    by_request: bool,
    /// For gauges; gates know their own.
    #[serde(default)]
    false_promotion: f64,
    ramp: Ramp,
    routing: Option<SampleRatio>,
    splits: u32,
    /// Buckets that wait for attempts on both sides, by split.
    open: BTreeMap<SplitGeneration, Arms<Counts>>,
    ticked: Option<Timestamp>,
    /// Of the canary's requests in the last look that had some, all went to warming instances.
    pub(crate) warming: bool,
    /// Since the rollout began, warm-up included.
    pub(crate) judged: Arms<Counts>,
    pub(crate) latency: Arms<Histogram>,
    #[serde(default)]
    pub(crate) cohort: Option<Cohort>,
    /// Harm once decided stays decided: the level is an all-time one.
    decided: Option<Decision>,
}

/// How everything stands, as far as it moves a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub failed: bool,
    /// Every gate is open under the present split.
    pub passed: bool,
    /// There are findings.
    pub found: bool,
    /// Some gate has no data.
    pub silent: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decision {
    /// The gate that is blamed; `None` for harm that belongs to no gate.
    pub(crate) gate: Option<usize>,
    /// The gauge that is blamed.
    #[serde(default)]
    pub(crate) gauge: Option<usize>,
    pub(crate) because: String,
}

/// Fresh mass for faults that begin late is bet this often.
const TICK: Duration = Duration::from_secs(60);
/// Splits whose attempts may still be ending; older ones have nothing left to say.
pub(crate) const OPEN_SPLITS: usize = 4;
/// The chance of a false alarm about routing, over all splits of a rollout.
const ROUTING_ALPHA: f64 = 1e-3;

impl Judge {
    pub fn new(question: &Question) -> Self {
        let evidence = &question.evidence;
        let mut harm = Harm::new(question);
        let gates =
            question.gates.iter().map(|gate| Gate::new(gate, evidence.false_promotion, &mut harm)).collect();
        Self {
            harm,
            gates,
            now: Present::default(),
            by_request: !question.sticky && question.compares,
            false_promotion: evidence.false_promotion,
            ramp: Ramp::new(&question.steps),
            routing: None,
            splits: 0,
            open: BTreeMap::new(),
            ticked: None,
            warming: false,
            judged: Arms::default(),
            latency: Arms::default(),
            cohort: question.by_name.map(Cohort::new),
            decided: None,
        }
    }

    /// Goes on from the evidence of harm that `earlier` gathered against the same content: trying again until it
    /// passes is not a way around the guarantee. What would decide at once is cut to half of what decides, so that
    /// a version that was taken back may be tried again, on a short leash.
    pub fn carry(&mut self, earlier: &Self) {
        self.harm.carry(&earlier.harm);
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
        let next = self.ramp.after(weight);
        self.gates.iter_mut().for_each(|gate| gate.enter_split(next));
        self.harm.latency.iter_mut().for_each(|test| test.enter_split());
        self.harm.gauges.iter_mut().for_each(Gauge::enter_split);
        self.expect(share);
    }

    /// The numbers of assigned requests are expected to show this share of the canary's.
    fn expect(&mut self, share: f64) {
        let random = self.by_request && share > 0.0 && share < 1.0;
        self.routing = random.then(|| SampleRatio::new(&[share, 1.0 - share]));
    }

    /// One look. What warming instances did only feeds the guard against gross failure, the totals and the ratio of
    /// the assignment.
    pub fn take(&mut self, look: &Look) {
        self.tick(look.at);
        self.note_warming(look);
        for (generation, split) in &look.splits {
            self.add_totals(split);
            let mut distinct = split.distinct();
            distinct.add(split.warming.distinct());
            self.harm.guard.observe(distinct);
            self.take_cohort(*generation, &split.cohort);
            if *generation == self.now.generation {
                self.count_present(split, look.lapsed);
            }
            self.weigh(*generation, split, look);
        }
        self.read(&look.gauges);
        self.close_buckets();
        self.decide();
    }

    fn take_cohort(&mut self, generation: SplitGeneration, look: &CohortLook) {
        let present = generation == self.now.generation && self.splits > 0;
        let Some(cohort) = self.cohort.as_mut().filter(|_| !look.is_empty()) else { return };
        cohort.take(look, present);
        if look.raw().is_empty() {
            return;
        }
        self.harm.guard.observe(alone(look.raw()));
        for gate in &self.gates {
            gate.observe_chosen(&mut self.harm, &look.warm);
        }
        self.judged.add(alone(look.raw()));
        self.latency.canary.merge(&look.warm.latency);
        self.latency.canary.merge(&look.young.latency);
    }

    fn read(&mut self, readings: &[GaugeReading]) {
        for reading in readings {
            let known = self.harm.gauges.iter_mut().filter(|gauge| gauge.spec.name == reading.gauge);
            known.for_each(|gauge| gauge.observe(reading));
        }
    }

    fn note_warming(&mut self, look: &Look) {
        let [mut warm, mut warming] = [0_u64; 2];
        for split in look.splits.values() {
            warm = warm.saturating_add(split.canary.assigned);
            warming = warming.saturating_add(split.warming.canary.assigned);
        }
        if warm > 0 || warming > 0 {
            self.warming = warm == 0;
        }
    }

    fn add_totals(&mut self, split: &SplitLook) {
        self.judged.add(split.raw());
        self.judged.add(split.warming.raw());
        for latency in [split.latency(), split.warming.latency()] {
            self.latency.canary.merge(latency.canary);
            self.latency.stable.merge(latency.stable);
        }
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

    fn count_present(&mut self, split: &SplitLook, lapsed: bool) {
        self.now.seen += split.canary.attempts + split.warming.canary.attempts;
        if lapsed {
            return;
        }
        // The first look says what is compared: beside twins of stable, less than all of the traffic.
        if !self.now.shared {
            if split.share != self.now.share {
                self.expect(split.share);
            }
            (self.now.share, self.now.shared) = (split.share, true);
        }
        if let Some(routing) = self.routing.as_mut().filter(|_| split.share == self.now.share) {
            routing.observe(&split.assigned());
        }
    }

    fn weigh(&mut self, generation: SplitGeneration, split: &SplitLook, look: &Look) {
        let present = generation == self.now.generation && self.splits > 0;
        for gate in &mut self.gates {
            gate.observe(&mut self.harm, split, present);
        }
        let latency = split.latency();
        self.weigh_latency(split, look, present);
        if present {
            self.now.counts.add(split.raw());
            self.now.latency.canary.merge(latency.canary);
            self.now.latency.stable.merge(latency.stable);
        }
        self.harm.compare(generation, split, look);
        // Stable alone while the canary warms up is not the same time as the canary alone afterwards.
        if !split.is_young(look) || split.raw().both_present() {
            self.open.entry(generation).or_default().add(split.raw());
        }
    }

    /// Where users keep to their side, a client that fails in a burst is one slow answer, and the part of the requests
    /// that the canary has is not the part of the users: what it really had stands in for the coin.
    fn weigh_latency(&mut self, split: &SplitLook, look: &Look, present: bool) {
        let by_client = (!self.by_request).then(|| split.latency_by_client());
        let latency = match &by_client {
            Some(arms) => Arms { canary: &arms.canary, stable: &arms.stable },
            None => split.latency(),
        };
        // What is left after a warm-up is not split as the whole was.
        let share = match (look.lapsed || split.is_thinned(look), self.by_request) {
            (true, _) => 0.0,
            (false, true) => split.share,
            (false, false) => realised_share(latency),
        };
        for test in &mut self.harm.latency {
            test.observe(share, latency, present);
        }
    }

    /// Assignment alone closes a bucket: both sides have attempts. Nothing is thrown away for its outcome.
    fn close_buckets(&mut self) {
        let ready: Vec<SplitGeneration> =
            self.open.iter().filter(|(_, raw)| raw.both_present()).map(|(split, _)| *split).collect();
        for split in ready {
            let Some(bucket) = self.open.remove(&split) else { continue };
            self.harm.note_compared(bucket);
            if split == self.now.generation && self.splits > 0 {
                self.gates.iter_mut().for_each(|gate| gate.compare(bucket));
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
        if self.decided.is_none()
            && let Some(at) = self.harm.gauges.iter().position(Gauge::breaks_rule)
        {
            let because = self.harm.gauges[at].numbers();
            self.decided = Some(Decision { gate: None, gauge: Some(at), because });
        }
    }

    /// How everything stands. Does not change anything: ask as often as you like.
    pub fn judge(&self) -> Judgement {
        self.judgement(Gate::reading)
    }

    /// The same without what is only shown: no estimates, bounds or severities, which cost a tenth of a millisecond.
    pub fn judge_briefly(&self) -> Judgement {
        self.judgement(Gate::brief_reading)
    }

    fn judgement(
        &self,
        reading: impl Fn(&Gate, &Harm, &Present, bool, Option<&str>) -> GateReading,
    ) -> Judgement {
        let blamed = |at: usize| self.decided.as_ref().filter(|decision| decision.gate == Some(at));
        let gates = self.gates.iter().enumerate();
        let gates = gates.map(|(at, gate)| {
            let fail = blamed(at).map(|decision| decision.because.as_str());
            finite(reading(gate, &self.harm, &self.now, self.warming, fail))
        });
        let gauges = self.harm.gauges.iter().enumerate().map(|(at, gauge)| {
            let fail = self.decided.as_ref().filter(|decision| decision.gauge == Some(at));
            finite(gauge.reading(self.levels(at), fail.map(|decision| decision.because.as_str())))
        });
        let common =
            self.decided.as_ref().filter(|decision| decision.gate.is_none() && decision.gauge.is_none());
        Judgement {
            under: self.now.generation,
            gates: gates.chain(gauges).collect(),
            harm: common.map(|decision| decision.because.clone()),
            findings: self.findings(),
            log_e_harm: bounded(self.harm.log_e()),
            harm_limit: bounded(self.harm.limit()),
            sources: self.sources(),
            carried: self.harm.carried,
            confidence: self.confidence(),
            requests_now: self.now.counts.canary.attempts(),
            requests_total: self.judged.canary.attempts(),
            failed_total: self.judged.canary.failures(),
            warming: self.warming,
            shadow: None,
            cohort: self.cohort.as_ref().map(Cohort::reading),
        }
    }

    /// What of a judgement can move a rollout, without its words and bounds: cheap enough for every look of a
    /// simulation.
    pub fn standing(&self) -> Standing {
        let mut outcomes = self.gates.iter().map(|gate| (gate, gate.outcome(&self.harm, &self.now)));
        let opens = |(gate, outcome): (&Gate, Outcome)| {
            outcome == Outcome::Pass || (outcome == Outcome::NoData && gate.spec.no_data == NoData::Continue)
        };
        let found = self.gates.iter().any(|gate| gate.both_bad(&self.harm).is_some())
            || self.harm.guard.both_bad(self.harm.limit())
            || self.harm.gauges.iter().any(|gauge| gauge.both_bad(self.harm.limit()))
            || self.is_misrouted();
        let failed = self.decided.is_some();
        let silent = outcomes.clone().any(|(_, outcome)| outcome == Outcome::NoData);
        let read = self.harm.gauges.iter().enumerate().all(|(at, gauge)| {
            let levels = self.levels(at);
            let outcome = gauge.outcome(levels.pass, levels.harm);
            outcome == Outcome::Pass || (outcome == Outcome::NoData && gauge.spec.no_data == NoData::Continue)
        });
        let asks = !(self.gates.is_empty() && self.harm.gauges.is_empty());
        let passed = !failed && !found && asks && read && outcomes.all(opens);
        Standing { failed, passed, found, silent }
    }

    /// The first buckets of the ranges of latencies that decide, for the canary and for stable, ascending: within a
    /// range one latency is like another. `None` while stable's first requests have not yet told where they lie.
    pub fn latency_edges(&self) -> Option<[Vec<u16>; 2]> {
        let limits = self.gates.iter().filter_map(Gate::latency_edge);
        let mut edges = [limits.clone().collect::<Vec<u16>>(), limits.collect()];
        for test in &self.harm.latency {
            let Arms { canary, stable } = test.edges()?;
            edges[0].extend(canary);
            edges[1].extend(stable);
        }
        for side in &mut edges {
            side.sort_unstable();
            side.dedup();
        }
        Some(edges)
    }

    /// Canary requests until every gate has passed under the present split, if the canary is as good as stable;
    /// `None` when that cannot be said. Costs up to 30 ms per gate on latency: ask every few seconds.
    pub fn forecast(&self) -> Option<Needs> {
        let needs = self.gates.iter().map(|gate| gate.forecast(&self.harm, &self.now));
        needs.reduce(|one, two| Some(one?.and(two?))).flatten()
    }

    fn levels(&self, gauge: usize) -> Levels {
        let pass = -libm::log(self.false_promotion.clamp(1e-12, 0.5));
        Levels { harm: self.harm.limit_of(Source::Gauge(gauge)), pass, under: self.now.generation }
    }

    fn sources(&self) -> Vec<SourceReading> {
        let parts = self.harm.parts();
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let reading = |part: &Part| SourceReading {
            source: self.harm.name_of(part.source),
            weight: part.weight / total,
            log_e: bounded(part.log_e),
        };
        parts.iter().map(reading).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let shared = |gate: String, absolute: &Absolute| Finding::StableIsBadToo {
            gate,
            because: words::both(absolute.counts),
        };
        let of_gates = self
            .gates
            .iter()
            .filter_map(|gate| gate.both_bad(&self.harm).map(|absolute| shared(gate.spec.name(), absolute)));
        let guard = Some(&self.harm.guard).filter(|guard| guard.both_bad(self.harm.limit()));
        let guard = guard.map(|guard| shared("gross failure".to_owned(), guard));
        let gauges = self.harm.gauges.iter().filter(|gauge| gauge.both_bad(self.harm.limit()));
        let gauges = gauges
            .map(|gauge| Finding::StableIsBadToo { gate: gauge.spec.name.clone(), because: gauge.numbers() });
        of_gates.chain(guard).chain(gauges).chain(self.misrouted()).collect()
    }

    fn is_misrouted(&self) -> bool {
        let split = f64::from(self.splits);
        // The alarm's chance is spent over the splits: 1/2, 1/6, 1/12, …
        let limit = libm::log(split * (split + 1.0) / ROUTING_ALPHA);
        self.routing.as_ref().is_some_and(|routing| routing.log_e() >= limit)
    }

    fn misrouted(&self) -> Option<Finding> {
        let [canary, stable] = self.routing.as_ref()?.counts() else { return None };
        let seen = Counts::new(canary + stable, *canary);
        self.is_misrouted().then(|| Finding::SampleRatioMismatch {
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

    /// Canary's and stable's latencies since the rollout began, warm-up included.
    pub fn latencies(&self) -> (&Histogram, &Histogram) {
        (&self.latency.canary, &self.latency.stable)
    }
}

/// The canary's part of the answers, 0 to 1; 0 without any.
fn realised_share(latency: Arms<&Histogram>) -> f64 {
    let (canary, all) = (latency.canary.count(), latency.canary.count() + latency.stable.count());
    if all == 0 { 0.0 } else { canary as f64 / all as f64 }
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
