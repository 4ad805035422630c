//! Three services that go together, and come back together.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::rig::{Draft, Load, Project, ports, until};

const NAMES: [&str; 3] = ["db-api", "orders", "web"];

/// Three services on three ports, one after the other.
struct Three {
    project: Project,
    ports: [SocketAddr; 3],
}

impl Three {
    fn running() -> Self {
        let three =
            Self { project: Project::new(&Draft::release(1)), ports: std::array::from_fn(|_| ports::free()) };
        three.write(1, ["none"; 3]);
        let mut three = three;
        three.project.start();
        until("three healthy services", || {
            three.health().iter().all(|health| health == "healthy").then_some(())
        });
        three
    }

    fn write(&self, release: u32, faults: [&'static str; 3]) {
        let mut text = "api = '127.0.0.1:0'\n".to_owned();
        for ((name, listen), fault) in NAMES.iter().zip(self.ports).zip(faults) {
            text += &Draft::release(release).fault(fault).service(name, listen);
        }
        let _ = writeln!(
            text,
            "[release.shop]\nservices = {NAMES:?}\nafter = {{ orders = ['db-api'], web = ['orders', 'db-api'] }}"
        );
        self.project.write_text(&text);
    }

    fn each(&self, key: &str) -> Vec<String> {
        let said = self.project.run(&["status", "--output", "json"]);
        let Ok(services) = serde_json::from_str::<Vec<serde_json::Value>>(&said.out) else {
            return vec![String::new()];
        };
        services.iter().map(|service| service[key].as_str().unwrap_or_default().to_owned()).collect()
    }
    fn health(&self) -> Vec<String> {
        self.each("health")
    }
    fn stable(&self) -> Vec<String> {
        self.each("stable")
    }
}

#[test]
fn a_release_goes_through_in_order_and_a_bad_third_takes_the_first_two_back_in_reverse() {
    let mut three = Three::running();
    let users = three.ports.map(Load::start);
    three.write(2, ["none"; 3]);
    three
        .project
        .run(&["deploy", "--release", "shop", "--timeout", "120s"])
        .exits(0)
        .says("promoted: 3 services");
    assert_eq!(three.stable(), ["v2"; 3]);
    // From here on a user of the third may see what fails before it is taken back.
    let [first, second, third] = users;
    third.stop().unharmed();

    let third = Load::start(three.ports[2]);
    three.write(3, ["none", "none", "errors"]);
    let said = three.project.run(&["deploy", "--release", "shop", "--timeout", "120s"]);
    let said = said.exits(10).says("rolled back: web");
    assert_eq!(three.stable(), ["v2"; 3]);
    let told: Vec<usize> = ["orders: on v2 again", "db-api: on v2 again"]
        .iter()
        .map(|line| said.err.find(line).unwrap_or_else(|| panic!("no `{line}` in {}", said.err)))
        .collect();
    assert!(told[0] < told[1], "{}", said.err);
    drop(third);
    first.stop().unharmed();
    second.stop().unharmed();

    let history = three.project.run(&["history", "--output", "json"]).json();
    let release = history.as_array().unwrap().iter().find(|row| row["kind"] == "release").unwrap();
    assert_eq!(release["phase"], "rolled-back");
    let number = release["id"].to_string();
    three
        .project
        .run(&["explain", &number])
        .exits(0)
        .says("web")
        .says("why in full")
        .says("after orders, db-api");
    three.project.audited();
    three.project.down();
}

#[test]
fn a_release_outlives_its_control_plane_and_keeps_others_out() {
    let mut three = Three::running();
    let users = three.ports.map(Load::start);
    three.write(2, ["none"; 3]);
    let deploy = three.project.spawn(&["deploy", "--release", "shop", "--timeout", "120s"]);
    until("the release", || {
        let said = three.project.run(&["history", "--output", "json"]);
        said.out.contains("\"release\"").then_some(())
    });
    three.project.run(&["deploy", "web"]).exits(16).says("part of release");
    three.project.kill_control();
    three.project.start();
    deploy.wait().exits(0);
    assert_eq!(three.stable(), ["v2"; 3]);
    for load in users {
        load.stop().unharmed();
    }
    three.project.audited();
    three.project.down();
}

#[test]
fn a_service_that_is_taken_out_of_the_file_during_its_rollout_is_asked_back() {
    let mut three = Three::running();
    let text = std::fs::read_to_string(three.project.app().join("staunch.toml")).unwrap();
    three.write(2, ["none", "none", "never-ready"]);
    let deploy = three.project.spawn(&["deploy", "web", "--until", "started"]);
    deploy.wait().exits(0);
    three.project.kill_control();
    three.project.write_text(text.split("[services.web]").next().unwrap());
    three.project.run(&["up"]).exits(3).says("of `web` is under way").says("put it back");
    three.write(1, ["none"; 3]);
    three.project.start();
    until("control again", || three.stable().contains(&"v1".to_owned()).then_some(()));
    three.project.run(&["abort", "web"]).exits(0);
    three.project.down();
}

#[test]
fn a_member_that_cannot_be_prepared_keeps_all_from_starting() {
    let mut three = Three::running();
    three.write(2, ["none"; 3]);
    let text = std::fs::read_to_string(three.project.app().join("staunch.toml")).unwrap();
    let missing = text.replacen("[services.web]\n", "[services.web]\nfiles = ['nowhere.txt']\n", 1);
    three.project.write_text(&missing);
    three.project.run(&["deploy", "--release", "shop"]).exits(3).says("web").says("nowhere.txt");
    three.project.run(&["deploy", "--release", "shoe"]).exits(2).says("it has shop");
    assert_eq!(three.stable(), ["v1"; 3]);
    three.project.down();
}
