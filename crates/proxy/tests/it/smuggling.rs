use std::time::Duration;

use crate::app::App;
use crate::browser::Browser;
use crate::stage::Stage;

/// Each head, and the status it must get. None may reach the application.
#[test]
fn ambiguous_requests_are_refused_and_close_the_connection() {
    let app = App::named("reached");
    let stage = Stage::stable(&[app.addr]);
    let cases = [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400),
        ("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    ];
    for (head, status) in cases {
        let mut browser = Browser::open(stage.addr);
        browser.send(head).unwrap();
        let answer = browser.answer(false).unwrap_or_else(|| panic!("no answer to {head:?}"));
        assert_eq!(answer.status, status, "{head:?}");
        if status == 400 {
            assert!(browser.is_closed(), "{head:?}");
        }
    }
    assert_eq!(app.seen(), 0);
}

#[test]
fn a_bad_chunk_size_ends_the_request_without_a_second_one() {
    let app = App::named("reached");
    let mut stage = Stage::stable(&[app.addr]);
    for chunk in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "fffffffffffffffff\r\n",
        "3\r\nabcGET /admin HTTP/1.1\r\n\r\n",
    ] {
        let mut browser = Browser::open(stage.addr);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        browser.send(&format!("{head}{chunk}")).unwrap();
        let status = browser.answer(false).map(|answer| answer.status);
        assert!(matches!(status, None | Some(400 | 502)), "{chunk:?}: {status:?}");
        assert!(browser.is_closed());
    }
    assert_eq!(app.seen(), 0, "the application never got a whole request");
    let outcomes = stage.settled(1, 0);
    assert_eq!(outcomes.failed(), 0, "the version is not to blame: {outcomes:?}");
}

#[test]
fn a_head_in_pieces_is_scanned_all_the_same() {
    let app = App::named("reached");
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    assert_eq!(browser.get("/").status, 200);
    for piece in [
        "POST / HTTP/1.1\r\nHost: a\r\nConte",
        "nt-Length: 3\r\nTransfer-Enc",
        "oding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        browser.send(piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(browser.answer(false).unwrap().header("staunch-error"), Some("bad-framing"));
    assert!(browser.is_closed());
}

#[test]
fn limits_hold() {
    let app = App::named("ok");
    let stage = Stage::tuned(&[app.addr], &[], 0, |table| {
        table.edge.limits.body_bytes = Some(1_000);
        table.edge.limits.header_timeout = Duration::from_millis(300);
        table.edge.limits.idle_timeout = Duration::from_millis(600);
        table.edge.limits.connections = 4;
    });
    let ask = |text: &str| {
        let mut browser = Browser::open(stage.addr);
        browser.send(text).unwrap();
        browser.answer(false)
    };
    let large_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9_000));
    assert_eq!(ask(&large_head).unwrap().status, 431);
    assert_eq!(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n").unwrap().status, 413);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1_001)
    );
    assert_eq!(ask(&chunked).unwrap().status, 413);
    assert!(ask("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").is_none(), "a head that does not end is closed");
    let mut idle = Browser::open(stage.addr);
    assert_eq!(idle.get("/").status, 200);
    assert!(idle.is_closed(), "an idle connection is closed");
    let mut held: Vec<Browser> = (0..4).map(|_| Browser::open(stage.addr)).collect();
    held.iter_mut().for_each(|browser| assert_eq!(browser.get("/").status, 200));
    let mut fifth = Browser::open(stage.addr);
    fifth.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    fifth.stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    assert!(fifth.answer(false).is_none(), "it waits in the queue");
    drop(held);
    fifth.stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(fifth.answer(false).unwrap().status, 200);
}
