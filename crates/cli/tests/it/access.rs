//! Tokens and links as people use them.

use crate::rig::said::{self, Running, Said};
use crate::rig::{Draft, Project};

/// The address of the API, as the control plane wrote it down.
fn server(project: &Project) -> String {
    let text = std::fs::read_to_string(project.data().join("run/control.json")).unwrap();
    let about: serde_json::Value = serde_json::from_str(&text).unwrap();
    about["api"].as_str().unwrap().to_owned()
}

/// From another place: no data directory, only an address and a token.
fn from_elsewhere(project: &Project, token: &str, args: &[&str]) -> Said {
    let server = server(project);
    let args: Vec<&str> = ["--server", &server].into_iter().chain(args.iter().copied()).collect();
    let mut command = said::command(project.dir(), &args);
    command.env("STAUNCH_TOKEN", token);
    Running::start(command).wait()
}

#[test]
fn a_token_lets_in_as_far_as_its_role_goes_until_it_is_revoked() {
    let mut project = Project::running(&Draft::release(1));
    let create = |name: &str, role: &str| {
        let said = project.run(&["token", "create", name, "--role", role, "--expires", "1d"]).exits(0);
        said.says("shown this once").out.trim().to_owned()
    };
    let (viewer, deployer) = (create("eve", "viewer"), create("ci", "deployer"));
    assert!(viewer.starts_with("stn_") && viewer.len() == 68, "{viewer}");
    from_elsewhere(&project, &viewer, &["status"]).exits(0).says("shop");
    from_elsewhere(&project, &viewer, &["freeze"]).exits(5).says("viewer");
    from_elsewhere(&project, "stn_wrong", &["status"]).exits(5).says("no token of this server");
    from_elsewhere(&project, &deployer, &["freeze", "--reason", "launch"]).exits(0);
    from_elsewhere(&project, &deployer, &["token", "list"]).exits(5);
    // Without a token that port only looks now.
    from_elsewhere(&project, "", &["status"]).exits(0);
    from_elsewhere(&project, "", &["unfreeze"]).exits(5).says("token");
    // The data directory's own user needs none.
    project.run(&["unfreeze"]).exits(0);
    project.run(&["token", "revoke", "ci", "--reason", "over"]).exits(0);
    from_elsewhere(&project, &deployer, &["status"]).exits(5).says("revoked");
    project.run(&["token", "list"]).exits(0).says("eve").says("revoked");
    let audit = project.run(&["audit", "export"]).exits(0);
    assert!(!audit.out.contains(&viewer) && audit.out.contains("token-created"), "{}", audit.out);
    assert!(audit.out.contains("launch"));
    project.audited();
    // What was given holds after a crash.
    project.kill_control();
    project.up();
    from_elsewhere(&project, &viewer, &["status"]).exits(0);
    project.down();
}

#[test]
fn a_link_to_the_page_is_printed_and_access_from_elsewhere_needs_tls() {
    let mut project = Project::running(&Draft::release(1));
    let link = project.run(&["ui", "--print"]).exits(0).out;
    assert!(link.starts_with(&server(&project)) && link.contains("/login?code="), "{link}");
    project.run(&["token", "create", "x", "--role", "root"]).exits(2).says("viewer, deployer");
    project.run(&["token", "create", "x", "--role", "viewer", "--expires", "1y"]).exits(2).says("90d");
    project.down();
    let open = Draft::release(1).set("", "api", "'0.0.0.0:0'");
    let open = open.text(project.listen).replace("api = '127.0.0.1:0'\n", "");
    project.write_text(&open);
    project.run(&["validate"]).exits(3).says("api-not-loopback").says("trusted-proxies");
    project
        .write_text(&format!("{open}\n[control]\ntrusted-proxies = ['10.0.0.5']\nnames = ['https://x']\n"));
    project.run(&["validate"]).exits(3).says("control-address");
}
