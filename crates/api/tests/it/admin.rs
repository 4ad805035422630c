use staunch_api::client::ClientError;
use staunch_api::v1::{CommandRequest, UpgradeRequest};
use staunch_ports::Journal as _;
use staunch_rollout::Command;

use crate::raw;
use crate::world::World;

fn last_actor(world: &World, kind: &str) -> String {
    let entries = world.journal.read(0, 10_000).unwrap();
    entries.iter().rev().find(|entry| entry.kind == kind).unwrap().actor.to_string()
}

fn login_name() -> String {
    let uid = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(uid.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn commands_are_recorded_under_the_name_that_can_be_believed() {
    let (world, id) = World::with_canary("shop").await;
    assert_eq!(last_actor(&world, "admitted"), login_name());
    let asked = CommandRequest::default();
    world.unix.clone().acting_as("zoë").command(id, Command::Pause, &asked).await.unwrap();
    assert_eq!(last_actor(&world, "paused"), "zoë");
    // Anyone can say anything on a port.
    world.tcp.clone().acting_as("zoë").command(id, Command::Resume, &asked).await.unwrap();
    assert_eq!(last_actor(&world, "resumed"), "local");
    let answer =
        raw::unix(&world, "POST /api/v1/services/shop/abort", &["Host: x", "X-Staunch-Actor: a\tb"], "")
            .await;
    assert_eq!(answer.code(), "bad-request");
}

#[tokio::test]
async fn the_server_itself_is_ruled_through_its_socket_alone() {
    let world = World::new().await;
    let refused = world.tcp.shutdown().await.unwrap_err();
    assert_eq!(refused.exit_code(), 5, "{refused}");
    assert_eq!(*world.admin.shutdowns.lock().unwrap(), 0);
    world.unix.shutdown().await.unwrap();
    assert_eq!(*world.admin.shutdowns.lock().unwrap(), 1);

    let done = world.unix.upgrade(&UpgradeRequest::default()).await.unwrap();
    assert_eq!(done.message, "replaced");
    let other = |path: &str| UpgradeRequest { binary: Some(path.to_owned()) };
    let failed = world.unix.upgrade(&other("/bin/cat")).await.unwrap_err();
    assert!(
        matches!(&failed, ClientError::Problem(problem) if problem.code == "upgrade-failed"),
        "{failed:?}"
    );
    assert!(failed.to_string().contains("/bin/cat is not Staunch"), "{failed}");
    assert!(world.unix.upgrade(&other("cat")).await.is_err());
    assert_eq!(world.admin.upgrades.lock().unwrap().len(), 2, "a relative path never arrives");
}

#[tokio::test]
async fn the_server_says_who_it_is() {
    let world = World::new().await;
    world.deploy("shop").await;
    world.until_phase("shop", "succeeded").await;
    let meta = world.tcp.meta().await.unwrap();
    assert_eq!((meta.api.as_str(), meta.version.as_str(), meta.pid), ("v1", "9.9.9", std::process::id()));
    assert_eq!(meta.tcp, world.serving.tcp().to_string());
    assert_eq!(meta.journal_sequence, world.journal.head());
    assert_eq!(raw::get(&world, "/healthz").await.status, 200);
    world.unix.ready().await.unwrap();
}
