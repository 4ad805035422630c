//! Free ports for instances, outside the range that the system gives to outgoing connections.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nothing listens on now and that is not in `taken`. The search begins at a place of the seed's own, so
/// that two data directories on one machine rarely look at the same ports.
///
/// `None` when all are taken.
pub(super) fn choose(seed: &impl Hash, taken: &BTreeSet<u16>) -> Option<u16> {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let offset = (hasher.finish() % u64::from(COUNT)) as u16;
    (0..COUNT)
        .map(|step| FIRST + (offset + step) % COUNT)
        .find(|port| !taken.contains(port) && is_free(*port))
}

fn is_free(port: u16) -> bool {
    let v4 = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    // A machine without IPv6 refuses every port of it: only one in use says something.
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    v4.is_ok() && !matches!(v6, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_or_promised_is_not_given_again() {
        let first = choose(&"a", &BTreeSet::new()).unwrap();
        let _in_use = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = choose(&"a", &BTreeSet::new()).unwrap();
        assert_ne!(first, second);
        let third = choose(&"a", &BTreeSet::from([second])).unwrap();
        assert!(third != first && third != second);
        assert!((FIRST..FIRST + COUNT).contains(&third));
    }
}
