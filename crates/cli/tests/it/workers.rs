//! A service that nobody calls: its instances are replaced one by one, and every job is done once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::rig::{Draft, Load, Project, processes, until};

/// Jobs come in all the time, until it is stopped.
struct Feeder {
    spool: PathBuf,
    enough: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Feeder {
    fn start(spool: &Path) -> Self {
        let (enough, into) = (Arc::new(AtomicBool::new(false)), spool.to_owned());
        let told = enough.clone();
        let thread = std::thread::spawn(move || {
            let mut jobs = 0;
            while !told.load(Ordering::SeqCst) {
                jobs += 1;
                fs::write(into.join(format!("job-{jobs:05}")), "").unwrap();
                fs::rename(into.join(format!("job-{jobs:05}")), into.join(format!("new/job-{jobs:05}")))
                    .unwrap();
                std::thread::sleep(Duration::from_millis(25));
            }
            jobs
        });
        Self { spool: spool.to_owned(), enough, thread }
    }

    /// Every job was done, and none twice; the releases that did them.
    fn all_done_once(self) -> BTreeSet<String> {
        self.enough.store(true, Ordering::SeqCst);
        let jobs = self.thread.join().unwrap() as usize;
        let done = || fs::read_dir(self.spool.join("done")).unwrap().flatten().collect::<Vec<_>>();
        until("the last job", || (done().len() == jobs).then_some(()));
        let text = |entry: &fs::DirEntry| fs::read_to_string(entry.path()).unwrap();
        let twice: Vec<_> = done().into_iter().filter(|entry| text(entry).lines().count() != 1).collect();
        assert!(twice.is_empty(), "done more than once: {twice:?}");
        assert_eq!(fs::read_dir(self.spool.join("taken")).unwrap().count(), 0, "begun and left");
        done().iter().map(|entry| text(entry).trim().to_owned()).collect()
    }
}

fn spool(project: &Project) -> PathBuf {
    project.app().join("spool")
}

fn with_spool(draft: &Draft) -> Project {
    let project = Project::new(draft);
    for part in ["new", "taken", "done"] {
        fs::create_dir_all(spool(&project).join(part)).unwrap();
    }
    project
}

fn running(draft: &Draft) -> Project {
    let mut project = with_spool(draft);
    project.up();
    project
}

const THREE: [(&str, &str, &str); 1] = [("", "replicas", "3")];

fn three(release: u32) -> Draft {
    THREE
        .into_iter()
        .fold(Draft::worker(release), |draft, (section, key, value)| draft.set(section, key, value))
}

fn judged(release: u32) -> Draft {
    let command = "{ command = [\"sh\", \"-c\", \"test ! -s spool/failed-$APP_RELEASE\"], every = '1s', fails-after = 2 }";
    three(release).set("gates.command", "jobs", command)
}

#[test]
fn a_good_worker_takes_over_and_no_job_is_lost_or_done_twice() {
    let mut project = running(&three(1));
    let jobs = Feeder::start(&spool(&project));
    project.run(&["status"]).exits(0).says("as a worker, 3 of 3 ready");
    project.write(&three(2));
    project.run(&["plan"]).exits(0).says("1, 2, 3 of 3 instances are replaced").says("at least 3 are ready");
    let said = project.deploy(&three(2)).exits(0);
    said.says("step 1: 1 of 3 instances").says("step 2: 2 of 3 instances").says("every instance is new");
    assert_eq!(project.service()["stable"], "v2");
    project.run(&["explain"]).exits(0).says("promoted after").says("healthy");
    project.run(&["rollback", "--reason", "not yet"]).exits(0);
    assert_eq!(project.service()["stable"], "v1");
    assert_eq!(jobs.all_done_once(), BTreeSet::from(["v1".to_owned(), "v2".to_owned()]));
    project.audited();
    project.down();
}

#[test]
fn a_worker_whose_jobs_fail_goes_back_by_itself() {
    let mut project = running(&judged(1));
    let jobs = Feeder::start(&spool(&project));
    project
        .deploy(&judged(2).fault("errors"))
        .exits(10)
        .says("gate jobs failed")
        .says("bad 2 times in a row");
    project.run(&["explain"]).exits(0).says("step 1 (33.33 %)").says("gate jobs failed");
    assert_eq!(project.service()["stable"], "v1");
    assert_eq!(jobs.all_done_once(), BTreeSet::from(["v1".to_owned()]));
    project.audited();
    project.down();
}

#[test]
fn one_that_ends_is_not_tried_again_and_again() {
    let mut project = running(&three(1));
    project.deploy(&three(2).fault("exits-at-once")).exits(10).says("exit status 7");
    let service = project.service();
    assert_eq!((&service["stable"], &service["ready"]), (&"v1".into(), &3.into()));
    project.down();
}

#[test]
fn two_that_must_not_meet_never_do() {
    let alone = |release| {
        let draft = Draft::worker(release).set("rolling", "max-surge", "0");
        draft.set("rolling", "max-unavailable", "1").set("stop", "signal", "'USR1'")
    };
    let mut project = with_spool(&alone(1));
    fs::write(spool(&project).join("exclusive"), "").unwrap();
    project.up();
    let jobs = Feeder::start(&spool(&project));
    project.deploy(&alone(2)).exits(0);
    project.run(&["rollback"]).exits(0);
    let releases = jobs.all_done_once();
    assert!(releases.contains("v1"), "{releases:?}");
    assert!(!spool(&project).join("overlap").exists(), "both ran at once");
    let signals = fs::read_to_string(spool(&project).join("signals")).unwrap();
    assert!(signals.lines().all(|signal| signal == "USR1"), "{signals}");
    project.down();
}

#[test]
fn one_that_does_not_finish_in_its_time_is_killed_and_it_is_said() {
    let mut project = running(&Draft::worker(1).fault("deaf").set("stop", "grace", "'400ms'"));
    project.deploy(&Draft::worker(2)).exits(0).says("killed by SIGKILL (still at work 400 ms after SIGTERM)");
    project.down();
}

#[test]
fn a_killed_control_adopts_the_workers_and_goes_on() {
    let mut project = running(&three(1));
    let jobs = Feeder::start(&spool(&project));
    let deploy = project.deploy_begins(&three(2).set("rolling", "hold", "'1s'"));
    project.until_phase("progressing");
    let before: BTreeSet<u32> = project.instances(true).into_iter().collect();
    project.kill_control();
    assert!(before.iter().any(|pid| processes::of(project.dir()).contains(pid)), "the workers are gone");
    project.start();
    deploy.wait().exits(0);
    assert_eq!(project.service()["stable"], "v2");
    jobs.all_done_once();
    project.audited();
    project.down();
}

#[test]
fn a_person_decides_after_the_first_instance() {
    let mut project = running(&three(1));
    let paused = |release| three(release).set("rolling", "pause-after", "1");
    let deploy = project.deploy_begins(&paused(2));
    let waits = |project: &Project| {
        until("the pause", || {
            let service = project.try_service()?;
            (service["rollout"]["waiting"]["on"] == "approval").then_some(service)
        })
    };
    let service = waits(&project);
    assert_eq!(
        (&service["ready"], &service["canary_weight_ratio"]),
        (&3.into(), &0.3333.into()),
        "{service:#}"
    );
    assert_eq!(project.instances(true).len(), 2);
    project.run(&["abort", "--reason", "wrong branch"]).exits(0);
    deploy.wait().exits(11).says("wrong branch");
    until("three of v1", || (project.instances(true).len() == 3).then_some(()));
    let deploy = project.deploy_begins(&paused(3));
    waits(&project);
    project.run(&["promote", "--full"]).exits(0);
    deploy.wait().exits(0);
    assert_eq!(project.service()["stable"], "v3");
    project.audited();
    project.down();
}

#[test]
fn a_worker_lives_beside_a_service_with_users() {
    let mut project = with_spool(&Draft::worker(1));
    let both = |worker: u32, shop: u32| {
        let top = format!("api = '127.0.0.1:0'\n{}", Draft::worker(worker).as_worker("mailer"));
        top + &Draft::release(shop).service("shop", project.listen)
    };
    project.write_text(&both(1, 1));
    let (one, two) = (both(2, 1), both(2, 2));
    project.start();
    let healthy = |project: &Project| {
        let said = project.run(&["status", "--output", "json"]);
        let all = said.json();
        all.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|one| one["health"] == "healthy"))
    };
    until("both", || healthy(&project).then_some(()));
    let users = Load::start(project.listen);
    project.write_text(&one);
    project.run(&["deploy", "mailer", "--timeout", "60s"]).exits(0);
    project.write_text(&two);
    project.run(&["deploy", "shop", "--timeout", "60s"]).exits(0);
    let all = project.run(&["status"]).exits(0);
    all.says("v2 as a worker").says("v2 on 127.0.0.1");
    users.stop().unharmed();
    project.down();
}

#[test]
fn it_cannot_become_a_service_with_users_under_the_same_name() {
    let mut project = running(&Draft::worker(1));
    let said = project.deploy(&Draft::release(2));
    assert_ne!(said.exit, 0);
    said.says("runs as a worker").says("a name of its own");
    assert_eq!(project.service()["stable"], "v1");
    project.down();
}
