use std::io::Write as _;

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::Stage;

/// An application that answers with the request's head as it arrived.
fn mirror() -> App {
    App::start(|request, stream| {
        let lines: Vec<String> =
            request.headers.iter().map(|(n, v)| format!("{}: {v}", n.to_ascii_lowercase())).collect();
        reply(stream, 200, &format!("{} {}\n{}", request.method, request.path, lines.join("\n")))
    })
}

#[test]
fn hop_by_hop_headers_stop_here_and_the_next_hop_learns_who_asks() {
    let stage = Stage::stable(&[mirror().addr]);
    let more = "Connection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nTE: trailers, gzip\r\n\
                Proxy-Authorization: secret\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Kept: yes\r\n";
    let answer = Browser::open(stage.addr).ask("GET", "/a?b=c", more, "").unwrap();
    let mut lines: Vec<&str> = answer.text().lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "GET /a?b=c",
            "forwarded: for=127.0.0.1;host=\"shop\";proto=http",
            "host: shop",
            "te: trailers",
            "via: 1.1 staunch",
            "x-forwarded-for: 10.0.0.9, 127.0.0.1",
            "x-forwarded-host: shop",
            "x-forwarded-proto: http",
            "x-kept: yes",
        ]
    );
    assert_eq!(answer.header("via"), Some("1.1 staunch"));
}

#[test]
fn an_absolute_target_decides_the_host() {
    let stage = Stage::stable(&[mirror().addr]);
    let mut browser = Browser::open(stage.addr);
    browser.send("GET http://real.example/x HTTP/1.1\r\nHost: other\r\n\r\n").unwrap();
    let answer = browser.answer(false).unwrap();
    assert!(answer.text().starts_with("GET /x\n"), "{}", answer.text());
    assert!(answer.text().contains("\nhost: real.example"), "{}", answer.text());
}

#[test]
fn response_headers_of_one_hop_stop_here_too() {
    let app = App::start(|_, stream| {
        let head = "HTTP/1.0 200 OK\r\nConnection: x-inner\r\nX-Inner: 1\r\nDate: then\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(head.as_bytes()).unwrap();
        false
    });
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..2 {
        let answer = browser.get("/");
        assert_eq!((answer.header("x-inner"), answer.header("connection")), (None, None));
        assert_eq!((answer.header("date"), answer.text()), (Some("then"), "ok"));
    }
}

#[test]
fn head_keeps_the_length_and_sends_no_body() {
    let app =
        App::start(|_, stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").is_ok());
    let mut stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..3 {
        assert_eq!(browser.ask("HEAD", "/", "", "").unwrap().header("content-length"), Some("1234"));
    }
    let outcomes = stage.settled(1, 3);
    assert_eq!((outcomes.ok, outcomes.client_gone), (3, 0));
}

#[test]
fn a_client_that_expects_100_gets_it() {
    let app = App::start(|request, stream| reply(stream, 200, &request.body.len().to_string()));
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    browser.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").unwrap();
    assert_eq!(browser.answer(false).unwrap().status, 100);
    browser.send("hello").unwrap();
    assert_eq!(browser.answer(false).unwrap().text(), "5");
}

#[test]
fn trailers_pass_both_ways() {
    let app = App::start(|request, stream| {
        let came = request.trailers.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n{:x}\r\n{came}\r\n0\r\nx-sum: 42\r\n\r\n",
            came.len()
        );
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    let head =
        "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-req\r\nTransfer-Encoding: chunked\r\n\r\n";
    browser.send(&format!("{head}2\r\nhi\r\n0\r\nx-req: 7\r\n\r\n")).unwrap();
    let answer = browser.answer(false).unwrap();
    assert_eq!(answer.text(), "x-req=7");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "42".to_owned())]);
}

#[test]
fn large_bodies_stream_both_ways_without_being_held() {
    let app = App::start(|request, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&request.body)).is_ok()
    });
    let stage = Stage::stable(&[app.addr]);
    let body: String = (0..4_000_000u32).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let mut browser = Browser::open(stage.addr);
    let answer = browser.ask("PUT", "/blob", "", &body).unwrap();
    assert_eq!((answer.complete, answer.body.len()), (true, body.len()));
    assert!(answer.body == body.as_bytes());
}

#[test]
fn events_arrive_as_they_are_sent() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let app = App::start(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        for event in ["1", "2"] {
            stream.write_all(format!("1\r\n{event}\r\n").as_bytes()).unwrap();
            receiver.lock().unwrap().recv().unwrap();
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    browser.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // The second event is sent only once the first has arrived: held back anywhere, this would hang.
    let mut until = |mark: &str| {
        let mut got = String::new();
        while !got.contains(mark) {
            let bytes = browser.read_some();
            assert!(!bytes.is_empty(), "{got}");
            got.push_str(&String::from_utf8_lossy(&bytes));
        }
    };
    until("1\r\n1\r\n");
    sender.send(()).unwrap();
    until("1\r\n2\r\n");
    sender.send(()).unwrap();
    until("0\r\n\r\n");
}
