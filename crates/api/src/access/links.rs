//! One-time links that open a browser session.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use staunch_model::Role;

/// Long enough to switch to the browser, too short to be found in a history.
pub(crate) const LINK_LIFE: Duration = Duration::from_secs(60);
/// A person needs one at a time; further ones replace the oldest.
const MOST: usize = 64;

/// Whose session it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The token whose holder asked for it.
    pub(crate) token: Option<String>,
    /// The terms of the provider that says so.
    pub(crate) terms: Option<[u8; 32]>,
    /// How long the browser stays signed in.
    pub(crate) life: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<[u8; 32], (Instant, Guest)>);

impl Links {
    pub(super) fn put(&mut self, code: [u8; 32], guest: Guest, now: Instant) {
        self.0.retain(|_, (made, _)| now.duration_since(*made) < LINK_LIFE);
        while self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, (made, _))| *made).map(|(code, _)| *code);
            oldest.map(|code| self.0.remove(&code));
        }
        self.0.insert(code, (now, guest));
    }

    pub(super) fn take(&mut self, code: &[u8; 32], now: Instant) -> Option<Guest> {
        let (made, guest) = self.0.remove(code)?;
        (now.duration_since(made) < LINK_LIFE).then_some(guest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Guest {
        let life = Duration::from_secs(60);
        Guest { name: "ann".to_owned(), role: Role::Admin, token: None, terms: None, life }
    }

    #[test]
    fn a_link_works_once_and_not_for_long() {
        let (mut links, now) = (Links::default(), Instant::now());
        links.put([1; 32], guest(), now);
        links.put([2; 32], guest(), now);
        assert_eq!(links.take(&[1; 32], now), Some(guest()));
        assert_eq!(links.take(&[1; 32], now), None);
        assert_eq!(links.take(&[2; 32], now + LINK_LIFE), None);
    }

    #[test]
    fn their_number_is_bounded() {
        let (mut links, now) = (Links::default(), Instant::now());
        for at in 0..200_u8 {
            links.put([at; 32], guest(), now + Duration::from_millis(u64::from(at)));
        }
        assert_eq!(links.0.len(), MOST);
        assert!(links.0.contains_key(&[199; 32]) && !links.0.contains_key(&[0; 32]));
    }
}
