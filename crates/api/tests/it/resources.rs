//! Lists over all services, and the parts of a rollout.

use staunch_api::v1::{EnvironmentList, Evidence, FreezeList, FreezeRequest, Gates, RevisionList, Samples};

use crate::raw::{get, post};
use crate::world::World;

async fn read<T: serde::de::DeserializeOwned>(world: &World, path: &str) -> T {
    let answer = get(world, &format!("/api/v1{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

#[tokio::test]
async fn freezes_name_who_and_why_and_go_when_it_is_over() {
    let world = World::new().await;
    let none: FreezeList = read(&world, "/freezes").await;
    assert!(none.freezes.is_empty());
    let request = FreezeRequest { reason: Some("launch".to_owned()), until: None };
    world.deploy("shop").await;
    world.unix.clone().acting_as("ann").freeze("shop", &request).await.unwrap();
    world.until("shop", |service| service.frozen.is_some()).await;
    let one: FreezeList = read(&world, "/freezes").await;
    let freeze = &one.freezes[0];
    assert_eq!(
        (freeze.service.as_str(), freeze.by.as_str(), freeze.kind.as_str()),
        ("shop", "ann", "person")
    );
}

#[tokio::test]
async fn revisions_are_the_present_one_and_those_before() {
    let (world, _) = World::with_canary("shop").await;
    let list: RevisionList = read(&world, "/services/shop/revisions").await;
    let states: Vec<_> = list.revisions.iter().map(|one| (one.label.as_str(), one.state.as_str())).collect();
    assert_eq!(states, [("v1", "stable"), ("v2", "canary")]);
    let never: RevisionList = read(&world, "/services/blog/revisions").await;
    assert!(never.revisions.is_empty());
    assert_eq!(get(&world, "/api/v1/services/nobody/revisions").await.code(), "unknown-service");
}

#[tokio::test]
async fn parts_of_a_rollout_and_of_none() {
    let (world, id) = World::with_canary("shop").await;
    let gates: Gates = read(&world, &format!("/rollouts/{id}/gates")).await;
    let evidence: Evidence = read(&world, &format!("/rollouts/{id}/evidence")).await;
    let samples: Samples = read(&world, &format!("/rollouts/{id}/samples")).await;
    assert_eq!((gates.rollout, evidence.rollout, samples.rollout), (id, id, id));
    assert!(samples.gates.is_empty() && samples.points.is_empty());
    for part in ["gates", "evidence", "samples"] {
        assert_eq!(get(&world, &format!("/api/v1/rollouts/999/{part}")).await.code(), "unknown-rollout");
        assert_eq!(get(&world, &format!("/api/v1/rollouts/x/{part}")).await.code(), "unknown-rollout");
    }
}

#[tokio::test]
async fn what_the_house_knows_is_looked_up() {
    let world = World::new().await;
    let environments: EnvironmentList = read(&world, "/environments").await;
    assert_eq!(environments.environments, ["production", "staging"]);
    let valid = post(&world, "/api/v1/validate?environment=staging", "service = 'x'").await.json();
    assert_eq!((valid["valid"].as_bool(), valid["services"][0].as_str()), (Some(true), Some("staging")));
    let bad = post(&world, "/api/v1/validate", "\u{0}").await.json();
    assert_eq!(bad["valid"], false);
    let plan = post(&world, "/api/v1/plans", "{\"service\": \"shop\"}").await;
    assert_eq!(plan.json()["service"], "shop");
    let which = post(&world, "/api/v1/plans", "").await;
    assert_eq!(which.code(), "bad-request");
    assert_eq!(get(&world, "/api/v1/doctor").await.json()["checks"][0]["state"], "ok");
}

#[tokio::test]
async fn a_wrong_type_is_named_by_its_place() {
    let world = World::new().await;
    let answer = post(&world, "/api/v1/services/shop/pause", "{\"expect\": {\"step\": -1}}").await;
    assert_eq!((answer.status, answer.json()["pointer"].as_str()), (400, Some("/expect/step")));
}
