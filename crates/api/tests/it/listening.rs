use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::sync::Arc;

use staunch_api::client::{Client, Target};
use staunch_api::{ServeError, ServeOptions, serve};

use crate::world::{FakeAdmin, World, options};

fn elsewhere(dir: &tempfile::TempDir) -> ServeOptions {
    options(dir, Arc::new(FakeAdmin::default()))
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7171"] {
        let options = ServeOptions { tcp: addr.parse().unwrap(), ..elsewhere(&dir) };
        let error = serve(world.handle.clone(), options).await.unwrap_err();
        assert!(
            matches!(error, ServeError::NotLoopback(_)) && error.to_string().contains("loopback"),
            "{error}"
        );
    }
    assert!(!dir.path().join("api.sock").exists());
}

#[tokio::test]
async fn a_taken_port_is_told_apart_so_that_the_next_can_be_tried() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let options = ServeOptions { tcp: world.serving.tcp(), ..elsewhere(&dir) };
    let error = serve(world.handle.clone(), options).await.unwrap_err();
    assert!(matches!(error, ServeError::PortTaken(addr) if addr == world.serving.tcp()), "{error}");
    let serving = serve(world.handle.clone(), elsewhere(&dir)).await.unwrap();
    assert_ne!(serving.tcp(), world.serving.tcp());
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_and_replaces_only_a_dead_one() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead server left its file behind");
    let serving = serve(world.handle.clone(), elsewhere(&dir)).await.unwrap();
    let found = std::fs::symlink_metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    Client::connect(Target::Unix(path.clone())).meta().await.unwrap();
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["api.sock"], "nothing else is left");

    let error = serve(world.handle.clone(), elsewhere(&dir)).await.unwrap_err();
    assert!(matches!(error, ServeError::SocketTaken(_)), "{error}");
    Client::connect(Target::Unix(path.clone())).meta().await.unwrap();
    serving.stop().await;
    assert!(!path.exists());

    std::fs::write(&path, "a file of the user's").unwrap();
    let error = serve(world.handle.clone(), elsewhere(&dir)).await.unwrap_err();
    assert!(matches!(error, ServeError::Socket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file of the user's");
}
