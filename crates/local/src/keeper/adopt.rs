//! Taking over from an earlier keeper: what is alive is held again, what died meanwhile is treated as an exit.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use staunch_model::InstanceId;

use super::edges;
use super::house::House;
use super::instances::{self, Order};
use super::listeners;
use super::state::Saved;
use super::upgrade::Inherited;
use crate::edge_side;
use crate::proc;
use crate::process::{HOME, Held, Identity, MARK};
use crate::protocol::{EdgeStatus, ProcessState, ProcessStatus};

pub(super) async fn take_over(house: &Rc<House>, saved: Option<Saved>, inherited: Option<Inherited>) {
    let Some(saved) = saved else { return house.save() };
    let same_boot = saved.boot_id == proc::boot_id();
    let alive = |identity: Identity| if same_boot { Held::open(identity).ok() } else { None };
    end_strays(house, &saved.instances);
    let edges: Vec<(Held, EdgeStatus)> =
        saved.edges.into_iter().filter_map(|edge| Some((alive(edge.process)?, edge))).collect();
    let sockets = match inherited {
        Some(inherited) => inherited.listeners.into_iter().collect(),
        None => reclaim(house, &edges, &saved.listeners).await,
    };
    house.listeners.borrow_mut().extend(sockets);
    for status in saved.instances {
        let held = status.process.and_then(alive);
        adopt_instance(house, status, held);
    }
    for (process, edge) in edges {
        edges::adopt(house, process, edge);
    }
    house.save();
    house.note(&format!(
        "took over {} instances, {} edges, {} sockets",
        house.instances.borrow().len(),
        house.edges.borrow().len(),
        house.listeners.borrow().len()
    ));
    wake_edge(house);
}

/// A keeper that was killed between starting a process and writing it down left one that nobody knows. What an
/// instance that is alive has put into groups of its own is not a stray.
fn end_strays(house: &House, known: &[ProcessStatus]) {
    let home = house.paths.data().to_string_lossy();
    let lives = |id: &str| {
        let process = known.iter().find(|status| status.spec.id.0 == id).and_then(|status| status.process);
        process.is_some_and(|process| Identity::of(process.pid) == Some(process))
    };
    for leader in proc::all().filter(|stat| stat.group == stat.pid && !stat.zombie) {
        let Some(id) = proc::variable(leader.pid, MARK).filter(|id| !lives(id)) else { continue };
        if proc::started_with(leader.pid, HOME, &home) {
            house.note(&format!("process {} of {id} was known to nobody: ended", leader.pid));
            kill_left_behind(leader.pid, &InstanceId(id));
        }
    }
}

/// When no edge of the former keeper is left to accept, there shall be one.
fn wake_edge(house: &Rc<House>) {
    if house.edge_wanted.get()
        && let Err(error) = edges::ensure(house)
    {
        house.note(&error);
    }
}

/// A living edge has the very sockets, with the connections that wait in them; only without one are they bound anew.
async fn reclaim(
    house: &House,
    edges: &[(Held, EdgeStatus)],
    wanted: &[SocketAddr],
) -> BTreeMap<SocketAddr, TcpListener> {
    let mut sockets = BTreeMap::new();
    for (_, edge) in edges.iter().filter(|(_, edge)| edge.listening && !edge.draining) {
        match edge_side::get_back(edge.fd_socket.clone()).await {
            Ok(found) => sockets.extend(found.into_iter().filter(|(addr, _)| wanted.contains(addr))),
            Err(error) => house.note(&format!("edge {} gave no sockets back: {error}", edge.process.pid)),
        }
    }
    for addr in wanted {
        if !sockets.contains_key(addr) {
            match listeners::bind_patiently(*addr).await {
                Ok(socket) => drop(sockets.insert(*addr, socket)),
                Err(error) => house.note(&format!("{addr} is lost: {error}")),
            }
        }
    }
    sockets
}

fn adopt_instance(house: &Rc<House>, mut status: ProcessStatus, held: Option<Held>) {
    let id = status.spec.id.clone();
    let was_stopping = status.state == ProcessState::Stopping;
    if held.is_none() {
        bury(&mut status, &id);
    }
    let grace = Duration::from_millis(status.spec.grace_ms);
    if let Err(error) = instances::enter(house, status, held) {
        return house.note(&error);
    }
    if was_stopping {
        let _ended = instances::order(house, &id, Order::Stop { grace });
    }
}

/// The process ended while nobody watched. What it left in its group is ended too.
fn bury(status: &mut ProcessStatus, id: &InstanceId) {
    if let Some(process) = status.process.take() {
        kill_left_behind(process.pid, id);
        instances::push_exit(status, instances::unseen_exit(process, status.started));
    }
    if status.state == ProcessState::Stopping {
        status.state = ProcessState::Exited;
    }
}

fn kill_left_behind(group: u32, id: &InstanceId) {
    for member in proc::all().filter(|stat| stat.group == group && !stat.zombie) {
        let identity = Identity { pid: member.pid, start_time: member.start_time };
        if proc::started_with(member.pid, MARK, &id.0)
            && let Ok(held) = Held::open(identity)
        {
            held.signal(Signal::KILL);
        }
    }
}
