//! The internal roles: keeper and edge.

use staunch_local::keeper::{self, KeeperOptions};
use staunch_proxy::edge::{self, EdgeOptions};

use crate::args::EdgeArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::project::Place;

pub(crate) fn keeper(place: &Place) -> Outcome {
    let binary = std::env::current_exe()?;
    keeper::run(&KeeperOptions { data: place.data.clone(), binary }).map(|()| Exit::Ok).map_err(Failure::from)
}

pub(crate) fn edge(args: &EdgeArgs) -> Outcome {
    let options = EdgeOptions {
        run_dir: args.run_dir.clone(),
        socket: args.socket.clone(),
        fd_socket: args.fd_socket.clone(),
        threads: args.threads,
    };
    edge::run(options).map(|()| Exit::Ok).map_err(Failure::from)
}
