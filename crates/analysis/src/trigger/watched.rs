//! One rule with its two limits.

use serde::{Deserialize, Serialize};
use staunch_model::{DependencySpec, SharedFault, Signal, TriggerRule, human_duration};

use super::measure::{Shown, is_shared, measure};
use super::slice::Slices;
use super::state::Alarm;
use super::words::{figure, limit_words};
use super::{Firing, Grade, Means, TriggerReading};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watched {
    pub(crate) rule: TriggerRule,
    warn: Option<Level>,
    rollback: Option<Level>,
    figure: String,
    pub(crate) news: News,
}

/// One limit of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) limit: f64,
    pub(crate) slices: Slices,
    pub(crate) alarm: Alarm,
}

/// When a dependency was last heard of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct News {
    looks: u64,
    at: staunch_model::Timestamp,
}

impl Watched {
    pub(crate) fn new(rule: TriggerRule) -> Self {
        let level = |limit: Option<f64>| {
            limit.map(|limit| Level { limit, slices: Slices::default(), alarm: Alarm::default() })
        };
        let (warn, rollback) = (level(rule.warn), level(rule.rollback));
        Self { rule, warn, rollback, figure: String::new(), news: News::default() }
    }

    pub(crate) fn asks_latency(&self) -> bool {
        matches!(self.rule.signal, Signal::Latency { .. })
    }

    pub(crate) fn look(&mut self, shown: &Shown<'_>) -> Vec<Firing> {
        self.hear(shown);
        self.figure = figure(&self.rule.signal, shown);
        let warned = self.look_at(Grade::Warn, shown);
        let broken = self.look_at(Grade::Rollback, shown);
        warned.into_iter().chain(broken).collect()
    }

    fn look_at(&mut self, grade: Grade, shown: &Shown<'_>) -> Option<Firing> {
        let (rule, news) = (&self.rule, self.news);
        let level = match grade {
            Grade::Warn => self.warn.as_mut()?,
            Grade::Rollback => self.rollback.as_mut()?,
        };
        let (sight, sure) = measure(rule, level, shown, news.is_fresh(rule, shown));
        let since = level.alarm.since();
        if !level.alarm.look(sight, rule.sustain, sure, shown.now) {
            return None;
        }
        let means = match (grade, &rule.signal) {
            (Grade::Warn, _) => Means::Warning,
            (Grade::Rollback, Signal::Dependency(spec)) => {
                blame(spec, shown.is_worse_for_stable(since.unwrap_or(shown.now)))
            }
            (Grade::Rollback, _) => Means::Rollback,
        };
        if means != Means::Rollback {
            level.alarm.cool(rule.cooldown, shown.now);
        }
        let because = because(rule, level, shown, means, since);
        Some(Firing { trigger: rule.signal.name(), code: rule.signal.code(), means, because })
    }

    fn hear(&mut self, shown: &Shown<'_>) {
        if let Signal::Dependency(spec) = &self.rule.signal {
            let looks = shown.dependency(spec).map_or(0, |look| look.looks);
            if looks != self.news.looks {
                self.news = News { looks, at: shown.now };
            }
        }
    }

    pub(crate) fn readings(&self) -> Vec<TriggerReading> {
        let grades = [(Grade::Warn, &self.warn), (Grade::Rollback, &self.rollback)];
        let reading = |(grade, level): (Grade, &Option<Level>)| {
            let level = level.as_ref()?;
            Some(TriggerReading {
                trigger: self.rule.signal.name(),
                grade,
                limit: limit_words(&self.rule, level.limit),
                state: level.alarm.state,
                figure: self.figure.clone(),
            })
        };
        grades.into_iter().filter_map(reading).collect()
    }
}

impl News {
    /// A probe that has not answered for three of its rounds tells nothing.
    fn is_fresh(self, rule: &TriggerRule, shown: &Shown<'_>) -> bool {
        let Signal::Dependency(spec) = &rule.signal else { return true };
        self.looks > 0 && shown.now.since(self.at) <= 3 * (spec.interval + spec.timeout)
    }
}

/// Whose fault a dead dependency is.
fn blame(spec: &DependencySpec, stable_suffers: bool) -> Means {
    match spec.shared {
        SharedFault::Page if is_shared(spec, stable_suffers) => Means::SharedDependency,
        SharedFault::Page | SharedFault::Rollback => Means::Rollback,
    }
}

fn because(
    rule: &TriggerRule,
    level: &Level,
    shown: &Shown<'_>,
    means: Means,
    since: Option<staunch_model::Timestamp>,
) -> String {
    let lasted = shown.now.since(since.unwrap_or(shown.now));
    let lasted =
        if lasted.as_secs() == 0 { String::new() } else { format!(" for {}", human_duration(lasted)) };
    let whose = match (&rule.signal, means) {
        (Signal::Dependency(spec), Means::SharedDependency | Means::Rollback) => {
            super::words::whose(spec, shown.is_worse_for_stable(since.unwrap_or(shown.now)))
        }
        _ => String::new(),
    };
    let seen = level.slices.counts().filter(|_| rule.signal.counts_requests());
    let figure = seen.map_or_else(
        || figure(&rule.signal, shown),
        |counts| super::words::counted(rule, level.limit, counts),
    );
    format!("{figure}{lasted}; {}{whose}", limit_words(rule, level.limit))
}
