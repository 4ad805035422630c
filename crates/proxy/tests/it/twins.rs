//! Twins of stable beside a canary: who serves whom, and as what it is counted.

use std::net::SocketAddr;
use std::time::Duration;

use staunch_model::{InstanceId, Outcomes, RouteTable, Sample, StickyKey};

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::{Stage, digest};

/// The last of stable's instances is a twin.
fn with_twin(table: &mut RouteTable) {
    let stable = table.stable.as_mut().unwrap();
    let twin = InstanceId::new(&table.service, &stable.revision, InstanceId::FIRST_TWIN);
    stable.instances.last_mut().unwrap().0 = twin;
    table.canary.as_mut().unwrap().twins = true;
}

fn ask(addr: SocketAddr, times: usize) {
    let mut browser = Browser::open(addr);
    (0..times).for_each(|_| assert_eq!(browser.get("/").status, 200));
}

fn counted(stage: &mut Stage, total: u64, revision: u8, twin: Option<bool>) -> Outcomes {
    stage.control.wait("the counts", |c| c.outcomes(1).judged() + c.outcomes(2).judged() >= total);
    let samples = stage.control.reports.iter().flat_map(|report| &report.samples);
    let fits = |s: &&Sample| s.revision == digest(revision) && s.twin == twin;
    let mut sum = Outcomes::default();
    samples.filter(fits).for_each(|sample| sum.add(&sample.outcomes));
    sum
}

#[test]
fn twins_get_as_much_as_the_canary_and_are_counted_apart() {
    let (stable, twin, canary) = (App::named("stable"), App::named("twin"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr, twin.addr], &[canary.addr], 2_500, with_twin);
    ask(stage.addr, 2_000);
    let all = [(2, Some(true)), (1, Some(true)), (1, Some(false))];
    let ok = all.map(|(revision, kind)| counted(&mut stage, 2_000, revision, kind).ok);
    assert_eq!(ok, [canary.seen(), twin.seen(), stable.seen()].map(|seen| seen as u64));
    // Five standard deviations of 2 000 draws at 25 %.
    assert!((403..=597).contains(&ok[0]) && (403..=597).contains(&ok[1]), "{ok:?}");
    assert_eq!(counted(&mut stage, 2_000, 1, None), Outcomes::default());
}

#[test]
fn without_twins_in_the_split_a_twin_is_one_of_stables() {
    let (stable, twin, canary) = (App::named("stable"), App::named("twin"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr, twin.addr], &[canary.addr], 5_000, |table| {
        with_twin(table);
        table.canary.as_mut().unwrap().twins = false;
    });
    ask(stage.addr, 60);
    let all = counted(&mut stage, 60, 1, None).ok as usize;
    assert_eq!((all, stable.seen().abs_diff(twin.seen()) <= 1), (stable.seen() + twin.seen(), true));
}

#[test]
fn sticky_users_keep_their_twin() {
    let (stable, twin, canary) = (App::named("stable"), App::named("twin"), App::named("canary"));
    let stage = Stage::tuned(&[stable.addr, twin.addr], &[canary.addr], 3_000, |table| {
        with_twin(table);
        table.edge.sticky = Some(StickyKey::Header { name: "X-User".to_owned() });
    });
    let mut browser = Browser::open(stage.addr);
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..60 {
        let more = format!("X-User: {user}\r\n");
        let sides: Vec<String> =
            (0..4).map(|_| browser.ask("GET", "/", &more, "").unwrap().text().to_owned()).collect();
        assert!(sides.windows(2).all(|pair| pair[0] == pair[1]), "{sides:?}");
        seen.extend(sides);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_dead_twin_costs_no_user_an_answer_and_what_was_given_to_it_stays_its_own() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut stage = Stage::tuned(&[stable.addr, dead], &[canary.addr], 3_000, with_twin);
    ask(stage.addr, 200);
    let twin = counted(&mut stage, 200, 1, Some(true));
    assert!(twin.connect_error >= 1 && twin.ok > twin.connect_error, "{twin:?}");
    assert_eq!(counted(&mut stage, 200, 1, Some(false)).failed(), 0);
}

#[test]
fn a_failing_canary_is_shielded_by_any_of_stable() {
    let (stable, twin) = (App::named("stable"), App::named("twin"));
    let broken = App::start(|_, stream| reply(stream, 500, "broken"));
    let mut stage = Stage::tuned(&[stable.addr, twin.addr], &[broken.addr], 5_000, |table| {
        with_twin(table);
        table.edge.shield.after = Duration::from_secs(3);
    });
    ask(stage.addr, 100);
    let canary = counted(&mut stage, 100, 2, Some(true));
    assert!(canary.server_error > 20 && canary.shielded == canary.server_error, "{canary:?}");
    let failures = stage.control.failures();
    assert!(!failures.is_empty() && failures.iter().all(|failure| failure.twin == Some(true)));
}
