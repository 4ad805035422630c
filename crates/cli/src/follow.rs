//! Following one rollout until it is decided: every event as a line, the present state in the box, and an end that
//! a script can read.

use std::time::Duration;

use staunch_api::v1::{Entry, Service};
use staunch_rollout::{Cause, Command, Event};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::args::Output;
use crate::exit::{Exit, Failure, Outcome};
use crate::remote::{Feed, News, Remote};
use crate::term::{Term, Tone};
use crate::view::screen::Screen;
use crate::view::story::StoryLine;

/// Off a terminal a line at least this often, so that a quiet rollout is not taken for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What `deploy` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Started,
    Step(usize),
    Promoted,
    Decided,
}

impl Until {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let step =
            text.strip_prefix("step:").and_then(|number| number.parse().ok()).filter(|number| *number > 0);
        match (text, step) {
            ("started", _) => Ok(Self::Started),
            ("promoted", _) => Ok(Self::Promoted),
            ("decided", _) => Ok(Self::Decided),
            (_, Some(step)) => Ok(Self::Step(step)),
            _ => Err(Failure::new(Exit::Usage, format!("--until does not know `{text}`"))
                .help("use decided, promoted, step:N (from 1) or started")),
        }
    }
}

/// What to follow, and how far.
#[derive(Debug, Clone)]
pub(crate) struct Quest {
    pub(crate) service: String,
    pub(crate) rollout: u64,
    /// The journal's end before the rollout began.
    pub(crate) after: u64,
    pub(crate) until: Until,
    pub(crate) timeout: Option<Duration>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    Succeeded,
    /// The shadow passed, and no more was asked for.
    Shadowed,
    /// `--until` was reached; the rollout goes on.
    Reached,
    RolledBack(Cause),
    Rejected(String),
    TimedOut,
    Detached,
}

impl Ending {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Succeeded | Self::Shadowed | Self::Reached | Self::Detached => Exit::Ok,
            Self::RolledBack(cause) if cause.is_personal() => Exit::Aborted,
            Self::RolledBack(_) => Exit::RolledBack,
            Self::Rejected(_) => Exit::NotAllowed,
            Self::TimedOut => Exit::TimedOut,
        }
    }
}

struct Follower<'a> {
    term: &'a Term,
    quest: &'a Quest,
    screen: Screen,
    cause: Option<Cause>,
    latest: Option<Service>,
    last_line: Instant,
}

const KEYS: &str = "space pause/resume · P promote · A abort · q detach";

/// Shows the rollout until it ends. Ctrl-C detaches; it never aborts.
pub(crate) async fn follow(term: &Term, remote: &Remote, quest: &Quest) -> Result<Ending, Failure> {
    if quest.until == Until::Started {
        return Ok(Ending::Reached);
    }
    let screen = Screen::open(term, KEYS);
    let mut keys = if screen.is_live() { Some(crate::keys::listen()) } else { None };
    let mut feed = Feed::open(remote.clone(), quest.service.clone(), quest.after);
    let mut follower = Follower { term, quest, screen, cause: None, latest: None, last_line: Instant::now() };
    let deadline = quest.timeout.map(|span| Instant::now() + span);
    loop {
        tokio::select! {
            news = feed.next() => match news {
                News::Entry(entry) => if let Some(ending) = follower.entry(&entry) { return Ok(ending) },
                News::View(view) => follower.view(*view),
                News::Away(why) => follower.note(Tone::Warn, "!", format!("control is away ({why}); trying again")),
                News::Back => follower.note(Tone::Good, "✓", "control is back".to_owned()),
                News::Lost(failure) => return Err(failure),
            },
            key = next_key(&mut keys) => if follower.key(remote, key).await { return Ok(Ending::Detached) },
            _ = tokio::signal::ctrl_c() => return Ok(Ending::Detached),
            () = sleep_until(deadline) => return Ok(Ending::TimedOut),
            () = tokio::time::sleep_until(follower.last_line + HEARTBEAT) => follower.heartbeat(),
        }
    }
}

async fn next_key(keys: &mut Option<mpsc::Receiver<char>>) -> char {
    match keys {
        Some(keys) => match keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Follower<'_> {
    fn entry(&mut self, entry: &Entry) -> Option<Ending> {
        if entry.rollout != Some(self.quest.rollout) || entry.service != self.quest.service {
            return None;
        }
        if self.term.output == Output::Jsonl {
            self.term.json(&serde_json::to_value(entry).unwrap_or_default());
        }
        let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
        if let Some(line) = StoryLine::of(&entry.service, entry.at.0, &event) {
            self.screen.tell(&line);
            self.last_line = Instant::now();
        }
        self.ending(&event)
    }

    fn ending(&mut self, event: &Event) -> Option<Ending> {
        match event {
            Event::RollbackStarted { cause, .. } => {
                self.cause = Some(cause.clone());
                None
            }
            Event::RolledBack => {
                let unknown = Cause::Unsupported { because: "the cause was not seen".to_owned() };
                Some(Ending::RolledBack(self.cause.clone().unwrap_or(unknown)))
            }
            Event::Succeeded { .. } => Some(Ending::Succeeded),
            Event::ShadowEnded { .. } => Some(Ending::Shadowed),
            Event::Rejected { because } => Some(Ending::Rejected(because.clone())),
            Event::StepEntered { step, .. } if self.quest.until == Until::Step(step + 1) => {
                Some(Ending::Reached)
            }
            Event::BakeStarted { .. } if self.quest.until == Until::Promoted => Some(Ending::Reached),
            Event::StepEntered { .. }
            | Event::BakeStarted { .. }
            | Event::Admitted { .. }
            | Event::PreparationStarted
            | Event::ShadowStarted { .. }
            | Event::ShadowPassed { .. }
            | Event::StepPassed { .. }
            | Event::SmokePassed { .. }
            | Event::PromotionStarted { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::ExposureLapsed { .. }
            | Event::InfraStarted { .. }
            | Event::InfraRan { .. }
            | Event::Vetted { .. }
            | Event::TrafficShifted { .. }
            | Event::GateChanged { .. }
            | Event::FindingRaised { .. }
            | Event::InstanceExited { .. }
            | Event::Scaled { .. }
            | Event::EvidenceCaptured { .. }
            | Event::Policy { .. }
            | Event::Budget { .. } => None,
        }
    }

    fn view(&mut self, view: Service) {
        self.screen.draw(&view);
        self.latest = Some(view);
    }

    fn note(&mut self, tone: Tone, mark: &'static str, text: String) {
        let at = self.latest.as_ref().map(|view| view.at.0).unwrap_or_default();
        self.screen.tell(&StoryLine::note(at, tone, mark, text));
        self.last_line = Instant::now();
    }

    fn heartbeat(&mut self) {
        self.last_line = Instant::now();
        if self.screen.is_live() {
            return;
        }
        let waiting = self.latest.as_ref().and_then(|view| view.rollout.as_ref()?.waiting.clone());
        let text = waiting
            .map_or_else(|| "still running".to_owned(), |waiting| format!("waiting: {}", waiting.because));
        self.note(Tone::Dim, "·", text);
    }

    /// Whether the key says to stop looking.
    async fn key(&mut self, remote: &Remote, key: char) -> bool {
        let paused =
            self.latest.as_ref().and_then(|view| view.rollout.as_ref()).is_some_and(|r| r.paused.is_some());
        let command = match key {
            'q' => return true,
            ' ' if paused => Command::Resume,
            ' ' => Command::Pause,
            'P' => Command::Promote,
            'A' => Command::Abort,
            _ => return false,
        };
        if let Err(failure) = remote.command(&self.quest.service, command, "", Some(self.quest.rollout)).await
        {
            self.note(Tone::Warn, "!", failure.message);
        }
        false
    }
}

/// The last line: one sentence with the outcome, and what to do next.
pub(crate) fn conclude(term: &Term, quest: &Quest, ending: &Ending) -> Outcome {
    let exit = ending.exit();
    let (service, rollout) = (&quest.service, quest.rollout);
    let sentence = match ending {
        Ending::Succeeded => format!("rollout {rollout} succeeded: {service} runs the new revision"),
        Ending::Shadowed => format!(
            "rollout {rollout}: the shadow passed; {service} was not promoted, as [shadow] then = \"stop\" says"
        ),
        Ending::Reached => format!("rollout {rollout} goes on; `staunch watch {service}` follows it"),
        Ending::RolledBack(cause) => {
            format!("rollout {rollout} rolled back: {}\nwhy: staunch explain {rollout}", cause.sentence())
        }
        Ending::Rejected(because) => format!("rollout {rollout} rejected: {because}"),
        Ending::TimedOut => {
            format!("timed out; rollout {rollout} goes on. `staunch watch {service}` follows it")
        }
        Ending::Detached => format!(
            "detached; rollout {rollout} goes on. `staunch watch {service}` follows it, `staunch abort {service}` ends it"
        ),
    };
    match term.output {
        Output::Text => term.result(&sentence),
        Output::Json | Output::Jsonl => term.json(&serde_json::json!({
            "service": service, "rollout": rollout, "exit": exit as u8, "outcome": sentence.lines().next(),
        })),
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_tells_a_gate_from_a_person() {
        let gate = Cause::Gate { gate: "error-rate".to_owned(), because: String::new() };
        let person = Cause::Aborted { by: "ann".to_owned(), reason: String::new() };
        assert_eq!(Ending::RolledBack(gate).exit(), Exit::RolledBack);
        assert_eq!(Ending::RolledBack(person).exit(), Exit::Aborted);
    }

    #[test]
    fn until_refuses_what_it_does_not_know() {
        assert_eq!(Until::parse("step:2").unwrap(), Until::Step(2));
        assert!(Until::parse("step:0").is_err());
        assert!(Until::parse("soon").is_err());
    }
}
