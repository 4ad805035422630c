//! Commands that ask the control plane and show its answer.

use serde::Serialize;
use staunch_api::v1::{Deployed, Rollout, Service};
use staunch_model::{InstanceId, human_duration};
use staunch_rollout::Command;

use crate::args::{
    AbortArgs, DeployArgs, ExplainArgs, HistoryArgs, LogsArgs, Output, PromoteArgs, RollbackArgs, StatusArgs,
    UpgradeArgs, VerbArgs, WatchArgs,
};
use crate::commands::{policy, release, values};
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Quest, Until, conclude, follow};
use crate::remote::Remote;
use crate::term::{Term, Tone};
use crate::view::frame::{eta_words, gate_words, p95, percent};
use crate::view::triggers::{trigger_tone, trigger_words};

pub(crate) async fn deploy(term: &Term, remote: &Remote, args: &DeployArgs) -> Outcome {
    let until = Until::parse(args.until.as_deref().unwrap_or("decided"))?;
    let timeout = span(args.timeout.as_deref())?;
    if let Some(name) = &args.release {
        return release::deploy(term, remote, name, args.reason.clone(), timeout).await;
    }
    let deadline = timeout.map(|span| tokio::time::Instant::now() + span);
    let service = remote.one(args.service.as_deref()).await?;
    let after = remote.journal_end().await?;
    let answer = policy::deploy_when_approved(term, remote, &service.name, args, deadline).await?;
    let (rollout, after) = match answer {
        Deployed::Unchanged { revision } => {
            term.say_result(
                &format!("{}: nothing to do, {revision} has this very content", service.name),
                &serde_json::json!({
                    "service": service.name, "exit": 0, "outcome": "unchanged", "revision": revision,
                }),
            );
            return Ok(Exit::Ok);
        }
        Deployed::Scaled { revision, replicas } => {
            let text =
                format!("{}: {revision} gets {replicas} instances; nothing else changes", service.name);
            let json = serde_json::json!({ "service": service.name, "exit": 0, "outcome": "scaled", "replicas": replicas });
            term.say_result(&text, &json);
            return Ok(Exit::Ok);
        }
        Deployed::AlreadyRunning { rollout, to } => {
            term.say(&format!("rollout {rollout} to {to} is under way already: following it"));
            (rollout, 0)
        }
        Deployed::Started { rollout, .. } => (rollout, after),
    };
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()));
    let quest = Quest { service: service.name, rollout, after, until, timeout };
    let ending = follow(term, remote, &quest).await?;
    conclude(term, &quest, &ending)
}

pub(crate) async fn watch(term: &Term, remote: &Remote, args: &WatchArgs) -> Outcome {
    let timeout = span(args.timeout.as_deref())?;
    let service = remote.one(args.service.as_deref()).await?;
    let Some(rollout) = service.rollout else {
        let text = format!("{} has had no rollout yet", service.name);
        return Err(Failure::new(Exit::Usage, text).help("`staunch deploy` starts one"));
    };
    // An ended rollout is told from its beginning, and ends the watch at once.
    let quest =
        Quest { service: service.name, rollout: rollout.id, after: 0, until: Until::Decided, timeout };
    let ending = follow(term, remote, &quest).await?;
    conclude(term, &quest, &ending)
}

pub(crate) async fn verb(term: &Term, remote: &Remote, command: Command, args: &VerbArgs) -> Outcome {
    let service = remote.one(args.service.as_deref()).await?;
    let rollout = remote.command(&service.name, command, &args.reason, None).await?;
    // As in the API's paths: `promote-full`.
    let name = command.name().replace(" --", "-");
    let json = serde_json::json!({ "service": service.name, "rollout": rollout, "command": name, "exit": 0 });
    term.say_result(&format!("{}: rollout {rollout}: {name}", service.name), &json);
    Ok(Exit::Ok)
}

pub(crate) async fn abort(term: &Term, remote: &Remote, args: &AbortArgs) -> Outcome {
    match args.release {
        Some(id) => release::abort(term, remote, id, &args.verb.reason).await,
        None => verb(term, remote, Command::Abort, &args.verb).await,
    }
}

pub(crate) async fn promote(term: &Term, remote: &Remote, args: &PromoteArgs) -> Outcome {
    let command = if args.full { Command::PromoteFull } else { Command::Promote };
    verb(term, remote, command, &args.verb).await
}

/// Waits until the way back is done.
pub(crate) async fn rollback(term: &Term, remote: &Remote, args: &RollbackArgs) -> Outcome {
    let service = remote.one(args.verb.service.as_deref()).await?;
    let after = remote.journal_end().await?;
    let answer = remote.rollback(&service.name, args.to.clone(), &args.verb.reason).await?;
    let Deployed::Started { rollout, .. } = answer else { return Ok(Exit::Ok) };
    let quest = Quest { service: service.name, rollout, after, until: Until::Decided, timeout: None };
    let ending = follow(term, remote, &quest).await?;
    let exit = conclude(term, &quest, &ending)?;
    // Ending a running rollout is what this person asked for.
    Ok(if exit == Exit::Aborted { Exit::Ok } else { exit })
}

pub(crate) async fn status(term: &Term, remote: &Remote, args: &StatusArgs) -> Outcome {
    let service = args.service.as_deref();
    if let Some(which) = args.config {
        return values::in_force(term, remote, service, which).await;
    }
    let services = match service {
        Some(name) => vec![remote.service(name).await?],
        None => remote.services().await?,
    };
    if term.output != Output::Text {
        term.json(&to_json(&services));
        return Ok(Exit::Ok);
    }
    for service in &services {
        show_service(term, service);
    }
    Ok(Exit::Ok)
}

fn show_service(term: &Term, service: &Service) {
    let tone = match service.health.as_str() {
        "healthy" => Tone::Good,
        "degraded" => Tone::Warn,
        "down" => Tone::Bad,
        _ => Tone::Dim,
    };
    term.result(&format!(
        "{}  {}  {}",
        term.paint_result(Tone::Strong, &service.name),
        term.paint_result(tone, &service.health),
        what_runs(service),
    ));
    if let Some(budget) = &service.budget {
        term.result(&format!("  {}", super::budget::line(budget)));
    }
    if let Some(trouble) = &service.trouble {
        term.result(&format!("  {} {trouble}", term.paint_result(Tone::Bad, "!")));
    }
    if let Some(alarm) = &service.alarm {
        term.result(&format!("  {} {alarm}", term.paint_result(Tone::Bad, "!")));
    }
    if let Some(frozen) = &service.frozen {
        let until = frozen.until.map_or_else(String::new, |until| format!(" until {until}"));
        let why = if frozen.reason.is_empty() { String::new() } else { format!(": {}", frozen.reason) };
        let mark = term.paint_result(Tone::Warn, "!");
        term.result(&format!("  {mark} frozen by {}{until}{why}", frozen.by));
    }
    if let Some(approval) = &service.approval {
        term.result(&format!("  waiting on approval: {}", policy::standing(approval)));
        let left = human_duration(approval.until.0.since(service.at.0));
        term.result(&format!("    for at most {left} more, then {}", approval.then));
    }
    if let Some(rollout) = &service.rollout {
        show_rollout(term, service, rollout);
    }
    for instance in &service.instances {
        let pid = instance.pid.map(|pid| format!("pid {pid}")).unwrap_or_default();
        let ready = if instance.ready { "ready" } else { "not ready" };
        let exits = if instance.exits.is_empty() {
            String::new()
        } else {
            format!(", {} exits", instance.exits.len())
        };
        let probe =
            instance.probe.as_ref().filter(|_| !instance.ready).map(|p| format!(": {p}")).unwrap_or_default();
        let memory = instance.memory_bytes / 1_000_000;
        let twin = if InstanceId(instance.id.clone()).is_twin() { ", to compare with" } else { "" };
        term.result(&format!(
            "  {}  {} {pid}, {ready}, {memory} MB{twin}{exits}{probe}",
            instance.id, instance.state
        ));
    }
}

fn what_runs(service: &Service) -> String {
    let stable = service.stable.as_deref().unwrap_or("nothing yet");
    let (ready, replicas) = (service.ready, service.replicas);
    if service.worker {
        return format!("{stable} as a worker, {ready} of {replicas} ready");
    }
    format!(
        "{stable} on {}, {ready} of {replicas} ready, {:.1} req/s, errors {}, p95 {}",
        service.listen,
        service.stable_traffic.requests_per_second + service.canary_traffic.requests_per_second,
        service.stable_traffic.error_ratio.map_or_else(|| "-".to_owned(), percent),
        p95(&service.stable_traffic).unwrap_or_else(|| "-".to_owned()),
    )
}

fn show_rollout(term: &Term, service: &Service, rollout: &Rollout) {
    let from = rollout.from.as_ref().map_or_else(String::new, |from| format!("{from} → "));
    let at = match rollout.active {
        false => String::new(),
        true if service.worker => {
            let percent = (service.canary_weight_ratio * 10_000.0).round() / 100.0;
            format!(", {percent} % of the instances")
        }
        true => crate::view::who::share(service, rollout),
    };
    term.result(&format!("  rollout {}: {from}{}, {}{at}", rollout.id, rollout.to, rollout.phase));
    if let Some(back) = &rollout.back {
        term.result(&format!("    {}", back.because));
    }
    if let Some(waiting) = rollout.waiting.as_ref().filter(|_| rollout.active) {
        term.result(&format!("    waiting on {}: {}", waiting.on, waiting.because));
        let left = human_duration(waiting.until.0.since(service.at.0));
        term.result(&format!("    for at most {left} more, then {}", waiting.then));
    }
    if let Some(eta) = rollout.eta.filter(|_| rollout.active) {
        term.result(&format!("    {} if it is as good as the old version", eta_words(eta)));
    }
    crate::view::who::lines(rollout).iter().for_each(|line| term.result(line));
    let gates = rollout.judgement.iter().filter(|_| rollout.active).flat_map(|judgement| &judgement.gates);
    let judgement = rollout.judgement.as_ref();
    if let Some(shadow) = judgement.and_then(|judgement| judgement.shadow.as_ref()) {
        crate::view::shadow::lines(rollout, shadow).iter().for_each(|line| term.result(line));
    }
    let asked = rollout.phase != "shadowing" && !crate::view::who::is_alone(rollout);
    for gate in gates.filter(|_| asked) {
        term.result(&format!("    gate {}  ({})", gate_words(gate), gate.because));
    }
    // Those that ended it are shown when it has ended too.
    for trigger in rollout.triggers.iter().filter(|trigger| rollout.active || trigger.state == "fired") {
        let line = trigger_words(trigger, service.at);
        term.result(&format!("    {}", term.paint_result(trigger_tone(trigger), &line)));
    }
}

pub(crate) async fn explain(term: &Term, remote: &Remote, args: &ExplainArgs) -> Outcome {
    let rollout = match args.rollout {
        Some(number) => number,
        None => remote.last_rollout().await?,
    };
    // Releases are numbered with the rollouts.
    if let Ok(release) = remote.release_of(rollout).await {
        return Ok(release::explain(term, &release));
    }
    match term.output {
        Output::Text if args.markdown => term.result_raw(&remote.report_text(rollout, "md").await?),
        Output::Text => term.result_raw(&remote.report_text(rollout, "text").await?),
        Output::Json | Output::Jsonl => term.json(&to_json(&remote.report(rollout).await?)),
    }
    Ok(Exit::Ok)
}

pub(crate) async fn history(term: &Term, remote: &Remote, args: &HistoryArgs) -> Outcome {
    let rows = remote.rollouts(args.service.as_deref(), args.limit).await?;
    match term.output {
        Output::Json => term.json(&to_json(&rows)),
        Output::Jsonl => rows.iter().for_each(|row| term.json(&to_json(row))),
        Output::Text if rows.is_empty() => term.say("no rollout yet; `staunch deploy` starts one"),
        Output::Text => {
            for row in &rows {
                let from = row.from.as_ref().map_or_else(|| "-".to_owned(), Clone::clone);
                let tone = match row.phase.as_str() {
                    "succeeded" | "shadowed" => Tone::Good,
                    "rolled-back" | "rejected" => Tone::Bad,
                    _ => Tone::Plain,
                };
                term.result(&format!(
                    "{:>4}  {}  {:<16} {from} → {:<10} {}  {}{}",
                    row.id,
                    row.started_at.0.rfc3339().get(..19).unwrap_or_default().replace('T', " "),
                    row.service,
                    row.to,
                    term.paint_result(tone, &format!("{:<11}", row.phase)),
                    row.outcome.as_deref().unwrap_or(""),
                    super::budget::spent(row),
                ));
            }
        }
    }
    Ok(Exit::Ok)
}

pub(crate) async fn logs(term: &Term, remote: &Remote, args: &LogsArgs) -> Outcome {
    let service = remote.one(args.service.as_deref()).await?;
    let logs = remote.logs(&service.name, args.revision.as_deref(), args.lines).await?;
    if term.output != Output::Text {
        term.json(&to_json(&logs));
        return Ok(Exit::Ok);
    }
    for log in logs {
        term.result(&term.paint_result(Tone::Strong, &format!("{} ({})", log.instance, log.revision)));
        log.lines.iter().for_each(|line| term.result(line));
    }
    Ok(Exit::Ok)
}

pub(crate) async fn audit_export(term: &Term, remote: &Remote) -> Outcome {
    remote.export(|line| term.result(line)).await?;
    Ok(Exit::Ok)
}

pub(crate) async fn upgrade(term: &Term, remote: &Remote, args: &UpgradeArgs) -> Outcome {
    let binary = args.binary.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let before = remote.meta().await?;
    let seen = tokio::time::Instant::now();
    let message = remote.upgrade(binary).await?;
    term.say(&message);
    let after = remote.wait_for_restart(&before, seen).await?;
    let json =
        serde_json::json!({ "from": before.version, "to": after.version, "pid": after.pid, "exit": 0 });
    term.say_result(
        &format!("upgraded: {} → {}, nothing was interrupted", before.version, after.version),
        &json,
    );
    Ok(Exit::Ok)
}

pub(crate) async fn down(term: &Term, remote: &Remote) -> Outcome {
    remote.shutdown().await?;
    term.say("stopping the services");
    remote.wait_until_gone().await?;
    term.say_result("stopped", &serde_json::json!({ "exit": 0, "outcome": "stopped" }));
    Ok(Exit::Ok)
}

fn to_json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// `30s`, `500ms`, `10m`, `1h`.
pub(crate) fn span(text: Option<&str>) -> Result<Option<std::time::Duration>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit = match &text[split..] {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let parsed = text[..split].parse::<u64>().ok().zip(unit);
    let millis = parsed.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{text}` is not a span of time"))
            .help("write 30s, 500ms, 10m or 1h")
    })?;
    Ok(Some(std::time::Duration::from_millis(millis.0.saturating_mul(millis.1))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(span(Some("10m")).unwrap(), Some(Duration::from_secs(600)));
        assert_eq!(span(None).unwrap(), None);
        assert!(span(Some("10")).is_err());
        assert!(span(Some("s")).is_err());
    }
}
