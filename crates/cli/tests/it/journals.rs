//! The journal on bad days: changed behind Staunch's back, and on a disk that is full.

use std::path::PathBuf;

use crate::rig::{Draft, Load, Project};

const REASON: &str = "the reason that was given";
const FORGED: &str = "the reason that was forge";

/// Changes one word of the history, as somebody with an editor would.
fn forge(project: &Project) -> Vec<u8> {
    let mut bytes = std::fs::read(project.journal()).unwrap();
    let places: Vec<usize> = bytes
        .windows(REASON.len())
        .enumerate()
        .filter(|(_, w)| *w == REASON.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the reason is not in the journal");
    for at in places {
        bytes[at..at + FORGED.len()].copy_from_slice(FORGED.as_bytes());
    }
    std::fs::write(project.journal(), &bytes).unwrap();
    bytes
}

#[test]
fn a_journal_damaged_in_the_middle_is_named_and_never_repaired() {
    let mut project = Project::running(&Draft::release(1));
    project.write(&Draft::release(2));
    let deploy = project.spawn(&["deploy", "--reason", REASON, "--timeout", "60s"]);
    project.until_canary_has_traffic();
    project.run(&["promote", "--full"]).exits(0);
    deploy.wait().exits(0);
    let exported = project.run(&["audit", "export"]).exits(0).lines();
    let entry = exported.iter().find(|entry| entry.to_string().contains(REASON)).unwrap()["sequence"].clone();
    project.down();
    project.audited();

    let forged = forge(&project);
    let named = format!("entry {entry}");
    assert_ne!(project.run(&["audit", "verify"]).says("damaged at").says(&named).exit, 0);
    project.start();
    let up = project.up_ends().says(&named).says("audit verify");
    assert_ne!(up.exit, 0);
    project.run(&["doctor"]).exits(1).says("journal.chain").says(&named);
    assert!(std::fs::read(project.journal()).unwrap() == forged, "the journal was touched");
}

/// A small disk of its own, where the machine lets us have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        for size in [1 << 16, 1 << 12, 1 << 8, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn relieve(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[test]
fn a_full_disk_takes_the_canary_back_and_loses_nothing() {
    let mut project = Project::new(&Draft::release(1));
    let Some(disk) = SmallDisk::mount(project.data().to_owned()) else { return };
    project.up();
    let users = Load::start(project.listen);
    project.deploy(&Draft::release(2)).exits(0);
    let paused = Draft::release(3).set("canary", "steps", "[{ weight = 50, pause = true }, 100]");
    let deploy = project.deploy_begins(&paused);
    project.until_canary_has_traffic();

    disk.fill();
    project.run(&["abort"]);
    crate::rig::until("no canary any more", || {
        (project.service()["canary_weight_ratio"] == 0.0).then_some(())
    });
    users.passes(100);

    disk.relieve();
    deploy.wait().exits(11);
    project.audited();
    assert_eq!(project.service()["stable"], "v2");
    project.run(&["history"]).exits(0).says("v1 → v2").says("v2 → v3");
    project.deploy(&Draft::release(4)).exits(0);
    users.stop().unharmed();
    project.down();
}
