use std::io::Write as _;

use staunch_proxy::wire::ToEdge;

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::{Control, Stage};

#[test]
fn what_happens_without_control_is_handed_to_the_next_one() {
    let app = App::start(|request, stream| match request.path.as_str() {
        "/missing" => reply(stream, 404, "no"),
        _ => reply(stream, 200, "ok"),
    });
    let mut stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    (0..10).for_each(|_| drop(browser.get("/")));
    assert_eq!(stage.settled(1, 10).ok, 10);
    let socket = stage.edge.socket.clone();
    let first = std::mem::replace(&mut stage.control, Control::connect(socket.clone()));
    drop(first);
    let watcher = std::mem::replace(&mut stage.control, Control::connect(socket));
    drop(watcher);
    (0..5).for_each(|_| drop(browser.get("/missing")));
    let before: u64 = stage.settled(1, 5).client_error;
    assert_eq!(before, 5);
}

#[test]
fn reports_are_numbered_without_gaps_and_only_the_owner_gets_counts() {
    let app = App::named("ok");
    let mut stage = Stage::stable(&[app.addr]);
    let mut onlooker = Control::connect(stage.edge.socket.clone());
    let mut browser = Browser::open(stage.addr);
    for _ in 0..50 {
        browser.get("/");
    }
    assert_eq!(stage.settled(1, 50).ok, 50);
    onlooker.wait("signs of life", |c| c.reports.len() >= 3);
    assert!(onlooker.reports.iter().all(|report| report.samples.is_empty()));
    let numbers: Vec<u64> = stage.control.reports.iter().map(|report| report.sequence).collect();
    let counted: Vec<u64> = numbers.iter().copied().filter(|n| *n > 0).collect();
    assert!(counted.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    onlooker.send(ToEdge::Renew { leases: std::collections::BTreeMap::new() });
    browser.get("/");
    onlooker.wait("the counts after taking over", |c| c.outcomes(1).ok == 1);
}

#[test]
fn a_client_that_goes_away_is_nobody_s_fault() {
    let app = App::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").unwrap();
        let piece = [b'x'; 65_536];
        while stream.write_all(&piece).is_ok() {}
        false
    });
    let mut stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    browser.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    assert!(!browser.read_some().is_empty());
    drop(browser);
    let outcomes = stage.settled(1, 1);
    assert_eq!((outcomes.client_gone, outcomes.failed(), outcomes.ok), (1, 0, 0));
}

#[test]
fn an_endless_stream_counts_while_it_streams() {
    let app = App::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(30));
        false
    });
    let mut stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    browser.send("GET /events HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains("data: 1") {
        got.extend(browser.read_some());
    }
    assert_eq!(stage.settled(1, 1).ok, 1);
    stage.control.wait("its flight", |c| c.traffic("s1").is_some_and(|t| t.in_flight == 1));
}
