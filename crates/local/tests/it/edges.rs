//! Edges under the keeper: crashed, replaced, adopted, with connections waiting meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use staunch_local::protocol::{EdgeStatus, Request, Response};

use crate::home::{Home, alive, kill, some, until};

fn listen(home: &mut Home) -> SocketAddr {
    let answer = home.client.ask(&Request::Listen { addr: "127.0.0.1:0".parse().unwrap() }).unwrap();
    let Response::Listening { addr } = answer else { panic!("{answer:?}") };
    addr
}

fn edge(home: &mut Home) -> EdgeStatus {
    home.client.ask(&Request::EnsureEdge).unwrap();
    home.list().edges.into_iter().find(|edge| edge.listening && !edge.draining).unwrap()
}

/// An edge without a table answers that it knows no service: whatever it says, it accepted and spoke.
fn is_answered(addr: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(addr) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 12];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.starts_with(b"HTTP/1.1 ")
}

#[test]
fn a_crashed_edge_is_followed_by_one_with_the_same_queue() {
    let mut home = Home::new();
    let addr = listen(&mut home);
    let first = edge(&mut home);
    until("it answers", || is_answered(addr));
    for _ in 0..3 {
        let before = edge(&mut home);
        kill(before.process.pid);
        assert!(is_answered(addr), "connections wait for the successor");
        some("another edge serves", || {
            home.list().edges.into_iter().find(|edge| edge.process != before.process && edge.listening)
        });
    }
    assert!(!alive(first.process));
    assert_eq!(home.list().edges.len(), 1);
}

#[test]
fn the_sockets_outlive_the_keeper_and_come_back_from_the_edge() {
    let mut home = Home::new();
    let addr = listen(&mut home);
    let before = edge(&mut home);
    until("it answers", || is_answered(addr));
    home.kill_keeper();
    assert!(is_answered(addr), "the edge does not notice");
    home.start_keeper();
    assert_eq!(home.list().listeners, [addr]);
    assert_eq!(edge(&mut home).process, before.process, "adopted, not started again");
    kill(before.process.pid);
    assert!(is_answered(addr), "the new keeper holds the very socket");
}

#[test]
fn keeper_and_edge_both_lost_come_back_on_the_same_address() {
    let mut home = Home::new();
    let addr = listen(&mut home);
    let before = edge(&mut home);
    until("it answers", || is_answered(addr));
    home.kill_keeper();
    kill(before.process.pid);
    home.start_keeper();
    until("another edge answers", || is_answered(addr));
    assert_ne!(edge(&mut home).process, before.process);
}

#[test]
fn a_replaced_edge_drains_and_leaves() {
    let mut home = Home::new();
    let addr = listen(&mut home);
    let old = edge(&mut home);
    until("it answers", || is_answered(addr));
    let answer = home.client.ask(&Request::ReplaceEdge { binary: crate::home::rig() }).unwrap();
    let Response::Edge(new) = answer else { panic!("{answer:?}") };
    assert_eq!(new.version, "9.9.9");
    assert!(!new.listening, "not before it is promoted");
    home.client.ask(&Request::Promote { edge: new.process }).unwrap();
    let listed = home.list().edges;
    assert!(listed.iter().any(|edge| edge.process == old.process && edge.draining));
    assert_eq!(edge(&mut home).process, new.process);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(old.process.pid.cast_signed()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    until("the old one has left", || !alive(old.process));
    assert!(is_answered(addr));
    until("one is left", || home.list().edges.len() == 1);
}

#[test]
fn an_address_given_up_is_free_for_others() {
    let mut home = Home::new();
    let addr = listen(&mut home);
    edge(&mut home);
    until("it answers", || is_answered(addr));
    home.client.ask(&Request::Unlisten { addr }).unwrap();
    until("it can be bound", || std::net::TcpListener::bind(addr).is_ok());
}
