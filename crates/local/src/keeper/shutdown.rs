//! The orderly end of everything: first no new requests, then the apps, then the keeper.

use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::house::House;
use super::instances::{self, Order};
use crate::process::Held;
use crate::protocol::ProcessState;

/// An edge that is asked to end lets requests in flight finish.
const EDGE_LINGER: Duration = Duration::from_secs(4);
/// Beyond the instances' own grace: SIGKILL works at once, reaping takes a moment.
const SLACK: Duration = Duration::from_secs(2);

pub(super) async fn shut_down(house: &Rc<House>) {
    if house.closing.replace(true) {
        return;
    }
    house.note("shutting down");
    house.edge_wanted.set(false);
    house.listeners.borrow_mut().clear();
    signal_edges(house, Signal::TERM);
    until(EDGE_LINGER, || house.edges.borrow().is_empty()).await;
    signal_edges(house, Signal::KILL);
    let longest = stop_instances(house);
    until(longest + SLACK, || all_ended(house)).await;
    let _gone = std::fs::remove_file(house.paths.keeper_state());
    let _gone = std::fs::remove_file(house.paths.keeper_socket());
    house.closed.notify_one();
}

fn signal_edges(house: &House, signal: Signal) {
    let edges = house.edges.borrow();
    edges.iter().filter_map(|edge| Held::open(edge.process).ok()).for_each(|edge| edge.signal(signal));
}

/// Orders every stop and gives the longest grace.
fn stop_instances(house: &House) -> Duration {
    let specs: Vec<_> =
        house.instances.borrow().values().map(|instance| instance.status.spec.clone()).collect();
    let graces = specs.iter().map(|spec| {
        let grace = Duration::from_millis(spec.grace_ms);
        let _unknown = instances::order(house, &spec.id, Order::Stop { grace });
        grace
    });
    graces.max().unwrap_or_default()
}

fn all_ended(house: &House) -> bool {
    house.edges.borrow().is_empty()
        && house.instances.borrow().values().all(|instance| {
            matches!(instance.status.state, ProcessState::Exited | ProcessState::CannotExec { .. })
        })
}

async fn until(limit: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
}
