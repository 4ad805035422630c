//! `staunch budget`: what is left of a service's error budget, how fast it goes, and what each rollout took.

use std::time::Duration;

use staunch_api::v1::{Budget, BurnRate, Objective, RolloutRow, ServiceBudget};
use staunch_model::human_duration;
use staunch_rollout::{share, window_words};

use crate::args::{Output, ServiceArg};
use crate::exit::{Exit, Outcome};
use crate::remote::Remote;
use crate::term::{Term, Tone};

pub(crate) async fn run(term: &Term, remote: &Remote, args: &ServiceArg) -> Outcome {
    let names = match &args.service {
        Some(name) => vec![name.clone()],
        None => remote.services().await?.into_iter().map(|service| service.name).collect(),
    };
    let mut budgets = vec![];
    for name in names {
        budgets.push(remote.budget(&name).await?);
    }
    match term.output {
        Output::Json => term.json(&serde_json::to_value(&budgets).unwrap_or_default()),
        Output::Jsonl => {
            budgets.iter().for_each(|one| term.json(&serde_json::to_value(one).unwrap_or_default()))
        }
        Output::Text => budgets.iter().for_each(|one| show(term, one)),
    }
    Ok(Exit::Ok)
}

fn show(term: &Term, one: &ServiceBudget) {
    let name = term.paint_result(Tone::Strong, &one.service);
    let Some(budget) = &one.budget else {
        term.result(&format!(
            "{name}  no objective; give it one: [slo] target = \"99.9%\", window = \"30d\""
        ));
        return;
    };
    let level = term.paint_result(tone(budget), &budget.level);
    term.result(&format!("{name}  {level}  {}", window_line(budget)));
    if let Some(why) = &budget.unknown {
        term.result(&format!("  {} not known: {why}; nothing is promoted meanwhile", warning(term)));
    }
    if let Some(thaw) = thaw_line(budget) {
        term.result(&format!("  {thaw}"));
    }
    budget.objectives.iter().for_each(|objective| show_objective(term, budget, objective));
    let rollouts: Vec<_> = one.rollouts.iter().filter(|row| row.spent_requests.is_some()).collect();
    if !rollouts.is_empty() {
        term.result("  rollouts, newest first:");
    }
    rollouts.iter().for_each(|row| term.result(&format!("    {}", rollout_line(row, budget))));
}

fn warning(term: &Term) -> String {
    term.paint_result(Tone::Warn, "!")
}

fn tone(budget: &Budget) -> Tone {
    match budget.level.as_str() {
        "open" => Tone::Good,
        "warn" => Tone::Warn,
        _frozen => Tone::Bad,
    }
}

fn window_line(budget: &Budget) -> String {
    let window = window_words(budget.window_ms);
    let counted = if budget.covers_window {
        String::new()
    } else {
        format!(", counted since {}", budget.counted_since)
    };
    format!("{} of the {window} budget left{counted}", share(budget.left_ratio))
}

fn thaw_line(budget: &Budget) -> Option<String> {
    let at = budget.thaw_at?;
    Some(format!(
        "deploys are refused; thaws at {}, at {at} at the latest if nothing more fails",
        share(budget.reopen_ratio)
    ))
}

fn show_objective(term: &Term, budget: &Budget, objective: &Objective) {
    let under = objective.under_ms.map_or_else(String::new, |ms| format!(" under {}", span(ms)));
    term.result(&format!(
        "  {}{under} {}: {} bad of {} requests, {:.1} allowed, {} left",
        objective.kind,
        share(objective.target_ratio),
        objective.bad_requests,
        objective.requests,
        objective.budget_requests,
        share(objective.left_ratio),
    ));
    objective.burn.iter().for_each(|burn| term.result(&format!("    {}", burn_line(term, burn))));
    if let Some(exhausted) = objective.exhausted_in_ms.filter(|_| objective.left_ratio > 0.0) {
        let window = window_words(budget.window_ms);
        term.result(&format!("    at this rate the {window} budget is used up in {}", span(exhausted)));
    }
}

fn burn_line(term: &Term, burn: &BurnRate) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
    let fires = match (burn.fires, burn.urgency.as_str()) {
        (false, _) => String::new(),
        (true, "page") => format!("  {}", term.paint_result(Tone::Bad, "page: somebody should look now")),
        (true, _) => format!("  {}", term.paint_result(Tone::Warn, "ticket: look at it today")),
    };
    format!(
        "burn {:>6} over {}, {:>6} over {} (alert at {:.1}){fires}",
        rate(burn.long),
        span(burn.long_ms),
        rate(burn.short),
        span(burn.short_ms),
        burn.factor,
    )
}

fn rollout_line(row: &RolloutRow, budget: &Budget) -> String {
    let window = window_words(budget.window_ms);
    let from = row.from.as_ref().map_or_else(String::new, |from| format!("{from} → "));
    let of =
        row.spent_ratio.map_or_else(String::new, |of| format!(" = {} of the {window} budget", share(of)));
    format!(
        "{:>4}  {from}{}  {}: {} bad requests{of}",
        row.id,
        row.to,
        row.phase,
        row.spent_requests.unwrap_or(0)
    )
}

/// The cost of a rollout in a list, behind its outcome.
pub(crate) fn spent(row: &RolloutRow) -> String {
    match (row.spent_requests, row.spent_ratio) {
        (Some(bad), Some(of)) if bad > 0 => format!(" ({bad} bad requests, {} of the budget)", share(of)),
        (Some(_) | None, _) => String::new(),
    }
}

/// The budget in one line, for `status` and `plan`.
pub(crate) fn line(budget: &Budget) -> String {
    if let Some(why) = &budget.unknown {
        return format!("budget not known: {why}");
    }
    let mut line = format!("budget {}, {}", budget.level, window_line(budget));
    let firing = budget.objectives.iter().flat_map(|objective| &objective.burn).find(|burn| burn.fires);
    if let Some(burn) = firing {
        line.push_str(&format!(", burning {:.1} times as fast as it bears", burn.long.unwrap_or(0.0)));
    }
    if let Some(at) = budget.thaw_at {
        line.push_str(&format!(", thaws at {at} at the latest"));
    }
    line
}

fn span(ms: u64) -> String {
    human_duration(Duration::from_millis(ms))
}
