//! The pulse of a service outside of rollouts: do its failures rise above what is usual?

use std::time::Duration;

use staunch_evidence::{Attribution, Counts, SpikeDetector, SpikeSettings};
use staunch_model::{EdgeReport, RevisionDigest, ServiceName, Timestamp};

use crate::clients::FailingClients;

/// A look covers this long.
const LOOK_SECS: f64 = 1.0;
/// One false alarm a year.
const SETTINGS: SpikeSettings =
    SpikeSettings { look_secs: LOOK_SECS, false_alarms_per_year: 1.0, tolerated_rate: 0.001 };
/// An alarm is over when this long has passed without a new one.
const CALM: Duration = Duration::from_secs(60);

/// Watches one revision at a time: the one that serves (nearly) everyone.
pub struct Pulse {
    detector: SpikeDetector,
    of: Option<RevisionDigest>,
    /// The look that is still open: when it began and what happened in it.
    began: Option<Timestamp>,
    open: Counts,
    /// Users who keep to a side fail in bursts: each counts once a minute.
    clients: Option<FailingClients>,
    /// What was seen since the alarm's fault began, for its words.
    since: Counts,
    alarm: Option<Alarm>,
}

/// Failures have risen, and are still high.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub raised: Timestamp,
    last: Timestamp,
    /// When the rise began, as far as can be told.
    pub began: Timestamp,
    pub because: String,
    /// Whether it began with the switch to the revision that serves now.
    pub after_switch: bool,
}

impl Pulse {
    /// `sticky`: users keep to a side.
    pub fn new(sticky: bool) -> Self {
        let (open, since) = (Counts::default(), Counts::default());
        Self {
            detector: SpikeDetector::new(SETTINGS),
            of: None,
            began: None,
            open,
            clients: sticky.then(FailingClients::default),
            since,
            alarm: None,
        }
    }

    /// Takes what `serving` did; another revision than before goes on with what is usual for the service.
    pub fn observe(
        &mut self,
        reports: &[EdgeReport],
        service: &ServiceName,
        serving: &RevisionDigest,
        now: Timestamp,
    ) {
        if self.of.as_ref() != Some(serving) {
            self.of = Some(serving.clone());
            self.close(now);
        }
        for report in reports {
            self.open = self.open.plus(self.count(report, service, serving, now));
        }
        let began = *self.began.get_or_insert(now);
        if now.since(began).as_secs_f64() >= LOOK_SECS {
            self.close(now);
        }
    }

    fn count(
        &mut self,
        report: &EdgeReport,
        service: &ServiceName,
        serving: &RevisionDigest,
        now: Timestamp,
    ) -> Counts {
        // Twins are young: what fails on them is no sign of what serves everyone.
        let own = |of: &ServiceName, revision: &RevisionDigest, twin: Option<bool>| {
            of == service && revision == serving && twin != Some(true)
        };
        let samples = report.samples.iter().filter(|s| own(&s.service, &s.revision, s.twin));
        let counts = samples.fold(Counts::default(), |sum, sample| {
            sum.plus(Counts::new(sample.outcomes.judged(), sample.outcomes.failed()))
        });
        let Some(clients) = &mut self.clients else { return counts };
        let failures = report.failures.iter().filter(|f| own(&f.service, &f.revision, f.twin));
        let again = failures.filter(|failure| clients.has_failed(now, failure.client)).count() as u64;
        Counts::new(counts.attempts(), counts.failures().saturating_sub(again))
    }

    /// Time alone closes a look.
    fn close(&mut self, now: Timestamp) {
        let began = self.began.replace(now).unwrap_or(now);
        let counts = std::mem::take(&mut self.open);
        self.detector.observe(u64::try_from(began.0).unwrap_or(0), counts);
        self.since = if self.alarm.is_some() { self.since.plus(counts) } else { counts };
    }

    /// The alarm that holds.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// The alarm that is raised now, once. `switched` is when the serving revision took over.
    pub fn new_alarm(&mut self, switched: Option<Timestamp>, now: Timestamp) -> Option<Alarm> {
        if self.detector.is_alarmed() {
            return self.raise(switched, now);
        }
        if self.alarm.as_ref().is_some_and(|alarm| now.since(alarm.last) >= CALM) {
            self.alarm = None;
        }
        None
    }

    fn raise(&mut self, switched: Option<Timestamp>, now: Timestamp) -> Option<Alarm> {
        let at = |ms: u64| Timestamp(i64::try_from(ms).unwrap_or(i64::MAX));
        let began = self.detector.began_at_ms().map_or(now, at);
        let after = |switch: Timestamp| {
            let switch = u64::try_from(switch.0).unwrap_or(0);
            self.detector.attribution(switch) == Attribution::BeganAfter
        };
        let after_switch = switched.is_some_and(after);
        let (rate, usual) = (self.since.rate().unwrap_or(0.0), self.detector.null_rate());
        self.detector.restart();
        if let Some(alarm) = self.alarm.as_mut() {
            alarm.last = now;
            return None;
        }
        let because = format!(
            "{:.1} % of requests fail, more than {:.1} % is unusual; it began at {}",
            100.0 * rate,
            100.0 * usual,
            began.clock()
        );
        self.alarm = Some(Alarm { raised: now, last: now, began, because, after_switch });
        self.alarm.clone()
    }
}

#[cfg(test)]
mod tests {
    use staunch_model::{Histogram, Outcomes, Sample, SplitGeneration, Weight};

    use super::*;
    use crate::fixture::{failure, revision, shop};

    fn report(revision: &RevisionDigest, ok: u64, failed: u64) -> EdgeReport {
        let outcomes = Outcomes { ok, server_error: failed, assigned: ok + failed, ..Outcomes::default() };
        let sample = Sample {
            service: shop(),
            revision: revision.clone(),
            generation: SplitGeneration(1),
            weight: Weight::ZERO,
            route: "GET /".to_owned(),
            outcomes,
            latency: Histogram::default(),
            warming: false,
            twin: None,
            chosen: false,
        };
        EdgeReport { samples: vec![sample], ..EdgeReport::default() }
    }

    /// Looks of a tenth of a second at 100 requests a second; returns the alarms.
    fn run(pulse: &mut Pulse, from: i64, seconds: i64, failed_per_second: u64, switched: i64) -> Vec<Alarm> {
        let mut alarms = vec![];
        for tenth in 0..seconds * 10 {
            let now = Timestamp((from * 10 + tenth) * 100);
            let failed = if tenth % 10 == 0 { failed_per_second } else { 0 };
            pulse.observe(&[report(&revision(), 10 - failed, failed)], &shop(), &revision(), now);
            alarms.extend(pulse.new_alarm(Some(Timestamp(switched * 1_000)), now));
        }
        alarms
    }

    #[test]
    fn a_rise_is_told_once_with_its_beginning_and_its_end() {
        let mut pulse = Pulse::new(false);
        assert_eq!(run(&mut pulse, 0, 120, 0, 10), vec![]);
        let alarms = run(&mut pulse, 120, 30, 5, 10);
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        let began = alarms[0].began.0;
        assert!((118_000..=123_000).contains(&began), "{began}");
        assert!(alarms[0].raised.since(alarms[0].began) <= Duration::from_secs(10));
        assert!(alarms[0].because.starts_with("5.0 %"), "{}", alarms[0].because);
        assert_eq!(run(&mut pulse, 150, 90, 0, 10), vec![]);
        assert_eq!(pulse.alarm(), None, "a minute of calm ends it");
    }

    #[test]
    fn a_user_who_fails_again_and_again_is_no_rise() {
        let burst = |pulse: &mut Pulse| {
            let failures = (0..5).map(|_| failure(7)).collect();
            let report = EdgeReport { failures, ..report(&revision(), 5, 5) };
            (0..50).for_each(|tenth| {
                let now = Timestamp(125_000 + tenth * 100);
                pulse.observe(std::slice::from_ref(&report), &shop(), &revision(), now);
            });
            pulse.new_alarm(None, Timestamp(131_000)).is_some()
        };
        let alarms = [true, false].map(|sticky| {
            let mut pulse = Pulse::new(sticky);
            run(&mut pulse, 0, 120, 0, 10);
            burst(&mut pulse)
        });
        assert_eq!(alarms, [false, true], "one user in a burst; fifty failures of as many users");
    }

    #[test]
    fn a_rise_that_began_with_the_switch_is_the_switchs() {
        let mut pulse = Pulse::new(false);
        run(&mut pulse, 0, 120, 0, 0);
        assert!(run(&mut pulse, 120, 30, 5, 119)[0].after_switch);
        let mut pulse = Pulse::new(false);
        run(&mut pulse, 0, 120, 0, 0);
        assert!(!run(&mut pulse, 120, 40, 5, 150)[0].after_switch);
    }
}
