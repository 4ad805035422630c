//! Users who come back: each request is that of one of so many sessions at a time.

use std::cell::RefCell;

use crate::args::Args;
use crate::chance::Chance;

/// Good answers until a user leaves, on average.
const GOOD_ANSWERS: f64 = 10.0;

pub(crate) struct Sessions {
    name: String,
    /// What each present user is known by.
    keys: RefCell<Vec<u64>>,
    chance: Chance,
}

pub(crate) struct Session {
    place: usize,
    pub(crate) cookie: String,
}

impl Sessions {
    /// `--sessions N --cookie NAME`; `None` without sessions.
    pub(crate) fn read(args: &Args) -> Result<Option<Self>, String> {
        let Some(count) = args.maybe::<usize>("sessions")?.filter(|count| *count > 0) else {
            return Ok(None);
        };
        let chance = Chance::new();
        let keys = (0..count).map(|_| chance.next()).collect();
        Ok(Some(Self { name: args.text("cookie")?.to_owned(), keys: RefCell::new(keys), chance }))
    }

    /// Whoever is next. The value has the form that the edge gives a user, else it would be a new one each time.
    pub(crate) fn any(&self) -> Session {
        let keys = self.keys.borrow();
        let place = self.chance.below(keys.len());
        Session { place, cookie: format!("{}={:016x}", self.name, keys[place]) }
    }

    /// After a good answer the user may leave, and another one comes. Nobody leaves in the middle of a burst of
    /// failures: it would be shorter than it is said to be.
    pub(crate) fn may_end(&self, session: &Session) {
        if self.chance.hits(1.0 / GOOD_ANSWERS) {
            self.keys.borrow_mut()[session.place] = self.chance.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn users_stay_until_they_leave() {
        let sessions = Sessions::read(&args(&["--sessions", "1", "--cookie", "session"])).unwrap().unwrap();
        let first = sessions.any();
        assert_eq!(first.cookie.len(), "session=0123456789abcdef".len());
        assert_eq!(sessions.any().cookie, first.cookie);
        let left = (0..10_000).filter(|_| {
            let before = sessions.any();
            sessions.may_end(&before);
            sessions.any().cookie != before.cookie
        });
        // Seven standard deviations.
        assert!(left.count().abs_diff(1_000) < 210);
    }

    #[test]
    fn sessions_need_a_cookie() {
        assert!(Sessions::read(&args(&["--sessions", "5"])).is_err());
        assert!(Sessions::read(&args(&[])).unwrap().is_none());
    }
}
