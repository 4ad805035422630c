//! An edge by itself, for measuring: `serve LISTEN STABLE CANARY BASIS_POINTS` splits on one thread, counts
//! everything, renews its own lease, and runs until it is killed.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::time::Duration;

use staunch_model::{
    Backend, CanaryRoute, EdgeSpec, InstanceId, Limits, RevisionDigest, RouteTable, ServiceName, ShieldSpec,
    SplitGeneration, Upstream, WarmUp, Weight,
};
use staunch_proxy::client::EdgeClient;
use staunch_proxy::edge::{EdgeOptions, run};
use staunch_proxy::handover::put_listener;
use staunch_proxy::wire::ToEdge;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [listen, stable, canary, weight] = words.as_slice() else { return Err("see the first lines".into()) };
    let listen: SocketAddr = listen.parse()?;
    let table = table(listen, stable.parse()?, canary.parse()?, Weight::try_from(weight.parse::<u16>()?)?)?;
    let dir = tempfile::tempdir()?;
    let (socket, fd_socket) = (dir.path().join("edge.sock"), dir.path().join("edge.fd"));
    let options = EdgeOptions {
        run_dir: dir.path().into(),
        socket: socket.clone(),
        fd_socket: fd_socket.clone(),
        threads: 1,
    };
    let edge = std::thread::spawn(move || run(options));
    while !fd_socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    put_listener(&fd_socket, listen, TcpListener::bind(listen)?.as_fd())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(control(&socket, table))?;
    edge.join().map_err(|_| "the edge panicked")??;
    Ok(())
}

async fn control(socket: &std::path::Path, table: RouteTable) -> std::io::Result<()> {
    let mut client = EdgeClient::connect(socket).await?;
    let leases = BTreeMap::from([(table.service.to_string(), table.generation)]);
    client.send(&ToEdge::Table { version: 1, services: vec![table] }).await?;
    while client.next().await.is_some() {
        client.send(&ToEdge::Renew { leases: leases.clone() }).await?;
    }
    Ok(())
}

fn table(
    listen: SocketAddr,
    stable: SocketAddr,
    canary: SocketAddr,
    weight: Weight,
) -> Result<RouteTable, Box<dyn Error>> {
    let backend = |number: u8, addr| Backend {
        revision: RevisionDigest::from_sha256([number; 32]),
        instances: vec![(InstanceId(format!("i{number}")), addr)],
        since: BTreeMap::new(),
    };
    Ok(RouteTable {
        service: ServiceName::try_from("bench".to_owned())?,
        listen,
        tls: None,
        upstream: Upstream::Http1,
        edge: EdgeSpec {
            sticky: None,
            shield: ShieldSpec { enabled: true, after: Duration::from_secs(2) },
            limits: Limits {
                header_bytes: 32_768,
                body_bytes: None,
                connections: 10_000,
                header_timeout: Duration::from_secs(10),
                response_timeout: Duration::from_secs(30),
                idle_timeout: Duration::from_secs(60),
                connect_timeout: Duration::from_secs(1),
            },
            lease: Duration::from_secs(3),
        },
        generation: SplitGeneration(1),
        salt: 1,
        warm_up: WarmUp::default(),
        stable: Some(backend(1, stable)),
        canary: Some(CanaryRoute { backend: backend(2, canary), weight, twins: false, who: None }),
        mirror: None,
    })
}
