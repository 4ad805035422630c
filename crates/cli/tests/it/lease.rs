//! A control plane that is silent loses its canary: the proxy goes back to stable by itself.

use std::time::Duration;

use rustix::process::Signal;

use crate::rig::wire::Wire;
use crate::rig::{Draft, Load, Project, processes, until, until_within};

/// At 50 % so many answers in a row come from one side by chance once in 10^18.
const MANY: usize = 60;
/// The lease is one second here; the rest is for a busy machine.
const LAPSE: Duration = Duration::from_secs(8);

fn releases_seen(project: &Project) -> Vec<String> {
    let mut wire = Wire::connect(project.listen).unwrap();
    (0..MANY).map(|_| wire.ask("GET", "/").unwrap().body).collect()
}

#[test]
fn a_stopped_control_plane_has_no_canary_and_goes_on_when_it_wakes() {
    let draft = |release| {
        Draft::release(release)
            .set("canary", "steps", "[{ weight = 50, pause = true }, 100]")
            .set("edge", "lease", "'1s'")
    };
    let mut project = Project::running(&draft(1));
    let users = Load::start(project.listen);
    let deploy = project.deploy_begins(&draft(2));
    project.until_canary_has_traffic();
    until("answers of the canary", || releases_seen(&project).contains(&"v2".to_owned()).then_some(()));

    processes::send(project.control(), Signal::STOP);
    until_within(LAPSE, "answers of stable only", || {
        releases_seen(&project).iter().all(|release| release == "v1").then_some(())
    });
    users.passes(100);
    assert!(releases_seen(&project).iter().all(|release| release == "v1"));

    processes::send(project.control(), Signal::CONT);
    until("answers of the canary", || releases_seen(&project).contains(&"v2".to_owned()).then_some(()));
    project.run(&["explain"]).exits(0).says("control was silent");
    project.run(&["promote"]).exits(0);
    deploy.wait().exits(0);
    users.stop().unharmed();
    project.audited();
    project.down();
}
