//! An A/A check of the traffic before any rollout: do failures of the one version that serves come in bursts?

use std::time::Duration;

use staunch_evidence::{Dispersion, DispersionFinding};
use staunch_model::{EdgeReport, RevisionDigest, ServiceName, Timestamp};

/// The part of the clients that plays the canary.
const SHARE: f64 = 0.05;
/// A burst that is longer than a bucket would be cut into pieces that look independent.
const BUCKET: Duration = Duration::from_secs(60);

/// Watches one service whose users keep to a side; without sides each request is assigned anew, and a burst hits both
/// versions alike.
pub struct Calibration {
    dispersion: Dispersion,
    began: Option<Timestamp>,
    failures: u64,
    in_split: u64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { dispersion: Dispersion::new(SHARE), began: None, failures: 0, in_split: 0 }
    }
}

impl Calibration {
    pub fn observe(
        &mut self,
        reports: &[EdgeReport],
        service: &ServiceName,
        serving: &RevisionDigest,
        now: Timestamp,
    ) {
        let began = *self.began.get_or_insert(now);
        if now.since(began) >= BUCKET {
            self.dispersion.observe(self.failures, self.in_split);
            (self.began, self.failures, self.in_split) = (Some(now), 0, 0);
        }
        let failures = reports.iter().flat_map(|report| &report.failures);
        let own = failures.filter(|one| one.service == *service && one.revision == *serving);
        for failure in own.filter(|one| one.twin != Some(true)) {
            self.failures += 1;
            self.in_split += u64::from(plays_canary(failure.client));
        }
    }

    /// What a person should know before a rollout; `None` when nothing speaks against the comparison.
    pub fn sentence(&self) -> Option<String> {
        match self.dispersion.finding() {
            DispersionFinding::Bursts { phi, .. } => Some(format!(
                "failures come in bursts of the same users (dispersion {phi:.1}): they are counted per user and minute"
            )),
            DispersionFinding::TooFew { .. } | DispersionFinding::Independent { .. } => None,
        }
    }
}

/// By another hash than the one that assigns users: the split of the next rollout is not the one that was looked at.
fn plays_canary(client: u64) -> bool {
    let mixed =
        client.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed >> 11) as f64) < SHARE * (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{failure, revision, shop};

    fn watched(minutes: i64, clients_per_minute: u64, failures_each: u64) -> Calibration {
        let mut calibration = Calibration::default();
        for minute in 0..minutes {
            let clients = (0..clients_per_minute).map(|nth| minute as u64 * 7_919 + nth * 104_729);
            let failures = clients.flat_map(|client| (0..failures_each).map(move |_| client));
            let report = EdgeReport { failures: failures.map(failure).collect(), ..EdgeReport::default() };
            calibration.observe(&[report], &shop(), &revision(), Timestamp(minute * 60_000));
        }
        calibration
    }

    #[test]
    fn bursts_are_told_and_single_failures_are_not() {
        assert_eq!(watched(120, 60, 1).sentence(), None);
        let told = watched(120, 12, 5).sentence().unwrap();
        assert!(told.contains("bursts"), "{told}");
        assert_eq!(watched(2, 1, 5).sentence(), None, "too few to say anything");
    }
}
