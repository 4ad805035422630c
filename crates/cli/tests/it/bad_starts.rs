//! A release whose processes cannot live is taken back before or soon after its first user, with the true cause.

use crate::rig::{Draft, Load, Project, processes, until};

#[test]
fn what_cannot_be_started_never_gets_a_request() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);

    let missing =
        project.deploy(&Draft::release(2).run("./no-such-program")).says("./no-such-program is not there");
    assert_ne!(missing.exit, 0);

    project.deploy(&Draft::release(2).run("no-such-program")).exits(10).says("no-such-program");
    assert_eq!(project.taken_back_by(), "cannot-start");

    std::fs::write(project.app().join("notes.txt"), "not a program").unwrap();
    project.deploy(&Draft::release(3).run("./notes.txt")).exits(10).says("not executable");
    assert_eq!(project.taken_back_by(), "cannot-start");

    let exits = Draft::release(4).fault("exits-at-once").set("triggers", "crash-exits", "2");
    project.deploy(&exits).exits(10).says("exit status 7");
    project.run(&["explain"]).exits(0).says("no such file").says("exit status 7");

    let never = Draft::release(5).fault("never-ready").set("canary", "prepare-deadline", "'2s'");
    project.deploy(&never.set("health", "start-timeout", "'2s'")).exits(10).says("503");
    assert_eq!(project.taken_back_by(), "never-ready");

    assert_eq!(project.report()["cost"]["canary_requests"], 0);
    assert_eq!(project.service()["stable"], "v1");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn ready_and_then_crashing_is_a_crash_loop() {
    let mut project = Project::running(&Draft::release(1));
    let crashes = |release| {
        let draft = Draft::release(release).fault("crashes-when-ready").set("triggers", "crash-exits", "2");
        // A hold that outlasts the crashes: nothing else may end it.
        draft.set("canary", "hold", "'20s'")
    };
    // With users, their failed requests may tell first; the exits are told all the same.
    let users = Load::reading(project.listen);
    project.deploy(&crashes(2)).exits(10);
    project.run(&["explain"]).exits(0).says("out of cheese").says("exit status 3");
    users.stop().readers_unharmed();

    project.deploy(&crashes(3)).exits(10).says("crash-looping");
    assert_eq!(project.taken_back_by(), "crash-loop");
    project.run(&["explain"]).exits(0).says("out of cheese").says("exit status 3");
    project.down();
}

#[test]
fn a_process_that_ignores_sigterm_is_killed_after_its_grace() {
    let deaf =
        Draft::release(1).fault("deaf").set("stop", "grace", "'300ms'").set("stop", "drain", "'300ms'");
    let mut project = Project::running(&deaf);
    let old = project.instances(true);
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2)).exits(0);
    until("the end of the deaf process", || old.iter().all(|pid| !processes::is_alive(*pid)).then_some(()));
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_process_that_floods_its_output_serves_and_keeps_to_its_share_of_the_disk() {
    let mut project = Project::running(&Draft::release(1).fault("floods"));
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2).fault("floods")).exits(0);
    assert!(project.run(&["logs", "-n", "3"]).exits(0).out.contains("xxxx"));
    let logs = std::fs::read_dir(project.data().join("logs")).unwrap().flatten();
    let bytes: u64 = logs.map(|file| file.metadata().unwrap().len()).sum();
    // It writes as fast as it can for seconds: what is kept of it is bounded.
    assert!(bytes < 24 << 20, "{bytes} bytes of logs");
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_leak_ends_at_its_limit() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let leaks =
        Draft::release(2).fault("leaks").set("canary", "hold", "'20s'").set("triggers", "memory", "'100MiB'");
    project.deploy(&leaks).exits(10).says("of memory");
    assert_eq!(project.taken_back_by(), "memory-limit");
    users.stop().unharmed();
    project.down();
}
