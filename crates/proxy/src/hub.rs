//! The connected controls: who owns the edge, who gets the counts, and what has really been delivered.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::unix::OwnedWriteHalf;

use crate::report::{Carried, sign_of_life};
use crate::shared::Shared;
use crate::wire::{FromEdge, encode};

struct Client {
    id: u64,
    socket: OwnedWriteHalf,
    /// Bytes not yet taken by the socket.
    out: Vec<u8>,
    /// Position in the order of commands given; 0 for a client that has only listened.
    rank: u64,
    carried: Option<Carried>,
    gone: bool,
}

pub(crate) struct Hub {
    shared: Arc<Shared>,
    clients: Vec<Client>,
    next_id: u64,
    next_rank: u64,
    sequence: u64,
    reported: Instant,
}

impl Client {
    fn flush(&mut self) {
        while !self.out.is_empty() && !self.gone {
            match self.socket.try_write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.gone = true,
            }
        }
    }
    /// False for a message that cannot be encoded, which none can.
    fn queue(&mut self, message: &FromEdge) {
        match encode(message) {
            Ok(line) => self.out.extend(line),
            Err(_) => self.gone = true,
        }
        self.flush();
    }
}

impl Hub {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, clients: Vec::new(), next_id: 1, next_rank: 1, sequence: 0, reported: Instant::now() }
    }

    pub(crate) fn join(&mut self, socket: OwnedWriteHalf) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.clients.push(Client { id, socket, out: Vec::new(), rank: 0, carried: None, gone: false });
        id
    }

    pub(crate) fn leave(&mut self, id: u64) {
        self.clients.iter_mut().filter(|client| client.id == id).for_each(|client| client.gone = true);
        self.sweep();
    }

    pub(crate) fn tell(&mut self, id: u64, message: &FromEdge) {
        self.clients.iter_mut().filter(|client| client.id == id).for_each(|client| client.queue(message));
    }

    /// A client gave a command: it owns the edge now. True if another (or none) owned it before.
    pub(crate) fn owns(&mut self, id: u64) -> bool {
        let before = self.recipient().filter(|client| client.rank > 0).map(|client| client.id);
        if before != Some(id) {
            let rank = self.next_rank;
            self.next_rank += 1;
            self.clients.iter_mut().filter(|client| client.id == id).for_each(|client| client.rank = rank);
        }
        before != Some(id)
    }

    /// The newest client that gave a command; if none did, the newest.
    fn recipient(&mut self) -> Option<&mut Client> {
        self.clients.iter_mut().filter(|client| !client.gone).max_by_key(|client| (client.rank, client.id))
    }

    /// Sends everybody a report. One at a time carries counts; they count as handed over when its last byte is
    /// written, and go into the next report otherwise.
    pub(crate) fn tick(&mut self) {
        self.clients.iter_mut().for_each(Client::flush);
        self.sweep();
        let carrier = self.carry();
        let life = FromEdge::Report(sign_of_life(&self.shared, self.sequence));
        for client in
            self.clients.iter_mut().filter(|client| Some(client.id) != carrier && client.out.is_empty())
        {
            client.queue(&life);
        }
        self.sweep();
    }

    /// The client that now carries counts, or carried them in this tick.
    fn carry(&mut self) -> Option<u64> {
        if let Some(busy) = self.clients.iter().find(|client| client.carried.is_some()) {
            return Some(busy.id);
        }
        let (shared, sequence, covers) =
            (Arc::clone(&self.shared), self.sequence + 1, self.reported.elapsed());
        let client = self.recipient().filter(|client| client.out.is_empty())?;
        let carried = Carried::take(&shared, sequence, covers);
        client.queue(&FromEdge::Report(carried.report().clone()));
        client.carried = Some(carried);
        Some(client.id)
    }

    /// Settles what was written and what was lost.
    fn sweep(&mut self) {
        for client in &mut self.clients {
            if client.gone {
                if let Some(carried) = client.carried.take() {
                    carried.lost(&self.shared);
                }
            } else if client.out.is_empty()
                && let Some(carried) = client.carried.take()
            {
                carried.delivered(&self.shared);
                self.sequence += 1;
                self.reported = Instant::now();
            }
        }
        self.clients.retain(|client| !client.gone);
    }

    /// Whether there is nobody to tell, or nothing left to tell.
    pub(crate) fn is_settled(&self) -> bool {
        let nobody = self.clients.is_empty();
        let busy = self.clients.iter().any(|client| client.carried.is_some());
        nobody || (!busy && Carried::nothing_new(&self.shared))
    }
}
