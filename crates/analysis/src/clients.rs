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
    /// How many of `clients` have not failed before in this minute.
    pub(crate) fn admit(&mut self, at: Timestamp, clients: impl Iterator<Item = u64>) -> u64 {
        let minute = at.0.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.seen.clear();
        }
        clients.filter(|client| self.is_new(*client)).count() as u64
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
        assert_eq!(clients.admit(Timestamp(1_000), [7, 7, 8].into_iter()), 2);
        assert_eq!(clients.admit(Timestamp(59_000), [7, 9].into_iter()), 1);
        assert_eq!(clients.admit(Timestamp(60_000), [7].into_iter()), 1);
    }

    #[test]
    fn memory_is_bounded_and_overflow_still_counts() {
        let mut clients = FailingClients::default();
        assert_eq!(clients.admit(Timestamp(0), 0..20_000), 20_000);
        assert_eq!(clients.seen.len(), MOST);
    }
}
