//! The keeper and its instances.

use std::os::unix::process::CommandExt;

use staunch_local::protocol::{ExitHow, ProcessState, Request};

use crate::home::{Home, alive, folder_bytes, get, group_size, kill, port, some, until};

#[test]
fn an_instance_is_started_with_its_variables_logged_and_stopped() {
    let mut home = Home::new();
    let spec = home.spec("ok");
    let process = home.spawn_serving(&spec);
    assert_eq!(get(port(&spec), "/"), Some(format!("v1 {}", process.pid)));
    until("its words are in the log", || {
        home.log(&spec.id).contains(&format!("out| v1 listens on {}", spec.port))
    });
    home.spawn(&spec);
    assert_eq!(home.instance(&spec.id).process, Some(process), "asked for twice, started once");

    home.stop(&spec.id, 5_000);
    let status = home.instance(&spec.id);
    assert_eq!(status.exits.last().unwrap().how, ExitHow::Signal(15));
    assert_eq!(status.exit_count, 1, "a stopped instance is not started again");
    home.client.ask(&Request::Forget { id: spec.id.clone() }).unwrap();
    assert!(home.list().instances.is_empty());
}

#[test]
fn one_that_ignores_sigterm_is_killed_with_its_children_after_the_grace() {
    let mut home = Home::new();
    let spec = home.spec("stubborn");
    let process = home.spawn_serving(&spec);
    until("it has children", || group_size(process.pid) >= 2);
    home.stop(&spec.id, 300);
    assert_eq!(home.instance(&spec.id).exits.last().unwrap().how, ExitHow::Signal(9));
    until("its group is gone", || group_size(process.pid) == 0);
}

#[test]
fn children_of_one_that_ended_by_itself_do_not_stay() {
    let mut home = Home::new();
    let spec = home.spec("stubborn");
    let process = home.spawn_serving(&spec);
    until("it has children", || group_size(process.pid) >= 2);
    kill(process.pid);
    until("its group is gone", || group_size(process.pid) == 0);
    let again = some("it runs again", || home.instance(&spec.id).process.filter(|new| *new != process));
    assert!(alive(again));
}

#[test]
fn a_command_that_cannot_run_says_why_and_is_not_tried_again() {
    let mut home = Home::new();
    std::fs::write(home.dir.path().join("data.txt"), "no program").unwrap();
    let cases = [("missing", "./nowhere", "does not exist"), ("data", "./data.txt", "not executable")];
    for (name, command, reason) in cases {
        let mut spec = home.spec(name);
        spec.command = vec![command.to_owned()];
        home.spawn(&spec);
        let error = some("it is refused", || match home.instance(&spec.id).state {
            ProcessState::CannotExec { error } => Some(error),
            ProcessState::Running
            | ProcessState::BackingOff { .. }
            | ProcessState::Stopping
            | ProcessState::Exited => None,
        });
        assert!(error.contains(reason), "{error}");
        assert_eq!(home.instance(&spec.id).exit_count, 0);
    }
}

#[test]
fn a_crash_loop_is_counted_and_slows_down() {
    let mut home = Home::new();
    let spec = home.spec("exit");
    home.spawn(&spec);
    until("it crashed four times", || home.instance(&spec.id).exit_count >= 4);
    let status = home.instance(&spec.id);
    assert!(status.exits.iter().all(|exit| exit.how == ExitHow::Code(3)));
    let gaps: Vec<i64> = status.exits.windows(2).map(|pair| pair[1].at.0 - pair[0].at.0).collect();
    for (gap, least) in gaps.iter().zip([100, 200, 400]) {
        assert!(*gap >= least - 5, "{gaps:?}");
    }
    home.stop(&spec.id, 1_000);
    assert_eq!(
        home.instance(&spec.id).exit_count,
        status.exit_count,
        "stopped in its back-off, not started again"
    );
}

#[test]
fn a_killed_keeper_is_followed_by_one_that_adopts() {
    let mut home = Home::new();
    let (spec, stubborn) = (home.spec("ok"), home.spec("stubborn"));
    let process = home.spawn_serving(&spec);
    let other = home.spawn_serving(&stubborn);
    home.kill_keeper();
    assert_eq!(get(port(&spec), "/"), Some(format!("v1 {}", process.pid)), "the app does not notice");
    home.start_keeper();
    assert_eq!(home.instance(&spec.id).process, Some(process));
    assert_eq!(home.instance(&spec.id).exit_count, 0);

    kill(process.pid);
    let again = some("it is started again", || home.instance(&spec.id).process.filter(|new| *new != process));
    assert!(alive(again));
    assert_eq!(home.instance(&spec.id).exits.last().unwrap().how, ExitHow::Unknown);
    until("on the same port", || get(port(&spec), "/") == Some(format!("v1 {}", again.pid)));
    until("and logged", || home.log(&spec.id).matches("listens on").count() == 2);

    kill(other.pid);
    until("what an adopted one left behind is ended", || group_size(other.pid) == 0);
}

#[test]
fn a_pid_that_belongs_to_another_process_by_now_is_not_adopted() {
    let mut home = Home::new();
    let spec = home.spec("ok");
    let process = home.spawn_serving(&spec);
    home.kill_keeper();
    kill(process.pid);
    let mut stranger = std::process::Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    let file = home.paths.run().join("keeper.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["instances"][0]["process"]["pid"] = stranger.id().into();
    // Ten milliseconds are one tick: without this the two might have been started in the same.
    state["instances"][0]["process"]["start_time"] = (process.start_time - 1).into();
    std::fs::write(&file, state.to_string()).unwrap();
    home.start_keeper();
    let again = some("a process of its own runs", || home.instance(&spec.id).process);
    assert_ne!(again.pid, stranger.id());
    home.stop(&spec.id, 2_000);
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn what_was_started_but_never_written_down_is_ended() {
    let mut home = Home::new();
    let (spec, known) = (home.spec("ok"), home.spec("stubborn"));
    let process = home.spawn_serving(&spec);
    let other = home.spawn_serving(&known);
    home.kill_keeper();
    let file = home.paths.run().join("keeper.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["instances"].as_array_mut().unwrap().retain(|status| status["spec"]["id"] != spec.id.0);
    std::fs::write(&file, state.to_string()).unwrap();
    home.start_keeper();
    until("the stray is gone", || !alive(process));
    assert_eq!(home.instance(&known.id).process, Some(other));
}

#[test]
fn an_upgrade_in_place_keeps_children_and_sockets() {
    let mut home = Home::new();
    let spec = home.spec("ok");
    let process = home.spawn_serving(&spec);
    let listen = home.client.ask(&Request::Listen { addr: "127.0.0.1:0".parse().unwrap() }).unwrap();
    let before = home.client.hello().unwrap();

    let refused = home.client.ask(&Request::Upgrade { binary: "/bin/false".into() }).unwrap_err();
    assert!(refused.to_string().contains("--version fails"), "{refused}");
    let upgrade = Request::Upgrade { binary: crate::home::rig() };
    for count in 1..=2 {
        assert!(home.client.ask(&upgrade).is_err(), "the connection ends with the execution");
        until("the next binary answers", || home.client.hello().is_ok_and(|now| now.upgrades == count));
    }
    assert_eq!(home.client.hello().unwrap().identity, before.identity);
    assert_eq!(home.instance(&spec.id).process, Some(process));
    let staunch_local::protocol::Response::Listening { addr } = listen else { panic!("{listen:?}") };
    assert_eq!(home.list().listeners, [addr]);
    assert!(std::net::TcpStream::connect(addr).is_ok());

    home.stop(&spec.id, 5_000);
    let how = home.instance(&spec.id).exits.last().unwrap().how;
    assert_eq!(how, ExitHow::Signal(15), "it stayed a child: its status is known");
}

#[test]
fn a_flood_on_stdout_fills_no_disk_and_delays_nobody() {
    let mut home = Home::new();
    let spec = home.spec("flood");
    home.spawn_serving(&spec);
    until("lines are dropped and counted", || home.instance(&spec.id).log_dropped > 10_000);
    let calm = home.spec("ok");
    home.spawn_serving(&calm);
    until("others are heard", || home.log(&calm.id).contains("listens on"));
    until("the second file is there", || folder_bytes(&home.paths.data().join("logs")) > 5 << 20);
    until("it goes on", || home.instance(&spec.id).log_dropped > 100_000);
    assert!(folder_bytes(&home.paths.data().join("logs")) < 9 << 20);
}

#[test]
fn a_second_keeper_leaves_quietly_and_shutdown_ends_everything() {
    let mut home = Home::new();
    let spec = home.spec("ok");
    let process = home.spawn_serving(&spec);
    assert!(home.keeper_command().status().unwrap().success());
    assert_eq!(home.instance(&spec.id).process, Some(process));
    home.client.ask(&Request::Shutdown).unwrap();
    until("the keeper is gone", || home.client.hello().is_err());
    assert!(!alive(process));
}

#[test]
fn an_address_in_use_is_refused_with_the_name_of_its_owner() {
    let mut home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let error = home.client.ask(&Request::Listen { addr }).unwrap_err().to_string();
    assert!(error.contains("in use by") && error.contains(&format!("pid {}", std::process::id())), "{error}");
}
