//! A policy against a world, over many seeds: what is simulated, and what came out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_rollout::IllegalEvent;

use crate::bound::bound_secs;
use crate::looks::Looks;
use crate::many::{Progress, Stopped, run_all};
use crate::path::Path;
use crate::peers::{Back, Backs, Limit, Peer, backs};
use crate::policy::Policy;
use crate::run::{End, Run, Trial};
use crate::stats::{Share, Spread};
use crate::traffic::Scene;
use crate::world::World;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    pub policy: Policy,
    pub world: World,
    pub looks: Looks,
    /// How many rollouts.
    pub seeds: u64,
    /// Whether today's polling rules are tried beside it, at the canary's first share.
    pub compare: bool,
}

/// What came out. Seconds count from the canary's first user, delays from the fault's onset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    pub world: World,
    /// Rolled back by evidence though the canary was not worse, or not yet.
    pub false_rollbacks: Share,
    /// Worse, and neither rolled back by evidence nor for another reason; not those that ended before the fault began.
    pub missed: Share,
    pub promoted: Share,
    /// Taken back by a deadline or for want of data.
    pub gave_up: Share,
    /// Still under way at the horizon.
    pub unfinished: Share,
    /// How often each cause took the canary back.
    pub causes: BTreeMap<String, u64>,
    /// From the onset until the rollback by evidence, of those that were.
    pub delay_secs: Option<Spread>,
    /// What no rule can beat on average; `None` when there is nothing to tell, or several shares to tell it at.
    pub bound_secs: Option<f64>,
    /// The canary's failures beyond stable's share until the end.
    pub excess_failures: Option<Spread>,
    /// Until the promotion was routed, of those that came so far.
    pub full_secs: Option<Spread>,
    /// Looks per rollout on average.
    pub looks: f64,
    pub limit: Option<Limit>,
    pub peers: Vec<PeerSummary>,
}

/// What a polling rule did on the same traffic at the canary's first share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PeerSummary {
    pub peer: Peer,
    pub false_rollbacks: Share,
    pub missed: Share,
    pub delay_secs: Option<Spread>,
    pub excess_failures: Option<Spread>,
}

/// All runs of one simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    pub summary: Summary,
    /// In the order of the seeds.
    pub runs: Vec<Run>,
    /// When each rule took the canary back, in seconds since its first user; rules that never did leave a gap.
    pub taken_back: Vec<TakenBack>,
}

/// When one rule took the canary back, over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakenBack {
    pub rule: String,
    /// How many rollouts it watched.
    pub of: u64,
    /// Ascending.
    pub at_secs: Vec<f64>,
}

impl TakenBack {
    fn new(rule: &str, of: usize, at_secs: impl Iterator<Item = f64>) -> Self {
        let mut at_secs: Vec<f64> = at_secs.collect();
        at_secs.sort_by(f64::total_cmp);
        Self { rule: rule.to_owned(), of: of as u64, at_secs }
    }
}

/// Why there are no results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A fault of the state machine itself.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

impl Simulation {
    /// Runs all seeds. The results are the same bits whatever the number of workers.
    pub fn run(&self, workers: usize, progress: &Progress) -> Result<Results, SimulationError> {
        let trial = self.trial();
        let limit = self.compare.then(|| Limit::tuned(&trial.scene));
        let both = run_all(self.seeds, workers, progress, |seed| {
            let peers = limit.map(|limit| self.backs(&trial, limit, seed));
            (trial.run(seed), peers)
        })?;
        let (runs, backs): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        let runs: Vec<Run> = runs.into_iter().collect::<Result<_, _>>()?;
        let backs: Vec<Backs> = backs.into_iter().flatten().collect();
        let summary = Summary { limit, peers: self.peers(&backs), ..self.summary(&runs) };
        let taken_back = taken_back(&runs, &backs);
        Ok(Results { summary, runs, taken_back })
    }

    /// One rollout, look by look.
    pub fn example(&self, seed: u64) -> Result<(Run, Path), SimulationError> {
        let mut path = Path::default();
        let run = self.trial().watched(seed, &mut path)?;
        Ok((run, path))
    }

    fn trial(&self) -> Trial {
        let scene = Scene::new(&self.world, self.policy.replicas, self.policy.sticky);
        Trial::new(&self.policy, scene, self.looks)
    }

    fn backs(&self, trial: &Trial, limit: Limit, seed: u64) -> Backs {
        backs(&trial.scene, self.policy.first_share(), limit, &trial.looks, seed)
    }

    /// Whether a rollback then is wrong.
    fn is_false(&self, at_secs: f64) -> bool {
        !self.world.has_fault() || at_secs < self.world.onset_secs
    }

    fn summary(&self, runs: &[Run]) -> Summary {
        let of = runs.len() as u64;
        let share = |holds: &dyn Fn(&Run) -> bool| {
            Share::new(runs.iter().filter(|run| holds(run)).count() as u64, of)
        };
        let wrong = |run: &Run| run.end == End::Blamed && self.is_false(run.at_secs);
        let right = |run: &&Run| run.end == End::Blamed && !self.is_false(run.at_secs);
        let missed = |run: &Run| {
            let there = self.world.has_fault() && run.at_secs >= self.world.onset_secs;
            there && matches!(run.end, End::Promoted | End::Unfinished)
        };
        let spread = |values: Vec<f64>| Spread::of(&values);
        Summary {
            world: self.world.clone(),
            false_rollbacks: share(&wrong),
            missed: share(&missed),
            promoted: share(&|run| run.end == End::Promoted),
            gave_up: share(&|run| run.end == End::GaveUp),
            unfinished: share(&|run| run.end == End::Unfinished),
            causes: causes(runs),
            delay_secs: spread(
                runs.iter().filter(right).map(|run| run.at_secs - self.world.onset_secs).collect(),
            ),
            bound_secs: bound_secs(&self.world, &self.policy),
            excess_failures: spread(runs.iter().map(|run| run.excess).collect()),
            full_secs: spread(runs.iter().filter_map(|run| run.full_secs).collect()),
            looks: runs.iter().map(|run| run.looks as f64).sum::<f64>() / of.max(1) as f64,
            limit: None,
            peers: Vec::new(),
        }
    }

    fn peers(&self, backs: &[Backs]) -> Vec<PeerSummary> {
        let of = backs.len() as u64;
        let summary = |peer: Peer| {
            let back = || backs.iter().map(move |backs| backs[peer as usize]);
            let wrong = |back: &Back| self.is_false(back.at_secs);
            let right: Vec<Back> = back().flatten().filter(|back| !wrong(back)).collect();
            let missed = back().filter(|back| back.is_none() && self.world.has_fault()).count();
            let delays: Vec<f64> = right.iter().map(|back| back.at_secs - self.world.onset_secs).collect();
            let excess: Vec<f64> = right.iter().map(|back| back.excess).collect();
            PeerSummary {
                peer,
                false_rollbacks: Share::new(back().flatten().filter(wrong).count() as u64, of),
                missed: Share::new(missed as u64, of),
                delay_secs: Spread::of(&delays),
                excess_failures: Spread::of(&excess),
            }
        };
        if backs.is_empty() { Vec::new() } else { Peer::ALL.into_iter().map(summary).collect() }
    }
}

fn causes(runs: &[Run]) -> BTreeMap<String, u64> {
    let mut causes = BTreeMap::new();
    for cause in runs.iter().filter_map(|run| run.cause.clone()) {
        *causes.entry(cause).or_default() += 1;
    }
    causes
}

fn taken_back(runs: &[Run], backs: &[Backs]) -> Vec<TakenBack> {
    let blamed = runs.iter().filter(|run| run.end == End::Blamed).map(|run| run.at_secs);
    let ours = TakenBack::new("evidence", runs.len(), blamed);
    let theirs = Peer::ALL.into_iter().filter(|_| !backs.is_empty()).map(|peer| {
        let at = backs.iter().filter_map(|backs| backs[peer as usize]).map(|back| back.at_secs);
        TakenBack::new(peer.name(), backs.len(), at)
    });
    std::iter::once(ours).chain(theirs).collect()
}
