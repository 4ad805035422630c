//! What is read beside the requests, both revisions at the same time.

use std::time::Duration;

use staunch_model::{GaugeReading, GaugeSource, GaugeSpec, InstanceId, RevisionDigest, Timestamp};
use staunch_ports::Platform;
use staunch_rollout::{InstanceStatus, Observed, Rollout};

use crate::answered::Answered;

/// When each gauge was read last.
pub(crate) type Read = std::collections::BTreeMap<String, Timestamp>;

/// The gauges that are due. Processes are read every few seconds: sooner they would say the same again.
pub(crate) fn due(
    rollout: &Rollout,
    observed: &Observed,
    platform: &dyn Platform,
    read: &mut Read,
    answered: &mut Answered,
    now: Timestamp,
) -> Vec<GaugeReading> {
    if !rollout.phase.is_exposed() {
        return vec![];
    }
    let mut readings = vec![];
    let mut rates = None;
    for spec in &rollout.spec.gauges {
        let last = read.get(&spec.name).copied();
        // A clock that was set back reads at once.
        if last.is_some_and(|last| now >= last && now.since(last) < spec.every) {
            continue;
        }
        if spec.source == GaugeSource::Throughput {
            rates = rates.or_else(|| answered.read(rollout));
            let Some(rates) = rates else { continue };
            let (canary, stable, exposed) = (Some(rates.canary), Some(rates.stable), Some(rates.exposed));
            readings.push(GaugeReading { gauge: spec.name.clone(), canary, stable, exposed });
            continue;
        }
        read.insert(spec.name.clone(), now);
        let of = |digest: &RevisionDigest| value(spec, rollout, observed, platform, digest, now);
        let stable = rollout.spec.from.as_ref().and_then(|from| of(&from.digest));
        let (gauge, canary) = (spec.name.clone(), of(&rollout.spec.to.digest));
        readings.push(GaugeReading { gauge, canary, stable, exposed: None });
    }
    readings
}

fn value(
    spec: &GaugeSpec,
    rollout: &Rollout,
    observed: &Observed,
    platform: &dyn Platform,
    digest: &RevisionDigest,
    now: Timestamp,
) -> Option<f64> {
    // Twins are compared as they warm up, since the canary does; stable's others are not compared beside them.
    let twins = rollout.wish.twins;
    let warm_up = if twins { Duration::ZERO } else { rollout.spec.evidence.warm_up };
    let compared = |id: &InstanceId| !twins || *digest == rollout.spec.to.digest || id.is_twin();
    let grown = |instance: &&InstanceStatus| {
        compared(&instance.id) && instance.serves() && now.since(instance.ready_changed) >= warm_up
    };
    let grown = || observed.of(digest).filter(grown);
    let serving = || observed.of(digest).filter(|instance| instance.serves());
    match &spec.source {
        GaugeSource::Healthy => healthy(rollout, observed, digest),
        // Counted from requests, not asked of instances.
        GaugeSource::Throughput => None,
        GaugeSource::Cpu => mean(grown().map(|instance| Some(instance.cpu_ratio))),
        GaugeSource::Memory => mean(grown().map(|instance| Some(instance.memory_bytes as f64))),
        GaugeSource::Command { words } => {
            mean(grown().map(|instance| platform.measure(&instance.id, words, spec.every)))
        }
        // Every run is begun: one bad answer must not keep the others from being asked.
        GaugeSource::Check { words } => {
            let said: Vec<_> =
                serving().filter_map(|instance| platform.check(&instance.id, words, spec.every)).collect();
            (!said.is_empty()).then(|| if said.contains(&false) { 1.0 } else { 0.0 })
        }
    }
}

/// Ready instances of those that the revision's present share needs.
fn healthy(rollout: &Rollout, observed: &Observed, digest: &RevisionDigest) -> Option<f64> {
    let full = rollout.spec.replicas;
    let needed = if rollout.is_rolling() {
        // Where nothing is routed, instances are all there is to share: what one side has, the other has not.
        let new = rollout.wish.canary_weight().of_replicas(full);
        if *digest == rollout.spec.to.digest { new } else { full - new }
    } else {
        observed.split.as_ref()?.wish.share_of(digest).of_replicas(full)
    };
    (needed > 0).then(|| (f64::from(observed.ready(digest)) / f64::from(needed)).min(1.0))
}

/// Of those that could be read; `None` when none could.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (count, sum) = values.flatten().fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}
