//! Where each value comes from: of the file, and of what runs.

use crate::rig::{Draft, Project};

fn setting<'a>(all: &'a serde_json::Value, key: &str) -> &'a serde_json::Value {
    let found = all.as_array().unwrap().iter().find(|one| one["key"] == key);
    found.unwrap_or_else(|| panic!("{key} is not in {all:#}"))
}

#[test]
fn validate_shows_each_value_and_no_secret() {
    let draft = Draft::release(1).set("environments.staging", "replicas", "3");
    let project = Project::new(&draft);
    let said = project.run(&["validate", "--values"]);
    said.exits(0).says("canary.hold").says("'200ms'").says("default \"5s\"").says("valid");
    let all = project.run(&["validate", "--values=all", "--output", "json"]).json();
    let of = |key: &str| setting(&all["values"]["shop"], key).clone();
    assert_eq!(of("replicas")["origin"], "default");
    assert_eq!(of("env.APP_RELEASE")["value"], "•••");
    assert!(of("edge.lease")["about"].as_str().unwrap().len() > 10);
    let staging = project.run(&["validate", "--values", "--output", "json", "--env", "staging"]).json();
    let replicas = setting(&staging["values"]["shop"], "replicas");
    assert_eq!((&replicas["value"], &replicas["environment"]), (&"3".into(), &"staging".into()));
    project.write_text("nonsense = 1");
    project.run(&["validate", "--values"]).exits(3).says("nonsense");
}

#[test]
fn status_tells_what_is_in_force_and_what_the_file_says_by_now() {
    let mut project = Project::running(&Draft::release(1));
    project.run(&["status", "--config"]).exits(0).says("in force since rollout 1").says("canary.hold");
    project.write(&Draft::release(2).set("canary", "hold", "'9s'"));
    project.run(&["status", "--config"]).exits(0).says("the file: '9s'").says("otherwise by now");
    // Version, variable and hold.
    let told = project.run(&["status", "shop", "--config=all", "--output", "json"]).json();
    let config = &told[0];
    assert_eq!((&config["rollout"], &config["changed"]), (&1.into(), &3.into()), "{config:#}");
    let hold = setting(&config["settings"], "canary.hold");
    assert_eq!((&hold["value"], &hold["in_file"]), (&"'200ms'".into(), &"'9s'".into()));
    project.write_text("nonsense = 1");
    let broken = project.run(&["status", "--config"]);
    broken.exits(0).says("cannot be read now").says("canary.hold");
    // It stays what it was across a restart, whatever the file says by then.
    project.write(&Draft::release(2).set("canary", "hold", "'9s'"));
    project.kill_control();
    project.up();
    project.run(&["status", "--config"]).exits(0).says("in force since rollout 1").says("the file: '9s'");
    project.down();
}
