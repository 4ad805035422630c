//! After "101 Switching Protocols": bytes both ways, until one side is done. A weight change never cuts it; it counts
//! as in flight.

use std::rc::Rc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::task::spawn_local;

use crate::instance::Flight;
use crate::shared::Open;
use crate::thread::Thread;

pub(crate) fn start(thread: &Rc<Thread>, client: OnUpgrade, instance: OnUpgrade, flight: Flight) {
    let open = Open::new(&thread.shared);
    spawn_local(async move {
        if let (Ok(client), Ok(instance)) = tokio::join!(client, instance) {
            // However it ends, it has ended: the protocol inside knows what is missing.
            let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(instance)).await;
        }
        drop((flight, open));
    });
}
