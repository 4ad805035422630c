//! What instances are given while they warm up is counted apart, on either side, however it ends.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use staunch_model::{Backend, InstanceId, RouteTable, Timestamp, WarmUp};
use staunch_proxy::handover::put_listener;
use staunch_proxy::wire::ToEdge;

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::{Control, Edge, Stage, wait_for};

/// Longer than any test.
const LASTS: Duration = Duration::from_secs(600);

fn ago(span: Duration) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(now.saturating_sub(span).as_millis() as i64)
}

fn young() -> Timestamp {
    ago(Duration::ZERO)
}

fn old() -> Timestamp {
    ago(LASTS + Duration::from_secs(1))
}

fn all_since(backend: &mut Backend, since: Timestamp) {
    let ids = backend.instances.iter().map(|(id, _)| (id.clone(), since));
    backend.since = ids.collect();
}

fn warm_up(table: &mut RouteTable, requests: u64, stable: Timestamp, canary: Timestamp) {
    table.warm_up = WarmUp { lasts: LASTS, requests };
    table.stable.iter_mut().for_each(|backend| all_since(backend, stable));
    table.canary.iter_mut().for_each(|canary_route| all_since(&mut canary_route.backend, canary));
}

fn ask(addr: SocketAddr, times: usize) {
    let mut browser = Browser::open(addr);
    (0..times).for_each(|_| drop(browser.get("/")));
}

/// First attempts on both sides, and those of them that were warm-up.
fn assigned(stage: &mut Stage, total: u64) -> [(u64, u64); 2] {
    stage.control.wait("the counts", |c| c.outcomes(1).judged() + c.outcomes(2).judged() >= total);
    [1, 2].map(|side| (stage.control.outcomes(side).assigned, stage.control.warming(side).assigned))
}

#[test]
fn the_first_attempts_of_young_instances_are_counted_apart_on_both_sides() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 5_000, |table| {
        warm_up(table, 5, young(), young());
    });
    ask(stage.addr, 60);
    let [(stable, of_stable), (canary, of_canary)] = assigned(&mut stage, 60);
    assert_eq!(stable + canary, 60);
    assert!(stable > 5 && canary > 5, "{stable} and {canary}: a split of 50 %");
    assert_eq!((of_stable, of_canary), (5, 5));
}

#[test]
fn one_young_instance_among_old_ones_warms_up_alone() {
    let (one, two) = (App::named("one"), App::named("two"));
    let mut stage = Stage::tuned(&[one.addr, two.addr], &[], 0, |table| {
        warm_up(table, 1_000, old(), old());
        table.stable.as_mut().unwrap().since.insert(InstanceId("s2".to_owned()), young());
    });
    ask(stage.addr, 20);
    let [(all, warming), _] = assigned(&mut stage, 20);
    assert_eq!((all, warming), (20, two.seen() as u64));
    assert_eq!(two.seen(), 10, "they take turns");
}

#[test]
fn warming_never_depends_on_the_outcome() {
    let ends: [fn(&mut std::net::TcpStream) -> bool; 4] = [
        |stream| reply(stream, 200, "ok"),
        |stream| reply(stream, 404, "no"),
        |stream| reply(stream, 503, "busy"),
        |_closes| false,
    ];
    let apps = ends.map(|end| App::start(move |_, stream| end(stream)).addr);
    for addr in apps.into_iter().chain([App::absent()]) {
        let mut stage = Stage::tuned(&[addr], &[], 0, |table| warm_up(table, 5, young(), young()));
        ask(stage.addr, 12);
        assert_eq!(assigned(&mut stage, 12)[0], (12, 5), "{addr}");
        let failed = stage.control.outcomes(1).failed();
        stage.control.wait("the failures", |c| c.failures().len() as u64 == failed);
        let failures = stage.control.failures();
        let warming = failures.iter().filter(|failure| failure.warming).count() as u64;
        assert_eq!(warming, stage.control.warming(1).failed(), "each failure says where it was counted");
    }
}

#[test]
fn a_canary_that_refuses_every_connection_warms_up_still() {
    let stable = App::named("stable");
    let mut stage = Stage::tuned(&[stable.addr], &[App::absent()], 10_000, |table| {
        warm_up(table, 1_000, old(), young());
    });
    ask(stage.addr, 12);
    assert_eq!(assigned(&mut stage, 12), [(0, 0), (12, 12)], "charged to it, shielded by stable");
    assert_eq!(stage.control.warming(2).connect_error, 12);
}

#[test]
fn a_new_edge_takes_no_old_instance_for_young() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 5_000, |table| {
        warm_up(table, 1_000_000, old(), young());
    });
    ask(stage.addr, 30);
    let [of_stable, of_canary] = assigned(&mut stage, 30);
    assert_eq!((of_stable.1, of_canary.1), (0, of_canary.0));
    stage.control.send(ToEdge::Drain { linger_ms: 0 });
    let Stage { dir, listener, addr, edge, control, table, .. } = stage;
    wait_for("the end", || edge.has_ended());
    drop(control);

    let edge = Edge::start(&dir, "b");
    put_listener(&edge.fd_socket, addr, listener.as_fd()).unwrap();
    // From the table on disk: nobody has told it anything yet.
    ask(addr, 10);
    let mut control = Control::connect(edge.socket.clone());
    control.send(ToEdge::Table { version: 2, services: vec![table] });
    control.wait("the table", |c| c.last().is_some_and(|report| report.table_seen == 2));
    ask(addr, 30);
    control.wait("the counts", |c| c.outcomes(1).ok + c.outcomes(2).ok == 40);
    assert_eq!(control.warming(1).assigned, 0);
    let canary = control.outcomes(2).assigned;
    assert!(canary > 0);
    assert_eq!(control.warming(2).assigned, canary, "it is as young as before");
}

#[test]
fn another_process_under_the_same_name_and_address_warms_up_anew() {
    let app = App::named("ok");
    let first = ago(Duration::from_secs(60));
    let mut stage = Stage::tuned(&[app.addr], &[], 0, |table| warm_up(table, 5, first, first));
    ask(stage.addr, 12);
    assert_eq!(assigned(&mut stage, 12)[0], (12, 5));
    // The same process, of which is known only when it was started.
    warm_up(&mut stage.table, 5, ago(Duration::from_secs(90)), first);
    stage.publish();
    ask(stage.addr, 12);
    assert_eq!(assigned(&mut stage, 24)[0], (24, 5));
    warm_up(&mut stage.table, 5, young(), first);
    stage.publish();
    ask(stage.addr, 12);
    assert_eq!(assigned(&mut stage, 36)[0], (36, 10));
}

#[test]
fn one_whose_age_is_not_told_has_nothing_to_warm_up() {
    let app = App::named("ok");
    let mut stage = Stage::tuned(&[app.addr], &[], 0, |table| {
        warm_up(table, 5, young(), young());
        table.stable.as_mut().unwrap().since.clear();
    });
    ask(stage.addr, 12);
    assert_eq!(assigned(&mut stage, 12)[0], (12, 0));
}
