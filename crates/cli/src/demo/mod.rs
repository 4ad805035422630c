//! `staunch demo`: a shop, its users, a good release and a bad one; real processes, a real rollout, real figures.

pub(crate) mod load;
pub(crate) mod shop;
mod stage;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use staunch_api::v1::{DeployRequest, Deployed};

use crate::args::{DemoArgs, Output};
use crate::demo::load::Seen;
use crate::demo::stage::{Release, Stage};
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Ending, Quest, Until, follow};
use crate::term::{Term, Tone};

const PER_SECOND: u64 = 600;
/// A story that takes longer than this did not go as told.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(term: &Term, args: &DemoArgs) -> Outcome {
    let stage = tokio::select! {
        stage = Stage::raise() => stage?,
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Aborted),
    };
    let seen = Arc::new(Seen::default());
    let users = load::start(stage.listen, PER_SECOND, &seen);
    let told = tokio::select! {
        told = tell(term, &stage, &seen, args) => told,
        _ = terminated() => Ok(Exit::Aborted),
    };
    users.iter().for_each(tokio::task::JoinHandle::abort);
    stage.strike().await;
    told
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

async fn tell(term: &Term, stage: &Stage, seen: &Arc<Seen>, args: &DemoArgs) -> Outcome {
    let service = stage.remote.service("shop").await?;
    let stable = service.stable.as_deref().unwrap_or("?").to_owned();
    term.say(&format!(
        "{} {} shop {stable} is healthy on http://{}, {PER_SECOND} requests a second come in",
        term.paint(Tone::Dim, &service.at.0.clock()),
        term.paint(Tone::Good, "✓"),
        stage.listen
    ));
    term.say(&format!("         page {}", stage.page().await?));
    let good = release(term, stage, &Release::good(2)).await?;
    if good.1 != Ending::Succeeded {
        return story_broke(term, stage, &good, "the good release was not promoted").await;
    }
    let before = seen.failed.load(Ordering::Relaxed);
    let began = Instant::now();
    let bad = release(term, stage, &Release::bad(3)).await?;
    if !matches!(bad.1, Ending::RolledBack(_)) {
        return story_broke(term, stage, &bad, "the bad release was not rolled back").await;
    }
    let felt = seen.failed.load(Ordering::Relaxed) - before;
    close(term, stage, bad.0, felt, began.elapsed()).await?;
    if args.once {
        return Ok(Exit::Ok);
    }
    stay(term, stage).await
}

type Told = (u64, Ending);

/// Writes the release into the file and deploys it, as a person would.
async fn release(term: &Term, stage: &Stage, release: &Release) -> Result<Told, Failure> {
    stage.write(release)?;
    let after = stage.remote.journal_end().await?;
    let reason = Some(release.reason.to_owned());
    let asked = DeployRequest { reason, ..DeployRequest::default() };
    let answer = stage.remote.deploy("shop", &asked).await?;
    let Deployed::Started { rollout, .. } = answer else {
        return Err(Failure::new(Exit::Internal, format!("the demo's deploy was answered with {answer:?}")));
    };
    let quest =
        Quest { service: "shop".to_owned(), rollout, after, until: Until::Decided, timeout: Some(PATIENCE) };
    let ending = follow(term, &stage.remote, &quest).await?;
    Ok((rollout, ending))
}

async fn story_broke(term: &Term, stage: &Stage, told: &Told, what: &str) -> Outcome {
    if told.1 == Ending::Detached {
        return Ok(Exit::Aborted);
    }
    term.complain(&format!("{} {what}", term.paint(Tone::Bad, "✕")));
    term.complain(&stage.remote.report_text(told.0, "text").await?);
    Err(Failure::new(Exit::Internal, "the story did not go as told")
        .help("a machine under heavy load can do this; run it again, and tell us if it repeats"))
}

async fn close(term: &Term, stage: &Stage, rollout: u64, felt: u64, took: Duration) -> Result<(), Failure> {
    let report = stage.remote.report(rollout).await?;
    let service = stage.remote.service("shop").await?;
    if term.output != Output::Text {
        term.json(&serde_json::json!({
            "rollout": rollout, "outcome": "rolled-back", "because": report.back.as_ref().map(|back| &back.because),
            "failed_on_canary": report.cost.failed, "failed_for_users": felt,
            "would_have_failed": report.cost.all_at_once, "exposed_ms": report.exposed_ms,
            "deploy_to_rollback_ms": took.as_millis() as u64, "exit": 0,
        }));
        return Ok(());
    }
    let back = service.rollout.and_then(|rollout| rollout.traffic_back_ms);
    let exposed = Duration::from_millis(report.exposed_ms.unwrap_or(0));
    let back = back.map(|ms| format!(" Traffic was back {ms} ms after the decision.")).unwrap_or_default();
    term.result("");
    term.result(&format!(
        "   shop is healthy on {}. {} requests failed on the bad release, {felt} of them for users; {} were answered",
        service.stable.as_deref().unwrap_or("?"), report.cost.failed, report.cost.shielded
    ));
    term.result(&format!(
        "   from the old version instead. All at once, the same {} would have failed ≈ {}.{back}",
        staunch_model::human_duration(exposed),
        report.cost.all_at_once
    ));
    term.result("");
    term.result_raw(&indent(&stage.remote.report_text(rollout, "text").await?));
    term.result("");
    term.result("   next     staunch init      in the folder of your own app");
    term.result("            staunch up        run it behind the proxy");
    term.result("            staunch deploy    after you changed it");
    Ok(())
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("   {line}").trim_end().to_owned() + "\n").collect()
}

/// After the story: break it, mend it, leave.
async fn stay(term: &Term, stage: &Stage) -> Outcome {
    let (mut keys, raw) = stage::prompt(term);
    let mut number = 3;
    loop {
        term.say(&format!(
            "\r\n   b ship a bad release · g ship a good one · q quit      http://{}\r",
            stage.listen
        ));
        let key = tokio::select! {
            key = keys.recv() => key.unwrap_or('q'),
            _ = tokio::signal::ctrl_c() => 'q',
        };
        number += 1;
        let next = match key {
            'b' => Release::bad(number),
            'g' => Release::good(number),
            'q' => return Ok(Exit::Ok),
            _ => continue,
        };
        drop(keys);
        if let Some(raw) = &raw {
            raw.pause();
        }
        let told = release(term, stage, &next).await?;
        term.say(&format!("   why      staunch explain {} --data {}", told.0, stage.data().display()));
        keys = stage::prompt(term).0;
    }
}
