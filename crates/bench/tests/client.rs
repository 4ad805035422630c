//! The client tells the truth about a server: good, failing, gone; and so does the upgraded connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

const BIN: &str = env!("CARGO_BIN_EXE_staunch-bench");

struct Killed(Child);
impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn backend(env: &[(&str, &str)]) -> (Killed, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child =
        Command::new(BIN).args(["backend", "--port", &port.to_string()]).envs(env.iter().copied()).spawn();
    let child = Killed(child.unwrap());
    until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    (child, format!("http://127.0.0.1:{port}/"))
}

fn until(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn load(url: &str, more: &[&str]) -> Value {
    let common = ["load", "--url", url, "--rate", "200", "--connections", "4", "--duration", "0.5"];
    let output = Command::new(BIN).args(common).args(more).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap()
}

#[test]
fn a_good_server_fails_nothing() {
    let (_backend, url) = backend(&[]);
    let report = load(&url, &["--mix", "both"]);
    assert!(count(&report, "good") > 10, "{report}");
    assert_eq!((count(&report, "failed"), count(&report, "dropped_connections")), (0, 0), "{report}");
}

#[test]
fn each_failure_is_counted_by_its_cause() {
    let (_backend, url) = backend(&[("BENCH_FAIL_EVERY", "2")]);
    let report = load(&url, &[]);
    let failed = count(&report, "failed");
    assert!(failed > 5, "{report}");
    assert_eq!(count(&report["failures"], "GET: 500"), failed, "{report}");
    assert!(count(&report, "good").abs_diff(failed) <= 1, "{report}");
}

#[test]
fn nobody_there_is_a_failure_of_each_request() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let report = load(&format!("http://127.0.0.1:{port}/"), &["--mix", "post"]);
    assert_eq!(count(&report, "good"), 0, "{report}");
    assert!(count(&report, "failed") > 10, "{report}");
}

#[test]
fn connections_that_the_server_ends_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer_once));
    let report = load(&url, &[]);
    let (good, dropped) = (count(&report, "good"), count(&report, "dropped_connections"));
    assert_eq!(count(&report, "failed"), 0, "{report}");
    // Each request but the first of each connection finds a connection that was ended.
    assert!(good > 10 && dropped > 0 && good - dropped <= 4, "{report}");
}

fn answer_once(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn an_upgraded_connection_echoes() {
    let (_backend, url) = backend(&[]);
    let report = talk(&url);
    assert_eq!((report["lived"].as_bool(), count(&report, "echoes")), (Some(true), 3), "{report}");
}

#[test]
fn an_upgraded_connection_that_the_server_ends_did_not_live() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(echo_once));
    let report = talk(&url);
    assert_eq!((report["lived"].as_bool(), count(&report, "echoes")), (Some(false), 1), "{report}");
}

fn talk(url: &str) -> Value {
    let output = Command::new(BIN).args(["ws", "--url", url, "--echoes", "3"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn echo_once(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        .unwrap();
    let said = lines.next().unwrap().unwrap();
    stream.write_all(format!("{said}\n").as_bytes()).unwrap();
}
