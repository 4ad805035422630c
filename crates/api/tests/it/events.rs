use staunch_api::client::EventStream;
use staunch_api::v1::Entry;
use staunch_control::{Expect, Handle};
use staunch_ports::Journal as _;
use staunch_rollout::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::raw;
use crate::world::{World, name, within};

/// Two entries a time: a pause and a resume.
async fn make_history(handle: &Handle, times: usize) {
    for _ in 0..times {
        for command in [Command::Pause, Command::Resume] {
            handle.command(&name("shop"), command, "tester", "", Expect::default()).await.unwrap();
        }
    }
}

async fn take(stream: &mut EventStream, count: usize) -> Vec<Entry> {
    let mut taken = vec![];
    while taken.len() < count {
        taken.push(within(stream.next()).await.unwrap().expect("the stream goes on"));
    }
    taken
}

fn is_whole(sequences: &[u64], from: u64, to: u64) -> bool {
    sequences.iter().copied().eq(from..=to)
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let (world, _) = World::with_canary("shop").await;
    let handle = world.handle.clone();
    let writing = tokio::spawn(async move { make_history(&handle, 150).await });
    let mut seen = vec![];
    let mut last = Some(0);
    // The connection is dropped at every odd place while history goes on.
    for count in [1, 2, 3, 50, 7, 1, 90] {
        let mut stream = world.unix.events(last, None).await.unwrap();
        seen.extend(take(&mut stream, count).await);
        last = stream.last();
    }
    within(writing).await.unwrap();
    let end = world.journal.head();
    let mut stream = world.unix.events(last, None).await.unwrap();
    let missing = usize::try_from(end).unwrap() - seen.len();
    seen.extend(take(&mut stream, missing).await);
    let sequences: Vec<_> = seen.iter().map(|entry| entry.sequence).collect();
    assert!(is_whole(&sequences, 1, end), "{sequences:?}");
    let recorded: Vec<_> = world.journal.read(0, 10_000).unwrap().iter().map(Entry::from).collect();
    assert_eq!(seen, recorded);
}

#[tokio::test]
async fn a_reader_that_falls_far_behind_still_gets_everything() {
    let (world, _) = World::with_canary("shop").await;
    let start = world.journal.head();
    // Without reading: the socket's buffer fills, then the live stream overruns this reader.
    let mut socket = UnixStream::connect(world.dir.path().join("api.sock")).await.unwrap();
    let request = format!("GET /api/v1/events?after={start} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.readable().await.unwrap();
    make_history(&world.handle, 1_500).await;
    let end = world.journal.head();
    assert!(end - start >= 3_000);
    let mut text = String::new();
    let last = format!("id: {end}\n");
    within(async {
        let mut buffer = vec![0; 65_536];
        while !text.contains(&last) {
            let count = socket.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the stream ended");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    })
    .await;
    let ids: Vec<u64> =
        text.lines().filter_map(|line| line.strip_prefix("id: ")).filter_map(|id| id.parse().ok()).collect();
    assert!(is_whole(&ids, start + 1, end), "{} ids, {start}..{end}", ids.len());
}

#[tokio::test]
async fn without_a_cursor_only_news_is_sent_and_a_filter_keeps_to_its_service() {
    let (world, _) = World::with_canary("shop").await;
    let before = world.journal.head();
    let mut news = world.tcp.events(None, None).await.unwrap();
    let mut of_blog = world.tcp.events(Some(0), Some("blog")).await.unwrap();
    make_history(&world.handle, 1).await;
    world.deploy("blog").await;
    assert_eq!(take(&mut news, 1).await[0].sequence, before + 1);
    let first = take(&mut of_blog, 1).await.remove(0);
    assert_eq!((first.service.as_str(), first.kind.as_str()), ("blog", "admitted"));
    let line = first.line.unwrap_or_default();
    assert!(line.starts_with("rollout 3: v1"), "{line}");
}

#[tokio::test]
async fn cursors_that_cannot_be_meant_are_refused() {
    let world = World::new().await;
    for (path, header) in [("/api/v1/events?after=9999", ""), ("/api/v1/events", "Last-Event-ID: x")] {
        let host = raw::host(&world);
        let headers: Vec<_> = [host.as_str(), header].into_iter().filter(|line| !line.is_empty()).collect();
        let answer = raw::tcp(&world, &format!("GET {path}"), &headers, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-request"), "{path}");
    }
    assert_eq!(raw::get(&world, "/api/v1/events.json?aftr=1").await.code(), "bad-request");
    assert_eq!(raw::get(&world, "/api/v1/events?service=nobody").await.code(), "unknown-service");
}

#[tokio::test]
async fn history_comes_in_pages_too() {
    let (world, _) = World::with_canary("shop").await;
    make_history(&world.handle, 10).await;
    let end = world.journal.head();
    let mut sequences = vec![];
    let mut after = 0;
    loop {
        let page = world.unix.entries(after, 7).await.unwrap();
        if page.entries.is_empty() {
            break;
        }
        assert!(page.entries.len() <= 7);
        sequences.extend(page.entries.iter().map(|entry| entry.sequence));
        after = page.next_after;
    }
    assert!(is_whole(&sequences, 1, end), "{sequences:?}");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let world = World::new().await;
    let mut events = world.unix.events(None, None).await.unwrap();
    let mut views = world.tcp.watch(None).await.unwrap();
    within(views.next()).await.unwrap();
    let socket = world.dir.path().join("api.sock");
    within(world.serving.stop()).await;
    assert_eq!(within(events.next()).await.unwrap(), None);
    within(async { while views.next().await.unwrap().is_some() {} }).await;
    assert!(!socket.exists());
    let gone = world.unix.meta().await.unwrap_err();
    assert_eq!(gone.exit_code(), 4, "{gone}");
}
