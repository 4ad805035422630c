//! The control socket: takes tables and renewals, gives reports, ends the edge.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use staunch_model::RouteTable;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::drain::drain;
use crate::hub::Hub;
use crate::persist::{self, SavedTable};
use crate::shared::Shared;
use crate::table::Origin;
use crate::wire::{FromEdge, ToEdge, encode};
use crate::worker::Command;

const REPORT_EVERY: Duration = Duration::from_millis(100);
/// Leases are looked at this often; threads see a passed deadline by themselves at once.
const LEASE_LOOK: Duration = Duration::from_millis(20);
/// A table of hundreds of services is far below; a longer line is not ours.
const MAX_LINE: u64 = 16 << 20;
const SIGTERM_LINGER: Duration = Duration::from_secs(2);
/// How long a drained edge waits for control to take its last counts.
const LAST_REPORT: Duration = Duration::from_secs(2);

pub(crate) struct Control {
    shared: Arc<Shared>,
    run_dir: PathBuf,
    hub: RefCell<Hub>,
    drained: Arc<Notify>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>, run_dir: PathBuf) -> Rc<Self> {
        let hub = RefCell::new(Hub::new(Arc::clone(&shared)));
        Rc::new(Self { shared, run_dir, hub, drained: Arc::default() })
    }

    /// Serves what the last run was told, stable only, until control speaks.
    pub(crate) fn load(&self) {
        if let Some(saved) = persist::load(&self.run_dir) {
            self.follow(saved.version, saved.services, Origin::Disk);
        }
    }

    /// Runs until the edge is drained.
    pub(crate) async fn run(self: Rc<Self>, listener: UnixListener) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        // The edge lives in a session of its own: these are not meant for it.
        let _ignored = (signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?);
        let mut reports = tokio::time::interval(REPORT_EVERY);
        let mut leases = tokio::time::interval(LEASE_LOOK);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(spawn_local(Rc::clone(&self).attend(stream))),
                    Err(_) => tokio::time::sleep(LEASE_LOOK).await,
                },
                _ = reports.tick() => self.hub.borrow_mut().tick(),
                _ = leases.tick() => self.settle_leases(),
                _ = terminate.recv() => self.start_drain(SIGTERM_LINGER),
                () = self.drained.notified() => break,
            }
        }
        self.last_words().await;
        Ok(())
    }

    async fn last_words(&self) {
        let ticks = LAST_REPORT.as_millis() / REPORT_EVERY.as_millis();
        for _ in 0..ticks {
            self.hub.borrow_mut().tick();
            if self.hub.borrow().is_settled() {
                return;
            }
            tokio::time::sleep(REPORT_EVERY).await;
        }
    }

    fn hello(&self) -> FromEdge {
        FromEdge::Hello {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            draining: self.shared.draining.load(Relaxed),
            table_version: self.shared.table.load().version,
        }
    }

    async fn attend(self: Rc<Self>, stream: UnixStream) {
        let (read, mut write) = stream.into_split();
        let Ok(hello) = encode(&self.hello()) else { return };
        if write.write_all(&hello).await.is_err() {
            return;
        }
        let id = self.hub.borrow_mut().join(write);
        let mut lines = BufReader::new(read);
        while let Some(line) = next_line(&mut lines).await {
            match serde_json::from_slice(&line) {
                Ok(message) => self.obey(id, message),
                Err(error) => self.refuse(id, 0, None, format!("not a message: {error}")),
            }
        }
        self.hub.borrow_mut().leave(id);
    }

    fn obey(&self, id: u64, message: ToEdge) {
        match message {
            ToEdge::Table { version, services } => self.take_table(id, version, services),
            ToEdge::Renew { leases } => {
                self.hub.borrow_mut().owns(id);
                let now = self.shared.clock.micros();
                let table = self.shared.table.load();
                for (name, generation) in leases {
                    if let Some(service) = table.services.get(&name)
                        && service.spec.generation == generation
                    {
                        service.lease.renew(now, service.spec.edge.lease);
                    }
                }
            }
            ToEdge::Drain { linger_ms } => self.start_drain(Duration::from_millis(linger_ms)),
        }
    }

    fn take_table(&self, id: u64, version: u64, services: Vec<RouteTable>) {
        let new_owner = self.hub.borrow_mut().owns(id);
        let in_force = self.shared.table.load().version;
        // Only within one control's words does a lower number mean an older table.
        if version <= in_force && !new_owner {
            let reason = format!("table version {version} is not newer than {in_force}, which is in force");
            return self.refuse(id, version, None, reason);
        }
        for refusal in self.follow(version, services, Origin::Control) {
            self.refuse(id, version, Some(refusal.service), refusal.reason);
        }
        self.save(id, version);
    }

    fn follow(&self, version: u64, services: Vec<RouteTable>, origin: Origin) -> Vec<crate::table::Refusal> {
        let now = self.shared.clock.micros();
        let before = self.shared.table.load();
        before.services.values().for_each(|service| service.lease.settle(now));
        let (table, refusals) = before.follow(version, services, origin, now);
        self.shared.table.store(Arc::new(table));
        self.shared.listeners.tell_workers(|| Command::Look);
        refusals
    }

    /// After the swap: a full disk must not keep a rollback from happening.
    fn save(&self, id: u64, version: u64) {
        let table = self.shared.table.load();
        let services = table.services.values().map(|service| service.spec.clone()).collect();
        if let Err(error) = persist::save(&self.run_dir, &SavedTable { version: table.version, services }) {
            self.refuse(id, version, None, format!("in force, but not saved for a restart: {error}"));
        }
    }

    fn refuse(&self, id: u64, version: u64, service: Option<String>, reason: String) {
        self.hub.borrow_mut().tell(id, &FromEdge::Refused { version, service, reason });
    }

    fn settle_leases(&self) {
        let now = self.shared.clock.micros();
        self.shared.table.load().services.values().for_each(|service| service.lease.settle(now));
    }

    fn start_drain(&self, linger: Duration) {
        let (shared, drained) = (Arc::clone(&self.shared), Arc::clone(&self.drained));
        spawn_local(async move {
            drain(shared, linger).await;
            drained.notify_one();
        });
    }
}

async fn next_line(lines: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    use tokio::io::AsyncReadExt as _;
    let mut line = Vec::new();
    let read = lines.take(MAX_LINE).read_until(b'\n', &mut line).await.ok()?;
    (read > 0 && line.last() == Some(&b'\n')).then_some(line)
}

/// Binds the control socket so that there is never a moment without one at `path`.
pub(crate) fn bind(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}
