//! Seeded services that are looked at only once in a while.

use staunch_evidence::{Exceedance, ScrapedHistogram, SeriesSign, Tail, WorseWhen, decorrelation_scrapes};

use crate::simulated::Chance;

/// Seconds; the edges that client libraries use when nothing is said.
const EDGES: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const SCRAPE_SECS: u64 = 15;
const REQUESTS_PER_SEC: u64 = 100;
const SHARE: f64 = 0.05;

/// Cumulative counters of one arm.
#[derive(Default)]
struct Counters([u64; EDGES.len() + 1]);

impl Counters {
    fn add(&mut self, secs: f64) {
        let from = EDGES.partition_point(|edge| *edge < secs);
        self.0[from..].iter_mut().for_each(|count| *count += 1);
    }
}

/// The scrape in which a lognormal service (median 80 ms, σ = 0.6) whose canary is `factor` slower is found.
fn found_in_scrape(chance: &mut Chance, factor: f64, scrapes: u64) -> Option<u64> {
    let mut test = Exceedance::new(Tail::Slower, &EDGES, 0.0);
    let (mut canary, mut stable) = (Counters::default(), Counters::default());
    let mut histograms = [(); 2].map(|()| ScrapedHistogram::new(EDGES.len() + 1));
    let mut look = |test: &mut Exceedance, canary: &Counters, stable: &Counters| {
        let [of_canary, of_stable] = &mut histograms;
        test.observe(of_canary.scrape(&canary.0).increase(), of_stable.scrape(&stable.0).increase());
    };
    look(&mut test, &canary, &stable);
    (1..=scrapes).find(|_| {
        for _ in 0..SCRAPE_SECS * REQUESTS_PER_SEC {
            let secs = 0.08 * (0.6 * chance.normal()).exp();
            if chance.unit() < SHARE { canary.add(factor * secs) } else { stable.add(secs) }
        }
        look(&mut test, &canary, &stable);
        test.restart();
        test.log_e() >= 100_f64.ln()
    })
}

#[test]
fn scraped_latency_is_rarely_blamed_when_equal_and_found_within_a_few_scrapes_when_slower() {
    let mut chance = Chance(37);
    let blamed = (0..150).filter(|_| found_in_scrape(&mut chance, 1.0, 60).is_some()).count();
    assert!(blamed <= 5, "{blamed} of 150");
    let mut median = |factor: f64| {
        let mut found: Vec<u64> =
            (0..101).map(|_| found_in_scrape(&mut chance, factor, 100).expect("found")).collect();
        found.sort_unstable();
        found[50]
    };
    let (double, fifth) = (median(2.0), median(1.2));
    // The first scrape only shows what stable is like. The bounds are 1.5 s and 21 s.
    assert!(double <= 2 && fifth <= 6, "{double} and {fifth} scrapes");
}

/// A processor's load: each scrape keeps `memory` of the one before.
fn load(seed: u64, memory: f64) -> impl FnMut() -> f64 {
    let mut chance = Chance(seed);
    let mut swing = 0.0;
    move || {
        swing = memory * swing + chance.normal();
        50.0 + swing
    }
}

#[test]
fn blocks_as_long_as_the_memory_of_a_series_keep_its_false_alarms_rare() {
    const MEMORY: f64 = 0.8;
    let (mut one, mut other) = (load(41, MEMORY), load(43, MEMORY));
    let halves: Vec<f64> = (0..1_000).map(|_| one() - other()).collect();
    let block = decorrelation_scrapes(&halves).expect("it forgets");
    let blamed = |block: usize| {
        let run = |seed: &u64| {
            let (mut canary, mut stable) = (load(*seed, MEMORY), load(!*seed, MEMORY));
            let mut test = SeriesSign::harm(WorseWhen::Higher, 0.0, block);
            (0..240).any(|_| {
                test.observe(canary(), stable());
                test.log_e() >= 100_f64.ln()
            })
        };
        (0..1_000).filter(run).count()
    };
    let (scrape_by_scrape, in_blocks) = (blamed(1), blamed(block));
    assert!(in_blocks <= 20, "{in_blocks} of 1000 in blocks of {block}");
    assert!(scrape_by_scrape > 100, "without blocks the test is broken: {scrape_by_scrape} of 1000");
}
