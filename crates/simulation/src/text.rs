//! Results as text for a terminal.

use crate::peers::Limit;
use crate::standard::{Check, Part, Row, Target};
use crate::stats::{Share, Spread};
use crate::trial::{PeerSummary, Summary};

/// One simulation in a dozen lines.
pub fn summary_text(summary: &Summary) -> String {
    let mut lines = vec![headline(summary)];
    let mut say = |name: &str, words: String| lines.push(format!("  {name:<24}{words}"));
    let fault = summary.world.has_fault();
    say("rolled back wrongly", share(summary.false_rollbacks));
    if fault {
        say("missed", share(summary.missed));
    }
    say("promoted", share(summary.promoted));
    if summary.gave_up.count > 0 {
        say("gave up", share(summary.gave_up));
    }
    if summary.unfinished.count > 0 {
        say("still under way", share(summary.unfinished));
    }
    if let Some(delay) = summary.delay_secs {
        say("found after", spread(delay, " s"));
    }
    if let Some(bound) = summary.bound_secs {
        say("no rule can beat", format!("{} s on average{}", figures(bound), over(summary)));
    }
    if let Some(excess) = summary.excess_failures.filter(|_| fault) {
        say("excess failed requests", spread(excess, ""));
    }
    if let Some(full) = summary.full_secs {
        say("everyone has it after", spread(full, " s"));
    }
    if !summary.causes.is_empty() {
        let causes: Vec<String> =
            summary.causes.iter().map(|(cause, count)| format!("{count} × {cause}")).collect();
        say("taken back by", causes.join(", "));
    }
    lines.extend(peers(summary));
    lines.join("\n")
}

fn headline(summary: &Summary) -> String {
    let world = &summary.world;
    let runs = summary.false_rollbacks.of;
    format!("{runs} rollouts in the world `{}`, {} requests a second", world.name, world.rps)
}

fn over(summary: &Summary) -> String {
    let ratio = |delay: Spread, bound: f64| {
        format!(": {:.2} × by the median, {:.2} × by the mean", delay.median / bound, delay.mean / bound)
    };
    let both = summary.delay_secs.zip(summary.bound_secs);
    both.map_or_else(String::new, |(delay, bound)| ratio(delay, bound))
}

fn peers(summary: &Summary) -> Vec<String> {
    let Some(limit) = summary.limit else { return Vec::new() };
    let limit = match limit {
        Limit::Errors(share) => format!("{} % of requests fail", figures(100.0 * share)),
        Limit::P99(micros) => format!("p99 {} ms", figures(micros / 1e3)),
    };
    let title = format!("  beside it, at the first step's share (polling threshold: {limit})");
    std::iter::once(title).chain(summary.peers.iter().map(peer)).collect()
}

fn peer(peer: &PeerSummary) -> String {
    let delay =
        peer.delay_secs.map_or_else(String::new, |delay| format!(", found after {}", median(delay, " s")));
    let excess = peer
        .excess_failures
        .map_or_else(String::new, |excess| format!(", {} excess failures", figures(excess.mean)));
    let wrong = percent(peer.false_rollbacks.value());
    let missed = percent(peer.missed.value());
    format!("    {:<36}wrongly {wrong}, missed {missed}{delay}{excess}", peer.peer.name())
}

/// The standard table: a line per world and traffic, a mark where a claim does not hold.
pub fn standard_text(rows: &[Row]) -> String {
    let mut lines = Vec::new();
    for part in [Part::Alike, Part::Delay, Part::Bad, Part::Good] {
        let of_part: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
        if of_part.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(title(part).to_owned());
        lines.extend(of_part.into_iter().map(line));
    }
    let missed = rows.iter().filter(|row| !row.held()).count();
    lines.push(String::new());
    lines.push(format!("{} of {} lines hold", rows.len() - missed, rows.len()));
    lines.join("\n")
}

fn title(part: Part) -> &'static str {
    match part {
        Part::Alike => {
            "Both versions alike, 5 % on the new one, an hour of continuous looking: rolled back wrongly"
        }
        Part::Delay => "A fault, 5 % on the new version, instances warm: found after, in seconds",
        Part::Bad => {
            "A bad release through 5, 25, 50, 100 %: failed requests beyond what the old version has"
        }
        Part::Good => "A good release through 5, 25, 50, 100 %: seconds until everyone has it",
    }
}

fn line(row: &Row) -> String {
    let summary = &row.summary;
    let mark = if row.checks.is_empty() {
        ' '
    } else if row.held() {
        '✓'
    } else {
        '✕'
    };
    let world = format!("{}, {}/s", summary.world.name, summary.world.rps);
    let setting = if row.setting.is_empty() { String::new() } else { format!("  [{}]", row.setting) };
    let checks: Vec<String> = row.checks.iter().map(check).collect();
    let claims = if checks.is_empty() { String::new() } else { format!("  {}", checks.join(", ")) };
    format!("{mark} {world:<26}{}{claims}{setting}{}", measured(row), beside(row))
}

fn measured(row: &Row) -> String {
    let summary = &row.summary;
    match row.part {
        Part::Alike => share(summary.false_rollbacks),
        Part::Delay => {
            let bound =
                summary.bound_secs.map_or_else(String::new, |bound| format!(", bound {}", figures(bound)));
            let delay = summary.delay_secs.map_or_else(|| "never".to_owned(), |delay| spread(delay, ""));
            let missed = summary.missed.value();
            let missed = if missed > 0.0 { format!(", missed {}", percent(missed)) } else { String::new() };
            format!("{delay}{bound}{missed}")
        }
        Part::Bad => summary.excess_failures.map_or_else(|| "none".to_owned(), |excess| spread(excess, "")),
        Part::Good => {
            let full = summary.full_secs.map_or_else(|| "never".to_owned(), |full| spread(full, ""));
            format!("{full}, promoted {}", percent(summary.promoted.value()))
        }
    }
}

fn check(check: &Check) -> String {
    let value = |scale: f64| check.value.map_or_else(|| "none".to_owned(), |value| figures(scale * value));
    let most = figures(check.most);
    match check.target {
        Target::FalseRollbacks => format!("at most {} %", figures(100.0 * check.most)),
        Target::MedianOverBound => format!("median {} × (at most {most})", value(1.0)),
        Target::MeanOverBound => format!("mean {} × (at most {most})", value(1.0)),
        Target::MeanExcess => format!("mean at most {most}"),
        Target::P95Excess => format!("95 % at most {most}"),
        Target::MedianFull => format!("median at most {most}"),
    }
}

/// What the polling rules did, in short.
fn beside(row: &Row) -> String {
    let words = |peer: &PeerSummary| match row.part {
        Part::Alike => percent(peer.false_rollbacks.value()),
        Part::Delay | Part::Bad | Part::Good => {
            peer.delay_secs.map_or_else(|| "never".to_owned(), |delay| figures(delay.median))
        }
    };
    let names = ["Argo", "Flagger", "z/min", "z/look"];
    let peers: Vec<String> =
        row.summary.peers.iter().zip(names).map(|(peer, name)| format!("{name} {}", words(peer))).collect();
    if peers.is_empty() { String::new() } else { format!("  | {}", peers.join(", ")) }
}

fn share(share: Share) -> String {
    format!("{} ({} to {})", percent(share.value()), percent(share.low), percent(share.high))
}

fn spread(spread: Spread, unit: &str) -> String {
    let figures = |value| format!("{}{unit}", figures(value));
    format!(
        "median {}, mean {}, 95 % within {}",
        figures(spread.median),
        figures(spread.mean),
        figures(spread.p95)
    )
}

fn median(spread: Spread, unit: &str) -> String {
    format!("{}{unit}", figures(spread.median))
}

fn percent(share: f64) -> String {
    format!("{} %", figures(100.0 * share))
}

/// Three significant figures, without zeros that say nothing; large numbers whole.
fn figures(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let shown = [0.0, 0.004, 0.1234, 1.0, 12.34, 100.0, 123.4, 5_990.2, -0.001].map(figures);
        assert_eq!(shown, ["0", "0", "0.12", "1", "12.3", "100", "123", "5990", "0"]);
        assert_eq!(percent(0.0062), "0.62 %");
    }
}
