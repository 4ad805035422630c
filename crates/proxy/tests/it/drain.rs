use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use staunch_proxy::handover::{drop_listener, get_listeners, put_listener};
use staunch_proxy::wire::{FromEdge, ToEdge};

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::{Control, Edge, Stage, wait_for};

/// A client as browsers are: it keeps its connection until it is told to close it.
fn keep_alive_client(addr: SocketAddr, over: &AtomicBool, answered: &AtomicU64) {
    let mut browser = Browser::open(addr);
    while !over.load(SeqCst) {
        let answer = browser.ask("POST", "/", "", "x").expect("no request is lost");
        assert_eq!(answer.status, 200);
        answered.fetch_add(1, SeqCst);
        if answer.header("connection") == Some("close") {
            browser = Browser::open(addr);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An echo behind "101 Switching Protocols".
fn echo() -> App {
    App::start(|request, stream| {
        if request.header("upgrade").is_none() {
            return reply(stream, 200, "plain");
        }
        assert_eq!(request.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let mut piece = [0; 1_024];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            stream.write_all(&piece[..n]).unwrap();
        }
        false
    })
}

fn open_socket(addr: SocketAddr) -> Browser {
    let mut browser = Browser::open(addr);
    let head = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    browser.send(head).unwrap();
    let answer = browser.answer(true).unwrap();
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    browser
}

fn echoes(browser: &mut Browser, word: &str) {
    browser.send(word).unwrap();
    assert_eq!(browser.read_some(), word.as_bytes());
}

#[test]
fn a_newer_edge_takes_over_under_load_and_nothing_is_lost() {
    let app = App::named("ok");
    let stage = Stage::stable(&[app.addr]);
    let (over, answered, addr) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), stage.addr);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            std::thread::spawn(move || keep_alive_client(addr, &over, &answered))
        })
        .collect();
    let Stage { dir, listener, mut edge, mut control, table, .. } = stage;
    let mut counted = 0;
    for name in ["b", "c", "d"] {
        let goal = answered.load(SeqCst) + 200;
        wait_for("some traffic", || answered.load(SeqCst) >= goal);
        let next = Edge::start(&dir, name);
        put_listener(&next.fd_socket, addr, listener.as_fd()).unwrap();
        let mut next_control = Control::connect(next.socket.clone());
        next_control.send(ToEdge::Table { version: 1, services: vec![table.clone()] });
        next_control.wait("the table", |c| c.last().is_some_and(|r| r.table_seen == 1));
        control.send(ToEdge::Drain { linger_ms: 5_000 });
        wait_for("the old edge's end", || {
            control.read();
            edge.has_ended()
        });
        control.read();
        counted += control.outcomes(1).ok;
        (edge, control) = (next, next_control);
    }
    over.store(true, SeqCst);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let asked = answered.load(SeqCst);
    control.wait("all counts", |c| counted + c.outcomes(1).ok == asked);
    assert_eq!(app.seen() as u64, asked);
}

#[test]
fn an_idle_connection_lives_through_the_linger_and_is_then_closed() {
    let app = App::named("ok");
    let mut stage = Stage::stable(&[app.addr]);
    let (mut asks, mut idles) = (Browser::open(stage.addr), Browser::open(stage.addr));
    assert_eq!((asks.get("/").status, idles.get("/").status), (200, 200));
    stage.control.send(ToEdge::Drain { linger_ms: 800 });
    wait_for("the drain", || {
        let late = Control::connect(stage.edge.socket.clone());
        matches!(late.hello, FromEdge::Hello { draining: true, .. })
    });
    let answer = asks.get("/");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(idles.is_closed());
    stage.control.read();
    wait_for("the end", || stage.edge.has_ended());
    assert!(put_listener(&stage.edge.fd_socket, stage.addr, stage.listener.as_fd()).is_err());
}

#[test]
fn a_websocket_outlives_weight_changes_and_the_drain() {
    let (stable, canary) = (echo(), echo());
    let mut stage = Stage::canary(&[stable.addr], &[canary.addr], 10_000);
    let mut socket = open_socket(stage.addr);
    echoes(&mut socket, "one");
    stage.shift(0);
    echoes(&mut socket, "two");
    stage.control.wait("its flight", |c| c.traffic("c1").is_some_and(|t| t.in_flight == 1));
    assert_eq!(stage.settled(2, 1).ok, 1, "an open tunnel counts as a good answer");
    stage.control.send(ToEdge::Drain { linger_ms: 50 });
    let mut late = Browser::open(stage.addr);
    late.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // Once a new connection stays in the queue, the drain has begun; the tunnel is still there well after the linger.
    let queued = late.answer(false).is_none() || Browser::open(stage.addr).ask("GET", "/", "", "").is_none();
    assert!(queued);
    echoes(&mut socket, "three");
    assert!(!stage.edge.has_ended());
    drop(socket);
    wait_for("the end", || stage.edge.has_ended());
    stage.control.wait("no flight", |c| c.traffic("c1").is_some_and(|t| t.in_flight == 0));
}

#[test]
fn an_upgrade_that_the_application_declines_is_an_ordinary_request() {
    let app = App::named("plain");
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..2 {
        let more = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        assert_eq!(browser.ask("GET", "/", more, "").unwrap().text(), "plain");
    }
}

#[test]
fn listeners_are_handed_back_and_dropped() {
    let app = App::named("ok");
    let stage = Stage::stable(&[app.addr]);
    let back = get_listeners(&stage.edge.fd_socket).unwrap();
    assert_eq!(back.len(), 1);
    let (addr, fd) = &back[0];
    assert_eq!(*addr, stage.addr);
    let same = std::net::TcpListener::from(fd.try_clone().unwrap());
    assert_eq!(same.local_addr().unwrap(), stage.addr);
    drop_listener(&stage.edge.fd_socket, stage.addr).unwrap();
    assert!(get_listeners(&stage.edge.fd_socket).unwrap().is_empty());
    // A connection now waits until somebody accepts again: nothing was refused meanwhile.
    let mut waiting = Browser::open(stage.addr);
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    put_listener(&stage.edge.fd_socket, stage.addr, same.as_fd()).unwrap();
    assert_eq!(waiting.answer(false).unwrap().text(), "ok");
}
