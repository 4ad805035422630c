//! CPU and memory of an instance: the sums over its process group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::world::World;
use crate::proc;

/// One look at `/proc` for all instances. `since` is the time since the last one.
pub(super) fn measure(world: &mut World, groups: &BTreeMap<u32, Group>, since: Duration) {
    for tracked in world.instances.values_mut() {
        let group = tracked.process.and_then(|process| groups.get(&process.pid)).copied().unwrap_or_default();
        let before = tracked.cpu_ticks.replace(group.cpu_ticks);
        let ticks = group.cpu_ticks.saturating_sub(before.unwrap_or(group.cpu_ticks));
        tracked.cpu_ratio = proc::seconds_of_ticks(ticks) / since.as_secs_f64().max(0.001);
        tracked.memory_bytes = group.memory_bytes;
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Group {
    cpu_ticks: u64,
    memory_bytes: u64,
}

/// Every process group that is one of `leaders`.
pub(super) fn groups(leaders: &BTreeSet<u32>) -> BTreeMap<u32, Group> {
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for stat in proc::all().filter(|stat| leaders.contains(&stat.group)) {
        let group = groups.entry(stat.group).or_default();
        group.cpu_ticks += stat.cpu_ticks;
        group.memory_bytes += proc::resident_bytes(stat.pid);
    }
    groups
}
