use std::time::Duration;

use staunch_model::SplitGeneration;
use staunch_proxy::wire::{FromEdge, ToEdge};

use crate::app::App;
use crate::browser::Browser;
use crate::stage::{Control, Edge, Stage, wait_for};
use std::os::fd::AsFd as _;

#[test]
fn a_lease_that_is_not_renewed_lapses_to_stable_and_is_not_revived() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 10_000, |table| {
        table.edge.lease = Duration::from_millis(400);
    });
    let mut browser = Browser::open(stage.addr);
    let generation = stage.table.generation;
    // Renewed, it lives much longer than its span.
    for _ in 0..20 {
        stage.renew();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(browser.get("/").text(), "canary");
    }
    wait_for("the lapse", || browser.get("/").text() == "stable");
    stage.control.wait("its report", |c| c.last().is_some_and(|r| r.lapsed.get("shop") == Some(&generation)));
    stage.renew();
    stage.publish();
    assert_eq!(browser.get("/").text(), "stable", "neither a renewal nor the same generation revives it");
    stage.shift(10_000);
    assert_eq!(browser.get("/").text(), "canary", "a new generation does");
}

#[test]
fn an_older_generation_is_refused_and_a_same_generation_updates_instances() {
    let (one, two) = (App::named("one"), App::named("two"));
    let mut stage = Stage::stable(&[one.addr]);
    stage.table.generation = SplitGeneration(7);
    stage.publish();
    stage.table.stable = Some(crate::stage::backend(1, &[two.addr]));
    stage.publish();
    assert_eq!(Browser::open(stage.addr).get("/").text(), "two");
    stage.table.generation = SplitGeneration(6);
    stage.table.stable = Some(crate::stage::backend(1, &[one.addr]));
    stage.publish();
    stage
        .control
        .wait("the refusal", |c| c.refused.iter().any(|r| r.contains("generation 6 is older than 7")));
    assert_eq!(Browser::open(stage.addr).get("/").text(), "two");
}

#[test]
fn a_restarted_edge_serves_stable_only_until_control_speaks() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let stage = Stage::canary(&[stable.addr], &[canary.addr], 10_000);
    assert_eq!(Browser::open(stage.addr).get("/").text(), "canary");
    stage.control.send(ToEdge::Drain { linger_ms: 0 });
    let Stage { dir, listener, addr, edge, control, table, .. } = stage;
    wait_for("the end", || edge.has_ended());
    edge.end();
    drop(control);
    let edge = Edge::start(&dir, "b");
    staunch_proxy::handover::put_listener(&edge.fd_socket, addr, listener.as_fd()).unwrap();
    let mut browser = Browser::open(addr);
    assert_eq!(browser.get("/").text(), "stable");
    let mut control = Control::connect(edge.socket.clone());
    let FromEdge::Hello { table_version, draining, .. } = control.hello else { panic!("no hello") };
    assert_eq!((table_version, draining), (1, false));
    control.send(ToEdge::Table { version: 2, services: vec![table] });
    control.wait("the table", |c| c.last().is_some_and(|r| r.table_seen == 2));
    assert_eq!(browser.get("/").text(), "canary", "the same generation, confirmed, has its lease again");
}
