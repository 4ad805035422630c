//! Where each value comes from: of the file (`validate --values`), and of what runs (`status --config`).

use serde_json::{Map, Value};
use staunch_api::v1::{ServiceConfig, Setting};
use staunch_config::{KeyValue, Parsed};

use crate::args::{Output, Values};
use crate::exit::{Exit, Outcome};
use crate::project::Place;
use crate::remote::Remote;
use crate::term::{Term, Tone};

/// Longer values stand on their line and push the rest aside.
const WIDEST: usize = 40;

/// What the file says, without a server.
pub(crate) fn of_file(term: &Term, place: &Place, parsed: &Parsed, which: Values) {
    for spec in &parsed.project.services {
        let name = term.paint_result(Tone::Strong, spec.name.as_str());
        term.result(&format!(
            "{name}  as {} describes it{}",
            place.file.display(),
            under(place.environment.as_deref())
        ));
        let all: Vec<Setting> = parsed.project.values(&spec.name).into_iter().map(setting).collect();
        show(term, &all, which);
    }
}

/// The same for programs, by service.
pub(crate) fn json_of_file(parsed: &Parsed, which: Values) -> Value {
    let of = |spec: &staunch_model::ServiceSpec| {
        let all = parsed.project.values(&spec.name).into_iter().map(setting);
        let shown: Vec<Setting> = all.filter(|one| which == Values::All || is_given(one)).collect();
        (spec.name.to_string(), serde_json::to_value(shown).unwrap_or_default())
    };
    Value::Object(parsed.project.services.iter().map(of).collect::<Map<_, _>>())
}

/// What holds, as the server tells it.
pub(crate) async fn in_force(term: &Term, remote: &Remote, service: Option<&str>, which: Values) -> Outcome {
    let names = match service {
        Some(name) => vec![name.to_owned()],
        None => remote.services().await?.into_iter().map(|service| service.name).collect(),
    };
    let mut all = vec![];
    for name in names {
        all.push(remote.config(&name).await?);
    }
    if term.output == Output::Text {
        all.iter().for_each(|one| show_config(term, one, which));
        return Ok(Exit::Ok);
    }
    for one in &mut all {
        one.settings.retain(|one| which == Values::All || is_given(one) || one.changed);
    }
    term.json(&serde_json::to_value(&all).unwrap_or_default());
    Ok(Exit::Ok)
}

fn show_config(term: &Term, config: &ServiceConfig, which: Values) {
    let name = term.paint_result(Tone::Strong, &config.service);
    let since = match (config.rollout, config.since) {
        (Some(rollout), Some(since)) => format!("in force since rollout {rollout}, {since}"),
        (_, _) => "as control read it when it started".to_owned(),
    };
    term.result(&format!("{name}  {since}, from {}{}", config.file, under(config.environment.as_deref())));
    let warning = term.paint_result(Tone::Warn, "!");
    if let Some(why) = &config.file_trouble {
        term.result(&format!("  {warning} the file cannot be read now: {why}"));
    }
    if config.changed > 0 {
        let many =
            if config.changed == 1 { "1 value".to_owned() } else { format!("{} values", config.changed) };
        term.result(&format!("  {warning} the file says {many} otherwise by now; a deploy brings it"));
    }
    show(term, &config.settings, which);
}

fn under(environment: Option<&str>) -> String {
    environment.map(|name| format!(", in {name}")).unwrap_or_default()
}

fn is_given(setting: &Setting) -> bool {
    ["file", "environment"].contains(&setting.origin.as_str())
}

fn show(term: &Term, all: &[Setting], which: Values) {
    let shown: Vec<&Setting> =
        all.iter().filter(|one| which == Values::All || is_given(one) || one.changed).collect();
    let wide = |of: fn(&Setting) -> &str| {
        shown.iter().map(|one| of(one).chars().count()).filter(|wide| *wide <= WIDEST).max().unwrap_or(0)
    };
    let (keys, values) = (wide(|one| &one.key), wide(value));
    for one in &shown {
        let mark = if one.changed { term.paint_result(Tone::Warn, "!") } else { " ".to_owned() };
        let from = term.paint_result(Tone::Dim, &from(one));
        let line = format!("{mark} {:keys$}  {:values$}  {from}", one.key, value(one));
        term.result(line.trim_end());
    }
    let left = all.iter().filter(|one| one.origin == "default" && !one.changed).count();
    if which == Values::Given && left > 0 {
        term.result(&format!("  and {left} defaults: =all shows them"));
    }
}

fn value(setting: &Setting) -> &str {
    setting.value.as_deref().unwrap_or("-")
}

fn from(setting: &Setting) -> String {
    let line = setting.line.unwrap_or_default();
    let origin = match (setting.origin.as_str(), &setting.environment) {
        (_, Some(environment)) => format!("line {line}, in {environment}"),
        ("file", None) => format!("line {line}"),
        ("default", None) => "default".to_owned(),
        (_, None) => "not given".to_owned(),
    };
    let default = setting.default.as_ref().filter(|_| is_given(setting));
    let default = default.map(|default| format!(", default {default}")).unwrap_or_default();
    let now = setting.changed.then(|| match (&setting.in_file, setting.in_file_line) {
        (Some(now), Some(line)) => format!("; the file: {now}, line {line}"),
        (Some(now), None) => format!("; no more in the file: {now}"),
        (None, _) => "; no more in the file".to_owned(),
    });
    format!("{origin}{default}{}", now.unwrap_or_default())
}

fn setting(value: KeyValue) -> Setting {
    let KeyValue { key, given, default, about } = value;
    let environment = given.as_ref().and_then(|given| given.environment.clone());
    let origin = match (&given, &environment, default) {
        (Some(_), Some(_), _) => "environment",
        (Some(_), None, _) => "file",
        (None, _, Some(_)) => "default",
        (None, _, None) => "none",
    };
    Setting {
        key,
        value: given.as_ref().map(|given| given.value.clone()).or_else(|| default.map(str::to_owned)),
        origin: origin.to_owned(),
        line: given.as_ref().map(|given| given.line),
        environment,
        default: default.map(str::to_owned),
        about: about.to_owned(),
        changed: false,
        in_file: None,
        in_file_line: None,
    }
}
