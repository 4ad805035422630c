//! From wishes and readiness to the edges' table.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use staunch_model::{Backend, CanaryRoute, InstanceId, MirrorRoute, RevisionDigest, RouteTable, WarmUp};
use staunch_ports::{ObservedSplit, SplitWish};

use super::world::{Service, Tracked, World};

/// The table of every service that has a wish, in the order of their names.
pub(super) fn tables(world: &World) -> Vec<RouteTable> {
    world.services.values().filter_map(|service| table(world, service)).collect()
}

fn table(world: &World, service: &Service) -> Option<RouteTable> {
    let wish = service.wish.as_ref()?;
    let spec = &service.spec;
    Some(RouteTable {
        service: spec.name.clone(),
        // A worker has no address, and no wish either.
        listen: spec.listen?,
        tls: spec.tls.clone(),
        upstream: spec.upstream,
        edge: spec.edge.clone(),
        generation: wish.generation,
        salt: wish.salt,
        warm_up: WarmUp { lasts: spec.evidence.warm_up, requests: spec.evidence.warm_up_requests },
        stable: wish.stable.as_ref().map(|revision| stable(world, service, revision, wish.twins)),
        canary: wish.canary.as_ref().map(|(revision, weight)| CanaryRoute {
            backend: backend(world, service, revision, |_, tracked| tracked.ready),
            weight: *weight,
            twins: wish.twins,
            who: wish.who.as_deref().cloned(),
        }),
        mirror: wish.mirror.as_ref().map(|mirror| MirrorRoute {
            backend: backend(world, service, &mirror.revision, |_, tracked| tracked.ready),
            spec: mirror.spec.clone(),
        }),
    })
}

/// With no ready instance those that run get the traffic: an answer from an ailing one beats none at all. So does one
/// from a twin that nothing is compared with.
fn stable(world: &World, service: &Service, revision: &RevisionDigest, twins: bool) -> Backend {
    let own = backend(world, service, revision, |id, tracked| tracked.ready && (twins || !id.is_twin()));
    if !own.instances.is_empty() {
        return own;
    }
    let ready = backend(world, service, revision, |_, tracked| tracked.ready);
    if ready.instances.is_empty() { backend(world, service, revision, |_, _| true) } else { ready }
}

fn backend(
    world: &World,
    service: &Service,
    revision: &RevisionDigest,
    fit: impl Fn(&InstanceId, &Tracked) -> bool,
) -> Backend {
    let of_revision = world.instances.iter().filter(|(_, tracked)| {
        tracked.service == service.spec.name && tracked.revision == *revision && tracked.takes_traffic()
    });
    let fit = of_revision.filter(|(id, tracked)| fit(id, tracked));
    let mut backend = Backend { revision: revision.clone(), instances: Vec::new(), since: BTreeMap::new() };
    for (id, tracked) in fit {
        if let Some(address) = address(tracked) {
            backend.instances.push((id.clone(), address));
            backend.since.insert(id.clone(), tracked.serves_since());
        }
    }
    backend
}

fn address(tracked: &Tracked) -> Option<SocketAddr> {
    let port = tracked.spec.as_ref()?.port;
    Some(tracked.address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into()))
}

/// Whether every thread of every edge routes by the wish.
pub(super) fn observed(world: &World, service: &Service) -> Option<ObservedSplit> {
    let wish: &SplitWish = service.wish.as_ref()?;
    let told = service.version > 0 && !world.edges.is_empty();
    let seen = told && world.edges.values().all(|edge| edge.connected && edge.table_seen >= service.version);
    let name = service.spec.name.as_str();
    let lapsed = world.edges.values().any(|edge| edge.lapsed.get(name) == Some(&wish.generation));
    Some(ObservedSplit { wish: wish.clone(), seen, lapsed, since: service.since })
}
