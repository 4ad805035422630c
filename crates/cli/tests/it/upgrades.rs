//! `staunch upgrade` replaces keeper, edge and control while users are served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::rig::wire::Wire;
use crate::rig::{Draft, Load, Project};

const TIMES: usize = 3;

fn echoes(tunnel: &mut TcpStream, word: &str) {
    tunnel.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    tunnel.write_all(word.as_bytes()).unwrap();
    let mut back = vec![0; word.len()];
    tunnel.read_exact(&mut back).unwrap();
    assert_eq!(back, word.as_bytes());
}

#[test]
fn nobody_notices_an_upgrade_and_an_open_tunnel_lives_on() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let mut tunnel = Wire::connect(project.listen).unwrap().upgrade("/live").unwrap();
    echoes(&mut tunnel, "before");
    for time in 0..TIMES {
        let edge = project.edge();
        let instances = project.instances(true);
        project.run(&["upgrade"]).exits(0).says("upgraded");
        users.passes(100);
        echoes(&mut tunnel, &format!("after {time}"));
        assert_ne!(project.edge(), edge);
        assert_eq!(project.instances(true), instances);
    }
    // And in the middle of a rollout.
    let deploy = project.deploy_begins(&Draft::release(2).set("canary", "hold", "'1s'"));
    project.until_canary_has_traffic();
    project.run(&["upgrade"]).exits(0);
    deploy.wait().exits(0);
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn a_binary_that_is_none_is_refused_and_everything_goes_on() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let none = project.run(&["upgrade", "--binary", "/no/such/binary"]).says("/no/such/binary");
    assert_ne!(none.exit, 0);
    assert_eq!(project.service()["health"], "healthy");
    users.stop().unharmed();
    project.down();
}
