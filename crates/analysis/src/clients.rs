//! Distinct failing clients: one client that fails a thousand times is one client.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use staunch_model::Timestamp;

/// Clients of one arm that failed within the present minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FailingClients {
    minute: i64,
    seen: BTreeSet<u64>,
}

/// More failing clients a minute than this need no counting to be noticed; later ones count each time.
const MOST: usize = 8_192;

impl FailingClients {
    /// Whether `client` has failed before in this minute; from now on it has.
    pub(crate) fn has_failed(&mut self, at: Timestamp, client: u64) -> bool {
        let minute = at.0.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.seen.clear();
        }
        !self.is_new(client)
    }

    fn is_new(&mut self, client: u64) -> bool {
        if self.seen.len() < MOST { self.seen.insert(client) } else { !self.seen.contains(&client) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_counts_once_a_minute() {
        let mut clients = FailingClients::default();
        let repeated = [(1_000, 7), (1_000, 7), (1_000, 8), (59_000, 7), (59_000, 9), (60_000, 7)]
            .map(|(at, client)| clients.has_failed(Timestamp(at), client));
        assert_eq!(repeated, [false, true, false, true, false, false]);
    }

    #[test]
    fn memory_is_bounded_and_overflow_still_counts() {
        let mut clients = FailingClients::default();
        assert!((0..20_000).all(|client| !clients.has_failed(Timestamp(0), client)));
        assert_eq!(clients.seen.len(), MOST);
    }
}
