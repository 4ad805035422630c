//! The table as every thread shares it: control's wishes, merged with what may not be undone by a late message.

use std::collections::BTreeMap;
use std::sync::Arc;

use staunch_model::{RouteTable, SplitGeneration};
use tokio_rustls::TlsAcceptor;

use crate::lease::Lease;
use crate::mirror::Mirror;
use crate::route::Routes;
use crate::sticky::Sticky;
use crate::tls;
use crate::who::Who;

/// One immutable table; a new one replaces it whole.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) version: u64,
    pub(crate) services: BTreeMap<String, Arc<Service>>,
}

/// One service of a table.
pub(crate) struct Service {
    pub(crate) spec: RouteTable,
    pub(crate) lease: Arc<Lease>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) sticky: Sticky,
    /// Set only while there is a canary.
    pub(crate) who: Option<Arc<Who>>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) mirror: Option<Arc<Mirror>>,
    /// Read from disk: no control has confirmed it yet.
    pub(crate) unconfirmed: bool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("spec", &self.spec)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Something of it holds only while it is renewed.
    fn is_leased(&self) -> bool {
        self.spec.canary.is_some() || self.mirror.is_some()
    }
}

/// Why one service's part of a table, or something of it, was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) service: String,
    pub(crate) reason: String,
}

/// Where a table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Control,
    Disk,
}

impl Table {
    /// `self`, changed to what control wishes. A service keeps what it has where the wish is older than it or cannot
    /// be served; every refusal has its reason.
    pub(crate) fn follow(
        &self,
        version: u64,
        wishes: Vec<RouteTable>,
        origin: Origin,
        now_micros: u64,
    ) -> (Self, Vec<Refusal>) {
        let mut services = BTreeMap::new();
        let mut refusals = Vec::new();
        for wish in wishes {
            let name = wish.service.to_string();
            let known = self.services.get(&name);
            match take(known, wish, origin, now_micros) {
                Ok((service, trouble)) => {
                    refusals.extend(trouble.map(|reason| Refusal { service: name.clone(), reason }));
                    services.insert(name, service);
                }
                Err(reason) => {
                    if let Some(known) = known {
                        services.insert(name.clone(), Arc::clone(known));
                    }
                    refusals.push(Refusal { service: name, reason });
                }
            }
        }
        (Self { version, services }, refusals)
    }

    pub(crate) fn lapsed(&self) -> BTreeMap<String, SplitGeneration> {
        let lapsed = self.services.iter().filter(|(_, s)| s.is_leased() && s.lease.has_lapsed());
        lapsed.map(|(name, service)| (name.clone(), service.spec.generation)).collect()
    }
}

fn take(
    known: Option<&Arc<Service>>,
    wish: RouteTable,
    origin: Origin,
    now_micros: u64,
) -> Result<(Arc<Service>, Option<String>), String> {
    if let Some(known) = known
        && wish.generation < known.spec.generation
    {
        let (has, got) = (known.spec.generation.0, wish.generation.0);
        return Err(format!("generation {got} is older than {has}, which is in force"));
    }
    let tls = wish.tls.as_ref().map(tls::acceptor).transpose()?;
    let lease = lease_for(known, &wish, origin, now_micros);
    let routes = known.map(|k| Arc::clone(&k.routes)).unwrap_or_default();
    let mirrored = known.and_then(|known| known.mirror.as_deref());
    let before = known.and_then(|known| known.who.as_ref());
    let who = wish.canary.as_ref().and_then(|canary| canary.who.as_ref()).map(|who| Who::of(who, before));
    let (who, trouble) = who.unzip();
    let service = Service {
        mirror: Mirror::of(&wish, mirrored, &lease, &routes),
        lease,
        routes,
        sticky: Sticky::new(wish.edge.sticky.as_ref()),
        who,
        tls,
        unconfirmed: origin == Origin::Disk,
        spec: wish,
    };
    Ok((Arc::new(service), trouble.flatten()))
}

/// The same generation keeps its lease, lapsed or not; only a new one, or the first word of control after a restart,
/// starts a lease.
fn lease_for(known: Option<&Arc<Service>>, wish: &RouteTable, origin: Origin, now_micros: u64) -> Arc<Lease> {
    match (origin, known) {
        (Origin::Disk, _) => Arc::new(Lease::already_lapsed()),
        (Origin::Control, Some(k)) if k.spec.generation == wish.generation && !k.unconfirmed => {
            Arc::clone(&k.lease)
        }
        (Origin::Control, _) => Arc::new(Lease::fresh(now_micros, wish.edge.lease)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use staunch_model::{EdgeSpec, Limits, ServiceName, ShieldSpec, Upstream};

    use super::*;

    pub(crate) fn route_table(generation: u64) -> RouteTable {
        RouteTable {
            service: ServiceName::try_from("shop".to_owned()).unwrap(),
            listen: "127.0.0.1:1".parse().unwrap(),
            tls: None,
            upstream: Upstream::Http1,
            edge: EdgeSpec {
                sticky: None,
                shield: ShieldSpec { enabled: true, after: Duration::from_secs(1) },
                limits: Limits {
                    header_bytes: 16_384,
                    body_bytes: None,
                    connections: 100,
                    header_timeout: Duration::from_secs(5),
                    response_timeout: Duration::from_secs(5),
                    idle_timeout: Duration::from_secs(5),
                    connect_timeout: Duration::from_secs(1),
                },
                lease: Duration::from_secs(3),
            },
            generation: SplitGeneration(generation),
            salt: 1,
            warm_up: staunch_model::WarmUp::default(),
            stable: None,
            canary: None,
            mirror: None,
        }
    }

    fn lease(table: &Table) -> Arc<Lease> {
        Arc::clone(&table.services["shop"].lease)
    }

    #[test]
    fn stale_generation_is_refused() {
        let (first, _) = Table::default().follow(1, vec![route_table(5)], Origin::Control, 0);
        let (second, refusals) = first.follow(2, vec![route_table(4)], Origin::Control, 0);
        assert_eq!(second.services["shop"].spec.generation, SplitGeneration(5));
        assert_eq!(refusals[0].reason, "generation 4 is older than 5, which is in force");
    }

    #[test]
    fn only_a_newer_generation_revives_a_lapsed_lease() {
        let (first, _) = Table::default().follow(1, vec![route_table(5)], Origin::Control, 0);
        lease(&first).settle(10_000_000);
        let (same, _) = first.follow(2, vec![route_table(5)], Origin::Control, 10_000_000);
        assert!(!lease(&same).holds(10_000_000));
        let (newer, _) = same.follow(3, vec![route_table(6)], Origin::Control, 10_000_000);
        assert!(lease(&newer).holds(10_000_000));
    }

    #[test]
    fn after_a_restart_the_first_table_of_control_starts_the_lease() {
        let (disk, _) = Table::default().follow(9, vec![route_table(5)], Origin::Disk, 0);
        assert!(!lease(&disk).holds(0));
        let (confirmed, _) = disk.follow(10, vec![route_table(5)], Origin::Control, 0);
        assert!(lease(&confirmed).holds(0));
    }
}
