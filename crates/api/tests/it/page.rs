//! What browsers get: one document with its data inside, its files, and one stream of all that changes.

use serde_json::Value;
use staunch_ports::Journal as _;
use staunch_rollout::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::raw;
use crate::world::{World, within};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

async fn browse(world: &World, path: &str) -> raw::Answer {
    raw::tcp(world, &format!("GET {path}"), &[&raw::host(world), BROWSER], "").await
}

/// The answers that a document brings along.
fn snapshot(document: &str) -> Value {
    let (_, rest) = document.split_once("id=\"snapshot\">").unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn a_document_brings_the_answers_of_the_api_along() {
    let (world, id) = World::with_canary("shop").await;
    let reason = "</script><script>alert(1)</script>".to_owned();
    let because = staunch_api::v1::CommandRequest { reason: Some(reason.clone()), ..Default::default() };
    world.unix.command(id, Command::Abort, &because).await.unwrap();
    world.until_phase("shop", "rolled-back").await;
    let document = browse(&world, "/shop/2").await;
    assert_eq!(document.body.matches("<script").count(), 2, "data and file: {}", document.body);
    let data = snapshot(&document.body);
    for path in ["/api/v1/rollouts/2/report", "/api/v1/rollouts/2/events"] {
        assert_eq!(data[path], raw::get(&world, path).await.json(), "{path}");
    }
    assert!(data["/api/v1/rollouts/2/report"]["back"]["because"].as_str().unwrap().contains(&reason));
    assert_eq!(data["/api/v1/rollouts/2"]["phase"], "rolled-back");
    let list = snapshot(&browse(&world, "/shop").await.body);
    let rows = &list["/api/v1/rollouts?service=shop&limit=50"]["rollouts"];
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
}

#[tokio::test]
async fn every_file_that_a_document_names_is_served_and_kept() {
    let world = World::new().await;
    let document = browse(&world, "/").await.body;
    let mut names: Vec<_> =
        document.split(['"', ' ']).filter(|word| word.starts_with("/-/")).map(str::to_owned).collect();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let answer = raw::get(&world, &name).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.head.contains("immutable") && !answer.body.is_empty(), "{name}: {}", answer.head);
    }
    for path in ["/-/approvals", "/-/budgets", "/-/audit", "/-/guards"] {
        assert!(browse(&world, path).await.body.contains("id=\"snapshot\""), "{path}");
    }
    let badge = raw::get(&world, "/shop/badge.svg").await;
    assert!(
        badge.head.contains("image/svg+xml") && badge.body.contains("no version empty"),
        "{}",
        badge.body
    );
    assert_eq!(raw::get(&world, "/-/secrets").await.code(), "not-found");
    for path in ["/nobody", "/shop/99", "/shop/one"] {
        let missing = browse(&world, path).await;
        assert!(
            missing.status == 404 && missing.body.contains("id=\"snapshot\""),
            "{path}: {}",
            missing.head
        );
        assert_eq!(raw::get(&world, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_rollout_tells_all_that_was_recorded_of_it_and_no_other() {
    let (world, id) = World::with_canary("shop").await;
    let told = raw::get(&world, &format!("/api/v1/rollouts/{id}/events")).await.json();
    let sequences: Vec<_> =
        told["entries"].as_array().unwrap().iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    let all = world.journal.read(0, 10_000).unwrap();
    let ours = |entry: &&staunch_ports::Entry| entry.rollout.is_some_and(|rollout| rollout.0 == id);
    let ours: Vec<_> = all.iter().filter(ours).map(|entry| entry.sequence).collect();
    assert!(!ours.is_empty() && sequences.starts_with(&ours), "{sequences:?}");
    let film = raw::get(&world, &format!("/api/v1/rollouts/{id}/samples")).await.json();
    // This world records no looks.
    assert_eq!((film["rollout"].as_u64(), film["points"].as_array().map(Vec::len)), (Some(id), Some(0)));
    for missing in ["/api/v1/rollouts/99/events", "/api/v1/rollouts/99/samples"] {
        assert_eq!(raw::get(&world, missing).await.code(), "unknown-rollout", "{missing}");
    }
}

/// Reads a stream until it holds all of `wanted`.
async fn stream(world: &World, query: &str, headers: &str, wanted: &[&str]) -> String {
    let mut stream = TcpStream::connect(world.serving.tcp()).await.unwrap();
    let text = format!("GET /api/v1/changes{query} HTTP/1.1\r\n{}\r\n{headers}\r\n", raw::host(world));
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut seen = String::new();
    within(async {
        let mut buffer = vec![0; 65_536];
        while !wanted.iter().all(|wanted| seen.contains(wanted)) {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
    .await;
    seen
}

#[tokio::test]
async fn one_stream_has_services_and_the_journal_behind_a_cursor() {
    let (world, id) = World::with_canary("shop").await;
    let head = world.journal.head();
    let after = format!("id: {head}\n");
    let told = stream(
        &world,
        &format!("?after={}&points=0", head - 1),
        "",
        &["event: service", "\"name\":\"blog\"", "\"name\":\"shop\"", &after],
    )
    .await;
    assert!(!told.contains(&format!("id: {}\n", head - 1)), "only what is behind the cursor: {told}");
    assert!(told.contains("\"series\":[]"), "{told}");
    // A browser that comes back says how far it has come.
    world.unix.command(id, Command::Pause, &Default::default()).await.unwrap();
    let resumed =
        stream(&world, "?after=1", &format!("Last-Event-ID: {head}\r\n"), &["\"kind\":\"paused\""]).await;
    assert!(!resumed.contains(&after), "{resumed}");
}

#[tokio::test]
async fn a_cursor_of_another_journal_is_told_to_begin_anew() {
    let world = World::new().await;
    let told = stream(&world, "?after=99999", "", &["event: reset", "event: service"]).await;
    assert!(told.contains(&format!("{{\"sequence\":{}}}", world.journal.head())), "{told}");
}
