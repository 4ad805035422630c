use staunch_api::v1::DeployRequest;
use staunch_api::{Problem, codes};

use crate::raw::{self, get, post};
use crate::world::{World, within};

#[tokio::test]
async fn every_refusal_explains_itself_and_has_a_page() {
    let world = World::new().await;
    let cases = [
        (get(&world, "/nowhere/at/all").await, 404, "not-found"),
        (get(&world, "/api/v1/nowhere").await, 404, "not-found"),
        (get(&world, "/api/v1/services/nobody").await, 404, "unknown-service"),
        (get(&world, "/api/v1/services/NOT%20A%20NAME").await, 404, "unknown-service"),
        (get(&world, "/api/v1/rollouts/77").await, 404, "unknown-rollout"),
        (get(&world, "/api/v1/rollouts/first").await, 404, "unknown-rollout"),
        (get(&world, "/api/v1/rollouts/77/report").await, 404, "unknown-rollout"),
        (get(&world, "/api/v1/rollouts?limit=many").await, 400, "bad-request"),
        (post(&world, "/api/v1/rollouts/77/abort", "").await, 404, "unknown-rollout"),
        (post(&world, "/api/v1/services/nobody/rollouts", "").await, 404, "unknown-service"),
        (post(&world, "/api/v1/services/shop/pause", "").await, 409, "conflict"),
        (post(&world, "/api/v1/services/shop/rollback", "{\"to\": \"v7\"}").await, 404, "unknown-revision"),
        (post(&world, "/api/v1/shutdown", "").await, 403, "socket-only"),
        (post(&world, "/api/v1/upgrade", "").await, 403, "socket-only"),
    ];
    for (answer, status, code) in cases {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.body);
        assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
        let problem: Problem = serde_json::from_value(answer.json()).unwrap();
        assert!(!problem.detail.is_empty() && problem.status == status);
        let page = get(&world, &problem.kind).await;
        assert!(page.status == 200 && page.body.contains(&problem.help), "{}", page.body);
    }
    for info in codes() {
        assert_eq!(get(&world, &format!("/errors/{}", info.code)).await.status, 200);
    }
}

#[tokio::test]
async fn what_the_machine_the_file_or_the_journal_refuse_is_told_apart() {
    let world = World::new().await;
    let deploy = async || world.unix.deploy("shop", &DeployRequest::default()).await.unwrap_err();
    world.platform.refuse(Some("no space for copies"));
    let error = deploy().await;
    assert!(error.to_string().contains("no space for copies") && error.exit_code() == 1, "{error}");
    assert_eq!(raw::post(&world, "/api/v1/services/shop/rollouts", "").await.code(), "platform-refused");
    world.platform.refuse(None);

    let file = std::mem::replace(&mut *world.specs.lock().unwrap(), Err("line 3: unknown key".to_owned()));
    let error = deploy().await;
    assert!(error.to_string().contains("line 3") && error.exit_code() == 3, "{error}");
    *world.specs.lock().unwrap() = file;

    world.journal.set_full(true);
    let answer = raw::post(&world, "/api/v1/services/shop/rollouts", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "journal-refused"));
    within(async { while get(&world, "/readyz").await.status != 503 {} }).await;
    world.journal.set_full(false);
    world.deploy("shop").await;
    within(async { while world.unix.ready().await.is_err() {} }).await;
}
