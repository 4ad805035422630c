use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use staunch_model::{FailureKind, Outcomes};

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::Stage;

fn hang() -> App {
    App::start(|_, _| {
        std::thread::sleep(Duration::from_secs(30));
        false
    })
}

/// All of 20 GETs that a bad canary gets are answered from stable, and all are charged to the canary.
fn shielded_from(canary: SocketAddr, gets: u64) -> (Outcomes, Vec<FailureKind>) {
    let stable = App::named("stable");
    let mut stage = Stage::canary(&[stable.addr], &[canary], 10_000);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..gets {
        assert_eq!(browser.get("/cart/1").text(), "stable");
    }
    let outcomes = stage.settled(2, gets);
    assert_eq!((outcomes.assigned, outcomes.shielded, outcomes.failed()), (gets, gets, gets));
    assert_eq!(stage.control.outcomes(1), Outcomes::default(), "stable is not charged for its help");
    assert_eq!(stage.control.latencies(2), gets);
    let failures = stage.control.failures();
    assert!(failures.iter().all(|f| f.shielded && f.route == "GET /cart/:id" && f.path == "/cart/1"));
    (outcomes, failures.iter().map(|failure| failure.kind).collect())
}

#[test]
fn a_canary_that_refuses_connections_is_shielded_and_ejected() {
    let (outcomes, kinds) = shielded_from(App::absent(), 20);
    assert_eq!(outcomes.connect_error, 20);
    assert_eq!(kinds, vec![FailureKind::ConnectError; 20]);
}

#[test]
fn a_canary_that_answers_500_is_shielded() {
    let canary = App::start(|_, stream| reply(stream, 500, "oops"));
    assert_eq!(shielded_from(canary.addr, 20).0.server_error, 20);
    assert_eq!(canary.seen(), 20);
}

#[test]
fn a_canary_that_hangs_is_shielded() {
    assert_eq!(shielded_from(hang().addr, 3).0.timeout, 3);
}

#[test]
fn a_canary_that_resets_before_headers_is_shielded() {
    let canary = App::start(|_, _| false);
    assert_eq!(shielded_from(canary.addr, 20).0.reset, 20);
}

#[test]
fn without_stable_the_canary_s_own_answer_is_passed_on() {
    let canary = App::start(|_, stream| reply(stream, 503, "mine"));
    let mut stage = Stage::canary(&[App::absent()], &[canary.addr], 10_000);
    let answer = Browser::open(stage.addr).get("/");
    assert_eq!((answer.status, answer.text()), (503, "mine"));
    assert_eq!(stage.settled(2, 1).shielded, 0);
}

#[test]
fn a_shield_that_is_off_passes_failures_on() {
    let (stable, canary) = (App::named("stable"), App::start(|_, stream| reply(stream, 500, "oops")));
    let stage = Stage::tuned(&[stable.addr], &[canary.addr], 10_000, |t| t.edge.shield.enabled = false);
    assert_eq!(Browser::open(stage.addr).get("/").status, 500);
    assert_eq!(stable.seen(), 0);
}

#[test]
fn a_post_that_was_sent_is_never_sent_again() {
    let stable = App::named("stable");
    let canary = App::start(|request, stream| match request.path.as_str() {
        "/500" => reply(stream, 500, "oops"),
        _ => false,
    });
    let mut stage = Stage::canary(&[stable.addr], &[canary.addr], 10_000);
    for (path, status) in [("/500", 500), ("/reset", 502), ("/500", 500), ("/reset", 502)] {
        let answer = Browser::open(stage.addr).ask("POST", path, "", "pay").unwrap();
        assert_eq!(answer.status, status, "{path}");
    }
    assert_eq!((canary.seen(), stable.seen()), (4, 0));
    let outcomes = stage.settled(2, 4);
    assert_eq!((outcomes.server_error, outcomes.reset, outcomes.shielded), (2, 2, 0));
}

#[test]
fn a_post_that_nobody_saw_goes_to_stable() {
    let stable =
        App::start(|request, stream| reply(stream, 200, std::str::from_utf8(&request.body).unwrap()));
    let mut stage = Stage::canary(&[stable.addr], &[App::absent()], 10_000);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..10 {
        assert_eq!(browser.ask("POST", "/", "", "pay").unwrap().text(), "pay");
    }
    let outcomes = stage.settled(2, 10);
    assert_eq!((outcomes.connect_error, outcomes.shielded), (10, 10));
    assert_eq!(stable.seen(), 10);
}

#[test]
fn a_dead_instance_among_living_ones_costs_nobody_an_answer() {
    let alive = App::named("alive");
    let mut stage = Stage::stable(&[App::absent(), alive.addr]);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..200 {
        assert_eq!(browser.ask("POST", "/", "", "x").unwrap().text(), "alive");
    }
    assert_eq!(alive.seen(), 200);
    let outcomes = stage.settled(1, 200);
    assert!(outcomes.connect_error >= 1 && outcomes.connect_error < 20, "ejected: {outcomes:?}");
    assert!(stage.control.traffic("s1").is_some_and(|traffic| traffic.ejected));
}

#[test]
fn half_a_body_is_a_reset_and_the_client_can_tell() {
    let canary = App::start(|request, stream| {
        let head = if request.path == "/chunked" {
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        } else {
            "Content-Length: 10\r\n\r\nhello"
        };
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).unwrap();
        false
    });
    let stable = App::named("stable");
    let mut stage = Stage::canary(&[stable.addr], &[canary.addr], 10_000);
    for path in ["/sized", "/chunked"] {
        let answer = Browser::open(stage.addr).get(path);
        assert_eq!((answer.status, answer.complete), (200, false), "{path}");
    }
    let outcomes = stage.settled(2, 2);
    assert_eq!((outcomes.ok, outcomes.reset, outcomes.shielded), (0, 2, 0));
    assert_eq!(stage.control.failures().len(), 2);
}

#[test]
fn a_slow_stable_is_counted_like_a_slow_canary_but_not_cut() {
    let stable = App::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(600));
        reply(stream, 200, "late")
    });
    let mut stage = Stage::stable(&[stable.addr]);
    assert_eq!(Browser::open(stage.addr).get("/").text(), "late");
    let outcomes = stage.settled(1, 1);
    assert_eq!((outcomes.timeout, outcomes.ok), (1, 0));
}

#[test]
fn an_answer_that_never_comes_is_a_504() {
    let mut stage = Stage::tuned(&[hang().addr], &[], 0, |table| {
        table.edge.limits.response_timeout = Duration::from_millis(400);
    });
    let answer = Browser::open(stage.addr).get("/");
    assert_eq!((answer.status, answer.header("staunch-error")), (504, Some("response-timeout")));
    assert_eq!(stage.settled(1, 1).timeout, 1);
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_replaced_unnoticed() {
    // Every connection serves one request and is then closed without a word.
    let app = App::start(|_, stream| {
        reply(stream, 200, "ok");
        false
    });
    let mut stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..300 {
        assert_eq!(browser.get("/").text(), "ok");
    }
    let outcomes = stage.settled(1, 300);
    assert_eq!((outcomes.ok, outcomes.failed()), (300, 0));
}
