use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use staunch_model::{StickyKey, Weight};

use crate::app::App;
use crate::browser::Browser;
use crate::stage::{Stage, backend};

#[test]
fn requests_are_split_by_weight_and_counted_exactly() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::canary(&[stable.addr], &[canary.addr], 2_500);
    let mut browser = Browser::open(stage.addr);
    let mut got: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0..2_000 {
        *got.entry(browser.get(&format!("/orders/{n}")).text().to_owned()).or_default() += 1;
    }
    let on_canary = got["canary"];
    // Five standard deviations of 2 000 draws at 25 %.
    assert!((403..=597).contains(&on_canary), "{on_canary}");
    let (s, c) = (stage.settled(1, got["stable"]), stage.settled(2, on_canary));
    assert_eq!((s.ok, s.assigned, c.ok, c.assigned), (got["stable"], got["stable"], on_canary, on_canary));
    assert_eq!((s.failed(), c.failed()), (0, 0));
    assert_eq!((stable.seen() as u64, canary.seen() as u64), (s.ok, c.ok));
    assert_eq!((stage.control.latencies(1), stage.control.latencies(2)), (s.ok, c.ok));
    let routes: Vec<&str> =
        stage.control.reports.iter().flat_map(|r| &r.samples).map(|s| s.route.as_str()).collect();
    assert!(routes.iter().all(|route| *route == "GET /orders/:id"), "{routes:?}");
}

#[test]
fn a_user_keeps_the_canary_while_its_weight_grows() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 1_000, |table| {
        table.edge.sticky = Some(StickyKey::Cookie { name: "place".to_owned() });
    });
    let mut browser = Browser::open(stage.addr);
    let mut users = Vec::new();
    for _ in 0..200 {
        let first = browser.get("/");
        let cookie = first.header("set-cookie").expect("a cookie on the first answer");
        assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
        users.push((cookie.split(';').next().unwrap().to_owned(), first.text() == "canary"));
    }
    for weight in [1_000, 3_000, 10_000, 3_000, 0] {
        let before = users.clone();
        stage.shift(weight);
        for (cookie, on_canary) in &mut users {
            let answer = browser.ask("GET", "/", &format!("Cookie: {cookie}\r\n"), "").unwrap();
            assert_eq!(answer.header("set-cookie"), None);
            *on_canary = answer.text() == "canary";
        }
        let lost = before.iter().zip(&users).filter(|(was, is)| was.1 && !is.1).count();
        let won = before.iter().zip(&users).filter(|(was, is)| !was.1 && is.1).count();
        match weight {
            1_000 => assert_eq!((lost, won), (0, 0), "the same weight moves nobody"),
            0 => assert!(users.iter().all(|user| !user.1), "a rollback moves everyone"),
            10_000 => assert!(users.iter().all(|user| user.1)),
            3_000 => assert!(lost == 0 || won == 0, "one direction at a time"),
            _ => unreachable!(),
        }
    }
}

#[test]
fn header_keys_stick_and_requests_without_the_header_are_split_singly() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let stage = Stage::tuned(&[stable.addr], &[canary.addr], 5_000, |table| {
        table.edge.sticky = Some(StickyKey::Header { name: "X-User".to_owned() });
    });
    let mut browser = Browser::open(stage.addr);
    for user in 0..20 {
        let more = format!("X-User: {user}\r\n");
        let sides: Vec<String> =
            (0..5).map(|_| browser.ask("GET", "/", &more, "").unwrap().text().to_owned()).collect();
        assert!(sides.windows(2).all(|pair| pair[0] == pair[1]), "{sides:?}");
    }
    let anonymous: Vec<String> = (0..64).map(|_| browser.get("/").text().to_owned()).collect();
    assert!(anonymous.contains(&"canary".to_owned()) && anonymous.contains(&"stable".to_owned()));
}

#[test]
fn swapping_tables_under_load_loses_no_request() {
    let apps = [App::named("a"), App::named("b"), App::named("c")];
    let mut stage = Stage::canary(&[apps[0].addr], &[apps[1].addr], 5_000);
    let (over, addr) = (Arc::new(AtomicBool::new(false)), stage.addr);
    let clients: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(|_| ["GET", "POST"])
        .map(|method| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                let (mut browser, mut asked) = (Browser::open(addr), 0u64);
                while !over.load(SeqCst) {
                    let answer = browser.ask(method, "/", "", if method == "POST" { "x" } else { "" });
                    assert_eq!(answer.expect("the connection stays").status, 200);
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for round in 0..40u16 {
        let canary = if round % 2 == 0 { apps[2].addr } else { apps[1].addr };
        stage.table.canary.as_mut().unwrap().backend = backend(2 + (round % 2) as u8, &[canary]);
        stage.shift(round % 5 * 2_500);
    }
    over.store(true, SeqCst);
    let asked: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    stage.control.wait("all counts", |c| {
        [1, 2, 3].map(|revision| c.outcomes(revision).ok).iter().sum::<u64>() == asked
    });
    let failed: u64 = [1, 2, 3].map(|revision| stage.control.outcomes(revision).failed()).iter().sum();
    assert_eq!(failed, 0);
}

#[test]
fn an_instance_that_left_is_reported_until_it_is_drained() {
    let slow = App::start(|request, stream| {
        let pause = if request.path == "/slow" { 600 } else { 0 };
        std::thread::sleep(std::time::Duration::from_millis(pause));
        crate::app::reply(stream, 200, "old")
    });
    let new = App::named("new");
    let mut stage = Stage::stable(&[slow.addr]);
    let addr = stage.addr;
    let waiting = std::thread::spawn(move || Browser::open(addr).get("/slow").text().to_owned());
    stage.control.wait("the request", |c| c.traffic("s1").is_some_and(|t| t.in_flight == 1));
    stage.table.stable = Some(backend(3, &[new.addr]));
    stage.publish();
    assert_eq!(Browser::open(addr).get("/").text(), "new");
    stage.control.wait("the drained instance", |c| c.traffic("s1").is_some_and(|t| t.in_flight == 0));
    assert_eq!(waiting.join().unwrap(), "old");
    stage.control.wait("silence about it", |c| c.last().is_some_and(|r| r.instances.is_empty()));
}

#[test]
fn a_service_without_stable_serves_its_first_revision() {
    let first = App::named("first");
    let mut stage = Stage::empty();
    assert_eq!(Browser::open(stage.addr).get("/").header("staunch-error"), Some("no-service"));
    stage.table.canary = Some(staunch_model::CanaryRoute {
        backend: backend(2, &[first.addr]),
        weight: Weight::FULL,
        twins: false,
        who: None,
    });
    stage.publish();
    assert_eq!(Browser::open(stage.addr).get("/").text(), "first");
}
