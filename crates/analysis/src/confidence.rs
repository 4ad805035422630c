//! How sure one can be of a version before its first user: a score from 0 to 100 with every point explained.
//!
//! Six factors, each a part from 0 to 1, averaged by the weights of the file. A factor about which nothing can be
//! known yet gives its weight to the others; one that nobody cared to supply counts half. A veto is never averaged.

use serde::{Deserialize, Serialize};
use staunch_model::{CheckKind, CheckResult, ConfidenceSpec, Strategy, Weight};

use crate::Track;

/// Changes at which half of the points are lost.
const MANY_CHANGES: f64 = 8.0;

/// What is known of a version.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub checks: &'a [CheckResult],
    pub strategy: &'a Strategy,
    pub track: &'a Track,
    /// What differs from the version that runs, as lines for people.
    pub changed: &'a [String],
    /// How this very content did when it was tried before.
    pub before: Option<Before>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// It served everybody.
    Served,
    /// A gate or trigger took it back.
    TakenBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorName {
    SafetyChecks,
    CanaryHealth,
    BlastRadius,
    History,
    ChangeComplexity,
    TestCoverage,
}

impl FactorName {
    pub fn name(self) -> &'static str {
        match self {
            Self::SafetyChecks => "safety-checks",
            Self::CanaryHealth => "canary-health",
            Self::BlastRadius => "blast-radius",
            Self::History => "history",
            Self::ChangeComplexity => "change-complexity",
            Self::TestCoverage => "test-coverage",
        }
    }
}

/// One factor's part in the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    pub factor: FactorName,
    /// 0 to 1; `None` when nothing can be known yet.
    pub part: Option<f64>,
    /// Points it gives and points it could give; those of all factors add up to the score and to 100.
    pub points: f64,
    pub most: f64,
    pub because: String,
}

/// What follows from a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    Proceed,
    /// Stop at the first step until a person promotes.
    Ask,
    Refuse,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// 0 to 100, rounded down; what a veto leaves of it does not matter.
    pub score: u8,
    pub advice: Advice,
    pub proceed: u8,
    pub ask: u8,
    pub factors: Vec<Factor>,
    /// Each alone refuses the version, whatever the score.
    pub vetoes: Vec<String>,
    pub reliability: Reliability,
}

/// How true the chances were that history gave before past releases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    pub releases: u64,
    pub brier: Option<f64>,
    /// Only fifths with releases, lowest first.
    pub table: Vec<ReliabilityRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityRow {
    /// The mean chance that was said, and the share that was good.
    pub said: f64,
    pub came: f64,
    pub releases: u64,
}

pub fn confidence(spec: &ConfidenceSpec, candidate: &Candidate<'_>) -> Confidence {
    let factors = factors(spec, candidate);
    let vetoes = vetoes(candidate.checks);
    let points: f64 = factors.iter().map(|factor| factor.points).sum();
    // A hair of floating point shall not cost a whole point.
    let score = (points + 1e-9).floor().clamp(0.0, 100.0) as u8;
    let reliability = reliability(candidate.track);
    Confidence {
        score,
        advice: advice(spec, score, &vetoes),
        proceed: spec.proceed,
        ask: spec.ask,
        factors,
        vetoes,
        reliability,
    }
}

fn advice(spec: &ConfidenceSpec, score: u8, vetoes: &[String]) -> Advice {
    if !vetoes.is_empty() || score < spec.ask {
        Advice::Refuse
    } else if score < spec.proceed {
        Advice::Ask
    } else {
        Advice::Proceed
    }
}

fn vetoes(checks: &[CheckResult]) -> Vec<String> {
    let vetoes = checks.iter().filter(|check| check.is_veto());
    vetoes.map(|check| format!("{}: {}", check.kind.name(), check.because)).collect()
}

/// A part and why; `None` when nothing can be known yet.
type Told = (Option<f64>, String);

fn factors(spec: &ConfidenceSpec, candidate: &Candidate<'_>) -> Vec<Factor> {
    let weights = spec.weights;
    let told = [
        (FactorName::SafetyChecks, weights.safety_checks, safety_checks(candidate.checks)),
        (FactorName::CanaryHealth, weights.canary_health, canary_health(candidate.before)),
        (FactorName::BlastRadius, weights.blast_radius, blast_radius(candidate.strategy)),
        (FactorName::History, weights.history, history(candidate.track)),
        (FactorName::ChangeComplexity, weights.change_complexity, change_complexity(candidate.changed)),
        (FactorName::TestCoverage, weights.test_coverage, test_coverage(candidate.checks)),
    ];
    let known = told.iter().filter(|(_, _, (part, _))| part.is_some());
    let total: f64 = known.map(|(_, weight, _)| f64::from(*weight)).sum();
    let factor = |(factor, weight, (part, because)): (FactorName, u8, Told)| {
        let share = if total > 0.0 { f64::from(weight) / total } else { 0.0 };
        let most = part.map_or(0.0, |_| 100.0 * share);
        Factor { factor, part, points: most * part.unwrap_or(0.0), most, because }
    };
    told.into_iter().map(factor).collect()
}

const HALF: f64 = 0.5;

fn safety_checks(checks: &[CheckResult]) -> Told {
    let (all, good) = (checks.len(), checks.iter().filter(|check| check.passed()).count());
    if all == 0 {
        return (Some(HALF), "no check is in [checks]: it counts half".to_owned());
    }
    let bad: Vec<_> = checks.iter().filter(|check| !check.passed()).map(|check| check.kind.name()).collect();
    let listed = if bad.is_empty() { String::new() } else { format!("; not {}", bad.join(", ")) };
    (Some(good as f64 / all as f64), format!("{good} of {all} checks passed{listed}"))
}

fn canary_health(before: Option<Before>) -> Told {
    match before {
        None => (None, "nobody has used this version yet: its weight goes to the others".to_owned()),
        Some(Before::Served) => (Some(1.0), "this very content served everybody before".to_owned()),
        Some(Before::TakenBack) => {
            (Some(0.0), "this very content was taken back when it was tried last".to_owned())
        }
    }
}

/// Four fifths for how few meet it first, one fifth for how gently the share rises after that.
fn blast_radius(strategy: &Strategy) -> Told {
    let path: Vec<f64> = strategy
        .steps
        .iter()
        .map(|step| strategy.reach(step.weight))
        .chain([Weight::FULL])
        .map(Weight::ratio)
        .collect();
    let first = path.first().copied().unwrap_or(1.0);
    let jump = path.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    let jump = if path.len() < 2 { 1.0 } else { jump };
    let because = if path.len() < 2 {
        "everybody gets it at once".to_owned()
    } else {
        format!(
            "{} % of the requests meet it first, and the largest rise is {} points",
            percent(first),
            percent(jump)
        )
    };
    (Some(0.8 * (1.0 - first) + 0.2 * (1.0 - jump)), because)
}

fn percent(ratio: f64) -> f64 {
    (ratio * 10_000.0).round() / 100.0
}

fn history(track: &Track) -> Told {
    let chance = track.chance();
    let because = match track.releases() {
        0 => format!("no release yet: {} % is assumed", percent(chance).round()),
        all => format!(
            "{} of {all} releases were good; the next one with a chance of {} %",
            track.good(),
            percent(chance).round()
        ),
    };
    (Some(chance), because)
}

fn change_complexity(changed: &[String]) -> Told {
    let things = changed.len().max(1) as f64;
    let noun = if changed.len() == 1 {
        "one thing changes".to_owned()
    } else {
        format!("{} things change", changed.len())
    };
    (Some(MANY_CHANGES / (MANY_CHANGES - 1.0 + things)), noun)
}

fn test_coverage(checks: &[CheckResult]) -> Told {
    let Some(check) = checks.iter().find(|check| check.kind == CheckKind::Coverage) else {
        return (Some(HALF), "no coverage is in [checks]: it counts half".to_owned());
    };
    match check.coverage {
        Some(ratio) => {
            (Some(ratio), format!("tests reach {} % of the lines", (ratio * 1_000.0).floor() / 10.0))
        }
        None => (Some(0.0), format!("coverage is asked for and not known: {}", check.because)),
    }
}

fn reliability(track: &Track) -> Reliability {
    let rows = track.table().iter().filter(|bin| bin.releases > 0);
    Reliability {
        releases: track.releases(),
        brier: track.brier(),
        table: rows
            .map(|bin| ReliabilityRow { said: bin.said(), came: bin.came(), releases: bin.releases })
            .collect(),
    }
}

impl Confidence {
    /// One sentence.
    pub fn sentence(&self) -> String {
        let then = match self.advice {
            Advice::Proceed => format!("from {} on a version goes on by itself", self.proceed),
            Advice::Ask => format!("below {} a person decides at the first step", self.proceed),
            Advice::Refuse if self.vetoes.is_empty() => format!("below {} a version is refused", self.ask),
            Advice::Refuse => "a veto counts whatever the score".to_owned(),
        };
        format!("confidence {} of 100: {then}", self.score)
    }

    /// A line for each factor, the most points first.
    pub fn lines(&self) -> Vec<String> {
        let mut factors: Vec<&Factor> = self.factors.iter().collect();
        factors.sort_by(|a, b| b.most.total_cmp(&a.most));
        let line = |factor: &&Factor| match factor.part {
            Some(_) => {
                format!(
                    "{:>5.1} of {:>4.1}  {}: {}",
                    factor.points,
                    factor.most,
                    factor.factor.name(),
                    factor.because
                )
            }
            None => format!("    - of    -  {}: {}", factor.factor.name(), factor.because),
        };
        factors.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assume, proptest};
    use staunch_model::{CheckStatus, ConfidenceWeights, Step};

    use super::*;

    fn check(kind: CheckKind, status: CheckStatus, required: bool) -> CheckResult {
        let coverage = (kind == CheckKind::Coverage && status == CheckStatus::Passed).then_some(0.85);
        let because = "because".to_owned();
        CheckResult { kind, file: "f".to_owned(), required, status, because, fix: String::new(), coverage }
    }

    fn steps(weights: &[f64]) -> Strategy {
        let step = |weight: &f64| Step {
            weight: Weight::percent(*weight).unwrap(),
            hold: std::time::Duration::ZERO,
            pause: false,
        };
        Strategy { steps: weights.iter().map(step).collect(), ..Strategy::default() }
    }

    fn scored(checks: &[CheckResult], weights: &[f64], before: Option<Before>) -> Confidence {
        let changed = ["app.py changed".to_owned()];
        let (strategy, track) = (steps(weights), Track::default());
        let candidate = Candidate { checks, strategy: &strategy, track: &track, changed: &changed, before };
        confidence(&ConfidenceSpec::default(), &candidate)
    }

    const PATH: [f64; 3] = [5.0, 25.0, 50.0];

    #[test]
    fn a_tested_version_on_a_careful_path_goes_on_by_itself() {
        let checks =
            [CheckKind::Junit, CheckKind::Coverage].map(|kind| check(kind, CheckStatus::Passed, true));
        let told = scored(&checks, &PATH, None);
        // (30 + 15 × 0.86 + 15 × 0.8 + 10 + 10 × 0.85) of 80.
        assert_eq!((told.score, told.advice), (91, Advice::Proceed));
        assert!((told.factors.iter().map(|factor| factor.most).sum::<f64>() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_version_without_checks_asks_a_person() {
        let told = scored(&[], &PATH, None);
        assert_eq!((told.score, told.advice), (68, Advice::Ask));
    }

    #[test]
    fn everybody_at_once_with_no_check_is_refused() {
        assert_eq!(scored(&[], &[], None).advice, Advice::Refuse);
    }

    #[test]
    fn a_veto_is_never_averaged() {
        let mut checks: Vec<_> = (0..9).map(|_| check(CheckKind::Junit, CheckStatus::Passed, true)).collect();
        checks.push(check(CheckKind::Trivy, CheckStatus::Missing, true));
        let told = scored(&checks, &PATH, Some(Before::Served));
        assert!(told.score >= 80, "{}", told.score);
        assert_eq!(told.advice, Advice::Refuse);
        assert_eq!(told.vetoes, ["trivy: because"]);
        checks[9].required = false;
        assert_eq!(scored(&checks, &PATH, Some(Before::Served)).advice, Advice::Proceed);
    }

    #[test]
    fn what_was_taken_back_before_costs_its_whole_weight() {
        let checks = [check(CheckKind::Junit, CheckStatus::Passed, true)];
        let fresh = scored(&checks, &PATH, None).score;
        let again = scored(&checks, &PATH, Some(Before::TakenBack));
        assert!(again.score < fresh && again.advice == Advice::Ask, "{} {fresh}", again.score);
    }

    proptest! {
        /// Whatever the weights: between 0 and 100, the points add up, and one more passing check never lowers it.
        #[test]
        fn points_add_up(weights in proptest::array::uniform6(0_u8..=100), good in 0_usize..6, bad in 0_usize..6) {
            prop_assume!(weights[0] > 0);
            let spec = ConfidenceSpec { weights: ConfidenceWeights {
                safety_checks: weights[0], canary_health: weights[1], blast_radius: weights[2],
                history: weights[3], change_complexity: weights[4], test_coverage: weights[5],
            }, ..ConfidenceSpec::default() };
            let mut checks: Vec<_> = (0..bad).map(|_| check(CheckKind::Sarif, CheckStatus::Failed, false)).collect();
            checks.extend((0..good).map(|_| check(CheckKind::Junit, CheckStatus::Passed, false)));
            checks.push(check(CheckKind::Junit, CheckStatus::Failed, false));
            let (strategy, track) = (steps(&PATH), Track::default());
            let score = |checks: &[CheckResult]| confidence(&spec, &Candidate {
                checks, strategy: &strategy, track: &track, changed: &[], before: None,
            });
            let before = score(&checks);
            let sum: f64 = before.factors.iter().map(|factor| factor.points).sum();
            prop_assert!((0.0..=100.0 + 1e-9).contains(&sum) && (sum - f64::from(before.score)) < 1.0);
            checks.push(check(CheckKind::Junit, CheckStatus::Passed, false));
            prop_assert!(score(&checks).score >= before.score);
        }
    }
}
