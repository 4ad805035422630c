//! The error budget of one service: counted from every report, weighed once a second, kept by the journal's thread.
//!
//! It costs a service nothing while nobody calls it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::Hearing;
use staunch_analysis::budget::{
    Bucket, Changes, Ledger, Left, Level, ObjectiveKind, RolloutSpend, Served, Side, Standing, Tap, burn_down,
};
use staunch_model::{EdgeReport, ServiceName, SloSpec, Timestamp};
use staunch_ports::{CountChanges, CountRow, JournalError, KeptCounts};
use staunch_rollout::{BudgetCost, BudgetEvent, BudgetFacts};

const WEIGH_EVERY: Duration = Duration::from_secs(1);
/// How it came to that changes slowly.
const DRAW_EVERY: Duration = Duration::from_secs(10);
/// A budget that cannot be read is asked for again.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// The proxy gives a sign of life ten times a second: after so long it is not heard.
const SILENT: Duration = Duration::from_secs(10);

/// What can be seen of a budget from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetView {
    pub slo: SloSpec,
    pub standing: Standing,
    /// What the gate acts by: the standing's level, or the recorded one while nothing is known.
    pub level: Level,
    /// Why nothing is known.
    pub unknown: Option<String>,
    /// What the present rollout, or the last, has spent.
    pub spend: Option<RolloutSpend>,
    /// How the window's budget went, at most ten seconds old.
    #[serde(skip)]
    pub down: Arc<[Left]>,
}

/// What was counted before this process.
enum Kept {
    Wanted,
    Reading(Receiver<Result<KeptCounts, JournalError>>),
    Failed { at: Timestamp, why: String },
    Read,
}

pub(crate) struct Budget {
    slo: SloSpec,
    ledger: Ledger,
    tap: Tap,
    kept: Kept,
    /// The beginning of counting has been written down.
    begun: bool,
    standing: Standing,
    weighed: Option<Timestamp>,
    down: Arc<[Left]>,
    drawn: Option<Timestamp>,
    heard: Timestamp,
}

impl Budget {
    pub(crate) fn new(slo: SloSpec, now: Timestamp) -> Self {
        let ledger = Ledger::new(slo.window, now);
        Self {
            standing: Standing::of(&ledger, &slo, false, now),
            ledger,
            slo,
            tap: Tap::default(),
            kept: Kept::Wanted,
            begun: false,
            weighed: None,
            down: Arc::default(),
            drawn: None,
            heard: now,
        }
    }

    /// The same counts under what the file says now.
    pub(crate) fn under(old: Option<Self>, slo: Option<&SloSpec>, now: Timestamp) -> Option<Self> {
        let slo = slo?.clone();
        let Some(mut budget) = old else { return Some(Self::new(slo, now)) };
        budget.ledger.set_window(slo.window, now);
        budget.slo = slo;
        budget.weighed = None;
        budget.drawn = None;
        Some(budget)
    }

    pub(crate) fn observe(&mut self, reports: &[EdgeReport], service: &ServiceName, now: Timestamp) {
        if !reports.is_empty() {
            self.heard = now;
        }
        let under = self.slo.latency.map(|latency| latency.under);
        let samples = reports.iter().flat_map(|report| &report.samples);
        let drawn = self.tap.draw(samples, service, under);
        let refused = self.ledger.take(now, drawn);
        self.tap.owe(refused);
    }

    /// Whether what was kept is to be read now.
    pub(crate) fn wants_reading(&self, now: Timestamp) -> bool {
        match &self.kept {
            Kept::Wanted => true,
            Kept::Failed { at, .. } => now.since(*at) >= READ_AGAIN,
            Kept::Reading(_) | Kept::Read => false,
        }
    }

    pub(crate) fn read(&mut self, kept: Receiver<Result<KeptCounts, JournalError>>) {
        self.kept = Kept::Reading(kept);
    }

    fn take_kept(&mut self, now: Timestamp) {
        let Kept::Reading(answer) = &self.kept else { return };
        let failed = |why: String| Kept::Failed { at: now, why };
        self.kept = match answer.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Ok(kept)) => {
                self.begun = kept.since.is_some();
                let since = kept.since.unwrap_or(self.ledger.since());
                self.ledger.restore(since, kept.rows.iter().map(bucket));
                self.weighed = None;
                self.drawn = None;
                Kept::Read
            }
            Ok(Err(error)) => failed(error.to_string()),
            Err(TryRecvError::Disconnected) => failed("the journal's thread has ended".to_owned()),
        };
    }

    /// How it stands, at most a second old; `anew` as of now. `frozen`: a freeze is recorded.
    pub(crate) fn weigh(&mut self, frozen: bool, anew: bool, now: Timestamp) {
        self.take_kept(now);
        let due = self.weighed.is_none_or(|last| now.since(last) >= WEIGH_EVERY);
        if due || anew {
            self.weighed = Some(now);
            self.ledger.tidy(now);
            self.standing = Standing::of(&self.ledger, &self.slo, frozen, now);
        }
        let old = |last| now.since(last) >= DRAW_EVERY || (due && self.down.is_empty());
        if self.drawn.is_none_or(old) {
            self.drawn = Some(now);
            self.down = burn_down(&self.ledger, &self.slo, now).into();
        }
    }

    /// Why nothing is known of the budget.
    fn unknown(&self, now: Timestamp) -> Option<String> {
        match &self.kept {
            Kept::Wanted | Kept::Reading(_) => Some("what was counted before is being read".to_owned()),
            Kept::Failed { why, .. } => Some(format!("what was counted before cannot be read: {why}")),
            Kept::Read if now.since(self.heard) >= SILENT => {
                Some("the proxy has not reported what it serves for ten seconds".to_owned())
            }
            Kept::Read => None,
        }
    }

    /// What has to be recorded: the beginning of a freeze, its becoming deeper, or its end.
    pub(crate) fn news(&self, recorded: Option<Level>, now: Timestamp) -> Option<BudgetEvent> {
        if self.unknown(now).is_some() {
            return None;
        }
        let level = self.standing.level;
        let left = self.standing.left();
        match recorded {
            None if !level.is_frozen() => None,
            Some(before) if level.is_frozen() && level <= before => None,
            None | Some(_) if level.is_frozen() => Some(BudgetEvent::Frozen {
                level,
                objective: self.worst(),
                left,
                thaw_at: self.standing.thaw_at,
            }),
            None | Some(_) => {
                let because =
                    "enough old failures have left the window, or enough good requests came".to_owned();
                Some(BudgetEvent::Thawed { left: Some(left), because })
            }
        }
    }

    fn worst(&self) -> ObjectiveKind {
        self.standing.worst().map_or(ObjectiveKind::Availability, |objective| objective.kind)
    }

    fn level(&self, recorded: Option<Level>, now: Timestamp) -> Level {
        if self.unknown(now).is_some() { recorded.unwrap_or(Level::Open) } else { self.standing.level }
    }

    pub(crate) fn facts(
        &self,
        recorded: Option<Level>,
        hearing: Option<&Hearing>,
        now: Timestamp,
    ) -> BudgetFacts {
        BudgetFacts {
            slo: self.slo.clone(),
            level: self.level(recorded, now),
            left: self.standing.left(),
            thaw_at: self.standing.thaw_at,
            spend: hearing.map(|hearing| self.spend(hearing)),
            unknown: self.unknown(now),
        }
    }

    fn spend(&self, hearing: &Hearing) -> RolloutSpend {
        let under = self.slo.latency.map(|latency| latency.under);
        let (new, old) = hearing.totals();
        let (new_latency, old_latency) = hearing.latencies();
        let side =
            Side { new: Served::of(&new, new_latency, under), old: Served::of(&old, old_latency, under) };
        RolloutSpend::of(&side, &self.slo, &self.standing)
    }

    /// What the rollout took, for the journal.
    pub(crate) fn cost(&self, hearing: &Hearing) -> BudgetCost {
        let spend = self.spend(hearing);
        BudgetCost {
            objective: spend.objective,
            bad: spend.bad,
            share: Some(spend.share).filter(|share| share.is_finite()),
            left: self.standing.left(),
            window_ms: u64::try_from(self.slo.window.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn view(
        &self,
        recorded: Option<Level>,
        hearing: Option<&Hearing>,
        now: Timestamp,
    ) -> BudgetView {
        BudgetView {
            slo: self.slo.clone(),
            standing: self.standing.clone(),
            level: self.level(recorded, now),
            unknown: self.unknown(now),
            spend: hearing.map(|hearing| self.spend(hearing)),
            down: self.down.clone(),
        }
    }

    /// What is to be written down; `None` when nothing is, or while older counts are not known.
    pub(crate) fn changes(&mut self, service: &ServiceName) -> Option<CountChanges> {
        let Kept::Read = self.kept else { return None };
        let changes = self.ledger.changes();
        if self.begun && changes.is_empty() {
            return None;
        }
        self.begun = true;
        Some(CountChanges {
            service: service.clone(),
            since: self.ledger.since(),
            gone: changes.gone.iter().map(|start| Timestamp(*start)).collect(),
            rows: changes.written.iter().map(row).collect(),
        })
    }

    /// They could not be written: they are to be written again.
    pub(crate) fn put_back(&mut self, changes: &CountChanges) {
        self.begun = false;
        self.ledger.put_back(&Changes {
            gone: changes.gone.iter().map(|start| start.0).collect(),
            written: changes.rows.iter().map(bucket).collect(),
        });
    }
}

fn bucket(row: &CountRow) -> Bucket {
    let CountRow { start, total, failed, timed, slow } = *row;
    Bucket { start: start.0, served: Served { total, failed, timed, slow } }
}

fn row(bucket: &Bucket) -> CountRow {
    let Served { total, failed, timed, slow } = bucket.served;
    CountRow { start: Timestamp(bucket.start), total, failed, timed, slow }
}
