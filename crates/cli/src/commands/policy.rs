//! Freezes, approvals, and how findings are shown.

use std::time::Duration;

use staunch_api::v1::{Approval, DeployRequest, Deployed, PolicyFinding, Time};
use staunch_model::Timestamp;
use tokio::time::Instant;

use crate::args::{DeployArgs, FreezeArgs, Output, VerbArgs};
use crate::commands::online::span;
use crate::exit::{Exit, Failure, Outcome};
use crate::remote::Remote;
use crate::term::{Term, Tone};

/// How often somebody who waits for an approval looks.
const LOOK: Duration = Duration::from_millis(500);

/// The named service, or all of them.
async fn meant(remote: &Remote, name: Option<&str>) -> Result<Vec<String>, Failure> {
    match name {
        Some(name) => Ok(vec![remote.service(name).await?.name]),
        None => Ok(remote.services().await?.into_iter().map(|service| service.name).collect()),
    }
}

pub(crate) async fn freeze(term: &Term, remote: &Remote, args: &FreezeArgs) -> Outcome {
    let services = meant(remote, args.verb.service.as_deref()).await?;
    let until = match args.until.as_deref() {
        Some(text) => Some(moment(text, remote, services.first()).await?),
        None => None,
    };
    for service in services {
        remote.freeze(&service, &args.verb.reason, until).await?;
        let words =
            until.map_or_else(|| "until `staunch unfreeze`".to_owned(), |until| format!("until {until}"));
        let json = serde_json::json!({ "service": service, "frozen": true, "until": until, "exit": 0 });
        term.say_result(
            &format!("{service}: frozen {words}; rollback and abort are possible all the same"),
            &json,
        );
    }
    Ok(Exit::Ok)
}

/// A span from the server's now, or a moment in RFC 3339.
async fn moment(text: &str, remote: &Remote, service: Option<&String>) -> Result<Time, Failure> {
    let parsed: Result<Time, _> = serde_json::from_value(serde_json::json!(text));
    if let Ok(moment) = parsed {
        return Ok(moment);
    }
    let help = "write a span such as 2h, or a moment such as 2026-11-30T09:00:00Z";
    let wrong = || Failure::new(Exit::Usage, format!("`{text}` is neither a span nor a moment")).help(help);
    let span = span(Some(text)).ok().flatten().ok_or_else(wrong)?;
    let now = match service {
        Some(service) => remote.service(service).await?.at.0,
        None => Timestamp::default(),
    };
    Ok(Time(now.plus(span)))
}

pub(crate) async fn unfreeze(term: &Term, remote: &Remote, args: &VerbArgs) -> Outcome {
    let all = args.service.is_none();
    let mut thawed = 0;
    for service in meant(remote, args.service.as_deref()).await? {
        let skipped = all && remote.service(&service).await?.frozen.is_none();
        if skipped {
            continue;
        }
        remote.unfreeze(&service, &args.reason).await?;
        thawed += 1;
        let json = serde_json::json!({ "service": service, "frozen": false, "exit": 0 });
        term.say_result(&format!("{service}: not frozen any more"), &json);
    }
    if thawed == 0 {
        return Err(Failure::new(Exit::Conflict, "nothing is frozen"));
    }
    Ok(Exit::Ok)
}

pub(crate) async fn vote(term: &Term, remote: &Remote, args: &VerbArgs, agrees: bool) -> Outcome {
    let service = remote.one(args.service.as_deref()).await?;
    let approval = remote.vote(&service.name, agrees, &args.reason).await?;
    let text = match (agrees, approval.granted) {
        (false, _) => format!("{}: {} is rejected", service.name, approval.to),
        (true, true) => format!("{}: {} is approved; `staunch deploy` starts it", service.name, approval.to),
        (true, false) => format!("{}: {}", service.name, standing(&approval)),
    };
    let json = serde_json::json!({ "service": service.name, "approval": approval, "exit": 0 });
    term.say_result(&text, &json);
    Ok(Exit::Ok)
}

/// How far an approval is.
pub(crate) fn standing(approval: &Approval) -> String {
    let have = approval.approved_by.len();
    let names = if have == 0 { String::new() } else { format!(" ({})", approval.approved_by.join(", ")) };
    let from = if approval.from.is_empty() { "anyone else".to_owned() } else { approval.from.join(", ") };
    match &approval.rejected_by {
        Some(by) => format!("{}, asked for by {}, was rejected by {by}", approval.to, approval.by),
        None if approval.granted => format!("{} is approved{names}; `staunch deploy` starts it", approval.to),
        None => format!(
            "{}, asked for by {}, has {have} of {} approvals{names}; `staunch approve` by {from}",
            approval.to, approval.by, approval.needs
        ),
    }
}

/// Deploys; with a goal to wait for, the approval is waited for as well.
pub(crate) async fn deploy_when_approved(
    term: &Term,
    remote: &Remote,
    service: &str,
    args: &DeployArgs,
    deadline: Option<Instant>,
) -> Result<Deployed, Failure> {
    let reason = args.reason.clone();
    let emergency = args.emergency.then(|| reason.clone().unwrap_or_default());
    let request = DeployRequest {
        reason,
        replace: args.replace,
        critical_fix: args.critical_fix,
        approved_by: args.approved_by.clone(),
        emergency,
        expect: staunch_api::v1::ExpectPlan::default(),
    };
    loop {
        let answer = remote.deploy(service, &request).await;
        match answer {
            Err(failure) if failure.exit == Exit::NeedsApproval && args.until.is_some() => {
                term.say(&format!("waiting on approval: {}", failure.message));
                wait_for_answer(remote, service, deadline).await?;
            }
            Ok(deployed) => return Ok(deployed),
            Err(failure) => return Err(failure),
        }
    }
}

async fn wait_for_answer(remote: &Remote, service: &str, deadline: Option<Instant>) -> Result<(), Failure> {
    loop {
        let seen = remote.service(service).await?;
        let open = seen.approval.is_some_and(|approval| !approval.granted && approval.rejected_by.is_none());
        if !open {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let text = format!("timed out; {service} still waits for an approval");
            return Err(Failure::new(Exit::TimedOut, text));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A finding as people read it: what, where, and what to do.
pub(crate) fn lines(finding: &PolicyFinding, paint: impl Fn(Tone, &str) -> String) -> [String; 2] {
    let (tone, mark) = match finding.severity.as_str() {
        "error" => (Tone::Bad, "✕"),
        "warning" => (Tone::Warn, "!"),
        _ => (Tone::Dim, "·"),
    };
    [
        format!("{} {}  {}: {}", paint(tone, mark), finding.code, finding.place(), finding.text),
        format!("    {}", finding.fix),
    ]
}

/// `3 errors, 1 warning`.
pub(crate) fn summary(findings: &[PolicyFinding]) -> String {
    let count = |severity: &str| findings.iter().filter(|finding| finding.severity == severity).count();
    let words = |(severity, count): (&str, usize)| match count {
        0 => None,
        1 => Some(format!("1 {severity}")),
        many => Some(format!("{many} {severity}s")),
    };
    let all = ["error", "warning", "note"].map(|severity| (severity, count(severity)));
    all.into_iter().filter_map(words).collect::<Vec<_>>().join(", ")
}

pub(crate) fn show(term: &Term, findings: &[PolicyFinding]) {
    debug_assert!(term.output == Output::Text, "other forms carry the findings themselves");
    for line in findings.iter().flat_map(|finding| lines(finding, |tone, text| term.paint_result(tone, text)))
    {
        term.result(&format!("  {line}"));
    }
}
