//! The fresh baseline: a version whose every start fails at first is compared with a start of the old one.

use crate::rig::{Draft, Load, Project, until};

fn cold(release: u32) -> Draft {
    Draft::release(release).fault("cold").set("canary", "steps", "[20, 40, 100]").set(
        "gates",
        "error-rate",
        "{ max-vs-stable = '+8pp' }",
    )
}

fn twins(project: &Project) -> usize {
    let service = project.service();
    let instances = service["instances"].as_array().unwrap();
    instances.iter().filter(|instance| instance["id"].as_str().unwrap().ends_with("-1001")).count()
}

#[test]
fn a_cold_start_is_held_against_nobody_when_the_old_version_starts_beside_it() {
    let mut project = Project::running(&cold(1));
    let users = Load::reading(project.listen);
    // The old version is warm.
    users.passes(600);
    project.deploy(&cold(2)).exits(10);

    let fresh = cold(3).set("evidence", "baseline", "'fresh'");
    project.write(&fresh);
    project.run(&["plan"]).exits(0).says("compared with fresh instances of the old one: up to 1 more");
    let deploy = project.deploy_begins(&fresh);
    until("a twin", || (twins(&project) == 1).then_some(()));
    deploy.wait().exits(0);
    until("no twin", || (twins(&project) == 0).then_some(()));
    users.stop();
    project.audited();
    project.down();
}
