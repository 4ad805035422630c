//! The allow-lists that the file names, looked at before anybody deploys with them.

use std::path::Path;

use staunch_config::{Diagnostic, Parsed};
use staunch_local::lists;

use crate::project::Place;

pub(crate) fn flaws(place: &Place, parsed: &Parsed) -> Vec<Diagnostic> {
    let project = place.file.parent().unwrap_or(Path::new("/"));
    let flaw = |spec: &staunch_model::ServiceSpec| {
        let allow = spec.strategy.who.as_ref()?.allow.as_ref()?;
        let error = lists::read(project, &allow.file).err()?;
        Some(parsed.list_flaw(&spec.name, &error.to_string(), error.fix()))
    };
    parsed.project.services.iter().filter_map(flaw).collect()
}
