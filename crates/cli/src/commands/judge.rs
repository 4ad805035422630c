//! `staunch judge`: metrics that come as time series, compared once and scored.

use std::io::Read as _;

use staunch_evidence::series::{
    CanaryAnalysis, CanaryJudgement, Classification, MetricResult, ScoreClass, judge,
};

use crate::args::{JudgeArgs, Output};
use crate::exit::{Exit, Failure, Outcome};
use crate::term::{Term, Tone};

/// A day of a hundred metrics, second by second, is a fifth of this.
const MOST_BYTES: u64 = 512 << 20;

pub(crate) fn run(term: &Term, args: &JudgeArgs) -> Outcome {
    let name = args.analysis.as_str();
    let text = read(name)?;
    let analysis: CanaryAnalysis = serde_json::from_str(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("{name}: {error}")).help(FORM))?;
    let judged =
        judge(&analysis).map_err(|error| Failure::new(Exit::Usage, format!("{name}: {error}")).help(FORM))?;
    if term.output == Output::Text {
        term.result_raw(&told(term, &judged));
    } else {
        term.json(&serde_json::to_value(&judged).unwrap_or_default());
    }
    Ok(match judged.classification {
        ScoreClass::Pass => Exit::Ok,
        ScoreClass::Marginal => Exit::Warnings,
        ScoreClass::Fail => Exit::RolledBack,
    })
}

const FORM: &str = "docs/src/series-judge.md has an example and every option";

fn read(name: &str) -> Result<String, Failure> {
    let fail = |error| Failure::new(Exit::Usage, format!("cannot read {name}: {error}"));
    let mut text = String::new();
    let read = if name == "-" {
        std::io::stdin().take(MOST_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
    };
    read.map(|_| text).map_err(fail)
}

fn told(term: &Term, judged: &CanaryJudgement) -> String {
    let mut text = String::new();
    for metric in &judged.metrics {
        text += &format!("{}\n", line(term, metric));
    }
    for group in &judged.score.groups {
        let what = if group.no_data { "no data".to_owned() } else { format!("{:.0} of 100", group.score) };
        text += &format!("  group {}: {what}, weight {:.0} %\n", group.name, group.weight);
    }
    let (tone, word) = match judged.classification {
        ScoreClass::Pass => (Tone::Good, "pass"),
        ScoreClass::Marginal => (Tone::Warn, "marginal"),
        ScoreClass::Fail => (Tone::Bad, "fail"),
    };
    let reason = judged.score.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    text + &format!("{} · score {}{reason}\n", term.paint_result(tone, word), judged.score.summary)
}

fn line(term: &Term, metric: &MetricResult) -> String {
    let (tone, mark) = match metric.classification {
        Classification::Pass => (Tone::Good, "✓"),
        Classification::High | Classification::Low => (Tone::Bad, "✕"),
        Classification::Nodata | Classification::NodataFailMetric | Classification::Error => {
            (Tone::Warn, "?")
        }
    };
    let critical = if metric.critical { " (critical)" } else { "" };
    let muted = if metric.muted { " (muted)" } else { "" };
    format!("{} {}{critical}{muted}: {}", term.paint_result(tone, mark), metric.name, metric.reason)
}
