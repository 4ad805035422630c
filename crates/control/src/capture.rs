//! The evidence bundle: taken from living instances, before any of them is stopped.

use staunch_analysis::{Hearing, Judgement};
use staunch_ports::Platform;
use staunch_rollout::{ExitCapture, FailureBundle, InstanceStatus, Observed, Rollout, RouteRow};

const LOG_LINES: usize = 40;
const ROUTES: usize = 100;

pub(crate) fn bundle(
    rollout: &Rollout,
    hearing: Option<&Hearing>,
    judgement: Option<Judgement>,
    observed: &Observed,
    platform: &dyn Platform,
) -> FailureBundle {
    let exits = observed.of(&rollout.spec.to.digest).map(|instance| exit(instance, platform)).collect();
    let Some(hearing) = hearing else {
        return FailureBundle { judgement, exits, ..FailureBundle::default() };
    };
    let (canary, stable) = hearing.totals();
    let (canary_latency, stable_latency) = hearing.latencies();
    FailureBundle {
        judgement,
        canary,
        stable,
        canary_latency: canary_latency.clone(),
        stable_latency: stable_latency.clone(),
        routes: routes(hearing),
        failures: hearing.failures().to_vec(),
        exits,
    }
}

/// Failing routes of the canary first, then the busiest.
fn routes(hearing: &Hearing) -> Vec<RouteRow> {
    let mut rows: Vec<_> = hearing
        .routes()
        .iter()
        .map(|row| RouteRow { route: row.route.clone(), canary: row.canary, stable: row.stable })
        .collect();
    rows.sort_by_key(|row| {
        std::cmp::Reverse((row.canary.failed(), row.canary.judged() + row.stable.judged()))
    });
    rows.truncate(ROUTES);
    rows
}

fn exit(instance: &InstanceStatus, platform: &dyn Platform) -> ExitCapture {
    ExitCapture {
        instance: instance.id.to_string(),
        pid: instance.pid,
        state: state_words(instance),
        exits: instance.exits.clone(),
        probe: instance.probe.clone(),
        memory_bytes: instance.memory_bytes,
        log: platform.logs(&instance.id, LOG_LINES),
    }
}

fn state_words(instance: &InstanceStatus) -> String {
    use staunch_rollout::InstanceState;
    match &instance.state {
        InstanceState::Starting => "starting".to_owned(),
        InstanceState::Running if instance.ready => "running, ready".to_owned(),
        InstanceState::Running => "running, not ready".to_owned(),
        InstanceState::BackingOff { .. } => "waiting to be started again".to_owned(),
        InstanceState::Stopping => "stopping".to_owned(),
        InstanceState::Exited => "ended".to_owned(),
        InstanceState::CannotExec { error } => format!("cannot be executed: {error}"),
    }
}
