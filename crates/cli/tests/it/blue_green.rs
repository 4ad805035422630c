//! Green beside blue at full capacity, checked before any user, switched at once, and back without starting anything.

use std::collections::BTreeSet;
use std::path::Path;

use crate::rig::{Draft, Load, Project, until};

fn release(number: u32) -> Draft {
    Draft::release(number).without("canary").set("", "replicas", "2").set("blue-green", "bake", "'1s'").set(
        "blue-green",
        "hold",
        "'200ms'",
    )
}

/// A smoke command that leaves a line about whom it was run against.
fn noting(file: &Path) -> String {
    format!("[['sh', '-c', 'echo \"$URL $PORT $STAUNCH_REVISION\" >> {}']]", file.display())
}

fn processes(project: &Project, stable: bool) -> BTreeSet<u32> {
    project.instances(stable).into_iter().collect()
}

#[test]
fn a_good_release_is_checked_then_switched_at_once_and_blue_goes_after_the_bake() {
    let mut project = Project::running(&release(1));
    let blue = processes(&project, true);
    assert_eq!(blue.len(), 2);
    let notes = project.dir().join("smoked");
    let users = Load::start(project.listen);
    let green = release(2).set("blue-green", "smoke", &noting(&notes));
    let deploy = project.deploy_begins(&green);
    project.until_phase("baking");
    assert_eq!(processes(&project, true), blue, "blue stays warm, and it is the same blue");
    assert_eq!(processes(&project, false).len(), 2);
    deploy.wait().exits(0).says("smoke passed");
    let smoked = std::fs::read_to_string(&notes).unwrap();
    let words: Vec<_> = smoked.split_whitespace().collect();
    assert_eq!(words.len(), 3, "once, and against one instance: {smoked}");
    assert!(words[0] == format!("http://127.0.0.1:{}", words[1]), "{smoked}");
    assert!(project.service()["stable_digest"] == words[2], "{smoked}");
    until("blue to be gone", || blue.is_disjoint(&processes(&project, true)).then_some(()));
    users.stop().unharmed();
    let rollouts = project.run(&["history", "--output", "json"]).exits(0).json();
    assert_eq!(rollouts[0]["kind"], "blue-green");
    project.audited();
    project.down();
}

#[test]
fn a_bad_release_is_back_by_one_switch_and_nothing_is_started_for_it() {
    let mut project = Project::running(&release(1));
    let blue = processes(&project, true);
    let users = Load::reading(project.listen);
    let bad = release(2).fault("errors").set("blue-green", "bake", "'1m'");
    project.deploy(&bad).exits(10).says("rolled back");
    assert_eq!(processes(&project, true), blue, "the very processes that served before");
    let shares: Vec<_> =
        project.entries("traffic-shifted").iter().map(|entry| entry["body"]["weight"].clone()).collect();
    assert_eq!(shares[shares.len() - 2..], [9_500, 0], "{shares:?}");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn a_release_that_fails_its_smoke_is_seen_by_nobody_and_says_why() {
    let mut project = Project::running(&release(1));
    let users = Load::start(project.listen);
    let told = "[['true'], ['sh', '-c', 'echo looking at $URL; echo no stock >&2; exit 3']]";
    let bad = release(2).set("blue-green", "smoke", told);
    project.deploy(&bad).exits(10).says("exit status 3").says("no stock");
    project.run(&["explain"]).exits(0).says("looking at http://127.0.0.1").says("before any user saw it");
    assert_eq!(project.taken_back_by(), "smoke-failed");

    let hangs =
        release(3).set("blue-green", "smoke", "['sleep 1000']").set("blue-green", "smoke-timeout", "'300ms'");
    project.deploy(&hangs).exits(10).says("no end within");
    let missing = release(4).set("blue-green", "smoke", "['./not-there.sh']");
    project.deploy(&missing).exits(10).says("not-there.sh");
    assert!(project.entries("step-entered").is_empty());
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_canary_comes_first_when_one_line_says_so() {
    let mut project = Project::running(&release(1));
    let users = Load::start(project.listen);
    let good = release(2).set("blue-green", "canary", "[20]");
    let deploy = project.deploy_begins(&good);
    let seen = project.until_phase("progressing");
    let instances = seen["instances"].as_array().unwrap();
    let green = instances.iter().filter(|one| one["revision"] != seen["stable_digest"]);
    assert_eq!(green.count(), 2, "full capacity from the first user");
    deploy.wait().exits(0);
    let bad = release(3).fault("errors").set("blue-green", "canary", "20");
    project.deploy(&bad).exits(10);
    let steps = project.entries("step-entered");
    assert_eq!(steps.len(), 2, "{steps:?}");
    drop(users.stop());
    project.run(&["plan"]).exits(0).says("2 new instances start beside the 2 old ones");
    project.down();
}
