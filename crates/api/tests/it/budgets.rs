//! Error budgets through the API: who is refused, who is not, and what is held.

use std::time::Duration;

use staunch_api::client::ClientError;
use staunch_api::v1::{CommandRequest, DeployRequest, Deployed, Service};
use staunch_api::{Problem, client::Client};
use staunch_model::{
    EdgeReport, Histogram, Outcomes, RevisionDigest, Sample, SloSpec, SplitGeneration, Timestamp, Weight,
};
use staunch_rollout::Command;

use crate::world::{World, name, within};

/// Short enough to thaw within a test.
const SHORT: Duration = Duration::from_secs(3);
/// Long enough not to.
const LONG: Duration = Duration::from_secs(3_600);

/// `v1` of both services runs, each with an objective of 99 %.
async fn world(window: Duration) -> World {
    let world = World::new().await;
    if let Ok(specs) = world.specs.lock().unwrap().as_mut() {
        for spec in specs {
            spec.slo = Some(SloSpec::availability(0.99, window));
            spec.strategy.steps[0].pause = false;
        }
    }
    for service in ["shop", "blog"] {
        world.deploy(service).await;
        world.until(service, |service| service.health == "healthy" && known(service)).await;
    }
    world.edit("two");
    world
}

fn known(service: &Service) -> bool {
    service.budget.as_ref().is_some_and(|budget| budget.unknown.is_none())
}

/// What users of the running version of a service got.
fn serve(world: &World, service: &str, ok: u64, failed: u64) {
    serve_from(world, service, RevisionDigest::from_sha256([9; 32]), ok, failed);
}

fn serve_from(world: &World, service: &str, revision: RevisionDigest, ok: u64, failed: u64) {
    let sample = Sample {
        service: name(service),
        revision,
        generation: SplitGeneration(1),
        weight: Weight::ZERO,
        route: "GET /".to_owned(),
        warming: false,
        twin: None,
        chosen: false,
        outcomes: Outcomes { ok, server_error: failed, ..Outcomes::default() },
        latency: Histogram::default(),
    };
    world.platform.count(EdgeReport { samples: vec![sample], ..EdgeReport::default() });
}

async fn until_level(world: &World, service: &str, level: &str) -> Service {
    world.until(service, |service| service.budget.as_ref().is_some_and(|budget| budget.level == level)).await
}

async fn refused(client: &Client, service: &str, asked: DeployRequest) -> Problem {
    match client.deploy(service, &asked).await {
        Err(ClientError::Problem(problem)) => *problem,
        other => panic!("{other:?}"),
    }
}

fn fix(critical_fix: bool, reason: &str, approved_by: &str) -> DeployRequest {
    let text = |text: &str| Some(text.to_owned());
    DeployRequest {
        reason: text(reason),
        critical_fix,
        approved_by: text(approved_by),
        ..DeployRequest::default()
    }
}

#[tokio::test]
async fn a_frozen_service_is_refused_with_the_time_of_its_thaw_and_the_other_one_is_not() {
    let world = world(LONG).await;
    serve(&world, "shop", 1_000, 100);
    let shop = until_level(&world, "shop", "critical").await;
    let problem = refused(&world.unix, "shop", DeployRequest::default()).await;
    assert_eq!((problem.code.as_str(), problem.status, problem.exit_code()), ("budget-frozen", 409, 14));
    let thaw = shop.budget.unwrap().thaw_at;
    assert!(thaw.is_some() && problem.thaw_at == thaw, "{problem:?}");
    assert!(problem.detail.contains(&thaw.unwrap().to_string()), "{problem:?}");
    world.deploy("blog").await;
    let replace = DeployRequest { replace: true, ..DeployRequest::default() };
    assert_eq!(refused(&world.unix, "shop", replace).await.code, "budget-frozen");
}

#[tokio::test]
async fn a_pass_needs_a_reason_and_another_person_and_is_recorded() {
    let world = world(LONG).await;
    serve(&world, "shop", 1_000, 100);
    until_level(&world, "shop", "critical").await;
    let ada = world.unix.clone().acting_as("Ada");
    for asked in [fix(true, " ", "grace"), fix(true, "checkout", ""), fix(true, "checkout", " ada ")] {
        let problem = refused(&ada, "shop", asked).await;
        assert_eq!((problem.code.as_str(), problem.exit_code()), ("incomplete-pass", 2), "{problem:?}");
    }
    let only_two_people = refused(&ada, "shop", fix(false, "checkout", "grace")).await;
    assert_eq!(only_two_people.code, "budget-frozen");
    let deployed = ada.deploy("shop", &fix(true, "checkout", "grace")).await.unwrap();
    let Deployed::Started { rollout, .. } = deployed else { panic!("{deployed:?}") };
    let pass = world.unix.report(rollout).await.unwrap().pass.unwrap();
    assert!(pass.critical_fix);
    assert_eq!(
        (pass.by.as_str(), pass.approved_by.as_str(), pass.reason.as_str()),
        ("Ada", "grace", "checkout")
    );
}

/// 92 of 1000 allowed at 10 %: 8 % of the budget is left.
#[tokio::test]
async fn two_people_pass_a_freeze_that_is_not_critical() {
    let world = world(LONG).await;
    serve(&world, "shop", 9_908, 92);
    until_level(&world, "shop", "frozen").await;
    assert_eq!(refused(&world.unix, "shop", DeployRequest::default()).await.exit_code(), 14);
    world.unix.deploy("shop", &fix(false, "it cannot wait", "grace")).await.unwrap();
}

#[tokio::test]
async fn a_freeze_holds_a_healthy_rollout_at_its_step_and_refuses_to_promote_it() {
    let world = world(LONG).await;
    if let Ok(specs) = world.specs.lock().unwrap().as_mut() {
        specs[0].strategy.steps[0].pause = true;
    }
    let id = world.deploy("shop").await;
    world.until("shop", |service| service.canary_weight_ratio > 0.0).await;
    serve(&world, "shop", 1_000, 100);
    let held = world
        .until("shop", |service| {
            let rollout = service.rollout.as_ref();
            rollout.and_then(|rollout| rollout.waiting.as_ref()).is_some_and(|waiting| waiting.on == "freeze")
        })
        .await;
    assert!(held.canary_weight_ratio > 0.0);
    let promote = world.unix.command_service("shop", Command::Promote, &CommandRequest::default()).await;
    let Err(ClientError::Problem(problem)) = promote else { panic!("{promote:?}") };
    assert_eq!(problem.exit_code(), 14);
    world.unix.command(id, Command::Abort, &CommandRequest::default()).await.unwrap();
    world.until_phase("shop", "rolled-back").await;
}

#[tokio::test]
async fn a_rollout_that_spends_a_frozen_budget_goes_back() {
    let world = world(LONG).await;
    if let Ok(specs) = world.specs.lock().unwrap().as_mut() {
        specs[0].strategy.steps[0].pause = true;
        specs[0].triggers.catastrophic = 1.0;
        specs[0].evidence.false_rollback = 1e-9;
    }
    serve(&world, "shop", 99_080, 920);
    until_level(&world, "shop", "frozen").await;
    let deployed = world.unix.deploy("shop", &fix(false, "it cannot wait", "grace")).await.unwrap();
    let Deployed::Started { .. } = deployed else { panic!("{deployed:?}") };
    let service = world.until("shop", |service| service.canary_weight_ratio > 0.0).await;
    let canary = service.rollout.unwrap().digest;
    // Below the critical level a pass of two people is not enough, and it is the canary that got it there.
    let canary: RevisionDigest = serde_json::from_value(canary.into()).unwrap();
    serve_from(&world, "shop", canary, 10, 60);
    let back = world.until_phase("shop", "rolled-back").await.rollout.unwrap().back.unwrap();
    assert!(["budget", "harm-found"].contains(&back.code.as_str()), "{back:?}");
}

#[tokio::test]
async fn what_is_not_known_promotes_nothing_until_it_is_known() {
    let world = World::new().await;
    world.journal.set_counts_broken(true);
    if let Ok(specs) = world.specs.lock().unwrap().as_mut() {
        specs[0].slo = Some(SloSpec::availability(0.99, LONG));
        specs[0].strategy.steps[0].pause = false;
    }
    world.deploy("shop").await;
    world.until("shop", |service| service.health == "healthy").await;
    world.edit("two");
    world.deploy("shop").await;
    let held = world
        .until("shop", |service| {
            let waiting = service.rollout.as_ref().and_then(|rollout| rollout.waiting.as_ref());
            waiting.is_some_and(|waiting| waiting.on == "source")
        })
        .await;
    assert!(held.budget.unwrap().unknown.unwrap().contains("cannot be read"));
    world.journal.set_counts_broken(false);
    world
        .until("shop", |service| {
            // The proxy's sign of life.
            world.platform.count(EdgeReport::default());
            service.rollout.as_ref().is_some_and(|rollout| rollout.phase == "succeeded")
        })
        .await;
}

/// The refusal names a time; from then on a deploy is admitted, whether or not the loop has noticed by itself.
#[tokio::test]
async fn a_deploy_is_admitted_from_the_moment_that_was_announced() {
    let world = world(SHORT).await;
    serve(&world, "shop", 100, 50);
    until_level(&world, "shop", "critical").await;
    let thaw = refused(&world.unix, "shop", DeployRequest::default()).await.thaw_at.unwrap();
    let admitted = within(async {
        loop {
            match world.unix.deploy("shop", &DeployRequest::default()).await {
                Ok(_) => break Timestamp(wall()),
                Err(ClientError::Problem(problem)) => {
                    assert_eq!(problem.thaw_at, Some(thaw), "it stays as announced")
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert!(admitted >= thaw.0, "{admitted} {thaw}");
    let kinds: Vec<_> =
        world.unix.entries(0, 500).await.unwrap().entries.into_iter().map(|one| one.kind).collect();
    let count = |kind: &str| kinds.iter().filter(|recorded| *recorded == kind).count();
    assert_eq!((count("budget-frozen"), count("budget-thawed")), (1, 1), "{kinds:?}");
}

fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[tokio::test]
async fn the_budget_has_an_address_of_its_own() {
    let world = world(LONG).await;
    serve(&world, "shop", 990, 10);
    let spent =
        |service: &Service| service.budget.as_ref().is_some_and(|b| b.objectives[0].bad_requests == 10);
    world.until("shop", spent).await;
    let shown = world.unix.budget("shop").await.unwrap();
    let budget = shown.budget.unwrap();
    assert_eq!((budget.level.as_str(), budget.objectives[0].requests), ("critical", 1_000));
    assert_eq!((budget.objectives[0].burn.len(), budget.covers_window), (4, false));
    assert_eq!(shown.rollouts.len(), 1);
    // 10 of 1 000 are all that 99 % allows; the line is drawn anew every ten seconds.
    let drawn = within(async {
        loop {
            let line = world.unix.budget("shop").await.unwrap().burn_down;
            if line.last().is_some_and(|last| last.left_ratio < 0.01) {
                return line;
            }
        }
    })
    .await;
    assert_eq!((drawn.len(), drawn[0].left_ratio), (121, 1.0));
    assert!(drawn.is_sorted_by(|a, b| a.at <= b.at && a.left_ratio >= b.left_ratio));
    assert!(world.unix.budget("nobody").await.is_err());
}
