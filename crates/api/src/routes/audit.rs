//! The journal for auditors: whether it is intact, and all of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use staunch_model::ServiceName;
use staunch_ports::{Entry, JournalError};
use staunch_rollout::{Event, Service};

use crate::app::{PAGE, Shared};
use crate::problem::Answer;
use crate::stream::{Gone, Writer, respond};
use crate::v1::{ExportLine, Fault, Verified};

/// A damaged journal is an answer, not a failure to answer.
pub(super) async fn verify(State(app): State<Shared>) -> Answer<Json<Verified>> {
    let verified = match app.blocking(|handle| handle.verify()).await? {
        Ok(entries) => Verified { intact: true, entries, fault: None },
        Err(JournalError::Damaged(fault)) => Verified {
            intact: false,
            entries: fault.sequence.saturating_sub(1),
            fault: Some(Fault { sequence: fault.sequence, what: fault.what }),
        },
        Err(other) => return Err(other.into()),
    };
    Ok(Json(verified))
}

/// Every entry as one line of JSON, in order, up to where the journal ended when it was asked for.
pub(super) async fn export(State(app): State<Shared>) -> Answer<Response> {
    let end = app.head().await?;
    let reading = app.clone();
    Ok(respond(&app, "application/x-ndjson", move |writer| send(reading, end, writer)))
}

async fn send(app: Shared, end: u64, mut writer: Writer) -> Result<(), Gone> {
    writer.must_finish();
    let mut fold = Fold::default();
    let mut after = 0;
    while after < end {
        let page = app.journal(move |handle| handle.entries_after(after, PAGE)).await.map_err(|_| Gone)?;
        let last = page.last().ok_or(Gone)?;
        after = last.sequence;
        for entry in page.iter().filter(|entry| entry.sequence <= end) {
            let line = ExportLine { audit_alias: fold.alias_after(entry), entry: entry.into() };
            writer.send(serde_json::to_string(&line).unwrap_or_default() + "\n").await?;
        }
    }
    writer.finish();
    Ok(())
}

/// The services as the entries so far tell them.
#[derive(Default)]
struct Fold(BTreeMap<ServiceName, Service>);

impl Fold {
    /// `None` for an entry that does not fold: the export shows what is there, `verify` judges it.
    fn alias_after(&mut self, entry: &Entry) -> Option<String> {
        let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
        let service =
            self.0.entry(entry.service.clone()).or_insert_with(|| Service::new(entry.service.clone()));
        service.apply(entry.at, &event).ok()?;
        Some(service.rollout.as_ref()?.phase.audit_alias().to_owned())
    }
}
