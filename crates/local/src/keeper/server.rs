//! The keeper's socket: whoever may open it may give orders.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use super::house::House;
use super::instances::{self, Order};
use super::upgrade::Inherited;
use super::{edges, listeners, shutdown, upgrade};
use crate::paths::Paths;
use crate::protocol::{Request, Response};

/// The lock is held, so a socket that lies there belongs to a keeper that is gone.
pub(super) fn bind(paths: &Paths, inherited: &mut Option<Inherited>) -> io::Result<UnixListener> {
    if let Some(socket) = inherited.as_mut().and_then(|inherited| inherited.socket.take()) {
        socket.set_nonblocking(true)?;
        return UnixListener::from_std(socket);
    }
    let path = paths.keeper_socket();
    let _gone = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until everything is shut down.
pub(super) async fn serve(house: &Rc<House>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            accepted = house.socket.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::task::spawn_local(talk(house.clone(), stream))),
                // Out of descriptors: pause instead of spinning.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            _ = terminate.recv() => begin_shutdown(house),
            () = house.closed.notified() => return Ok(()),
        }
    }
}

fn begin_shutdown(house: &Rc<House>) {
    let house = house.clone();
    tokio::task::spawn_local(async move { shutdown::shut_down(&house).await });
}

async fn talk(house: Rc<House>, stream: UnixStream) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let response = match serde_json::from_str(&line) {
            Ok(request) => answer(&house, request).await,
            Err(error) => {
                Response::Refused { error: format!("the keeper does not understand the request: {error}") }
            }
        };
        let Ok(mut text) = serde_json::to_vec(&response) else { return };
        text.push(b'\n');
        if writer.write_all(&text).await.is_err() {
            return;
        }
    }
}

async fn answer(house: &Rc<House>, request: Request) -> Response {
    if house.closing.get()
        && !matches!(request, Request::Hello | Request::List | Request::ListSince { .. } | Request::Shutdown)
    {
        return Response::Refused { error: "the keeper is shutting down".to_owned() };
    }
    match request {
        Request::Hello => Response::Hello(house.info()),
        Request::ListSince { seen } if seen == house.number() => Response::Unchanged,
        Request::List | Request::ListSince { .. } => Response::Listing(house.listing()),
        Request::Listen { addr } => {
            respond(listeners::listen(house, addr).await, |addr| Response::Listening { addr })
        }
        Request::Unlisten { addr } => {
            listeners::unlisten(house, addr).await;
            Response::Done
        }
        Request::Spawn { spec } => respond(instances::spawn(house, *spec), done),
        Request::Stop { id, grace_ms } => {
            let grace = Duration::from_millis(grace_ms);
            respond(instances::order(house, &id, Order::Stop { grace }), done)
        }
        Request::Restart { id, why } => respond(restart(house, &id, why), done),
        Request::Forget { id } => respond(instances::forget(house, &id), done),
        Request::EnsureEdge => respond(edges::ensure(house), Response::Edge),
        Request::ReplaceEdge { binary } => match upgrade::version_of(&binary).await {
            Ok(version) => respond(edges::replace(house, &binary, version), Response::Edge),
            Err(error) => Response::Refused { error },
        },
        Request::Promote { edge } => respond(edges::promote(house, edge).await, done),
        Request::Upgrade { binary } => match upgrade::version_of(&binary).await {
            Ok(_version) => Response::Refused { error: upgrade::execute(house, &binary) },
            Err(error) => Response::Refused { error },
        },
        Request::Shutdown => {
            begin_shutdown(house);
            Response::Done
        }
    }
}

fn restart(house: &House, id: &staunch_model::InstanceId, why: String) -> Result<(), String> {
    let spec = house.spec(id).ok_or_else(|| format!("no instance is called {id}"))?;
    instances::order(house, id, Order::Restart { grace: Duration::from_millis(spec.grace_ms), why })
}

fn respond<T>(result: Result<T, String>, well: impl FnOnce(T) -> Response) -> Response {
    result.map_or_else(|error| Response::Refused { error }, well)
}

fn done((): ()) -> Response {
    Response::Done
}
