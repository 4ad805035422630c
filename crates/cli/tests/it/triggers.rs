//! What the file's own triggers watch: each fires on a real fault, and stays silent on what only looks like it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::rig::{Draft, Load, Project, until};

/// A path on which the release stays long enough at its first step for a trigger of a second.
fn patient(release: u32) -> Draft {
    Draft::release(release).set("canary", "hold", "'20s'").set("canary", "bake", "'1s'")
}

#[test]
fn a_quantile_above_its_limit_takes_the_release_back_and_says_so() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let slow = patient(2).fault("slow");
    let slow = slow.set("triggers", "latency-p95", "{ warn = '20ms', rollback = '50ms', for = '1s' }");
    project.deploy(&slow).exits(10).says("trigger latency-p95 fired").says("took 50 ms or longer");
    assert_eq!(project.taken_back_by(), "trigger-threshold");
    project.run(&["explain"]).exits(0).says("trigger latency-p95 fired").says("above 50 ms for 1.0 s");
    let fired: Vec<_> =
        project.triggers().into_iter().filter(|trigger| trigger["grade"] == "rollback").collect();
    assert_eq!((fired.len(), &fired[0]["state"]), (1, &Value::from("fired")), "{fired:?}");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn a_warning_is_told_and_holds_nothing() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let slow = Draft::release(2).fault("slow").set("canary", "steps", "[50]").set("canary", "hold", "'4s'");
    let slow = slow.set("triggers", "latency-p95", "{ warn = '50ms', rollback = '5s', for = '1s' }");
    project.deploy(&slow).exits(0).says("trigger latency-p95 warns");
    project.run(&["explain"]).exits(0).says("trigger latency-p95 warns");
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_release_that_grows_beyond_stable_is_taken_back() {
    let mut project = Project::running(&Draft::release(1));
    let leaks =
        patient(2).fault("leaks").set("triggers", "memory", "{ max-vs-stable = '+100%', for = '500ms' }");
    let users = Load::start(project.listen);
    project.deploy(&leaks).exits(10).says("trigger memory vs stable fired");
    assert_eq!(project.taken_back_by(), "trigger-resource");
    users.stop().unharmed();
    project.down();
}

#[test]
fn restarts_are_counted_over_all_instances() {
    let mut project = Project::running(&Draft::release(1));
    let crashes = patient(2).fault("crashes-when-ready").set("triggers", "crash-exits", "100");
    // Nobody is missing for long enough to be the reason.
    let crashes = crashes.set("triggers", "unready-for", "'1h'").set("triggers", "restarts", "{ max = 1 }");
    project.deploy(&crashes).exits(10).says("trigger restarts fired").says("exit status 3");
    assert_eq!(project.taken_back_by(), "trigger-restarts");
    project.down();
}

/// New instances are warming up all the time: what compares with stable leaves them out, and triggers do not.
fn warming(release: u32) -> Draft {
    let draft = patient(release).set("evidence", "warm-up", "'10m'");
    draft.set("triggers", "catastrophic", "'99%'").set("gates", "error-rate", "{ max = '90%' }")
}

#[test]
fn failures_above_a_limit_take_the_release_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let ill = warming(2).fault("some-errors");
    let ill = ill.set("triggers", "error-rate", "{ warn = '2%', rollback = '5%', for = '1s' }");
    project.deploy(&ill).exits(10).says("trigger error-rate warns").says("trigger error-rate fired");
    assert_eq!(project.taken_back_by(), "trigger-threshold");
    drop(users);
    project.down();
}

const SPIKE: &str = "{ increase = '50%', window = '5s', min-count = 10 }";

#[test]
fn a_spike_of_failures_takes_the_release_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let ill = warming(2).fault("some-errors").set("triggers", "error-spike", SPIKE);
    project.deploy(&ill).exits(10).says("trigger error-spike fired");
    assert_eq!(project.taken_back_by(), "trigger-error-spike");
    drop(users);
    project.down();
}

#[test]
fn noise_that_stable_has_too_is_no_spike() {
    let noisy = |release| Draft::release(release).fault("some-errors");
    let noisy = |release| noisy(release).set("gates", "error-rate", "{ max = '60%' }");
    let noisy = |release| noisy(release).set("triggers", "catastrophic", "'90%'");
    let mut project = Project::running(&noisy(1));
    let users = Load::start(project.listen);
    project.deploy(&noisy(2).set("triggers", "error-spike", SPIKE)).exits(0);
    drop(users);
    project.down();
}

#[test]
fn a_busy_core_and_missing_instances_take_the_release_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let spins = patient(2).fault("spins").set("triggers", "cpu", "{ max = '20%', for = '1s' }");
    project.deploy(&spins).exits(10).says("trigger cpu fired");
    assert_eq!(project.taken_back_by(), "trigger-resource");
    let crashes = patient(3).fault("crashes-when-ready").set("triggers", "crash-exits", "100");
    // Users would show it sooner.
    users.stop().unharmed();
    let crashes = crashes.set("triggers", "healthy", "{ min = '80%', for = '200ms' }");
    project.deploy(&crashes).exits(10).says("trigger healthy fired");
    assert_eq!(project.taken_back_by(), "trigger-unhealthy");
    project.down();
}

#[test]
fn a_rollout_that_waits_for_a_person_has_a_deadline_too() {
    let mut project = Project::running(&Draft::release(1));
    let waits = Draft::release(2).set("canary", "steps", "[{ weight = 20, pause = true }, 50]");
    project
        .deploy(&waits.set("canary", "rollout-deadline", "'3s'"))
        .exits(10)
        .says("the rollout did not end");
    assert_eq!(project.taken_back_by(), "deadline-passed");
    project.down();
}

#[test]
fn a_few_failures_are_no_spike() {
    let mut project = Project::running(&Draft::release(1));
    let spiky = patient(2).fault("errors").set("triggers", "catastrophic", "'99%'");
    let spiky = spiky.set("gates", "error-rate", "{ max = '90%' }").set("edge", "shield", "false");
    let deploy = project.deploy_begins(&spiky.set("triggers", "error-spike", "{ increase = '50%' }"));
    project.until_canary_has_traffic();
    // Three failures, one after the other: what three requests a minute amount to.
    let mut failed = 0;
    until("three failed requests", || {
        failed += u32::from(status(project.listen) == 500);
        (failed == 3).then_some(())
    });
    let spike = until("the failures at the trigger", || {
        let spike = project.triggers().into_iter().find(|trigger| trigger["trigger"] == "error-spike")?;
        spike["figure"].as_str()?.contains("(3 of 3)").then_some(spike)
    });
    assert_eq!(spike["state"], "armed", "{spike}");
    assert!(spike["figure"].as_str().unwrap().contains("fewer than the 20 failures it takes"), "{spike}");
    project.run(&["abort"]).exits(0);
    deploy.wait().exits(11);
    project.down();
}

fn status(address: SocketAddr) -> u16 {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// A Redis as far as PING goes, until it breaks: then it still accepts, and says that it is loading.
struct Redis {
    address: SocketAddr,
    broken: Arc<AtomicBool>,
}

impl Redis {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, broken) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let breaks = broken.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let loading = breaks.load(Ordering::Relaxed);
                let mut ping = [0; 6];
                drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
                let asked = stream.read_exact(&mut ping).is_ok() && &ping == b"PING\r\n";
                let answer: &[u8] = if loading { b"-LOADING dataset in memory\r\n" } else { b"+PONG\r\n" };
                drop(stream.write_all(if asked { answer } else { b"-ERR\r\n" }));
            }
        });
        Self { address, broken }
    }

    fn used_by(&self, release: Draft) -> Draft {
        let table = format!(
            "{{ redis = '{}', interval = '100ms', timeout = '2s', fall = 2, for = '500ms' }}",
            self.address
        );
        release.set("triggers.dependency", "cache", &table)
    }
}

fn cache(project: &Project) -> Value {
    until("the cache asked", || {
        let seen = project.triggers().into_iter().find(|trigger| trigger["trigger"] == "dependency cache")?;
        seen["figure"].as_str()?.contains("PONG").then_some(seen)
    })
}

#[test]
fn a_dependency_of_the_new_version_alone_takes_it_back() {
    let mut project = Project::running(&Draft::release(1));
    let redis = Redis::start();
    let deploy = project.deploy_begins(&redis.used_by(patient(2)));
    assert_eq!(cache(&project)["state"], "armed");
    redis.broken.store(true, Ordering::Relaxed);
    deploy.wait().exits(10).says("LOADING").says("only the new version needs it");
    assert_eq!(project.taken_back_by(), "trigger-dependency");
    project.down();
}

#[test]
fn a_dependency_of_both_versions_is_told_of_and_takes_nobody_back() {
    let redis = Redis::start();
    let mut project = Project::running(&redis.used_by(Draft::release(1)));
    let deploy = project.deploy_begins(&redis.used_by(patient(2)));
    cache(&project);
    redis.broken.store(true, Ordering::Relaxed);
    let told = until("the word that it is shared", || {
        let told = project.run(&["explain"]).exits(0);
        told.out.contains("shared: stable needs it too").then_some(told.out)
    });
    assert!(told.contains("nobody is taken back"), "{told}");
    assert_eq!(project.service()["rollout"]["phase"], "progressing");
    project.run(&["abort"]).exits(0);
    deploy.wait().exits(11);
    project.down();
}
