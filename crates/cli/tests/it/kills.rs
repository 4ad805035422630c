//! kill -9 of each process in each phase of a rollout, under load.

use crate::rig::{Draft, Load, Project, processes, until};

const PHASES: [&str; 3] = ["preparing", "progressing", "baking"];

/// Long enough in each phase to be killed in it.
fn release(number: u32) -> Draft {
    Draft::release(number)
        .fault("slow-start")
        .set("", "replicas", "2")
        .set("canary", "steps", "[50, 100]")
        .set("canary", "hold", "'1s'")
        .set("canary", "bake", "'1500ms'")
}

/// One rollout per phase; `kill` strikes in it, and each must end: promoted, or back.
fn struck_in_each_phase(
    load: fn(std::net::SocketAddr) -> Load,
    kill: impl Fn(&mut Project),
) -> (Project, Load) {
    let mut project = Project::running(&release(1));
    let users = load(project.listen);
    for (number, phase) in (2..).zip(PHASES) {
        let deploy = project.deploy_begins(&release(number));
        project.until_phase(phase);
        kill(&mut project);
        let said = deploy.wait();
        let ended = said.exit == 0 || said.exit == 10;
        assert!(ended, "killed while {phase}: {said:?}\n{:#}", project.service());
        let service = until("a healthy service", || {
            project.try_service().filter(|service| service["health"] == "healthy")
        });
        let promoted = service["stable"] == format!("v{number}");
        assert_eq!(promoted, said.exit == 0, "killed while {phase}: {said:?}\n{service:#}");
        project.audited();
    }
    users.passes(100);
    (project, users)
}

fn an_instance(project: &Project, stable: bool) -> u32 {
    until("an instance", || project.instances(stable).first().copied())
}

#[test]
fn control_killed_in_each_phase() {
    let (mut project, users) = struck_in_each_phase(Load::start, |project| {
        project.kill_control();
        project.run(&["status"]).exits(4);
        project.up();
    });
    users.stop().unharmed();
    project.down();
}

#[test]
fn keeper_killed_in_each_phase() {
    let (mut project, users) = struck_in_each_phase(Load::start, |project| {
        let keeper = project.keeper();
        processes::kill(keeper);
        until("the next keeper", || (project.keeper() != keeper).then_some(()));
    });
    users.stop().unharmed();
    project.down();
}

#[test]
fn edge_killed_in_each_phase() {
    let (mut project, users) = struck_in_each_phase(Load::start, |project| {
        let edge = project.edge();
        processes::kill(edge);
        until("the next edge", || (project.edge() != edge).then_some(()));
    });
    // Its connections die with it; who asks again is answered.
    users.stop().readers_unharmed();
    project.down();
}

#[test]
fn a_stable_instance_killed_in_each_phase() {
    let (mut project, users) = struck_in_each_phase(Load::reading, |project| {
        processes::kill(an_instance(project, true));
    });
    users.stop().readers_unharmed();
    project.down();
}

#[test]
fn a_canary_instance_killed_in_each_phase() {
    let (mut project, users) = struck_in_each_phase(Load::reading, |project| {
        processes::kill(an_instance(project, false));
    });
    users.stop().readers_unharmed();
    project.down();
}

#[test]
fn everything_killed_at_once_comes_up_again() {
    let mut project = Project::running(&Draft::release(1));
    let deploy = project.deploy_begins(&release(2));
    project.until_canary_has_traffic();
    drop(deploy);
    processes::of(project.dir()).into_iter().for_each(processes::kill);
    project.up_ends();
    project.up();
    let phase = until("an end of the rollout", || {
        let service = project.try_service()?;
        let waits =
            service["rollout"]["waiting"]["because"].as_str().is_some_and(|why| why.contains("request"));
        let active = service["rollout"]["active"] == true;
        (!active || waits).then(|| service["rollout"]["phase"].clone())
    });
    assert!(["progressing", "rolled-back", "succeeded"].contains(&phase.as_str().unwrap()), "{phase}");
    assert_eq!(project.service()["health"], "healthy");
    project.audited();
    project.down();
}
