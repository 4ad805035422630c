//! The file as a control plane asks for it: read each time, parsed once for each text.

use std::sync::{Arc, Mutex, PoisonError};

use staunch_model::{Naming, ReleaseSpec, ServiceSpec};

use crate::exit::Failure;
use crate::project::Place;
use crate::term::Term;

pub(crate) struct Source {
    place: Place,
    term: Term,
    last: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    text: String,
    services: Arc<Vec<ServiceSpec>>,
    releases: Arc<Vec<ReleaseSpec>>,
}

impl Source {
    pub(crate) fn new(place: &Place, term: Term) -> Self {
        Self { place: place.clone(), term, last: Mutex::new(None) }
    }

    pub(crate) fn services(&self) -> Result<Arc<Vec<ServiceSpec>>, Failure> {
        let services = self.known()?.services;
        if services.iter().all(|spec| spec.policy.naming == Naming::Given) {
            return Ok(services);
        }
        // A commit gives other names to the same file.
        let mut services = (*services).clone();
        crate::git::name_versions(&mut services, self.place.folder());
        Ok(Arc::new(services))
    }

    pub(crate) fn releases(&self) -> Result<Arc<Vec<ReleaseSpec>>, Failure> {
        Ok(self.known()?.releases)
    }

    fn known(&self) -> Result<Known, Failure> {
        let text = self.place.text()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|known| known.text == text) {
            return Ok(known.clone());
        }
        let project = self.place.parse(&text, &self.term)?.project;
        let (services, releases) = (Arc::new(project.services), Arc::new(project.releases));
        Ok(last.insert(Known { text, services, releases }).clone())
    }
}
