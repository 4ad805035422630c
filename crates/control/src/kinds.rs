//! A service has users or it is a worker; it cannot become the other: whoever calls it would find nobody.

use staunch_model::ServiceSpec;
use staunch_rollout::Service;

use crate::book::Book;
use crate::handle::Refused;

/// Before anything is done with a new file.
pub(crate) fn refuse_changed(book: &Book, specs: &[ServiceSpec]) -> Result<(), Refused> {
    let known = |spec: &ServiceSpec| book.services.get(&spec.name);
    let told: Vec<_> = specs.iter().filter_map(|spec| changed(known(spec)?, spec)).collect();
    if told.is_empty() { Ok(()) } else { Err(Refused::Config(told.join("\n"))) }
}

/// What is wrong with this, if the running revision is of the other kind.
pub(crate) fn changed(service: &Service, spec: &ServiceSpec) -> Option<String> {
    service.stable.as_ref()?;
    let (was, is) = match (service.rolling().is_some(), spec.is_worker()) {
        (true, false) => ("runs as a worker", "gives it `listen`"),
        (false, true) => ("has users", "makes it a worker"),
        (true, true) | (false, false) => return None,
    };
    Some(format!("`{}` {was}, and the file {is}: give the new one a name of its own", spec.name))
}
