use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use staunch_model::{MirrorRoute, MirrorSpec, ShadowCounts, Weight};

use crate::app::{App, Request, reply};
use crate::browser::Browser;
use crate::stage::{PATIENCE, Stage, backend, wait_for};

fn spec() -> MirrorSpec {
    MirrorSpec {
        share: Weight::FULL,
        methods: ["GET".to_owned()].into(),
        headers: vec![],
        ignore: vec![],
        max_body: 1_000,
        concurrency: 8,
    }
}

fn stage(stable: &App, shadow: &App, spec: MirrorSpec) -> Stage {
    Stage::tuned(&[stable.addr], &[], 0, |table| {
        table.mirror = Some(MirrorRoute { backend: backend(2, &[shadow.addr]), spec });
    })
}

/// An application that tells what it was asked, and the line it is told through.
fn listening(body: &'static str) -> (App, Receiver<Request>) {
    let (heard, told) = channel();
    let app = App::start(move |request, stream| {
        let copy = Request {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            trailers: vec![],
        };
        drop(heard.send(copy));
        reply(stream, 200, body)
    });
    (app, told)
}

fn counts(stage: &Stage) -> ShadowCounts {
    let mut all = ShadowCounts::default();
    stage.control.reports.iter().flat_map(|report| &report.shadow).for_each(|sample| all.add(&sample.counts));
    all
}

fn counted(stage: &mut Stage, what: &str, done: impl Fn(&ShadowCounts) -> bool) -> ShadowCounts {
    wait_for(what, || {
        stage.control.read();
        done(&counts(stage))
    });
    counts(stage)
}

#[test]
fn a_copy_is_the_request_with_a_mark_that_nobody_outside_can_set() {
    let ((stable, at_stable), (shadow, at_shadow)) = (listening("same"), listening("same"));
    let stage = stage(&stable, &shadow, spec());
    let more = "X-Kept: yes\r\nStaunch-Shadow: 1\r\nCookie: a=b\r\n";
    assert_eq!(Browser::open(stage.addr).ask("GET", "/a?b=c", more, "").unwrap().text(), "same");
    let (original, copy) =
        (at_stable.recv_timeout(PATIENCE).unwrap(), at_shadow.recv_timeout(PATIENCE).unwrap());
    assert_eq!(original.header("staunch-shadow"), None);
    assert_eq!(copy.header("staunch-shadow"), Some("1"));
    assert_eq!((copy.method.as_str(), copy.path.as_str()), ("GET", "/a?b=c"));
    for name in ["x-kept", "cookie", "host", "via", "x-forwarded-for", "forwarded"] {
        assert_eq!(copy.header(name), original.header(name), "{name}");
    }
    // A part of the requests, and each first of a route, is sent to stable once more.
    assert_eq!(at_stable.recv_timeout(PATIENCE).unwrap().header("staunch-shadow"), Some("1"));
}

#[test]
fn only_named_methods_are_copied_and_a_body_goes_along() {
    let (stable, (shadow, at_shadow)) = (App::named("x"), listening("x"));
    let mut stage = stage(&stable, &shadow, MirrorSpec { methods: ["POST".to_owned()].into(), ..spec() });
    let mut browser = Browser::open(stage.addr);
    browser.get("/");
    browser.ask("POST", "/order", "", "two teas").unwrap();
    let copy = at_shadow.recv_timeout(PATIENCE).unwrap();
    assert_eq!((copy.method.as_str(), copy.body.as_slice()), ("POST", b"two teas".as_slice()));
    let large = "x".repeat(2_000);
    browser.ask("POST", "/order", "", &large).unwrap();
    let counts = counted(&mut stage, "the counts", |counts| counts.too_large == 1 && counts.pairs == 1);
    assert_eq!(
        (counts.controls, shadow.seen(), stable.seen()),
        (0, 1, 3),
        "no write happens twice on stable"
    );
}

#[test]
fn a_hanging_shadow_holds_so_many_copies_and_no_user() {
    let stable = App::named("fine");
    let shadow = App::start(|_, _| {
        loop {
            std::thread::park();
        }
    });
    let mut stage = stage(&stable, &shadow, MirrorSpec { concurrency: 2, ..spec() });
    let mut browser = Browser::open(stage.addr);
    (0..50).for_each(|_| assert_eq!(browser.get("/").text(), "fine"));
    let counts = counted(&mut stage, "all accounts", |counts| counts.pairs + counts.dropped == 50);
    assert!(counts.dropped > 0 && counts.shadow_failed == counts.pairs, "{counts:?}");
}

#[test]
fn what_differs_is_told_and_what_stable_itself_varies_is_not() {
    let varying = || {
        let number = std::sync::atomic::AtomicU64::new(0);
        App::start(move |_, stream| {
            let body = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string();
            reply(stream, 200, &body)
        })
    };
    let mut noisy = stage(&varying(), &App::named("other"), spec());
    Browser::open(noisy.addr).get("/");
    let counts = counted(&mut noisy, "the pair", |counts| counts.pairs == 1);
    assert_eq!((counts.different, counts.volatile), (0, 1));
    let mut other = stage(&App::named("one"), &App::named("two"), spec());
    Browser::open(other.addr).get("/a?secret=1");
    let counts = counted(&mut other, "the pair", |counts| counts.pairs == 1);
    assert_eq!((counts.different, counts.volatile), (1, 0));
    let example =
        other.control.reports.iter().flat_map(|r| &r.shadow).flat_map(|s| &s.examples).next().unwrap();
    assert_eq!((example.path.as_str(), example.differences[0].shadow.as_str()), ("/a", "two"));
}

#[test]
fn a_mirror_that_is_not_renewed_ends() {
    let (stable, shadow) = (App::named("x"), App::named("x"));
    let mut stage = Stage::tuned(&[stable.addr], &[], 0, |table| {
        table.edge.lease = Duration::from_millis(300);
        table.mirror = Some(MirrorRoute { backend: backend(2, &[shadow.addr]), spec: spec() });
    });
    let mut browser = Browser::open(stage.addr);
    browser.get("/");
    counted(&mut stage, "a pair", |counts| counts.pairs == 1);
    let generation = stage.table.generation;
    stage.control.wait("the lapse", |c| c.last().is_some_and(|r| r.lapsed.get("shop") == Some(&generation)));
    let seen = shadow.seen();
    (0..20).for_each(|_| assert_eq!(browser.get("/").text(), "x"));
    stage.table.mirror = None;
    stage.table.generation = generation.next();
    stage.publish();
    assert_eq!(shadow.seen(), seen, "a lapsed mirror copies nothing");
}
