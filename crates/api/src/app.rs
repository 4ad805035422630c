//! What every request sees.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use staunch_control::{Handle, ServiceView};
use staunch_model::ServiceName;
use staunch_ports::JournalError;
use tokio::sync::{Semaphore, watch};

use crate::access::Access;
use crate::codes::Code;
use crate::desk::Desk;
use crate::door::Door;
use crate::frames::Frames;
use crate::oidc::Oidc;
use crate::problem::{Answer, Refusal};
use crate::routes::Metrics;
use crate::serve::Admin;

/// Entries read from the journal at once.
pub(crate) const PAGE: usize = 500;

pub(crate) type Shared = Arc<App>;

pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) admin: Arc<dyn Admin>,
    pub(crate) desk: Arc<dyn Desk>,
    /// Turns at reading recordings.
    pub(crate) recordings: Semaphore,
    /// Known once the journal has an entry.
    pub(crate) database: OnceLock<String>,
    pub(crate) version: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) tcp: std::net::SocketAddr,
    pub(crate) door: Door,
    pub(crate) access: Access,
    pub(crate) oidc: Option<Oidc>,
    pub(crate) metrics: Metrics,
    pub(crate) frames: Frames,
    pub(crate) started: Instant,
    /// Turns true when the server stops: endless streams end then.
    pub(crate) stop: watch::Receiver<bool>,
    /// How far the journal is known to reach.
    pub(crate) head: Mutex<u64>,
}

impl App {
    /// Runs what may wait for a disk away from the threads that serve.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Handle) -> T + Send + 'static,
    ) -> Answer<T> {
        let handle = self.handle.clone();
        let done = tokio::task::spawn_blocking(move || work(&handle)).await;
        done.map_err(|error| Refusal::new(Code::Internal, error.to_string()))
    }

    pub(crate) async fn journal<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Handle) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<T> {
        Ok(self.blocking(read).await??)
    }

    /// The sequence of the journal's last entry: reads on from where it was known to end.
    pub(crate) async fn head(&self) -> Answer<u64> {
        let known = *self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.journal(move |handle| last_after(handle, known)).await?;
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        *head = found.max(*head);
        Ok(*head)
    }

    /// What tells this journal from others: the beginning of its first entry's hash.
    pub(crate) async fn database(&self) -> Answer<String> {
        if let Some(known) = self.database.get() {
            return Ok(known.clone());
        }
        let first = self.journal(|handle| handle.entries_after(0, 1)).await?;
        let Some(entry) = first.first() else { return Ok("0".repeat(8)) };
        let name: String = entry.hash.chars().take(8).collect();
        Ok(self.database.get_or_init(|| name).clone())
    }

    pub(crate) fn view(&self, name: &str) -> Answer<(ServiceName, Arc<ServiceView>)> {
        let name = self.service(name)?;
        let view = self.handle.view(&name);
        view.map(|view| (name.clone(), view)).ok_or_else(|| unknown_service(name.as_str()))
    }

    /// A name that is no service's name belongs to no service.
    pub(crate) fn service(&self, name: &str) -> Answer<ServiceName> {
        ServiceName::try_from(name.to_owned()).map_err(|_| unknown_service(name))
    }
}

fn unknown_service(name: &str) -> Refusal {
    staunch_control::Refused::UnknownService(name.to_owned()).into()
}

pub(crate) fn last_after(handle: &Handle, known: u64) -> Result<u64, JournalError> {
    let mut last = known;
    while let Some(end) = handle.entries_after(last, PAGE)?.last() {
        last = end.sequence;
    }
    Ok(last)
}
