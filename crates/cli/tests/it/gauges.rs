//! Gates on values that are read from time to time.

use crate::rig::{Draft, Load, Project};

/// Asks about a queue that only the third release fills.
fn watched(release: u32) -> Draft {
    let command = r#"["sh", "-c", "[ $APP_RELEASE = v3 ] && echo 900 || echo 20"]"#;
    Draft::release(release)
        .set("canary", "steps", "[50, 100]")
        .set("gates", "healthy", "{ min = '80%' }")
        .set("gates", "cpu", "{ max = '2000%' }")
        .set("gates", "throughput", "{ min = 1, max-below-stable = '50%' }")
        .set("gates.metric.queue", "command", command)
        .set("gates.metric.queue", "every", "'1s'")
        .set("gates.metric.queue", "max", "100")
        .set("gates.metric.queue", "max-vs-stable", "'+50%'")
}

#[test]
fn a_value_of_ones_own_opens_its_gate_and_takes_a_bad_release_back() {
    let mut project = Project::running(&watched(1));
    let users = Load::start(project.listen);
    let said = project.deploy(&watched(2)).exits(0);
    for gate in ["queue", "queue vs stable", "cpu", "healthy", "throughput", "throughput vs stable"] {
        assert!(said.err.contains(&format!("{gate}: ")) || said.err.contains(gate), "{gate}: {}", said.err);
    }
    let bad = project.deploy_begins(&watched(3));
    bad.wait().exits(10).says("queue").says("canary 900, stable 20");
    project.run(&["explain"]).exits(0).says("at most 100");
    assert_eq!(project.service()["stable"], "v2");
    users.stop().unharmed();
    let recorded = project.run(&["replay"]);
    recorded.exits(0);
    project.down();
}

#[test]
fn a_value_that_cannot_be_read_holds_and_says_so() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let silent = Draft::release(2)
        .set("canary", "steps", "[50, 100]")
        .set("gates.metric.queue", "command", "'false'")
        .set("gates.metric.queue", "max", "100");
    project.write(&silent);
    project.run(&["deploy", "--timeout", "4s"]).exits(12);
    project.run(&["status"]).exits(0).says("queue").says("nothing was read yet");
    project.run(&["abort"]).exits(0);
    users.stop().unharmed();
    project.down();
}
