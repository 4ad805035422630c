//! Where evidence is missing or blames nobody, a rollout waits, says why, and lets a person go on.

use crate::rig::{Draft, Load, Project, until};

/// What the rollout waits for, once it says something that holds `part`.
fn waits_for(project: &Project, part: &str) {
    until(&format!("a wait that says `{part}`"), || {
        let waiting = project.try_service()?["rollout"]["waiting"].clone();
        let because = waiting["because"].as_str()?;
        assert!(waiting["until"].is_string() && waiting["then"].is_string(), "{waiting}");
        because.contains(part).then_some(())
    });
}

#[test]
fn without_any_traffic_it_waits_with_a_reason_and_promote_goes_on() {
    let mut project = Project::running(&Draft::release(1));
    project.write(&Draft::release(2));
    project.run(&["deploy", "--timeout", "2s"]).exits(12).says("goes on");
    waits_for(&project, "request");
    project.run(&["status"]).exits(0).says("waiting on").says("then");
    assert_eq!(project.service()["canary_weight_ratio"], 0.2);
    project.run(&["promote", "--reason", "nobody is awake"]).exits(0);
    until("the second step", || (project.service()["canary_weight_ratio"] == 0.5).then_some(()));
    waits_for(&project, "request");
    project.run(&["promote", "--full"]).exits(0);
    project.run(&["watch", "--timeout", "60s"]).exits(0);
    assert_eq!(project.service()["stable"], "v2");
    project.run(&["explain"]).exits(0).says("step 1 passed by").says("promoted to 100 % by");
    project.down();
}

#[test]
fn traffic_that_stops_in_the_middle_is_waited_for() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    // So strict that the few requests until the users leave cannot be enough.
    let strict =
        Draft::release(2).set("gates", "error-rate", "{ max = '0.5%' }").set("canary", "steps", "[50, 100]");
    project.write(&strict);
    project.run(&["deploy", "--until", "step:1", "--timeout", "60s"]).exits(0);
    users.stop().unharmed();
    waits_for(&project, "request");
    assert_eq!(project.service()["rollout"]["phase"], "progressing");
    let users = Load::start(project.listen);
    project.run(&["watch", "--timeout", "60s"]).exits(0);
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_canary_is_not_blamed_for_what_stable_does_too() {
    // Half a percent of all requests is not shown in seconds where a quarter of them fails anyway.
    let bad = |release| {
        let draft = Draft::release(release).fault("some-errors").set("gates", "blast-radius", "'100%'");
        draft.set("triggers", "catastrophic", "'80%'")
    };
    let mut project = Project::running(&bad(1));
    let users = Load::start(project.listen);
    // Compared with stable it is no worse.
    project.deploy(&bad(2).set("gates", "error-rate", "{ max-vs-stable = '+10pp' }")).exits(0);
    // Against a limit that stable breaks as well, it is held, and not taken back.
    let mut deploy = project.deploy_begins(&bad(3).set("gates", "error-rate", "{ max = '5%' }"));
    until("the finding that stable is bad too", || {
        let service = project.try_service()?;
        let findings = service["rollout"]["judgement"]["findings"].as_array()?.clone();
        findings.iter().any(|finding| finding["kind"] == "stable-is-bad-too").then_some(())
    });
    users.passes(500);
    assert!(!deploy.has_ended());
    assert_eq!(project.service()["rollout"]["phase"], "progressing");
    project.run(&["promote", "--full"]).exits(0);
    // Nothing is settled by the bake either: a person says so again.
    project.until_phase("baking");
    project.run(&["promote"]).exits(0);
    deploy.wait().exits(0);
    assert_eq!(project.service()["stable"], "v3");
    drop(users);
    project.down();
}
