//! What is wrong before anything runs is said at once, with its place and what to do.

use std::net::TcpListener;

use crate::rig::{Draft, Project, said};

#[test]
fn a_malformed_file_is_refused_with_its_place() {
    let project = Project::new(&Draft::release(1));
    project.write_text("service = 'shop'\nrun = [\n");
    for command in ["validate", "up", "deploy"] {
        project.run(&[command]).exits(3).says("staunch.toml:");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_one_that_was_meant() {
    let project =
        Project::new(&Draft::release(1).set("canary", "stepz", "[5]").set("canary", "hald", "'1s'"));
    let said = project.run(&["validate"]).exits(3);
    said.says("stepz").says("`steps`").says("hald").says("`hold`").says("staunch.toml:");
    let found = project.run(&["validate", "--output", "json"]).exits(3).json();
    assert_eq!(found["ok"], false);
    assert_eq!(found["findings"].as_array().unwrap().len(), 2, "{found}");
    project.run(&["up"]).exits(3).says("stepz");
}

#[test]
fn without_a_file_the_way_to_one_is_told() {
    let empty = tempfile::tempdir().unwrap();
    said::run(empty.path(), &["up"]).exits(3).says("staunch init");
    said::run(empty.path(), &["status"]).exits(4).says("staunch up");
    said::run(empty.path(), &["no-such-verb"]).exits(2);
    said::run(empty.path(), &["deploy", "--timeout", "soon"]).exits(3);
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left() {
    let mut project = Project::new(&Draft::release(1));
    let taken = TcpListener::bind(project.listen).unwrap();
    project.start();
    let said = project.up_ends();
    assert_ne!(said.exit, 0, "{said:?}");
    said.says(&project.listen.port().to_string()).says("in use");
    project.run(&["doctor"]).exits(1).says("listen.free");
    drop(taken);
    project.up();
    project.down();
}
