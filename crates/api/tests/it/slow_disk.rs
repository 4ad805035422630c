//! A disk that stalls: what leads back goes on, everything else waits for it, and nothing is lost.

use std::time::Duration;

use staunch_api::v1::{CommandRequest, Service};
use staunch_control::Parts;
use staunch_model::SplitGeneration;
use staunch_ports::Platform as _;
use staunch_ports::fake::FakePlatform;
use staunch_rollout::Command;

use crate::world::{World, name, within};

/// Ten of them in a second.
const TURNS: i64 = 4;

/// Gives the command without waiting for what comes of it.
fn say(world: &World, command: Command) -> tokio::task::JoinHandle<u64> {
    let client = world.unix.clone();
    tokio::spawn(async move {
        let said = client.command_service("shop", command, &CommandRequest::default()).await;
        said.unwrap().rollout
    })
}

async fn kinds(world: &World) -> Vec<String> {
    let entries = world.unix.entries(0, 1_000).await.unwrap().entries;
    entries.into_iter().map(|entry| entry.kind).collect()
}

async fn until_recorded(world: &World, kind: &str) {
    within(async { while !kinds(world).await.iter().any(|recorded| recorded == kind) {} }).await;
}

fn is_slow(service: &Service) -> bool {
    service.trouble.as_ref().is_some_and(|trouble| trouble.contains("slow"))
}

/// What the edges were last told.
fn generation(world: &World) -> Option<SplitGeneration> {
    world.platform.observe(&name("shop")).split.map(|split| split.wish.generation)
}

/// The journal as it is recorded tells a history that can have happened.
fn replays(world: &World) {
    let parts = Parts {
        journal: Box::new(world.journal.clone()),
        reader: Box::new(world.journal.clone()),
        platform: std::sync::Arc::new(FakePlatform::default()),
        recorder: Box::new(staunch_ports::Forgetful),
        releases: std::sync::Arc::new(|| Ok(std::sync::Arc::default())),
        specs: std::sync::Arc::new(|| Ok(std::sync::Arc::new(vec![crate::world::spec("shop")]))),
        checks: staunch_control::no_checks(),
        attestor: std::sync::Arc::new(staunch_ports::Forgetful),
        runner: staunch_control::no_runner(),
    };
    staunch_control::start(parts).unwrap().0.stop();
}

#[tokio::test]
async fn a_stalled_disk_does_not_keep_users_on_a_bad_version() {
    let (world, id) = World::with_canary("shop").await;
    world.journal.set_stalled(true);
    let abort = say(&world, Command::Abort);
    world.until("shop", |service| service.canary_weight_ratio == 0.0).await;
    assert_eq!(within(abort).await.unwrap(), id);
    assert!(!kinds(&world).await.contains(&"rollback-started".to_owned()));
    world.journal.set_stalled(false);
    until_recorded(&world, "rolled-back").await;
    assert!(kinds(&world).await.contains(&"rollback-started".to_owned()));
    replays(&world);
}

#[tokio::test]
async fn what_a_stalled_disk_has_not_recorded_is_neither_acted_on_nor_answered() {
    let (world, id) = World::with_canary("shop").await;
    world.journal.set_stalled(true);
    let promote = say(&world, Command::Promote);
    let since = world.until("shop", is_slow).await;
    let renewals = world.platform.renewals(&name("shop"));
    let before = generation(&world);
    let later = since.at.0.0 + 100 * TURNS;
    world.until("shop", |service| service.at.0.0 >= later).await;
    assert_eq!(generation(&world), before);
    assert_eq!(world.platform.renewals(&name("shop")), renewals);
    assert!(!promote.is_finished());
    world.journal.set_stalled(false);
    assert_eq!(within(promote).await.unwrap(), id);
    world.until_phase("shop", "succeeded").await;
    replays(&world);
}

/// Each entry takes longer than the loop waits for it.
#[tokio::test]
async fn a_disk_that_is_always_slow_holds_nothing_up_for_ever() {
    let world = World::new().await;
    world.journal.set_delay(Duration::from_millis(120));
    world.deploy("shop").await;
    world.until_phase("shop", "succeeded").await;
    world.edit("two");
    world.deploy("shop").await;
    world.until("shop", |service| service.canary_weight_ratio > 0.0).await;
    say(&world, Command::Promote).await.unwrap();
    until_recorded(&world, "step-passed").await;
    let service = world.until_phase("shop", "succeeded").await;
    assert_eq!(service.stable.as_deref(), Some("v2"));
    replays(&world);
}

#[tokio::test]
async fn going_back_overtakes_a_step_that_a_stalled_disk_holds() {
    let (world, id) = World::with_canary("shop").await;
    world.journal.set_stalled(true);
    let promote = say(&world, Command::Promote);
    world.until("shop", is_slow).await;
    let abort = say(&world, Command::Abort);
    world.until("shop", |service| service.canary_weight_ratio == 0.0).await;
    world.journal.set_stalled(false);
    assert_eq!((within(promote).await.unwrap(), within(abort).await.unwrap()), (id, id));
    let service = world.until_phase("shop", "rolled-back").await;
    assert_eq!(service.stable.as_deref(), Some("v1"));
    until_recorded(&world, "rolled-back").await;
    world.until("shop", |service| service.trouble.is_none()).await;
    replays(&world);
}

#[tokio::test]
async fn what_an_order_began_is_shown_when_it_is_answered() {
    let world = World::new().await;
    for service in ["shop", "blog"] {
        let id = world.deploy(service).await;
        let shown = world.handle.view(&name(service)).and_then(|view| view.rollout.clone());
        assert_eq!(shown.map(|rollout| rollout.id), Some(id));
    }
}
