//! What decided is written down: it replays to the bit, can be asked something else, and is held against a second try.

use serde_json::Value;

use crate::rig::{Draft, Load, Project, until};

fn failed(moments: &Value) -> Option<&Value> {
    moments.as_array()?.iter().find(|moment| moment["what"] == "failed")
}

/// The recording is written beside the loop: its last second may take a moment.
fn until_recorded(project: &Project, rollout: &str, done: impl Fn(&Value) -> bool) -> Value {
    until("the recording", || {
        let said = project.run(&["replay", rollout, "--output", "json"]);
        Some(said.json()["replay"].clone()).filter(|replay| !replay.is_null() && done(replay))
    })
}

#[test]
fn verdicts_replay_to_the_bit_and_other_gates_can_be_tried() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2)).exits(0);
    let good = until_recorded(&project, "2", |replay| replay["agreed"].as_u64() > Some(1));
    assert!(good["difference"].is_null() && failed(&good["moments"]).is_none(), "{good:#}");

    project.deploy(&Draft::release(3).fault("some-errors")).exits(10);
    let bad = until_recorded(&project, "3", |replay| !replay["recorded"].is_null());
    let because = &failed(&bad["moments"]).unwrap()["because"];
    let told = project.report()["back"]["because"].as_str().unwrap().to_owned();
    assert!(told.ends_with(because.as_str().unwrap()), "{told}: {bad:#}");
    project.run(&["replay", "3"]).exits(0).says("bit for bit").says("error-rate");

    // A wider limit would have let it pass as far as this gate goes; the comparison with stable would not.
    let wide = Draft::release(3).set("gates", "error-rate", "{ max = '90%' }");
    project.write(&wide.set("triggers", "catastrophic", "'95%'"));
    project.run(&["backtest", "3"]).exits(0).says("recorded").says("asked now").says("taken back after");
    let all = project.run(&["backtest", "--output", "json"]).exits(0).json();
    assert!(all.as_array().unwrap().len() >= 2, "{all:#}");
    project.run(&["replay", "77"]).exits(2).says("no recording of rollout 77");
    users.stop().readers_unharmed();
    project.down();
}

#[test]
fn a_recording_goes_on_over_a_killed_control_plane() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let held = Draft::release(2).set("canary", "hold", "'4s'");
    project.write(&held);
    project.run(&["deploy", "--until", "step:1", "--timeout", "60s"]).exits(0);
    until_recorded(&project, "2", |replay| replay["looks"].as_u64() > Some(5));
    project.kill_control();
    project.up();
    project.run(&["watch", "--timeout", "60s"]).exits(0);
    let replay = until_recorded(&project, "2", |replay| replay["moments"].as_array().map(Vec::len) > Some(3));
    assert!(replay["difference"].is_null(), "{replay:#}");
    users.stop().unharmed();
    project.down();
}

#[test]
fn trying_again_is_no_way_around_the_evidence() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let bad =
        Draft::release(2).fault("some-errors").set("gates", "error-rate", "{ max-vs-stable = '+10pp' }");
    let attempts = |project: &Project| {
        let explained = project.run(&["explain", "--output", "json"]).exits(0).json();
        let judgement = &explained["judgement"];
        (judgement["carried"] == true, judgement["requests_total"].as_u64().unwrap())
    };
    project.deploy(&bad).exits(10);
    let (carried, first) = attempts(&project);
    assert!(!carried && first > 0);
    project.run(&["deploy", "--timeout", "60s"]).exits(10).says("rolled back");
    assert!(attempts(&project).0, "the first try counts in the second");
    // Another content has no past.
    project.deploy(&Draft::release(3)).exits(0);
    users.stop().readers_unharmed();
    project.down();
}
