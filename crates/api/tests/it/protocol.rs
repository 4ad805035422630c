//! Requests that come again, commands for what one has seen, pages of lists, streams that begin anew.

use serde_json::{Value, json};
use staunch_api::v1::{TokenCreated, TokenRequest};
use staunch_control::Expect;
use staunch_ports::Journal as _;
use staunch_rollout::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::raw::{self, Answer, unix};
use crate::world::{World, name, within};

const DEPLOY: &str = "POST /api/v1/services/shop/rollouts";

async fn with_key(world: &World, request: &str, key: &str, body: &str) -> Answer {
    unix(world, request, &["Host: localhost", &format!("Idempotency-Key: {key}")], body).await
}

#[tokio::test]
async fn the_same_key_is_carried_out_once_and_answers_the_same() {
    let world = World::new().await;
    let first = with_key(&world, DEPLOY, "a", "{}").await;
    assert_eq!(first.status, 202);
    assert!(!first.head.contains("idempotency-replayed"));
    world.edit("two");
    let again = with_key(&world, DEPLOY, "a", "{}").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert!(again.head.contains("idempotency-replayed: true"), "{}", again.head);
    assert!(again.head.contains("location: /api/v1/rollouts/1"), "{}", again.head);
    assert_eq!(world.unix.rollouts(None, 10).await.unwrap().rollouts.len(), 1);
    let other = with_key(&world, DEPLOY, "a", "{\"reason\": \"x\"}").await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency-key-reused"));
    let elsewhere = with_key(&world, "POST /api/v1/services/blog/rollouts", "a", "{}").await;
    assert_eq!(elsewhere.status, 422);
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_keys_belong_to_who_gave_them() {
    let world = World::new().await;
    let request = "POST /api/v1/services/shop/pause";
    let refused = with_key(&world, request, "k", "").await;
    assert_eq!(refused.status, 409);
    let again = with_key(&world, request, "k", "").await;
    assert!(again.status == 409 && again.head.contains("idempotency-replayed"), "{}", again.head);
    assert!(again.head.contains("application/problem+json"), "{}", again.head);
    let headers = ["Host: localhost", "Idempotency-Key: k", "X-Staunch-Actor: bob"];
    let bob = unix(&world, DEPLOY, &headers, "").await;
    assert_eq!(bob.status, 202, "{}", bob.body);
    for bad in ["", &"k".repeat(256)] {
        assert_eq!(with_key(&world, DEPLOY, bad, "").await.code(), "bad-request", "{bad}");
    }
}

#[tokio::test]
async fn twenty_of_the_same_at_once_are_one() {
    let world = std::sync::Arc::new(World::new().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { with_key(&world, DEPLOY, "burst", "{}").await.status })
        })
        .collect();
    let mut statuses = vec![];
    for task in tasks {
        statuses.push(within(task).await.unwrap());
    }
    assert!(statuses.iter().all(|status| matches!(status, 202 | 409)), "{statuses:?}");
    assert!(statuses.contains(&202));
    assert_eq!(world.unix.rollouts(None, 10).await.unwrap().rollouts.len(), 1);
}

#[tokio::test]
async fn a_secret_is_not_given_twice() {
    let world = World::new().await;
    let request =
        TokenRequest { name: "ci".to_owned(), role: "viewer".to_owned(), ..TokenRequest::default() };
    let body = serde_json::to_string(&request).unwrap();
    let first = with_key(&world, "POST /api/v1/tokens", "t", &body).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let made: TokenCreated = serde_json::from_str(&first.body).unwrap();
    let again = with_key(&world, "POST /api/v1/tokens", "t", &body).await;
    assert_eq!((again.status, again.code().as_str()), (409, "idempotency-secret"));
    assert!(!again.body.contains(&made.secret));
    assert_eq!(world.unix.tokens().await.unwrap().len(), 1);
}

fn tag(answer: &Answer) -> String {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("etag: "));
    line.unwrap_or_else(|| panic!("no tag in {}", answer.head)).to_owned()
}

#[tokio::test]
async fn a_command_for_what_is_not_so_any_more_is_refused() {
    let (world, id) = World::with_canary("shop").await;
    for (look, command) in [
        (format!("GET /api/v1/rollouts/{id}"), format!("POST /api/v1/rollouts/{id}/pause")),
        ("GET /api/v1/services/shop".to_owned(), "POST /api/v1/services/shop/resume".to_owned()),
    ] {
        let seen = tag(&unix(&world, &look, &["Host: localhost"], "").await);
        let stale = "If-Match: \"0000000000000000\"";
        let answer = unix(&world, &command, &["Host: localhost", stale], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (412, "precondition-failed"), "{command}");
        let fresh = format!("If-Match: {seen}");
        let answer = unix(&world, &command, &["Host: localhost", &fresh], "").await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
        // The command has changed it: the tag is used up.
        let answer = unix(&world, &command, &["Host: localhost", &fresh], "").await;
        assert_eq!(answer.status, 412, "{command}");
    }
    let abort = format!("POST /api/v1/rollouts/{id}/abort");
    let any = unix(&world, &abort, &["Host: localhost", "If-Match: *"], "").await;
    assert_eq!(any.status, 200);
}

#[tokio::test]
async fn a_deploy_of_another_plan_than_the_one_that_was_seen_is_refused() {
    let (world, _) = World::with_canary("blog").await;
    let plan = world.unix.plan("shop").await.unwrap().plan;
    world.edit("three");
    let body = json!({ "expect": { "plan": plan } }).to_string();
    let refused = unix(&world, DEPLOY, &["Host: localhost"], &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "conflict"), "{}", refused.body);
    let plan = world.unix.plan("shop").await.unwrap().plan;
    let body = json!({ "expect": { "plan": plan } }).to_string();
    assert_eq!(unix(&world, DEPLOY, &["Host: localhost"], &body).await.status, 202);
}

async fn make_rollouts(world: &World, count: u64) {
    for number in 0..count {
        world.edit(&format!("content {number}"));
        world.deploy("shop").await;
        let abort = Command::Abort;
        world.handle.command(&name("shop"), abort, "tester", "", Expect::default()).await.unwrap();
        world.until("shop", |service| service.rollout.as_ref().is_some_and(|rollout| !rollout.active)).await;
    }
}

async fn page(world: &World, path: &str) -> Value {
    raw::get(world, path).await.json()
}

#[tokio::test]
async fn pages_of_a_list_meet_without_gap_or_repetition() {
    let world = World::new().await;
    make_rollouts(&world, 7).await;
    let (mut ids, mut path) = (vec![], "/api/v1/rollouts?limit=3".to_owned());
    loop {
        let answer = page(&world, &path).await;
        let rows = answer["rollouts"].as_array().unwrap();
        assert!(rows.len() <= 3);
        ids.extend(rows.iter().map(|row| row["id"].as_u64().unwrap()));
        let Some(cursor) = answer["next_cursor"].as_str() else { break };
        path = format!("/api/v1/rollouts?limit=3&cursor={cursor}");
    }
    assert_eq!(ids, [7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_cursor_of_another_list_or_database_is_refused() {
    let (world, other) = (World::new().await, World::new().await);
    make_rollouts(&world, 3).await;
    make_rollouts(&other, 3).await;
    let cursor = page(&other, "/api/v1/rollouts?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let own = page(&world, "/api/v1/rollouts?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    for path in [
        format!("/api/v1/rollouts?cursor={cursor}"),
        format!("/api/v1/rollouts?service=shop&cursor={own}"),
        format!("/api/v1/audit?cursor={own}"),
        "/api/v1/rollouts?cursor=nonsense".to_owned(),
    ] {
        let answer = raw::get(&world, &path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "cursor-invalid"), "{path}");
    }
}

#[tokio::test]
async fn the_audit_list_filters_and_reaches_the_first_entry() {
    let world = World::new().await;
    make_rollouts(&world, 3).await;
    let end = world.journal.head();
    let (mut sequences, mut path) = (vec![], "/api/v1/audit?limit=5".to_owned());
    loop {
        let answer = page(&world, &path).await;
        let entries = answer["entries"].as_array().unwrap();
        sequences.extend(entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()));
        let Some(cursor) = answer["next_cursor"].as_str() else { break };
        path = format!("/api/v1/audit?limit=5&cursor={cursor}");
    }
    assert!(sequences.iter().copied().eq((1..=end).rev()), "{sequences:?}");
    let aborts = page(&world, "/api/v1/audit?actor=tester&kind=rollback-started").await;
    assert_eq!(aborts["entries"].as_array().unwrap().len(), 3, "{aborts}");
    let none = page(&world, "/api/v1/audit?service=nobody").await;
    assert_eq!((none["entries"].as_array().unwrap().len(), &none["next_cursor"]), (0, &Value::Null));
}

/// Reads a stream until it holds what is looked for.
async fn read_until(world: &World, path: &str, header: &str, wanted: &str) -> String {
    let mut socket = UnixStream::connect(world.dir.path().join("api.sock")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    within(async {
        let mut buffer = vec![0; 65_536];
        while !text.contains(wanted) {
            let count = socket.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    })
    .await;
    text
}

#[tokio::test]
async fn a_reader_of_another_journal_is_told_to_begin_anew() {
    let (world, _) = World::with_canary("shop").await;
    let text = read_until(&world, "/api/v1/events", "Last-Event-ID: 99999\r\nX-A: b", "event: reset").await;
    assert!(text.contains("belongs to another one"), "{text}");
}

#[tokio::test]
async fn a_live_stream_has_services_without_ids_beside_entries_with_them() {
    let (world, _) = World::with_canary("shop").await;
    let text = read_until(&world, "/api/v1/events?live=true&after=0", "X-A: b", "event: service").await;
    let text =
        text + &read_until(&world, "/api/v1/events?live=true&after=0", "X-A: b", "event: admitted").await;
    for frame in text.split("\n\n").filter(|frame| frame.contains("event: ")) {
        let has_id = frame.contains("id: ");
        let live = frame.contains("event: service") || frame.contains("event: sample");
        assert_eq!(has_id, !live, "{frame}");
    }
}

/// The value of a metric's line, by the beginning of the line.
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find(|one| one.starts_with(line));
    let found = found.unwrap_or_else(|| panic!("no {line} in {text}"));
    found.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn metrics_count_what_happened_and_no_request_makes_a_label() {
    let (world, id) = World::with_canary("shop").await;
    raw::get(&world, "/api/v1/services/evil%0Aname").await;
    raw::tcp(&world, "BREW /api/v1/services", &[&raw::host(&world)], "").await;
    let command = format!("/api/v1/rollouts/{id}/pause");
    assert_eq!(raw::post(&world, &command, "").await.status, 200);
    let text = raw::get(&world, "/metrics").await.body;
    assert!(value(&text, "staunch_canary_weight_ratio{service=\"shop\"}") > 0.0);
    assert!(value(&text, "staunch_rollout_active{service=\"blog\"}") < 0.5);
    assert!(value(&text, "staunch_events_total{kind=\"paused\"}") > 0.5);
    assert!(value(&text, "staunch_api_requests_total{method=\"other\",status=\"4xx\"}") > 0.5);
    assert!((value(&text, "staunch_journal_entries") - world.journal.head() as f64).abs() < 0.5);
    assert!(!text.contains("evil") && !text.contains("BREW"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn what_is_served_is_what_is_described() {
    let world = World::new().await;
    let served = raw::get(&world, "/api/v1/openapi.json").await.json();
    assert_eq!(served, staunch_api::openapi());
    for (path, operations) in served["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "shop").replace("{id}", "1");
        if ["/events", "/watch", "/changes"].iter().any(|stream| path.ends_with(stream)) {
            continue;
        }
        for method in operations.as_object().unwrap().keys().filter(|method| *method == "get") {
            let answer =
                unix(&world, &format!("{} {path}", method.to_uppercase()), &["Host: localhost"], "").await;
            assert!(answer.status < 500, "{method} {path}: {}", answer.body);
            assert!(answer.status == 200 || answer.code() != "not-found", "{method} {path}: {}", answer.body);
        }
    }
}
