//! What the API's server looks up here: the configuration's text, the machine.

use std::collections::BTreeMap;

use staunch_api::v1::{ConfigFinding, DoctorCheck, Validation};
use staunch_api::{Desk, FileValue, FileValues};
use staunch_config::{Diagnostics, KeyValue, LineColumn, Parsed, parse_in};
use staunch_model::ServiceName;

use crate::commands::doctor;
use crate::project::Place;
use crate::term::Term;

pub(crate) struct PlaceDesk {
    pub(crate) place: Place,
    pub(crate) term: Term,
}

impl Desk for PlaceDesk {
    fn validate(&self, text: &str, environment: Option<&str>) -> Validation {
        match parse_in(text, environment) {
            Ok(parsed) => Validation {
                valid: true,
                findings: findings(&parsed.warnings, text),
                services: parsed.project.services.iter().map(|service| service.name.to_string()).collect(),
            },
            Err(found) => Validation { valid: false, findings: findings(&found, text), services: vec![] },
        }
    }

    fn doctor(&self) -> Vec<DoctorCheck> {
        doctor::of_server(&self.term, &self.place)
    }

    fn environments(&self) -> Result<Vec<String>, String> {
        self.place
            .read(&self.term)
            .map(|parsed| parsed.project.environments)
            .map_err(|failure| failure.message)
    }

    fn values(&self, service: &ServiceName) -> FileValues {
        let file = self.place.file.display().to_string();
        let environment = self.place.environment.clone();
        match self.parsed() {
            Ok(parsed) => {
                let spec = parsed.project.services.iter().find(|spec| &spec.name == service);
                let env = spec.map(|spec| spec.env.clone()).unwrap_or_default();
                let values = parsed.project.values(service).into_iter().map(value).collect();
                FileValues { file, environment, values: Ok(values), env }
            }
            Err(why) => FileValues { file, environment, values: Err(why), env: BTreeMap::new() },
        }
    }
}

impl PlaceDesk {
    /// Lines of the file stand in no message: they may hold secrets.
    fn parsed(&self) -> Result<Parsed, String> {
        let text = self.place.text().map_err(|failure| failure.message)?;
        parse_in(&text, self.place.environment.as_deref()).map_err(|found| {
            let all = findings(&found, &text);
            let first = all.iter().find(|one| one.severity == "error");
            let first = first.map(|one| format!("line {}: {}; ", one.line, one.message)).unwrap_or_default();
            format!("{first}{}; `staunch validate` shows all of it", found.summary())
        })
    }
}

fn value(value: KeyValue) -> FileValue {
    let KeyValue { key, given, default, about } = value;
    FileValue { key, given, default: default.map(str::to_owned), about: about.to_owned() }
}

fn findings(found: &Diagnostics, text: &str) -> Vec<ConfigFinding> {
    let finding = |one: &staunch_config::Diagnostic| {
        let place = LineColumn::of(text, one.labels.first().map_or(0, |label| label.span.start));
        ConfigFinding {
            code: one.code.to_owned(),
            severity: one.severity.name().to_owned(),
            message: one.message.clone(),
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
            column: u32::try_from(place.column).unwrap_or(u32::MAX),
            help: one.help.clone(),
        }
    };
    found.0.iter().map(finding).collect()
}
