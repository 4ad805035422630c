//! A long journal made of a short real one: its last rollouts happen again and again, chained as if they had.
//!
//! `cargo run --release -p staunch-store --example long_history -- SHORT LONG CYCLE TIMES`
//!
//! The last CYCLE rollouts of the journal SHORT must end where they began (there and back), so that they can follow
//! each other. LONG begins with what was before them, then has them TIMES times, an hour apart, the last as in SHORT.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;
use staunch_model::{RolloutId, ServiceName, Timestamp};
use staunch_ports::{Entry, Journal, NewEntry, RolloutRow};
use staunch_store::SqliteJournal;

const HOUR_MS: i64 = 3_600_000;
/// Cycles that share a transaction.
const BATCH: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [short, long, cycle, times] = words.as_slice() else {
        return Err("what is needed: SHORT LONG CYCLE TIMES".into());
    };
    let pattern = Pattern::read(&SqliteJournal::open_read_only(Path::new(short))?, cycle.parse()?)?;
    let mut journal = SqliteJournal::open(Path::new(long))?;
    let times: u64 = times.parse()?;
    append(&mut journal, pattern.before(times))?;
    let mut begun = 0;
    while begun < times {
        let end = times.min(begun + BATCH);
        let batch = (begun..end).map(|time| pattern.again(time, times));
        let (entries, rows): (Vec<_>, Vec<_>) = batch.unzip();
        append(&mut journal, (entries.concat(), rows.concat()))?;
        begun = end;
    }
    writeln!(std::io::stdout(), "{{\"entries\":{},\"rollouts\":{}}}", journal.head(), pattern.last(times))?;
    Ok(())
}

fn append(journal: &mut SqliteJournal, (entries, rows): Part) -> Result<(), Box<dyn Error>> {
    journal.append(journal.head(), entries, &rows)?;
    Ok(())
}

type Part = (Vec<NewEntry>, Vec<RolloutRow>);

struct Pattern {
    entries: Vec<Entry>,
    rows: Vec<RolloutRow>,
    /// The first rollout of the cycle, and how many it has.
    first: u64,
    cycle: u64,
    /// How far a cycle takes each service's split generation.
    generations: BTreeMap<ServiceName, u64>,
    /// From a cycle's begin to that of the next, in milliseconds.
    period: i64,
}

impl Pattern {
    fn read(journal: &SqliteJournal, cycle: u64) -> Result<Self, Box<dyn Error>> {
        let mut entries = journal.read(0, usize::MAX >> 1)?;
        // Freezes and tokens belong to no rollout and would not fit in between.
        entries.retain(|entry| entry.rollout.is_some());
        let rows = journal.rollouts(None, usize::MAX >> 1)?;
        let last = rows.first().map_or(0, |row| row.id.0);
        let first = (last + 1).checked_sub(cycle).filter(|first| *first > 1);
        let first = first.ok_or("the journal needs more rollouts than the cycle has")?;
        let (before, within): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.rollout.is_some_and(|id| id.0 < first));
        let span = |all: &[&Entry]| Some(all.last()?.at.0 - all.first()?.at.0);
        let period = span(&within).ok_or("the cycle is empty")? + HOUR_MS;
        let reached = highest(&before);
        let generations = highest(&within).into_iter().map(|(name, end)| {
            let begin = reached.get(&name).copied().unwrap_or_default();
            (name, end.saturating_sub(begin))
        });
        let generations = generations.collect();
        Ok(Self { rows, first, cycle, generations, period, entries })
    }

    fn last(&self, times: u64) -> u64 {
        self.first - 1 + self.cycle * times
    }

    fn before(&self, times: u64) -> Part {
        let earlier = -self.period * times.cast_signed();
        self.part(|id| id < self.first, |id| id, earlier, 0)
    }

    /// The cycle for the `time`-th time, counted from 0.
    fn again(&self, time: u64, times: u64) -> Part {
        let earlier = -self.period * (times - 1 - time).cast_signed();
        self.part(|id| id >= self.first, |id| id + self.cycle * time, earlier, time)
    }

    fn part(
        &self,
        wanted: impl Fn(u64) -> bool,
        number: impl Fn(u64) -> u64 + Copy,
        earlier: i64,
        time: u64,
    ) -> Part {
        let entries = self.entries.iter().filter(|entry| entry.rollout.is_some_and(|id| wanted(id.0)));
        let entries = entries.map(|entry| {
            let mut body = entry.body.clone();
            let further = self.generations.get(&entry.service).copied().unwrap_or_default() * time;
            renumber(&mut body, number, further);
            NewEntry {
                at: Timestamp(entry.at.0 + earlier),
                actor: entry.actor.clone(),
                service: entry.service.clone(),
                rollout: entry.rollout.map(|id| RolloutId(number(id.0))),
                kind: entry.kind.clone(),
                body,
            }
        });
        let rows = self.rows.iter().filter(|row| wanted(row.id.0)).map(|row| RolloutRow {
            id: RolloutId(number(row.id.0)),
            started: Timestamp(row.started.0 + earlier),
            ended: row.ended.map(|at| Timestamp(at.0 + earlier)),
            ..row.clone()
        });
        (entries.collect(), rows.collect())
    }
}

/// The highest split generation that entries speak of.
fn highest(entries: &[&Entry]) -> BTreeMap<ServiceName, u64> {
    let mut found = BTreeMap::new();
    for entry in entries {
        if let Some(generation) = entry.body.get("generation").and_then(Value::as_u64) {
            let highest: &mut u64 = found.entry(entry.service.clone()).or_default();
            *highest = generation.max(*highest);
        }
    }
    found
}

/// Rollouts have their numbers, and generations only grow.
fn renumber(body: &mut Value, number: impl Fn(u64) -> u64, further: u64) {
    if let Some(id) = body.pointer_mut("/spec/id")
        && let Some(old) = id.as_u64()
    {
        *id = number(old).into();
    }
    if let Some(generation) = body.get_mut("generation")
        && let Some(old) = generation.as_u64()
    {
        *generation = (old + further).into();
    }
}
