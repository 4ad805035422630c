//! The live box's lines for a worker: instances in the place of requests.

use staunch_api::v1::{Instance, Rollout, Service};

/// As many lines as a service with requests has about them.
pub(crate) fn lines(view: &Service, rollout: &Rollout) -> [String; 3] {
    let (new, old) = sides(view, rollout);
    [
        format!("ready   {}", both(rollout, &old, &new, ready)),
        format!("memory  {}", both(rollout, &old, &new, memory)),
        format!("ended   {}", both(rollout, &old, &new, ended)),
    ]
}

type Side<'a> = Vec<&'a Instance>;

fn sides<'a>(view: &'a Service, rollout: &Rollout) -> (Side<'a>, Side<'a>) {
    view.instances.iter().partition(|instance| instance.revision == rollout.digest)
}

fn both(rollout: &Rollout, old: &Side<'_>, new: &Side<'_>, of: impl Fn(&Side<'_>) -> String) -> String {
    let from = rollout.from.as_deref().unwrap_or("-");
    format!("{:<30} {}", format!("{from}  {}", of(old)), format_args!("{}  {}", rollout.to, of(new)))
}

fn ready(side: &Side<'_>) -> String {
    let ready = side.iter().filter(|instance| instance.ready && instance.state != "stopping").count();
    let going = side.iter().filter(|instance| instance.state == "stopping").count();
    let going = if going == 0 { String::new() } else { format!(", {going} finish their work") };
    format!("{ready}{going}")
}

fn memory(side: &Side<'_>) -> String {
    let all: u64 = side.iter().map(|instance| instance.memory_bytes).sum();
    match all.checked_div(side.len() as u64) {
        Some(each) => format!("{} MB each", each / 1_000_000),
        None => "-".to_owned(),
    }
}

fn ended(side: &Side<'_>) -> String {
    let exits: usize = side.iter().map(|instance| instance.exits.len()).sum();
    let last = side.iter().flat_map(|instance| &instance.exits).max_by_key(|exit| exit.at.0);
    let last = last.map(|exit| format!(", {}", exit.status)).unwrap_or_default();
    format!("{exits} times{last}")
}
