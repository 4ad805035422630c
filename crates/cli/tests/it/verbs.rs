//! What people can do with a rollout, and what the binary's exit tells a script.

use crate::rig::{Draft, Load, Project, until};

/// A release that stays at its first step until somebody does something.
fn held(release: u32) -> Draft {
    Draft::release(release).set("canary", "steps", "[{ weight = 50, pause = true }, 100]")
}

#[test]
fn abort_ends_it_and_the_waiting_deploy_says_so() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let deploy = project.deploy_begins(&held(2));
    project.until_canary_has_traffic();
    project.run(&["abort", "--reason", "wrong branch"]).exits(0);
    deploy.wait().exits(11).says("wrong branch");
    project.run(&["watch"]).exits(11);
    project.run(&["explain"]).exits(0).says("aborted by").says("wrong branch");
    for verb in ["abort", "pause", "resume", "promote"] {
        project.run(&[verb]).exits(16);
    }
    assert_eq!(project.service()["stable"], "v1");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn pause_resume_and_promote() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let deploy = project.deploy_begins(&Draft::release(2).set("canary", "hold", "'1500ms'"));
    project.until_canary_has_traffic();
    project.run(&["pause", "--reason", "lunch"]).exits(0);
    let paused = project.service()["rollout"]["paused"].clone();
    assert_eq!(paused["reason"], "lunch");
    // Far more than the gate needs: only the pause holds it.
    users.passes(600);
    assert_eq!(project.service()["canary_weight_ratio"], 0.2);
    project.run(&["resume"]).exits(0);
    deploy.wait().exits(0);

    let deploy = project.deploy_begins(&held(3));
    project.until_canary_has_traffic();
    project.run(&["promote"]).exits(0);
    deploy.wait().exits(0);
    users.stop().unharmed();
    project.down();
}

#[test]
fn the_same_content_again_is_nothing_to_do() {
    let mut project = Project::running(&Draft::release(1));
    project.deploy(&Draft::release(1)).exits(0).says("nothing to do");
    project.run(&["plan", "--exit-code"]).exits(0).says("nothing to do");
    assert_eq!(project.run(&["history", "--output", "json"]).json().as_array().unwrap().len(), 1);
    project.down();
}

#[test]
fn a_second_deploy_is_refused_unless_it_replaces() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let first = project.deploy_begins(&held(2));
    project.until_canary_has_traffic();
    project.write(&Draft::release(3));
    project.run(&["deploy"]).exits(16).says("--replace");
    project.write(&held(2));
    project.run(&["deploy", "--timeout", "1s"]).exits(12).says("under way already");
    project.write(&Draft::release(3));
    project.run(&["deploy", "--replace", "--timeout", "60s"]).exits(0);
    first.wait().exits(11).says("replaced by a newer deploy");
    assert_eq!(project.service()["stable"], "v3");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn rollback_goes_to_the_one_before_or_to_a_named_one() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2)).exits(0);
    project.deploy(&Draft::release(3)).exits(0);
    project.run(&["rollback"]).exits(0);
    assert_eq!(project.service()["stable"], "v2");
    project.run(&["rollback", "--to", "v1", "--reason", "further back"]).exits(0);
    assert_eq!(project.service()["stable"], "v1");
    let unknown = project.run(&["rollback", "--to", "v9"]).says("v9");
    assert_ne!(unknown.exit, 0);
    let tally = users.stop();
    tally.unharmed();
    project.audited();
    project.down();
}

#[test]
fn rollback_of_a_running_release_ends_it() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let deploy = project.deploy_begins(&held(2));
    project.until_canary_has_traffic();
    project.run(&["rollback"]).exits(0);
    deploy.wait().exits(11);
    until("stable alone", || (project.service()["canary_weight_ratio"] == 0.0).then_some(()));
    assert_eq!(project.service()["stable"], "v1");
    users.stop().unharmed();
    project.down();
}

#[test]
fn two_on_one_data_directory_are_one_too_many() {
    let mut project = Project::running(&Draft::release(1));
    let control = project.control().to_string();
    project.run(&["up"]).exits(16).says(&control).says("staunch status");
    assert_eq!(project.service()["health"], "healthy");
    project.down();
    project.run(&["status"]).exits(4);
    project.up();
    assert_eq!(project.service()["stable"], "v1");
    project.down();
}

#[test]
fn any_step_can_be_waited_for_and_a_detached_deploy_goes_on() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.write(&Draft::release(2));
    project.run(&["deploy", "--until", "started"]).exits(0).says("goes on");
    project.run(&["watch", "--timeout", "60s"]).exits(0);
    project.write(&Draft::release(3).set("canary", "bake", "'20s'"));
    project.run(&["deploy", "--until", "promoted", "--timeout", "60s"]).exits(0).says("goes on");
    // A few users stay on the old version, so that the comparison goes on.
    assert_eq!(project.service()["canary_weight_ratio"], 0.95);
    // Back in the middle of the bake: the old version is still warm.
    project.run(&["abort", "--reason", "second thoughts"]).exits(0);
    project.run(&["watch", "--timeout", "60s"]).exits(11).says("second thoughts");
    assert_eq!(project.service()["stable"], "v2");
    project.run(&["deploy", "--until", "doomsday"]).exits(2);
    users.stop().unharmed();
    project.down();
}
