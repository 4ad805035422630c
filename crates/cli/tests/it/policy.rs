//! What is asked before a rollout begins, as people meet it.

use crate::rig::{Draft, Load, Project};
use crate::rig::{said, until};

/// A file with a policy; `more` follows the sections of the draft.
fn with(draft: &Draft, project: &Project, more: &str) -> String {
    format!("{}\n{more}\n", draft.text(project.listen))
}

fn codes(findings: &serde_json::Value) -> Vec<String> {
    let list = findings.as_array().unwrap();
    list.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Ten different problems: ten findings, each with its place and a fix; and a deploy is refused by all of them.
#[test]
fn ten_problems_are_ten_findings_each_with_place_and_fix() {
    let first = Draft::release(1).set("", "version", "'2.4.0'");
    let mut project = Project::new(&first);
    let text = first.text(project.listen).replace("version = 'v1'\n", "");
    project.write_text(&text);
    project.up();
    let next = Draft::release(2).set("", "version", "'3.1.0'").set("", "replicas", "3");
    let next = next.text(project.listen).replace("version = 'v2'\n", "");
    let policy = "
[policy]
max-share = 30
max-rise = 40
min-steps = 3
min-bake = '1h'
max-surge = 1
requires = 'baked in staging'
approvals = { count = 1, from = ['nobody-but-me'] }

[checks]
junit = 'junit*.xml'

[[windows]]
effect = 'deny'
why = 'never'

[[versions]]
version = '>=3'
requires = { auth = '>=2.1' }
deprecated = 'it loses carts'
upgrade-via = ['3.0.0']
";
    project.run(&["freeze", "--reason", "launch day", "--until", "8h"]).exits(0).says("rollback and abort");
    project.write_text(&format!("{next}{policy}"));
    let plan = project.run(&["--as", "nobody-but-me", "plan", "--output", "json"]).exits(0).json();
    let mut found = codes(&plan["findings"]);
    found.sort();
    let expected = [
        "approvers-too-few",
        "check-missing",
        "frozen",
        "limit-exceeded",
        "limit-exceeded",
        "limit-exceeded",
        "limit-exceeded",
        "limit-exceeded",
        "not-baked",
        "requires-unknown",
        "version-deprecated",
        "version-skips",
        "window-closed",
    ];
    assert_eq!(found, expected);
    for finding in plan["findings"].as_array().unwrap() {
        assert!(!finding["key"].as_str().unwrap().is_empty(), "{finding}");
        assert!(!finding["fix"].as_str().unwrap().is_empty(), "{finding}");
        let in_file = finding["code"] != "frozen";
        assert_eq!(finding["line"].as_u64().is_some(), in_file, "{finding}");
    }
    let text = project.run(&["plan"]).exits(0);
    let text = text.says("2.4.0 → 3.0.0 → 3.1.0").says("launch day").says("a deploy would be refused");
    let lines = text.out.lines().filter(|line| line.contains("(line ")).count();
    assert!(lines >= 10, "{}", text.out);
    let refused = project.run(&["--as", "nobody-but-me", "deploy", "--output", "json"]).exits(15).json();
    assert_eq!(codes(&refused["findings"]).len(), expected.len());
    project.run(&["deploy"]).exits(15).says("version-skips").says("canary.steps (line");
    assert_eq!(project.run(&["history", "--output", "json"]).json().as_array().unwrap().len(), 1);
    project.audited();
    project.down();
}

#[test]
fn a_freeze_lets_nothing_begin_but_emergencies_and_the_way_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2)).exits(0);
    project.run(&["--as", "ann", "freeze", "--reason", "launch day"]).exits(0);
    assert_eq!(project.service()["frozen"]["by"], "ann");
    project.deploy(&Draft::release(3)).exits(15).says("frozen by ann").says("launch day");
    project.run(&["rollback", "--reason", "it is never frozen"]).exits(0);
    assert_eq!(project.service()["stable"], "v1");
    project.run(&["deploy", "--emergency"]).exits(2).says("--reason");
    let emergency = ["deploy", "--emergency", "--reason", "carts are lost", "--timeout", "60s"];
    project.run(&emergency).exits(0);
    assert_eq!(project.service()["stable"], "v3");
    project.run(&["audit", "export"]).exits(0).says("overridden").says("carts are lost");

    // It is history, so it survives control.
    project.kill_control();
    project.up();
    project.deploy(&Draft::release(4)).exits(15);
    project.run(&["unfreeze", "--reason", "over"]).exits(0);
    project.run(&["unfreeze"]).exits(16);
    project.run(&["deploy", "--timeout", "60s"]).exits(0);
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn others_agree_to_one_plan_and_to_no_other() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let policy = "[policy]\napprovals = { count = 2, from = ['ann', 'bob', 'eve'] }";
    let two = Draft::release(2);
    project.write_text(&with(&two, &project, policy));
    let deploy = ["--as", "ann", "deploy", "--timeout", "60s"];
    project.run(&["approve"]).exits(16).says("nobody asks");
    project.run(&deploy).exits(13).says("2 approvals of ann, bob, eve needed");
    assert_eq!(project.service()["approval"]["waiting_on"], "approval");
    project.run(&["status"]).exits(0).says("waiting on approval").says("0 of 2 approvals");
    project.run(&["--as", "ann", "approve"]).exits(5).says("ann asked for it");
    project.run(&["--as", "mallory", "approve"]).exits(5).says("not among those");
    project.run(&["--as", "bob", "approve", "--reason", "read it"]).exits(0).says("1 of 2 approvals");
    project.run(&deploy).exits(13).says("so far by bob");

    // Another path is another plan: what was said of the first is void.
    project.write_text(&with(&two.set("canary", "hold", "'300ms'"), &project, policy));
    project.run(&["--as", "eve", "approve"]).exits(16).says("is void");
    project.run(&deploy).exits(13);
    project.run(&["--as", "bob", "reject", "--reason", "too fast"]).exits(0);
    project.run(&deploy).exits(17).says("bob rejected it: too fast");
    project.run(&["--as", "bob", "approve"]).exits(0);

    // Whoever waits goes on by themselves.
    let waiting = project.spawn(&["--as", "ann", "deploy", "--until", "decided", "--timeout", "60s"]);
    until("the deploy that waits", || waiting.read("err").contains("waiting on approval").then_some(()));
    project.run(&["--as", "eve", "approve"]).exits(0).says("is approved");
    waiting.wait().exits(0);
    assert_eq!(project.service()["stable"], "v2");
    assert!(project.service()["approval"].is_null());
    project.run(&["rollback"]).exits(0);
    users.stop().unharmed();
    project.audited();
    project.down();
}

/// A project with a staging and a production environment, each with its own control plane.
#[test]
fn production_takes_what_has_baked_in_staging() {
    let project = Project::new(&Draft::release(1));
    let (staging, production) = (crate::rig::ports::free(), crate::rig::ports::free());
    let stages = format!(
        "[environments.staging]\nlisten = '{staging}'\nenv = {{ APP_STAGE = 'staging' }}\n\
         [environments.production]\nlisten = '{production}'\nrequires = 'baked in staging'"
    );
    let app = project.app();
    let write = |number: u32| {
        std::fs::write(app.join("settings"), format!("{number}")).unwrap();
        let draft = Draft::release(number).set("", "files", "['settings']");
        project.write_text(&with(&draft, &project, &stages));
    };
    let run = |env: &str, args: &[&str]| said::run(&app, &[&["--env", env], args].concat());
    let healthy = |env: &str| {
        until("a healthy service", || {
            let said = run(env, &["status", "--output", "json"]);
            (said.exit == 0 && said.json()[0]["health"] == "healthy").then_some(())
        });
    };
    let attested = |number: usize| {
        until("an attestation", || {
            let words = std::fs::read_dir(app.join(".staunch/attestations")).ok()?;
            (words.count() >= number).then_some(())
        });
    };
    write(1);
    let up = |env: &str| said::Running::start(said::command(&app, &["--env", env, "up"]));
    let there = up("staging");
    healthy("staging");
    attested(1);
    let here = up("production");
    healthy("production");
    let users = [staging, production].map(Load::start);
    write(2);
    run("production", &["deploy"]).exits(15).says("has not baked in staging").says("--env staging deploy");
    run("staging", &["deploy", "--timeout", "60s"]).exits(0);
    attested(2);
    run("production", &["deploy", "--timeout", "60s"]).exits(0);
    for load in users {
        load.stop().unharmed();
    }
    run("moon", &["validate"]).exits(3).says("production, staging");
    for (env, running) in [("production", here), ("staging", there)] {
        run(env, &["down"]).exits(0);
        running.wait().exits(0);
    }
}
