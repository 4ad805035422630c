//! Releases: starting one and following it to its end, ending one, telling of one.

use std::time::Duration;

use staunch_api::v1::{Member, Release};
use staunch_rollout::ReleaseOutcome;
use tokio::time::Instant;

use crate::args::Output;
use crate::exit::{Exit, Failure, Outcome};
use crate::remote::Remote;
use crate::term::{Term, Tone};

const LOOK: Duration = Duration::from_millis(250);
/// Off a terminal a line at least this often, so that a quiet release is not taken for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long a control plane that went away is looked for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn deploy(
    term: &Term,
    remote: &Remote,
    name: &str,
    reason: Option<String>,
    timeout: Option<Duration>,
) -> Outcome {
    let id = remote.release(name, reason).await?;
    term.say(&format!("→ release {id}: {name}"));
    let deadline = timeout.map(|span| Instant::now() + span);
    let mut follower = Follower { term, told: vec![], last_line: Instant::now() };
    let mut away = None;
    loop {
        match remote.release_of(id).await {
            Ok(release) => {
                away = None;
                follower.tell(&release);
                if let Some(outcome) = release.outcome {
                    return Ok(conclude(term, &release, outcome));
                }
            }
            Err(failure) => {
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(failure);
                }
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure::new(Exit::TimedOut, format!("release {id} is still under way")));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => {
                term.say(&format!("detached: release {id} goes on; `staunch explain {id}` tells of it"));
                return Ok(Exit::Ok);
            }
        }
    }
}

struct Follower<'a> {
    term: &'a Term,
    /// Members as they were told last.
    told: Vec<Member>,
    last_line: Instant,
}

impl Follower<'_> {
    fn tell(&mut self, release: &Release) {
        for member in in_time(&release.members) {
            let before = self.told.iter().find(|told| told.service == member.service);
            if member.state != "waiting" && before.is_none_or(|before| before.state != member.state) {
                let tone = tone_of(&member.state);
                self.line(&format!(
                    "{} {}",
                    self.term.paint(tone, sign_of(&member.state)),
                    member_line(member)
                ));
            }
        }
        if self.last_line.elapsed() >= HEARTBEAT {
            let under_way = release.members.iter().filter(|m| matches!(&*m.state, "rolling" | "returning"));
            let names: Vec<&str> = under_way.map(|member| member.service.as_str()).collect();
            self.line(&format!("… release {}: waiting for {}", release.id, names.join(", ")));
        }
        self.told.clone_from(&release.members);
    }

    fn line(&mut self, text: &str) {
        self.term.say(text);
        self.last_line = Instant::now();
    }
}

/// Members in the order in which things happen to them: forward as the graph has it, then back in reverse.
fn in_time(members: &[Member]) -> impl Iterator<Item = &Member> {
    let goes_back = |member: &&Member| matches!(&*member.state, "returning" | "returned" | "stuck");
    let forward = members.iter().filter(move |member| !goes_back(member));
    forward.chain(members.iter().rev().filter(goes_back))
}

fn member_line(member: &Member) -> String {
    let from = member.from.as_ref().map_or_else(String::new, |from| format!("{from} → "));
    let versions = format!("{}: {from}{}", member.service, member.to);
    match (&*member.state, member.rollout, member.way_back) {
        ("rolling", Some(rollout), _) => format!("{versions}: rollout {rollout} started"),
        ("unchanged", ..) => format!("{}: {} runs already", member.service, member.to),
        ("returning", _, Some(back)) => {
            format!(
                "{}: taken back to {} by rollout {back}",
                member.service,
                member.from.as_deref().unwrap_or("-")
            )
        }
        ("returned", ..) => {
            format!("{}: on {} again", member.service, member.from.as_deref().unwrap_or("nothing"))
        }
        ("stuck", ..) => {
            format!("{versions}: cannot be taken back: {}", member.because.as_deref().unwrap_or("unknown"))
        }
        (state, Some(rollout), _) => format!("{versions}: {state} (rollout {rollout})"),
        (state, ..) => format!("{versions}: {state}"),
    }
}

fn sign_of(state: &str) -> &'static str {
    match state {
        "promoted" | "unchanged" => "✓",
        "returning" | "returned" => "↩",
        "failed" | "stuck" => "✕",
        _ => "→",
    }
}

fn tone_of(state: &str) -> Tone {
    match state {
        "promoted" | "unchanged" => Tone::Good,
        "failed" | "stuck" => Tone::Bad,
        _ => Tone::Plain,
    }
}

fn sentence(release: &Release, outcome: ReleaseOutcome) -> String {
    let (id, name) = (release.id, &release.name);
    match outcome {
        ReleaseOutcome::Promoted => {
            format!("release {id} ({name}) promoted: {} services", release.members.len())
        }
        ReleaseOutcome::RolledBack | ReleaseOutcome::Aborted => {
            let failed = release.failed.as_deref().filter(|failed| failed != name);
            let failed = failed.map(|failed| format!("{failed}: ")).unwrap_or_default();
            let because = release.because.as_deref().unwrap_or("it was ended");
            format!("release {id} ({name}) rolled back: {failed}{because}")
        }
    }
}

fn exit_of(outcome: ReleaseOutcome) -> Exit {
    match outcome {
        ReleaseOutcome::Promoted => Exit::Ok,
        ReleaseOutcome::RolledBack => Exit::RolledBack,
        ReleaseOutcome::Aborted => Exit::Aborted,
    }
}

fn conclude(term: &Term, release: &Release, outcome: ReleaseOutcome) -> Exit {
    let exit = exit_of(outcome);
    let mut json = serde_json::to_value(release).unwrap_or_default();
    json["exit"] = (exit as u8).into();
    term.say_result(&sentence(release, outcome), &json);
    exit
}

pub(crate) async fn abort(term: &Term, remote: &Remote, id: u64, reason: &str) -> Outcome {
    remote.abort_release(id, reason).await?;
    let json = serde_json::json!({ "release": id, "command": "abort", "exit": 0 });
    term.say_result(&format!("release {id}: everything goes back"), &json);
    Ok(Exit::Ok)
}

/// One report of all members.
pub(crate) fn explain(term: &Term, release: &Release) -> Exit {
    if term.output == Output::Text {
        term.result_raw(&report(release));
    } else {
        term.json(&serde_json::to_value(release).unwrap_or_default());
    }
    Exit::Ok
}

fn report(release: &Release) -> String {
    let mut text = match release.outcome {
        Some(outcome) => sentence(release, outcome),
        None => format!("release {} ({}) is under way", release.id, release.name),
    };
    let reason = if release.reason.is_empty() { String::new() } else { format!(": {}", release.reason) };
    let time = |time: staunch_api::v1::Time| time.to_string().get(11..19).unwrap_or_default().to_owned();
    let ended = release.ended_at.map(|ended| format!(" to {}", time(ended))).unwrap_or_default();
    text.push_str(&format!("\n\nby {}{reason}, {}{ended}\n\n", release.by, time(release.started_at)));
    let width = release.members.iter().map(|member| member.service.chars().count()).max().unwrap_or(0);
    for member in &release.members {
        let (service, line) = (&member.service, member_line(member));
        let line = line.strip_prefix(&format!("{service}: ")).unwrap_or(&line);
        let after = if member.after.is_empty() {
            String::new()
        } else {
            format!("  (after {})", member.after.join(", "))
        };
        text.push_str(&format!("{} {service:<width$}  {line}{after}\n", sign_of(&member.state)));
    }
    let failed = release.members.iter().find(|member| Some(&member.service) == release.failed.as_ref());
    if let Some(rollout) = failed.and_then(|member| member.rollout) {
        text.push_str(&format!("\nwhy in full: staunch explain {rollout}\n"));
    }
    text
}
