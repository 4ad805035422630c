use staunch_api::v1::CommandRequest;
use staunch_ports::Journal as _;
use staunch_rollout::Command;

use crate::raw;
use crate::world::{SECRET, World};

#[tokio::test]
async fn the_export_is_the_whole_journal_with_the_names_auditors_know() {
    let (world, id) = World::with_canary("shop").await;
    world.unix.command(id, Command::Promote, &CommandRequest::default()).await.unwrap();
    world.until_phase("shop", "succeeded").await;
    let mut stream = world.unix.audit_export().await.unwrap();
    let mut lines = vec![];
    while let Some(line) = stream.next().await.unwrap() {
        lines.push(line);
    }
    let entries = world.journal.read(0, 10_000).unwrap();
    let hashes: Vec<_> = lines.iter().map(|line| line.entry.hash.clone()).collect();
    assert_eq!(hashes, entries.iter().map(|entry| entry.hash.clone()).collect::<Vec<_>>());
    let ours = lines.iter().filter(|line| line.entry.rollout == Some(id));
    let mut aliases: Vec<_> = ours.map(|line| line.audit_alias.clone().unwrap()).collect();
    aliases.dedup();
    assert_eq!(aliases, ["INIT", "DEPLOYING", "CANARY_EVALUATING", "PROMOTING", "VERIFIED"]);
}

#[tokio::test]
async fn a_changed_entry_is_found_and_named() {
    let (world, _) = World::with_canary("shop").await;
    let intact = world.unix.audit_verify().await.unwrap();
    assert!(intact.intact && intact.fault.is_none() && intact.entries > 3, "{intact:?}");
    world.journal.tamper(3, |entry| entry.at.0 += 1);
    let found = world.unix.audit_verify().await.unwrap();
    assert!(!found.intact);
    assert_eq!((found.entries, found.fault.map(|fault| fault.sequence)), (2, Some(3)));
}

#[tokio::test]
async fn values_of_the_environment_leave_nowhere() {
    let (world, id) = World::with_canary("shop").await;
    let recorded = serde_json::to_string(&world.journal.read(0, 10_000).unwrap()).unwrap();
    assert!(
        recorded.contains(SECRET),
        "the journal itself has it: it must be able to start the revision again"
    );
    let paths =
        ["events.json", "audit/export", "services", "rollouts", "rollouts/2", "rollouts/2/report", "meta"];
    for path in paths {
        let answer = raw::get(&world, &format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains(SECRET), "{path}");
    }
    let mut events = world.unix.events(Some(0), None).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert!(first.masked && !first.body.to_string().contains(SECRET), "{id}");
    assert_eq!(first.body["spec"]["to"]["run"]["env"]["DATABASE_PASSWORD"], "•••");
}
