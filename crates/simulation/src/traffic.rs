//! What reaches both versions between two moments, drawn from the world.

use crate::chance::Chance;
use crate::draw::{binomial, poisson};
use crate::failing::{Failed, Failing};
use crate::latency::{Cells, Shape, fault};
use crate::laws::Laws;
use crate::world::World;

/// Where attempts without a good answer are: the slowest bucket there is.
const FAILED: u16 = staunch_model::LATENCY_BUCKETS as u16 - 1;

/// A world made ready to draw from: what is the same for every seed.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    /// How many instances stable has, and the canary when it has everything.
    replicas: u32,
    /// Clients stay on their side.
    sticky: bool,
    usual: Cells,
    faulty: Cells,
}

impl Scene {
    pub(crate) fn new(world: &World, replicas: u32, sticky: bool) -> Self {
        let faulty = Cells::new(world, fault(world), &[0.0]);
        Self {
            usual: Cells::new(world, Shape::USUAL, &[0.0]),
            world: world.clone(),
            replicas: replicas.max(1),
            sticky,
            faulty,
        }
    }

    /// Both versions' laws when the fault is there and no instance differs from another: stable's, the canary's.
    pub(crate) fn laws(&self) -> (&Cells, &Cells) {
        (&self.usual, &self.faulty)
    }
}

/// One version between two moments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Arm {
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    /// Clients that failed.
    pub(crate) clients: u64,
    /// Ascending by bucket; empty when latencies are not drawn.
    pub(crate) latency: Vec<(u16, u64)>,
}

/// Both versions between two moments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) canary: Arm,
    pub(crate) stable: Arm,
    /// The canary's failures less what stable's error share lets expect of its requests: negative when it was lucky.
    pub(crate) excess: f64,
}

/// The traffic of one seed: moments must be asked for in ascending order.
#[derive(Debug)]
pub(crate) struct Traffic<'s> {
    scene: &'s Scene,
    chance: Chance,
    with_latency: bool,
    at: f64,
    /// Logarithm of what the error share is times its usual.
    drift: f64,
    /// The present outage, or the next.
    outage: (f64, f64),
    speeds: Vec<f64>,
    laws: Laws<'s>,
    /// When the canary's instances that serve were started.
    started: Vec<f64>,
    failing: Failing,
}

impl<'s> Traffic<'s> {
    /// Traffic begins at `from`, in seconds since the canary's first user. When somebody watches, every bucket of
    /// latencies is drawn.
    pub(crate) fn new(scene: &'s Scene, seed: u64, with_latency: bool, from: f64, watched: bool) -> Self {
        let mut chance = Chance::new(seed, 0);
        let detail = watched.then(|| Chance::new(seed, 1));
        let world = &scene.world;
        let drift = world.drift_sd * chance.normal();
        let speeds = (0..2 * scene.replicas).map(|_| world.instances_sd * chance.normal()).collect();
        let mut traffic = Self {
            scene,
            chance,
            with_latency,
            at: from,
            drift,
            outage: (f64::INFINITY, f64::INFINITY),
            speeds,
            laws: Laws::new(scene, detail),
            started: Vec::new(),
            failing: Failing::new(world.burst, scene.sticky),
        };
        traffic.outage = traffic.next_outage(from);
        if traffic.uneven() {
            traffic.laws.stable_on(world, &traffic.speeds[scene.replicas as usize..]);
        }
        traffic
    }

    fn uneven(&self) -> bool {
        self.with_latency && self.scene.world.instances_sd > 0.0
    }

    /// The canary's instances that serve from now on, by the moments at which they were started.
    pub(crate) fn serve(&mut self, started: &[f64]) {
        if self.started == started {
            return;
        }
        self.started = started.to_vec();
        if self.uneven() {
            let world = &self.scene.world;
            let speeds = &self.speeds[..started.len().clamp(1, self.scene.replicas as usize)];
            self.laws.canary_on(world, speeds);
        }
    }

    /// Latencies are drawn, and nobody has said where they need to be told apart.
    pub(crate) fn draws_every_bucket(&self) -> bool {
        self.with_latency && !self.laws.knows_ranges()
    }

    /// See [`Laws::tell_apart_at`].
    pub(crate) fn tell_apart_at(&mut self, edges: [Vec<u16>; 2], quantiles: &[f64]) {
        self.laws.tell_apart_at(edges, quantiles);
    }

    /// What comes until `to`, `share` of it to the canary.
    pub(crate) fn until(&mut self, to: f64, share: f64) -> Drawn {
        self.draw(to, share, 1.0, false)
    }

    /// What comes until `to` to the canary and to twins of stable, which have a `part` of the traffic together; `share`
    /// of that is the canary's. Twins are as cold as the canary is.
    pub(crate) fn until_beside_twins(&mut self, to: f64, share: f64, part: f64) -> Drawn {
        self.draw(to, share, part, true)
    }

    fn draw(&mut self, to: f64, share: f64, part: f64, twins: bool) -> Drawn {
        let from = std::mem::replace(&mut self.at, to);
        let world = &self.scene.world;
        let expected = part * self.expected(from, to);
        let requests = poisson(&mut self.chance, expected);
        let of_canary = binomial(&mut self.chance, requests, share);
        let cold = self.cold(from, to);
        let (both, alone) = if twins { (cold, 0.0) } else { (0.0, cold) };
        let base = (self.base(from, to) + both).min(1.0);
        let faulty = share_within(from, to, world.onset_secs, f64::INFINITY);
        let own = (world.canary_errors - world.errors) * faulty + alone;
        let attempts = [of_canary, requests - of_canary];
        let [canary, stable] = self.failing.fail(&mut self.chance, attempts, base, own);
        let excess = canary.requests as f64 - base * of_canary as f64;
        self.drift_on(to - from);
        let arm = |attempts: u64, failed: Failed| Arm {
            attempts,
            failed: failed.requests,
            clients: failed.clients,
            latency: Vec::new(),
        };
        let (canary, stable) = (arm(attempts[0], canary), arm(attempts[1], stable));
        let mut drawn = Drawn { canary, stable, excess };
        if self.with_latency {
            self.time(&mut drawn, faulty);
        }
        drawn
    }

    fn expected(&self, from: f64, to: f64) -> f64 {
        let world = &self.scene.world;
        let angle = std::f64::consts::TAU * (from + to) / 2.0 / world.swing_secs;
        world.rps * (to - from) * (1.0 + world.swing * libm::sin(angle))
    }

    /// The share that fails on either version.
    fn base(&mut self, from: f64, to: f64) -> f64 {
        let world = &self.scene.world;
        let mut out = share_within(from, to, self.outage.0, self.outage.1);
        while self.outage.1 <= to {
            self.outage = self.next_outage(self.outage.1);
            out += share_within(from, to, self.outage.0, self.outage.1);
        }
        (world.errors * libm::exp(self.drift) + world.outage_errors * out).min(1.0)
    }

    fn next_outage(&mut self, after: f64) -> (f64, f64) {
        let world = &self.scene.world;
        if world.outages_per_hour <= 0.0 || world.outage_errors <= 0.0 {
            return (f64::INFINITY, f64::INFINITY);
        }
        let begin = after + self.chance.exponential() * 3_600.0 / world.outages_per_hour;
        (begin, begin + world.outage_secs)
    }

    /// A step of the autoregression whose stationary deviation is `drift_sd`.
    fn drift_on(&mut self, span: f64) {
        let world = &self.scene.world;
        if world.drift_sd > 0.0 {
            let kept = libm::exp(-span / world.drift_secs);
            self.drift =
                self.drift * kept + world.drift_sd * (1.0 - kept * kept).sqrt() * self.chance.normal();
        }
    }

    /// What fails beside the usual since instances are fresh, averaged over the time and the instances.
    fn cold(&self, from: f64, to: f64) -> f64 {
        let world = &self.scene.world;
        if world.cold_errors <= 0.0 || self.started.is_empty() || to <= from {
            return 0.0;
        }
        let left = |at: f64, start: f64| libm::exp(-(at - start).max(0.0) / world.cold_secs);
        let mean = |start: f64| world.cold_secs * (left(from, start) - left(to, start)) / (to - from);
        let sum: f64 = self.started.iter().map(|start| mean(*start)).sum();
        world.cold_errors * sum / self.started.len() as f64
    }

    /// Draws latencies: failures are the slowest, however fast they failed.
    fn time(&mut self, drawn: &mut Drawn, faulty: f64) {
        // Looks do not straddle the onset: the interval is on one side of it.
        self.laws.draw(&mut self.chance, drawn, faulty > 0.5);
        for arm in [&mut drawn.canary, &mut drawn.stable] {
            if arm.failed > 0 {
                arm.latency.push((FAILED, arm.failed));
            }
        }
    }
}

/// The part of `[from, to)` that lies in `[begin, end)`.
fn share_within(from: f64, to: f64, begin: f64, end: f64) -> f64 {
    let within = to.min(end) - from.max(begin);
    if to > from { within.max(0.0) / (to - from) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over an hour in looks of ten seconds: canary's and stable's attempts and failures, and the excess.
    fn hour(text: &str, sticky: bool, seeds: u64) -> ([f64; 4], f64) {
        let scene = Scene::new(&World::read(text).unwrap(), 2, sticky);
        let (mut sums, mut excess) = ([0.0; 4], 0.0);
        for seed in 0..seeds {
            let mut traffic = Traffic::new(&scene, seed, false, 0.0, false);
            traffic.serve(&[0.0]);
            for look in 1..=360 {
                let drawn = traffic.until(f64::from(look) * 10.0, 0.05);
                let arms = [&drawn.canary, &drawn.stable];
                let values = [arms[0].attempts, arms[1].attempts, arms[0].failed, arms[1].failed];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value as f64 / seeds as f64);
                excess += drawn.excess / seeds as f64;
            }
        }
        (sums, excess)
    }

    fn near(value: f64, expected: f64, within: f64) -> bool {
        (value / expected - 1.0).abs() < within
    }

    #[test]
    fn counts_are_what_the_world_says() {
        let ([canary, stable, failed, base], excess) = hour("errors-1-to-5", false, 20);
        assert!(near(canary, 18_000.0, 0.01) && near(stable, 342_000.0, 0.01));
        assert!(near(failed, 900.0, 0.03) && near(base, 3_420.0, 0.02), "{failed} {base}");
        assert!(near(excess, 720.0, 0.05), "{excess}");
    }

    #[test]
    fn bursts_keep_the_share_that_fails() {
        for sticky in [false, true] {
            let ([_, _, failed, base], excess) = hour("burst=30,errors=0.01,canary-errors=0.02", sticky, 60);
            assert!(near(failed, 360.0, 0.1) && near(base, 3_420.0, 0.1), "{sticky} {failed} {base}");
            assert!(near(excess, 180.0, 0.25), "{sticky} {excess}");
        }
    }

    #[test]
    fn outages_hit_both_and_take_their_time() {
        let ([canary, stable, failed, base], _) =
            hour("errors=0,outage-errors=0.2,outages-per-hour=4", false, 200);
        // A cycle is a quarter of an hour of waiting and 30 s of outage.
        let share = 0.2 * 30.0 / 930.0;
        assert!(near(failed / canary, share, 0.1) && near(base / stable, share, 0.1), "{failed} {base}");
    }

    #[test]
    fn fresh_instances_fail_more_for_a_while() {
        let ([_, _, failed, base], excess) = hour("errors=0,cold-errors=0.05,cold-secs=30", false, 50);
        assert_eq!(base, 0.0);
        assert!(near(failed, 0.05 * 30.0 * 5.0, 0.1) && near(excess, failed, 1e-9), "{failed}");
    }

    #[test]
    fn twins_are_as_cold_as_the_canary() {
        let scene = Scene::new(&World::read("errors=0,cold-errors=0.2,cold-secs=30").unwrap(), 2, false);
        let mut traffic = Traffic::new(&scene, 1, false, 0.0, false);
        traffic.serve(&[0.0]);
        let drawn = traffic.until_beside_twins(60.0, 0.5, 0.1);
        let rate = |arm: &Arm| arm.failed as f64 / arm.attempts as f64;
        assert!(near(drawn.canary.attempts as f64, drawn.stable.attempts as f64, 0.2), "{drawn:?}");
        assert!(
            rate(&drawn.canary) > 0.03 && near(rate(&drawn.canary), rate(&drawn.stable), 0.5),
            "{drawn:?}"
        );
    }

    #[test]
    fn a_late_fault_is_late() {
        let scene = Scene::new(&World::read("late-fault").unwrap(), 1, false);
        let mut traffic = Traffic::new(&scene, 1, true, 0.0, false);
        let before = traffic.until(1_800.0, 0.05);
        let after = traffic.until(3_600.0, 0.05);
        let rate = |arm: &Arm| arm.failed as f64 / arm.attempts as f64;
        assert!(rate(&before.canary) < 0.015 && rate(&after.canary) > 0.04);
        let counted: u64 = after.canary.latency.iter().map(|entry| entry.1).sum();
        assert_eq!(counted, after.canary.attempts);
    }

    /// The same bits on every machine: a change here changes every simulation.
    #[test]
    fn a_seed_is_a_world_line() {
        let world = "outages,burst=3,instances-sd=0.05,rps=200,swing=0.5,drift-sd=0.5,cold-errors=0.1";
        let scene = Scene::new(&World::read(world).unwrap(), 2, true);
        let mut traffic = Traffic::new(&scene, 7, true, -1.0, false);
        traffic.serve(&[-1.0]);
        let told = [10.0, 900.0].map(|to| {
            let drawn = traffic.until(to, 0.05);
            let latency =
                |arm: &Arm| arm.latency.iter().map(|(bucket, count)| u64::from(*bucket) * count).sum();
            let told = |arm: &Arm| -> [u64; 4] { [arm.attempts, arm.failed, arm.clients, latency(arm)] };
            [told(&drawn.canary), told(&drawn.stable)]
        });
        let short = [[107, 0, 0, 39_798], [1_970, 0, 0, 724_249]];
        let long = [[12_040, 210, 75, 4_534_717], [229_534, 3_396, 1_147, 85_852_750]];
        assert_eq!(told, [short, long]);
    }

    #[test]
    fn silence_and_certain_failure_are_drawn() {
        let ([canary, ..], excess) = hour("rps=0", false, 1);
        assert_eq!((canary, excess), (0.0, 0.0));
        let ([canary, stable, failed, base], _) =
            hour("errors=1,drift-sd=3,outages-per-hour=1000,outage-errors=1", true, 1);
        assert!(failed <= canary && base <= stable && failed > 0.0);
    }
}
