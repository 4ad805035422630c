//! `kind = "worker"`: what holds without being written down.

use std::time::Duration;

use staunch_config::parse;
use staunch_model::{
    GaugeLimit, GaugeSource, ProbeTarget, RollingSpec, ServiceSpec, StopSignal, StrategyKind,
};

use crate::resolved::accepted;

fn worker(lines: &str) -> ServiceSpec {
    let text = format!("service = \"mailer\"\nkind = \"worker\"\nrun = \"./mailer\"\nreplicas = 3\n{lines}");
    accepted(&text).project.services.remove(0)
}

#[test]
fn a_worker_is_watched_without_being_told_how() {
    let spec = worker("");
    assert!(spec.is_worker() && spec.gates.is_empty());
    assert_eq!(spec.health.ready.target, ProbeTarget::Alive { span: Duration::from_secs(2) });
    assert_eq!((spec.triggers.crash_exits, spec.stop.signal), (1, StopSignal::Term));
    let gauges: Vec<_> = spec.gauges.iter().map(|gauge| (gauge.name.as_str(), gauge.limit)).collect();
    assert_eq!(gauges, [("healthy", GaugeLimit::Min { min: 1.0 })]);
    let strategy = spec.strategy;
    assert_eq!(strategy.kind, StrategyKind::Rolling);
    assert_eq!(strategy.rolling, Some(RollingSpec { max_surge: 1, max_unavailable: 0 }));
    let counts: Vec<u32> = strategy.steps.iter().map(|step| step.weight.of_replicas(3)).collect();
    assert_eq!((counts, strategy.steps[0].hold), (vec![1, 2], Duration::from_secs(10)));
}

#[test]
fn what_is_written_down_holds() {
    let spec = worker(
        "stop = { signal = \"QUIT\", grace = \"1h\" }\nhealth = { ready-file = \"run/ready\" }\n\
         triggers.crash-exits = 4\nrolling = { max-surge = 0, max-unavailable = 2, pause-after = 2 }\n\
         [gates.command.jobs]\ncommand = \"./ok\"\nfails-after = 7\n",
    );
    assert_eq!((spec.triggers.crash_exits, spec.stop.signal), (4, StopSignal::Quit));
    assert_eq!(spec.health.ready.target, ProbeTarget::File { path: "run/ready".to_owned() });
    let jobs = &spec.gauges[0];
    assert_eq!((jobs.name.as_str(), jobs.limit), ("jobs", GaugeLimit::InARow { times: 7 }));
    assert!(matches!(&jobs.source, GaugeSource::Check { words } if words == &["./ok"]));
    let steps = &spec.strategy.steps;
    let shown: Vec<_> = steps.iter().map(|step| (step.weight.of_replicas(3), step.pause)).collect();
    assert_eq!((shown, steps[0].hold), (vec![(1, false), (2, true)], Duration::from_secs(5)));
}

#[test]
fn a_forgotten_address_says_what_a_worker_is() {
    let found = parse("service = \"a\"\nrun = \"./a\"\n").unwrap_err();
    let one = found.iter().find(|one| one.code == "missing-key").unwrap();
    assert!(one.help.as_deref().unwrap_or_default().contains("kind = \"worker\""), "{one:?}");
}

#[test]
fn an_empty_table_of_gates_asks_nothing() {
    let text = "service = \"mailer\"\nkind = \"worker\"\nrun = \"./mailer\"\ngates = {}\n";
    assert!(parse(text).unwrap().project.services[0].gauges.is_empty());
}
