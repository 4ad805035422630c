//! What holds for a service and where it comes from: the words that were recorded when what runs was admitted, beside
//! the file as it is now.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use staunch_control::{Handle, ServiceView};
use staunch_model::{RolloutId, ServiceName, Setting, Timestamp};
use staunch_ports::JournalError;
use staunch_rollout::Event;

use crate::app::Shared;
use crate::desk::{FileValue, FileValues};
use crate::problem::Answer;
use crate::v1::{self, ServiceConfig};

/// Rollouts that are searched for the one that brought what runs.
const SEARCHED: usize = 500;
/// What the proxy and the budget go by is read whenever control starts; the rest is what a rollout brought.
const OF_CONTROL: [&str; 5] = ["edge", "listen", "slo", "tls", "upstream"];

pub(super) async fn one(State(app): State<Shared>, Path(name): Path<String>) -> Answer<Json<ServiceConfig>> {
    let (service, view) = app.view(&name)?;
    let (desk, of, shown) = (app.desk.clone(), service.clone(), view.clone());
    let admitted = app.journal(move |handle| admitted(handle, &service, &view)).await?;
    let file = app.blocking(move |_| desk.values(&of)).await?;
    Ok(Json(describe(&shown, admitted.as_ref(), &file)))
}

/// What was recorded with the admission of what runs.
struct Admitted {
    rollout: RolloutId,
    at: Timestamp,
    given: Vec<Setting>,
    env: BTreeMap<String, String>,
}

fn admitted(
    handle: &Handle,
    service: &ServiceName,
    view: &ServiceView,
) -> Result<Option<Admitted>, JournalError> {
    let Some(rollout) = bringer(handle, service, view)? else { return Ok(None) };
    let entries = handle.recorded_of(rollout)?;
    let read = entries.iter().filter(|entry| entry.body["event"] == "admitted").find_map(|entry| {
        let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
        let Event::Admitted { spec, given, .. } = event else { return None };
        Some(Admitted { rollout, at: entry.at, given, env: spec.to.run.env })
    });
    // One of a time before words were recorded.
    Ok(read.filter(|admitted| !admitted.given.is_empty()))
}

/// The rollout that is under way, else the one that brought what runs.
fn bringer(
    handle: &Handle,
    service: &ServiceName,
    view: &ServiceView,
) -> Result<Option<RolloutId>, JournalError> {
    if let Some(active) = view.rollout.as_ref().filter(|rollout| rollout.active) {
        return Ok(Some(RolloutId(active.id)));
    }
    let rows = handle.rollouts(Some(service), SEARCHED)?;
    let found = rows.iter().find(|row| row.phase == "succeeded" && Some(&row.to) == view.stable.as_ref());
    Ok(found.map(|row| row.id))
}

fn describe(view: &ServiceView, admitted: Option<&Admitted>, file: &FileValues) -> ServiceConfig {
    let force = in_force(view, admitted);
    let values = file.values.as_ref().ok();
    let written: BTreeMap<&str, &FileValue> =
        values.into_iter().flatten().map(|value| (value.key.as_str(), value)).collect();
    let keys: BTreeSet<&str> = force.keys().copied().chain(written.keys().copied()).collect();
    let same = |key: &str| is_same_variable(key, admitted, file);
    let one = |key: &str| {
        let told = setting(key, force.get(key).copied(), written.get(key).copied());
        let changed = values.is_some() && (told.changed || !same(key));
        v1::Setting { changed, in_file: told.in_file.filter(|_| changed), ..told }
    };
    let settings: Vec<v1::Setting> = keys.into_iter().map(one).collect();
    ServiceConfig {
        service: view.name.clone(),
        file: file.file.clone(),
        environment: file.environment.clone(),
        rollout: admitted.map(|admitted| admitted.rollout.0),
        since: admitted.map(|admitted| admitted.at.into()),
        changed: settings.iter().filter(|setting| setting.changed).count() as u64,
        file_trouble: file.values.as_ref().err().cloned(),
        settings,
    }
}

fn in_force<'a>(view: &'a ServiceView, admitted: Option<&'a Admitted>) -> BTreeMap<&'a str, &'a Setting> {
    let of_control = view.given.0.iter();
    let Some(admitted) = admitted else { return of_control.map(|one| (one.key.as_str(), one)).collect() };
    let of_rollout = admitted.given.iter().filter(|one| !is_of_control(&one.key));
    of_control
        .filter(|one| is_of_control(&one.key))
        .chain(of_rollout)
        .map(|one| (one.key.as_str(), one))
        .collect()
}

fn is_of_control(key: &str) -> bool {
    OF_CONTROL.contains(&key.split('.').next().unwrap_or_default())
}

/// Values of variables are compared here and shown nowhere.
fn is_same_variable(key: &str, admitted: Option<&Admitted>, file: &FileValues) -> bool {
    let (Some(name), Some(admitted)) = (key.strip_prefix("env."), admitted) else { return true };
    admitted.env.get(name) == file.env.get(name)
}

fn setting(key: &str, force: Option<&Setting>, file: Option<&FileValue>) -> v1::Setting {
    let default = file.and_then(|file| file.default.clone());
    let now = file.and_then(|file| file.given.as_ref());
    let origin = match (force, &default) {
        (Some(Setting { environment: Some(_), .. }), _) => "environment",
        (Some(_), _) => "file",
        (None, Some(_)) => "default",
        (None, None) => "none",
    };
    v1::Setting {
        key: key.to_owned(),
        value: force.map(|force| force.value.clone()).or_else(|| default.clone()),
        origin: origin.to_owned(),
        line: force.map(|force| force.line),
        environment: force.and_then(|force| force.environment.clone()),
        changed: force.map(|force| &force.value) != now.map(|now| &now.value),
        in_file: now.map(|now| now.value.clone()).or_else(|| default.clone()),
        in_file_line: now.map(|now| now.line),
        default,
        about: file.map(|file| file.about.clone()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: &str, value: &str, line: u32) -> Setting {
        Setting { key: key.to_owned(), value: value.to_owned(), line, environment: None }
    }

    fn file(given: Option<Setting>, default: Option<&str>) -> FileValue {
        FileValue {
            key: "k".to_owned(),
            given,
            default: default.map(str::to_owned),
            about: "what".to_owned(),
        }
    }

    #[test]
    fn a_value_that_only_moved_is_the_same() {
        let now = file(Some(given("k", "1", 9)), Some("5"));
        let told = setting("k", Some(&given("k", "1", 2)), Some(&now));
        assert_eq!((told.origin.as_str(), told.line, told.changed), ("file", Some(2), false));
    }

    #[test]
    fn what_was_taken_out_of_the_file_is_its_default_with_the_next_deploy() {
        let told = setting("k", Some(&given("k", "1", 2)), Some(&file(None, Some("5"))));
        assert_eq!(
            (told.value.as_deref(), told.in_file.as_deref(), told.changed),
            (Some("1"), Some("5"), true)
        );
        let gone = setting("k", Some(&given("k", "1", 2)), None);
        assert_eq!((gone.in_file, gone.changed), (None, true));
    }

    #[test]
    fn what_nobody_gives_is_the_default_or_nothing() {
        let told = setting("k", None, Some(&file(None, Some("5"))));
        assert_eq!(
            (told.value.as_deref(), told.origin.as_str(), told.changed),
            (Some("5"), "default", false)
        );
        let none = setting("k", None, Some(&file(None, None)));
        assert_eq!((none.value, none.origin.as_str()), (None, "none"));
        let new = setting("k", None, Some(&file(Some(given("k", "7", 3)), Some("5"))));
        assert_eq!(
            (new.value.as_deref(), new.in_file.as_deref(), new.in_file_line),
            (Some("5"), Some("7"), Some(3))
        );
    }
}
