//! Requests that go to the canary by name, whatever its weight.

use std::time::Duration;

use staunch_model::{
    AllowSpec, KeptList, Outcomes, RequestPart, RouteTable, Sample, StickyKey, Weight, WhoRule, WhoSpec,
};

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::{Stage, digest};

const BETA: &str = "X-Beta: yes\r\n";

fn rule(part: RequestPart, name: &str, values: &[&str]) -> WhoRule {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    WhoRule { part, name: name.to_owned(), values }
}

fn by(rules: Vec<WhoRule>, percent: f64) -> WhoSpec {
    WhoSpec { rules, allow: None, most: Weight::percent(percent).unwrap(), requests: 1 }
}

fn beta() -> WhoSpec {
    by(vec![rule(RequestPart::Header, "x-beta", &["yes"])], 100.0)
}

fn with(who: WhoSpec) -> impl FnOnce(&mut RouteTable) {
    |table| table.canary.as_mut().unwrap().who = Some(who)
}

fn text(browser: &mut Browser, path: &str, more: &str) -> String {
    browser.ask("GET", path, more, "").unwrap().text().to_owned()
}

/// What was counted for a revision, by name or not.
fn counted(stage: &mut Stage, total: u64, revision: u8, chosen: bool) -> Outcomes {
    stage.control.wait("the counts", |c| c.outcomes(1).judged() + c.outcomes(2).judged() >= total);
    let samples = stage.control.reports.iter().flat_map(|report| &report.samples);
    let fits = |s: &&Sample| s.revision == digest(revision) && s.chosen == chosen;
    let mut sum = Outcomes::default();
    samples.filter(fits).for_each(|sample| sum.add(&sample.outcomes));
    sum
}

#[test]
fn they_get_the_canary_at_weight_zero_and_nobody_else_does() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let rules = vec![
        rule(RequestPart::Header, "x-beta", &["yes"]),
        rule(RequestPart::Cookie, "beta", &[]),
        rule(RequestPart::Query, "beta", &["a b"]),
    ];
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 0, with(by(rules, 100.0)));
    let mut browser = Browser::open(stage.addr);
    for (path, more) in [("/", BETA), ("/", "Cookie: a=1; beta=1\r\n"), ("/?x=1&beta=a%20b", "")] {
        assert_eq!(text(&mut browser, path, more), "canary", "{path} {more}");
    }
    for (path, more) in [("/", ""), ("/", "X-Beta: no\r\n"), ("/?beta=1", "Cookie: abeta=1\r\n")] {
        assert_eq!(text(&mut browser, path, more), "stable", "{path} {more}");
    }
    let ok = [(1, false), (2, false), (2, true)]
        .map(|(revision, chosen)| counted(&mut stage, 6, revision, chosen).ok);
    assert_eq!(ok, [3, 0, 3]);
}

#[test]
fn the_others_are_split_by_weight_and_counted_apart() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 2_500, with(beta()));
    let mut browser = Browser::open(stage.addr);
    for turn in 0..1_200 {
        let more = if turn % 3 == 0 { BETA } else { "" };
        text(&mut browser, "/", more);
    }
    let chosen = counted(&mut stage, 1_200, 2, true).assigned;
    let [canary, stable] = [2, 1].map(|revision| counted(&mut stage, 1_200, revision, false).assigned);
    assert_eq!((chosen, canary + stable), (400, 800));
    // Five standard deviations of 800 draws at 25 %.
    assert!((139..=261).contains(&canary), "{canary}");
}

#[test]
fn a_new_split_that_takes_the_canary_out_takes_it_from_them_at_once() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 500, |table| {
        with(beta())(table);
        table.edge.sticky = Some(StickyKey::Cookie { name: "place".to_owned() });
    });
    let mut browser = Browser::open(stage.addr);
    let first = browser.ask("GET", "/", BETA, "").unwrap();
    assert_eq!(first.text(), "canary");
    // The cookie is their place in the split and says nothing of the version.
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let both = format!("Cookie: {cookie}\r\n{BETA}");
    assert_eq!(text(&mut browser, "/", &both), "canary");
    stage.table.canary = None;
    stage.table.generation = stage.table.generation.next();
    stage.publish();
    (0..20).for_each(|_| assert_eq!(text(&mut browser, "/", &both), "stable"));
}

#[test]
fn a_sticky_user_gets_it_by_name_and_is_back_at_their_place_without_it() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let stage = Stage::tuned(&[stable.addr], &[canary.addr], 5_000, |table| {
        with(beta())(table);
        table.edge.sticky = Some(StickyKey::Header { name: "x-user".to_owned() });
    });
    let mut browser = Browser::open(stage.addr);
    let mut places = std::collections::BTreeSet::new();
    for user in 0..40 {
        let user = format!("X-User: {user}\r\n");
        let place = text(&mut browser, "/", &user);
        assert_eq!(text(&mut browser, "/", &format!("{user}{BETA}")), "canary");
        assert_eq!(text(&mut browser, "/", &user), place);
        places.insert(place);
    }
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn a_lapsed_lease_is_stable_for_them_too() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 0, |table| {
        with(beta())(table);
        table.edge.lease = Duration::from_millis(300);
    });
    stage.control.wait("the lapse", |c| c.last().is_some_and(|report| report.lapsed.contains_key("shop")));
    let mut browser = Browser::open(stage.addr);
    (0..10).for_each(|_| assert_eq!(text(&mut browser, "/", BETA), "stable"));
}

#[test]
fn rules_that_catch_everybody_are_bounded_and_the_surplus_is_split_by_weight() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let all = by(vec![rule(RequestPart::Header, "host", &[])], 20.0);
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 0, with(all));
    let mut browser = Browser::open(stage.addr);
    (0..1_000).for_each(|_| drop(text(&mut browser, "/", "")));
    let (by_name, others) = (counted(&mut stage, 1_000, 2, true), counted(&mut stage, 1_000, 1, false));
    assert_eq!((by_name.assigned, others.assigned, others.surplus), (200, 800, 800));
    // Another weight is another table with the same rules: what they have had this minute counts on.
    stage.shift(5_000);
    (0..200).for_each(|_| drop(text(&mut browser, "/", "")));
    let more = counted(&mut stage, 1_200, 2, true).assigned - 200;
    assert_eq!(more, 40, "a fifth of what came since");
}

#[test]
fn an_allow_list_is_looked_up_and_a_missing_one_sends_nobody_and_harms_nobody() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let list = tempfile::NamedTempFile::new().unwrap();
    let names: String = (0..40_000).map(|number| format!("user-{number}\n")).collect();
    std::fs::write(list.path(), names).unwrap();
    let listed = |path: &str| {
        let kept = Some(KeptList { path: path.to_owned(), sha256: path.to_owned(), values: 40_000 });
        let (part, name) = (RequestPart::Cookie, "user".to_owned());
        WhoSpec {
            allow: Some(AllowSpec { file: "testers.txt".to_owned(), part, name, kept }),
            ..by(vec![], 100.0)
        }
    };
    let path = list.path().to_str().unwrap();
    let mut stage = Stage::tuned(&[stable.addr], &[canary.addr], 0, with(listed(path)));
    let mut browser = Browser::open(stage.addr);
    assert_eq!(text(&mut browser, "/", "Cookie: user=user-39999\r\n"), "canary");
    for more in ["Cookie: user=user-40000\r\n", "Cookie: user=\r\n", "User: user-1\r\n"] {
        assert_eq!(text(&mut browser, "/", more), "stable");
    }
    with(listed("/nowhere"))(&mut stage.table);
    stage.shift(0);
    assert_eq!(text(&mut browser, "/", "Cookie: user=user-39999\r\n"), "stable");
    stage.control.wait("the refusal", |c| c.refused.iter().any(|why| why.contains("nobody is sent by")));
}

#[test]
fn a_failing_get_of_theirs_is_shielded_and_a_failing_post_is_not_sent_twice() {
    let stable = App::named("stable");
    let broken = App::start(|_, stream| reply(stream, 500, "broken"));
    let mut stage = Stage::tuned(&[stable.addr], &[broken.addr], 0, with(beta()));
    let mut browser = Browser::open(stage.addr);
    assert_eq!(text(&mut browser, "/", BETA), "stable");
    assert_eq!(browser.ask("POST", "/", BETA, "a=1").unwrap().status, 500);
    let by_name = counted(&mut stage, 2, 2, true);
    assert_eq!((by_name.server_error, by_name.shielded), (2, 1));
    assert_eq!((stable.seen(), broken.seen()), (1, 2));
    let failures = stage.control.failures();
    assert!(failures.len() == 2 && failures.iter().all(|failure| failure.chosen), "{failures:?}");
}

/// A request that an instance refused is tried on another one of the same version.
#[test]
fn a_retry_stays_on_the_canary() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let mut stage = Stage::tuned(&[stable.addr], &[App::absent(), canary.addr], 0, with(beta()));
    let mut browser = Browser::open(stage.addr);
    for method in ["GET", "POST"] {
        (0..10).for_each(|_| assert_eq!(browser.ask(method, "/", BETA, "").unwrap().text(), "canary"));
    }
    assert_eq!(stable.seen(), 0);
    assert!(counted(&mut stage, 20, 2, true).connect_error >= 1);
}

#[test]
fn hostile_heads_cost_nobody_an_answer() {
    let (stable, canary) = (App::named("stable"), App::named("canary"));
    let rules = vec![
        rule(RequestPart::Header, "x-beta", &["yes"]),
        rule(RequestPart::Cookie, "beta", &["1"]),
        rule(RequestPart::Query, "beta", &["1"]),
    ];
    let stage = Stage::tuned(&[stable.addr], &[canary.addr], 0, with(by(rules, 100.0)));
    let mut browser = Browser::open(stage.addr);
    let cookies = format!("Cookie: {}\r\n", "beta=;".repeat(1_000));
    let header = format!("X-Beta: {}\r\n", "y".repeat(7_000));
    let query = format!("/?{}", "beta=%3&%62eta=2&".repeat(300));
    for (path, more) in [("/", cookies.as_str()), ("/", &header), (&query, ""), ("/", "Cookie: =;;;=\r\n")] {
        assert_eq!(text(&mut browser, path, more), "stable");
    }
    assert_eq!(text(&mut browser, &format!("{query}beta=1"), ""), "canary");
}
