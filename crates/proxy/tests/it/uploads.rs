//! Uploads that stand still: whose fault it is, and that nobody waits for ever.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use crate::app::App;
use crate::browser::Browser;
use crate::stage::Stage;

#[test]
fn a_client_that_falls_silent_in_its_request_is_not_waited_for() {
    let app = App::named("ok");
    let mut stage = Stage::tuned(&[app.addr], &[], 0, |table| {
        table.edge.shield.after = Duration::from_millis(50);
        table.edge.limits.idle_timeout = Duration::from_millis(200);
    });
    let mut browser = Browser::open(stage.addr);
    browser.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe").unwrap();
    let answer = browser.answer(false).unwrap();
    assert_eq!((answer.status, answer.header("staunch-error")), (408, Some("body-timeout")));
    assert!(browser.is_closed());
    let outcomes = stage.settled(1, 1);
    assert_eq!((outcomes.client_error, outcomes.failed()), (1, 0));
}

#[test]
fn an_instance_that_does_not_take_the_request_is_at_fault() {
    // Accepted by the kernel, never read.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stage = Stage::tuned(&[deaf.local_addr().unwrap()], &[], 0, |table| {
        table.edge.limits.response_timeout = Duration::from_millis(200);
    });
    let mut browser = Browser::open(stage.addr);
    let length = 64 << 20;
    browser.send(&format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).unwrap();
    // More than all the buffers on the way hold; how the edge stops it does not matter here.
    let mut stream = browser.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || stream.write_all(&vec![b'x'; length]).is_ok());
    assert_eq!(stage.settled(1, 1).timeout, 1);
    assert!(!writer.join().unwrap());
}
