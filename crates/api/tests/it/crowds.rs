//! More who want something than there is room for.

use staunch_control::Expect;
use staunch_ports::Journal as _;
use staunch_rollout::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::raw::{self, Answer};
use crate::world::{World, name, within};

/// As many as one listener takes.
const ROOM: usize = 512;

/// Both ends of all connections are in this process.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// A stream that goes on until it is dropped, once its first bytes have come.
async fn stay(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.serving.tcp()).await.unwrap();
    let request = format!("GET /api/v1/events HTTP/1.1\r\n{}\r\n\r\n", raw::host(world));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    within(stream.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

async fn is_full(world: &World) -> Option<Answer> {
    let answer = raw::get(world, "/api/v1/meta").await;
    (answer.status == 503).then_some(answer)
}

#[tokio::test]
async fn who_finds_no_room_is_told_so_while_the_socket_has_its_own() {
    allow_many_files();
    let world = World::new().await;
    let mut guests = vec![];
    for _ in 0..ROOM {
        guests.push(stay(&world).await);
    }
    let told = is_full(&world).await.expect("there is no room");
    assert_eq!(told.code(), "too-many-connections");
    assert!(told.head.contains("retry-after: 5"), "{}", told.head);
    // Whoever is on the machine can still look and act.
    assert_eq!(raw::unix(&world, "GET /api/v1/meta", &[], "").await.status, 200);
    world.deploy("shop").await;
    guests.truncate(ROOM / 2);
    within(async { while is_full(&world).await.is_some() {} }).await;
}

#[tokio::test]
async fn readers_that_take_nothing_hold_up_neither_the_loop_nor_others() {
    let (world, id) = World::with_canary("shop").await;
    // Each has asked for everything, and reads none of it.
    let mut asleep = vec![];
    for _ in 0..50 {
        asleep.push(stay(&world).await);
    }
    let mut awake = world.tcp.events(Some(0), None).await.unwrap();
    for _ in 0..200 {
        for command in [Command::Pause, Command::Resume] {
            world.handle.command(&name("shop"), command, "tester", "", Expect::default()).await.unwrap();
        }
    }
    let end = world.journal.head();
    let mut last = 0;
    while last < end {
        last = within(awake.next()).await.unwrap().expect("the stream goes on").sequence;
    }
    assert_eq!(world.unix.rollout(id).await.unwrap().row.phase, "progressing");
    drop(asleep);
}
