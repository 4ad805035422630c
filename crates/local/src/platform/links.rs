//! The conversation with each edge: tables and leases to it, counts from it.

use std::sync::Arc;
use std::time::Duration;

use staunch_proxy::client::{EdgeClient, EdgeReader, EdgeWriter};
use staunch_proxy::wire::{FromEdge, ToEdge};
use tokio::sync::{broadcast, watch};
use tokio::time::{interval, sleep};

use super::shared::{Leases, Shared, Table};
use crate::protocol::EdgeStatus;

const RECONNECT: Duration = Duration::from_millis(20);
/// How long idle connections of an edge that is being replaced are kept open.
const LINGER_MS: u64 = 10_000;
const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// Until the keeper no longer lists the edge.
pub(super) async fn link(shared: Arc<Shared>, edge: EdgeStatus) {
    while shared.lists(&edge) {
        if let Ok(client) = EdgeClient::connect(&edge.socket).await {
            converse(&shared, &edge, client).await;
        }
        shared.set_connected(&edge, false);
        sleep(RECONNECT).await;
    }
}

/// Until the connection ends.
async fn converse(shared: &Shared, edge: &EdgeStatus, client: EdgeClient) {
    let (mut reader, writer) = client.split();
    let Some(FromEdge::Hello { draining, table_version, .. }) = reader.next().await else { return };
    shared.overtake(table_version);
    let mut table = shared.table.subscribe();
    table.mark_changed();
    shared.set_connected(edge, true);
    let mut speaker = Speaker { shared, edge, writer, drain_told: draining };
    speaker.talk(&mut reader, &mut table, &mut shared.leases.subscribe()).await;
}

struct Speaker<'a> {
    shared: &'a Shared,
    edge: &'a EdgeStatus,
    writer: EdgeWriter,
    drain_told: bool,
}

impl Speaker<'_> {
    async fn talk(
        &mut self,
        reader: &mut EdgeReader,
        table: &mut watch::Receiver<Option<Table>>,
        leases: &mut broadcast::Receiver<Leases>,
    ) {
        let mut drain_check = interval(DRAIN_CHECK);
        loop {
            let sent = tokio::select! {
                heard = reader.next() => match heard {
                    Some(message) => {
                        self.hear(message);
                        true
                    }
                    None => false,
                },
                Ok(()) = table.changed() => {
                    let newest = table.borrow_and_update().clone();
                    self.tell_table(newest).await
                }
                Ok(leases) = leases.recv() => self.tell(&ToEdge::Renew { leases }).await,
                _ = drain_check.tick(), if !self.drain_told => self.tell_drain().await,
            };
            if !sent {
                return;
            }
        }
    }

    fn hear(&self, message: FromEdge) {
        match message {
            FromEdge::Report(mut report) => {
                report.edge = self.edge.process.pid;
                let news = self.shared.world().add_report(report);
                if news {
                    self.shared.wake();
                }
            }
            FromEdge::Refused { version, service, reason } => {
                self.shared.complain(version, service.as_deref(), &reason);
            }
            FromEdge::Hello { .. } => {}
        }
    }

    async fn tell_table(&mut self, table: Option<Table>) -> bool {
        let Some(table) = table else { return true };
        self.tell(&ToEdge::Table { version: table.0, services: table.1.clone() }).await
    }

    async fn tell_drain(&mut self) -> bool {
        self.drain_told = self.shared.is_draining(self.edge);
        !self.drain_told || self.tell(&ToEdge::Drain { linger_ms: LINGER_MS }).await
    }

    async fn tell(&mut self, message: &ToEdge) -> bool {
        self.writer.send(message).await.is_ok()
    }
}

impl Shared {
    fn lists(&self, edge: &EdgeStatus) -> bool {
        self.world().edges.get(&edge.process.pid).is_some_and(|known| known.status.process == edge.process)
    }

    fn is_draining(&self, edge: &EdgeStatus) -> bool {
        self.world().edges.get(&edge.process.pid).is_some_and(|known| known.status.draining)
    }

    fn set_connected(&self, edge: &EdgeStatus, connected: bool) {
        if let Some(known) = self.world().edges.get_mut(&edge.process.pid) {
            known.connected = connected;
            if !connected {
                (known.table_seen, known.in_flight) = (0, std::collections::BTreeMap::new());
            }
        }
        self.publish();
    }

    /// The last refusal of a table is kept to be shown.
    fn complain(&self, version: u64, service: Option<&str>, reason: &str) {
        let of = service.map_or_else(String::new, |service| format!(" of {service}"));
        self.world().complaint = Some(format!("the edge refused table {version}{of}: {reason}"));
        self.wake();
    }
}
