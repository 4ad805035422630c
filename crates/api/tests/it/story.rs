use std::time::Duration;

use staunch_api::client::{ClientError, ReportFormat};
use staunch_api::v1::{CommandRequest, DeployRequest, Deployed, Expect, RollbackRequest};
use staunch_model::InstanceId;
use staunch_rollout::Command;

use crate::raw;
use crate::world::{World, within};

fn because(reason: &str) -> CommandRequest {
    CommandRequest { reason: Some(reason.to_owned()), ..CommandRequest::default() }
}

fn conflict(error: ClientError) -> staunch_api::Problem {
    assert_eq!(error.exit_code(), 16, "{error}");
    let ClientError::Problem(problem) = error else { panic!("{error:?}") };
    *problem
}

#[tokio::test]
async fn a_service_goes_from_one_version_to_the_next_and_back() {
    let world = World::new().await;
    let client = &world.unix;
    let request = DeployRequest { reason: Some("first".to_owned()), ..DeployRequest::default() };
    let first = client.deploy("shop", &request).await.unwrap();
    assert_eq!(first, Deployed::Started { rollout: 1, from: None, to: "v1".to_owned() });
    world.until_phase("shop", "succeeded").await;
    let again = client.deploy("shop", &request).await.unwrap();
    assert_eq!(again, Deployed::Unchanged { revision: "v1".to_owned() });

    world.edit("two");
    let second = client.deploy("shop", &request).await.unwrap();
    assert_eq!(second, Deployed::Started { rollout: 2, from: Some("v1".to_owned()), to: "v2".to_owned() });
    let waiting = |service: &staunch_api::v1::Service| {
        service
            .rollout
            .as_ref()
            .and_then(|r| r.waiting.as_ref())
            .is_some_and(|waiting| waiting.on == "approval")
    };
    let service = world.until("shop", waiting).await;
    assert!((service.canary_weight_ratio - 0.1).abs() < 1e-9);
    let rollout = service.rollout.unwrap();
    assert_eq!(rollout.steps_ratio, [0.1, 1.0]);
    assert!(rollout.allowed_actions.contains(&"promote-full".to_owned()), "{:?}", rollout.allowed_actions);
    let again = client.deploy("shop", &request).await.unwrap();
    assert_eq!(again, Deployed::AlreadyRunning { rollout: 2, to: "v2".to_owned() });

    client.command(2, Command::Pause, &because("lunch")).await.unwrap();
    let paused = world.until("shop", |s| s.rollout.as_ref().is_some_and(|r| r.paused.is_some())).await;
    assert_eq!(paused.rollout.unwrap().paused.unwrap().reason, "lunch");
    let problem = conflict(client.command(2, Command::Pause, &because("")).await.unwrap_err());
    assert!(problem.allowed_actions.contains(&"resume".to_owned()), "{problem:?}");
    client.command_service("shop", Command::Resume, &CommandRequest::default()).await.unwrap();

    let expect = Expect { rollout: Some(1), step: None };
    let stale = CommandRequest { expect, ..CommandRequest::default() };
    conflict(client.command_service("shop", Command::Promote, &stale).await.unwrap_err());
    let stale =
        CommandRequest { expect: Expect { rollout: None, step: Some(7) }, ..CommandRequest::default() };
    conflict(client.command(2, Command::Promote, &stale).await.unwrap_err());
    let done = client.command(2, Command::Promote, &because("looks good")).await.unwrap();
    assert_eq!((done.rollout, done.command.as_str()), (2, "promote"));
    let service = world.until_phase("shop", "succeeded").await;
    assert_eq!(
        (service.stable.as_deref(), service.previous.as_slice()),
        (Some("v2"), ["v1".to_owned()].as_slice())
    );
    conflict(client.command(1, Command::Abort, &because("too late")).await.unwrap_err());

    let back = client.rollback("shop", &RollbackRequest::default()).await.unwrap();
    assert_eq!(back, Deployed::Started { rollout: 3, from: Some("v2".to_owned()), to: "v1".to_owned() });
    world.until("shop", |service| service.stable.as_deref() == Some("v1")).await;
    let rows = client.rollouts(Some("shop"), 10).await.unwrap().rollouts;
    let rows: Vec<_> = rows.iter().map(|row| (row.id, row.kind.as_str())).collect();
    assert_eq!(rows, [(3, "rollback"), (2, "canary"), (1, "first")]);
    assert!(client.rollouts(Some("blog"), 10).await.unwrap().rollouts.is_empty());
}

#[tokio::test]
async fn a_report_is_the_same_thing_in_every_form() {
    let (world, id) = World::with_canary("shop").await;
    let markup = "<script>alert(1)</script>";
    world.unix.command(id, Command::Pause, &because(markup)).await.unwrap();
    world.until("shop", |s| s.rollout.as_ref().is_some_and(|r| r.paused.is_some())).await;
    let overview = raw::get(&world, "/").await.body;
    assert!(overview.contains("/shop/2") && overview.contains("&lt;script&gt;"), "{overview}");
    assert!(!overview.contains(markup));
    world.unix.command(id, Command::Abort, &because(markup)).await.unwrap();
    world.until_phase("shop", "rolled-back").await;

    let report = world.unix.report(id).await.unwrap();
    let back = report.back.clone().unwrap();
    assert!(back.by_person && back.code == "aborted" && back.because.contains(markup), "{back:?}");
    assert!(report.changed.iter().any(|line| line.contains("DATABASE_PASSWORD")), "{:?}", report.changed);
    for (format, suffix) in
        [(ReportFormat::Text, "txt"), (ReportFormat::Markdown, "md"), (ReportFormat::Json, "json")]
    {
        let from_api = world.unix.report_as(id, format).await.unwrap();
        assert_eq!(from_api, raw::get(&world, &format!("/shop/{id}.{suffix}")).await.body);
        assert!(from_api.contains("rolled back"), "{from_api}");
    }
    let browser = [raw::host(&world), "Accept: text/html,*/*".to_owned()];
    let browser: Vec<_> = browser.iter().map(String::as_str).collect();
    let page = raw::tcp(&world, &format!("GET /shop/{id}"), &browser, "").await;
    assert!(page.head.contains("text/html") && !page.body.contains(markup), "{}", page.body);
    assert_eq!(raw::get(&world, &format!("/blog/{id}")).await.code(), "unknown-rollout");
    assert_eq!(raw::get(&world, &format!("/shop/{id}.exe")).await.code(), "not-found");
}

#[tokio::test]
async fn a_long_poll_answers_when_something_happens() {
    let (world, id) = World::with_canary("shop").await;
    let minute = Duration::from_secs(60);
    // Everything up to the first step lies behind 0: no waiting.
    let seen = within(world.unix.wait_for_rollout(id, 0, minute)).await.unwrap();
    assert_eq!(seen.live.as_ref().map(|live| live.id), Some(id));
    let asking = world.unix.clone();
    let poll = tokio::spawn(async move { asking.wait_for_rollout(id, seen.sequence, minute).await });
    // What happens to another service is no answer to this question.
    world.deploy("blog").await;
    world.unix.command(id, Command::Abort, &because("enough")).await.unwrap();
    let answer = within(poll).await.unwrap().unwrap();
    let phase = answer.live.unwrap().phase;
    assert!(phase == "rolling-back" || phase == "rolled-back", "{phase}");
    assert!(answer.sequence > seen.sequence);
    let nothing = world.unix.wait_for_rollout(1, answer.sequence, Duration::from_millis(1)).await.unwrap();
    assert_eq!(nothing.row.phase, "succeeded");
}

#[tokio::test]
async fn logs_are_found_by_version_and_by_instance() {
    let (world, _) = World::with_canary("shop").await;
    let service = world.unix.service("shop").await.unwrap();
    for instance in &service.instances {
        for number in 1..=3 {
            world.platform.write_log(&InstanceId(instance.id.clone()), &format!("{} {number}", instance.id));
        }
    }
    let all = world.unix.logs("shop", None, 100).await.unwrap().logs;
    assert_eq!(all.len(), 3, "two of v1, one of v2");
    let canary = world.unix.logs("shop", Some("v2"), 2).await.unwrap().logs;
    assert_eq!(canary, world.unix.logs("shop", Some("canary"), 2).await.unwrap().logs);
    let [only] = canary.as_slice() else { panic!("{canary:?}") };
    assert_eq!(only.revision, service.rollout.unwrap().digest);
    assert_eq!(only.lines, [format!("{} 2", only.instance), format!("{} 3", only.instance)]);
    let one = world.unix.instance_logs("shop", &only.instance, 1).await.unwrap().logs;
    assert_eq!(one[0].lines, [format!("{} 3", only.instance)]);
    assert_eq!(world.unix.logs("shop", Some("stable"), 1).await.unwrap().logs.len(), 2);
    assert!(world.unix.logs("shop", Some("v9"), 1).await.is_err());
    assert!(world.unix.instance_logs("shop", "nobody", 1).await.is_err());
}
