//! Findings of linters and scanners as SARIF 2.1.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Flaw;
use crate::guard::Guard;
use crate::json::{self, Fold, Folded};
use crate::reading::{Facts, Findings, Reading};

const FORM: &str = "SARIF 2.1";
/// Rules whose level is looked up when the results have been read.
const MOST_RULES: usize = 10_000;

#[derive(Deserialize)]
struct Log {
    version: String,
    #[serde(default)]
    runs: Folded<Runs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    #[serde(default)]
    tool: Tool,
    #[serde(default)]
    results: Folded<Results>,
    #[serde(default)]
    invocations: Vec<Invocation>,
    #[serde(default)]
    version_control_provenance: Vec<Provenance>,
}

#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    driver: Driver,
}
#[derive(Default, Deserialize)]
struct Driver {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rules: Folded<Rules>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    default_configuration: Option<Configuration>,
}
#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: Option<String>,
    rule: Option<RuleName>,
    level: Option<String>,
    kind: Option<String>,
    baseline_state: Option<String>,
    #[serde(default)]
    suppressions: Option<Vec<Suppression>>,
}
#[derive(Deserialize)]
struct RuleName {
    id: Option<String>,
}
#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
    #[serde(rename = "kind")]
    _kind: Option<IgnoredAny>,
}

impl Found {
    fn rule(&self) -> String {
        self.rule_id.clone().or(self.rule.as_ref().and_then(|rule| rule.id.clone())).unwrap_or_default()
    }
    /// Only what failed, is still there and nobody has waved through.
    fn counts(&self) -> bool {
        let suppressed = self.suppressions.iter().flatten();
        let waved = suppressed
            .map(|one| one.status.as_deref())
            .any(|status| matches!(status, None | Some("accepted")));
        let failed = self.kind.as_deref().is_none_or(|kind| kind == "fail");
        failed && !waved && self.baseline_state.as_deref() != Some("absent")
    }
}

#[derive(Default)]
struct Rules(BTreeMap<String, String>);
impl Fold for Rules {
    type Item = Rule;
    fn add(&mut self, rule: Rule) {
        let level = rule.default_configuration.and_then(|configuration| configuration.level);
        if let Some(level) = level.filter(|_| self.0.len() < MOST_RULES) {
            self.0.insert(rule.id, level);
        }
    }
}

/// Results by level; those without one wait for their rule, which may stand behind them.
#[derive(Default)]
struct Results {
    findings: Findings,
    by_rule: BTreeMap<String, u64>,
}

impl Fold for Results {
    type Item = Found;
    fn add(&mut self, found: Found) {
        if !found.counts() {
            return;
        }
        let rule = found.rule();
        match &found.level {
            Some(level) => note(&mut self.findings, level, &rule, 1),
            None if self.by_rule.len() < MOST_RULES || self.by_rule.contains_key(&rule) => {
                *self.by_rule.entry(rule).or_default() += 1;
            }
            // Nobody has so many rules: what cannot be looked up is taken at its worst.
            None => note(&mut self.findings, "error", &rule, 1),
        }
    }
}

fn note(findings: &mut Findings, level: &str, rule: &str, count: u64) {
    match level {
        "error" => {
            findings.errors += count;
            findings.first.add(rule);
        }
        "note" | "none" => findings.notes += count,
        // The standard's default.
        _ => findings.warnings += count,
    }
}

#[derive(Default)]
struct Runs {
    findings: Findings,
    runs: u64,
    unfinished: Option<String>,
    commit: Option<String>,
}

impl Fold for Runs {
    type Item = Run;
    fn add(&mut self, run: Run) {
        self.runs += 1;
        self.commit =
            run.version_control_provenance.into_iter().find_map(|one| one.revision_id).or(self.commit.take());
        let name = run.tool.driver.name;
        let failed = run.invocations.iter().any(|one| one.execution_successful == Some(false));
        let Some(results) = run.results.0.filter(|_| !failed) else {
            let why = if failed { "says that it failed" } else { "has no results" };
            self.unfinished = Some(format!("the run of `{name}` {why}"));
            return;
        };
        let levels = run.tool.driver.rules.0.unwrap_or_default().0;
        let mut findings = results.findings;
        for (rule, count) in results.by_rule {
            note(&mut findings, levels.get(&rule).map_or("warning", String::as_str), &rule, count);
        }
        let so_far = Facts::Findings(std::mem::take(&mut self.findings));
        if let Facts::Findings(sum) = so_far.merged(&Facts::Findings(findings)) {
            self.findings = sum;
        }
    }
}

pub(crate) fn read<R: Read>(source: BufReader<Guard<R>>, first: u8) -> Result<Reading, Flaw> {
    let log: Log = json::document(source, first, FORM)?;
    if !log.version.starts_with("2.1") {
        let found = format!("its version is {}", log.version.chars().take(20).collect::<String>());
        return Err(Flaw::Other { expected: FORM, found });
    }
    let runs = log.runs.0.unwrap_or_default();
    if runs.runs == 0 {
        return Err(Flaw::Unfinished { what: "it has no runs".to_owned() });
    }
    match runs.unfinished {
        Some(what) => Err(Flaw::Unfinished { what }),
        None => Ok(Reading { facts: Facts::Findings(runs.findings), commit: runs.commit }),
    }
}
