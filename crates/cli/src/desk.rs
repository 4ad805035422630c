//! What the API's server looks up here: the configuration's text, the machine.

use staunch_api::Desk;
use staunch_api::v1::{ConfigFinding, DoctorCheck, Validation};
use staunch_config::{Diagnostics, LineColumn, parse_in};

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
