//! A process that the kernel ends for want of memory is told from one that is merely killed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig::{Draft, Load, Project, processes, until};

/// Less than the sample app eats, and far more than it begins with.
const BOUND_BYTES: u64 = 80_000_000;

/// A bound on the memory of those processes that join it.
struct Bound(PathBuf);

impl Bound {
    /// `None` where this user may not ask the kernel for one, under either of its two interfaces.
    fn new() -> Option<Self> {
        let files = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        files.iter().find_map(|(root, file)| Self::within(Path::new(root), file))
    }

    fn within(root: &Path, file: &str) -> Option<Self> {
        let place = root.join(format!("staunch-it-{}", std::process::id()));
        fs::create_dir(&place).ok()?;
        let bound = Self(place);
        // Without the kernel's own file it is a folder like any other.
        let file = bound.0.join(file);
        (file.exists() && fs::write(file, BOUND_BYTES.to_string()).is_ok()).then_some(bound)
    }

    fn joined(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Its processes may be ending still.
        until("an empty group", || fs::remove_dir(&self.0).ok());
    }
}

/// Nothing but the trigger has anything to say.
fn watched(release: u32) -> Draft {
    let draft =
        Draft::release(release).set("triggers", "oom", "'rollback'").set("triggers", "crash-exits", "100");
    let draft = draft.set("triggers", "unready-for", "'1h'").set("triggers", "restarts", "{ max = 10 }");
    let draft = draft.set("gates", "error-rate", "{ max = '90%' }").set("gates", "blast-radius", "'100%'");
    let draft =
        draft.set("triggers", "catastrophic", "'100%'").set("evidence", "false-rollback", "'0.0001%'");
    // Few requests fail until the kill is seen: too few for the comparison with stable to speak first.
    draft.set("canary", "steps", "[{ weight = 5, pause = true }, 100]")
}

fn figure(project: &Project, name: &str) -> String {
    let triggers = project.triggers();
    let trigger = triggers.iter().find(|trigger| trigger["trigger"] == name);
    trigger.and_then(|trigger| trigger["figure"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_kill_for_want_of_memory_takes_the_release_back_and_no_other_kill_does() {
    let bound = Bound::new();
    let mut project = Project::running(&Draft::release(1));
    let deploy = project.deploy_begins(&watched(2));
    project.until_canary_has_traffic();
    let [killed] = project.instances(false)[..] else { panic!("one canary") };
    processes::kill(killed);
    until("the kill among the ends", || figure(&project, "restarts").starts_with("1 ends").then_some(()));
    let told = figure(&project, "oom");
    assert!(told.contains("none was killed for want of memory"), "{told}");
    project.run(&["abort"]).exits(0);
    deploy.wait().exits(11);

    // Who may not bind others has been told half of the story.
    if let Some(bound) = &bound {
        let users = Load::reading(project.listen);
        let eats = watched(3).fault("hungry").after(&bound.joined());
        project.deploy(&eats).exits(10).says("trigger oom fired").says("out of memory");
        assert_eq!(project.taken_back_by(), "trigger-out-of-memory");
        users.stop().readers_unharmed();
        project.down();
    }
}
