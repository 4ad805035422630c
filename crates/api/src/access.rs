//! Who has access: tokens, browser sessions, one-time links, and patience with wrong ones.
//!
//! Everything is known in memory and written through; one server alone uses a keyring.

mod links;
mod secret;
mod throttle;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use staunch_model::{Role, SessionRecord, Timestamp, TokenRecord};
use staunch_ports::{JournalError, Keyring};

use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use links::Links;
use throttle::Throttle;

pub(crate) use links::{Guest, LINK_LIFE};
pub(crate) use secret::{TOKEN_PREFIX, digest, digest_of, fresh, hex, same};

/// Shared with nobody but the server; a mutex since writing may wait for a disk.
pub type SharedKeyring = Arc<Mutex<dyn Keyring>>;

/// How long a browser stays signed in.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// More are not looked after by anyone, and each is compared with every token that comes.
const MOST_TOKENS: usize = 1_000;
/// Further sign-ins end the oldest session.
const MOST_SESSIONS: usize = 1_000;

pub(crate) struct Access {
    keyring: SharedKeyring,
    known: RwLock<Known>,
    links: Mutex<Links>,
    throttle: Mutex<Throttle>,
    pub(crate) environment: Option<String>,
    /// Of the provider that people sign in through.
    terms: Option<[u8; 32]>,
    /// Tells this start of the server from others.
    pub(crate) boot: u64,
}

#[derive(Default)]
struct Known {
    tokens: Vec<TokenRecord>,
    sessions: Vec<SessionRecord>,
}

/// Why a token does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unknown,
    Revoked,
    Expired,
    Elsewhere,
}

impl Access {
    /// # Errors
    /// When the keyring cannot be read: a server that does not know whom it let in must not start.
    pub(crate) fn open(
        keyring: SharedKeyring,
        environment: Option<String>,
        terms: Option<[u8; 32]>,
    ) -> Result<Self, JournalError> {
        let (tokens, sessions) = {
            let ring = lock(&keyring);
            (ring.tokens()?, ring.sessions()?)
        };
        let boot = secret::number().map_err(|error| JournalError::Broken(error.to_string()))?;
        Ok(Self {
            keyring,
            known: RwLock::new(Known { tokens, sessions }),
            links: Mutex::default(),
            throttle: Mutex::default(),
            environment,
            terms,
            boot,
        })
    }

    /// Runs what writes away from the threads that serve.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Keyring) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<T> {
        let keyring = self.keyring.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut *lock(&keyring))).await;
        Ok(done.map_err(|error| Refusal::new(Code::Internal, error.to_string()))??)
    }

    /// Compares with every token, in constant time each.
    pub(crate) fn token(&self, text: &str, now: Timestamp) -> Result<TokenRecord, Fault> {
        let given = digest(text);
        let known = self.known();
        let found = known
            .tokens
            .iter()
            .fold(None, |found, token| if secret::same(&token.digest, &given) { Some(token) } else { found });
        let token = found.ok_or(Fault::Unknown)?;
        if token.revoked.is_some() {
            return Err(Fault::Revoked);
        }
        if !token.works(now) {
            return Err(Fault::Expired);
        }
        if token.is_for(self.environment.as_deref()) { Ok(token.clone()) } else { Err(Fault::Elsewhere) }
    }

    pub(crate) fn session(&self, text: &str, now: Timestamp) -> Option<SessionRecord> {
        let given = digest(text);
        let known = self.known();
        let found = known.sessions.iter().find(|session| secret::same(&session.digest, &given))?;
        self.is_alive(&known, found, now).then(|| found.clone())
    }

    fn is_alive(&self, known: &Known, session: &SessionRecord, now: Timestamp) -> bool {
        let stands = |id: &String| known.tokens.iter().any(|token| token.id == *id && token.works(now));
        let agreed = session.terms.is_none() || session.terms == self.terms;
        now < session.expires && agreed && session.token.as_ref().is_none_or(stands)
    }

    /// Whether there is a way to tell people apart: a provider, or a token that works.
    pub(crate) fn tells_apart(&self, now: Timestamp) -> bool {
        self.terms.is_some() || self.known().tokens.iter().any(|token| token.works(now))
    }

    pub(crate) fn tokens(&self) -> Vec<TokenRecord> {
        self.known().tokens.clone()
    }

    /// A token of this name that works, or this id.
    pub(crate) fn find(&self, name: &str, now: Timestamp) -> Option<TokenRecord> {
        let known = self.known();
        let by_id = known.tokens.iter().find(|token| token.id == name);
        by_id.or_else(|| known.tokens.iter().find(|token| token.name == name && token.works(now))).cloned()
    }

    pub(crate) fn has_room(&self, now: Timestamp) -> bool {
        self.known().tokens.iter().filter(|token| token.works(now)).count() < MOST_TOKENS
    }

    pub(crate) async fn put_token(&self, token: TokenRecord) -> Answer<()> {
        let kept = token.clone();
        self.write(move |ring| ring.put_token(&kept)).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tokens.retain(|old| old.id != token.id);
        known.tokens.push(token);
        Ok(())
    }

    /// The text of the cookie.
    pub(crate) async fn open_session(&self, guest: Guest, now: Timestamp) -> Answer<(String, SessionRecord)> {
        let text = fresh("")?;
        let Guest { name, role, token, terms, life } = guest;
        let expires = now.plus(life);
        let session =
            SessionRecord { digest: digest(&text), name, role, created: now, expires, token, terms };
        let kept = session.clone();
        self.write(move |ring| ring.put_session(&kept)).await?;
        let gone = self.admit(session.clone(), now);
        self.write(move |ring| gone.iter().try_for_each(|digest| ring.remove_session(digest))).await?;
        Ok((text, session))
    }

    /// Sessions that make room: those that have ended, and the oldest.
    fn admit(&self, session: SessionRecord, now: Timestamp) -> Vec<[u8; 32]> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.sessions.push(session);
        known.sessions.sort_by_key(|session| session.created);
        let surplus = known.sessions.len().saturating_sub(MOST_SESSIONS);
        let ends = |at: usize, session: &SessionRecord| at < surplus || session.expires <= now;
        let gone: Vec<_> = known
            .sessions
            .iter()
            .enumerate()
            .filter(|(at, session)| ends(*at, session))
            .map(|(_, session)| session.digest)
            .collect();
        known.sessions.retain(|session| !gone.contains(&session.digest));
        gone
    }

    pub(crate) async fn end_session(&self, text: &str) -> Answer<()> {
        let ended = digest(text);
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.sessions.retain(|session| session.digest != ended);
        }
        self.write(move |ring| ring.remove_session(&ended)).await
    }

    /// Of whoever is signed in, the newest first.
    pub(crate) fn sessions(&self, now: Timestamp) -> Vec<SessionRecord> {
        let known = self.known();
        let mut alive: Vec<_> =
            known.sessions.iter().filter(|session| self.is_alive(&known, session, now)).cloned().collect();
        alive.sort_by_key(|session| std::cmp::Reverse(session.created));
        alive
    }

    /// Ends every session of this name; how many there were.
    pub(crate) async fn end_sessions_of(&self, name: &str) -> Answer<usize> {
        let ended: Vec<_> = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.sessions.extract_if(.., |session| session.name == name).collect()
        };
        let count = ended.len();
        self.write(move |ring| ended.iter().try_for_each(|session| ring.remove_session(&session.digest)))
            .await?;
        Ok(count)
    }

    /// A code that opens one session within [`LINK_LIFE`].
    pub(crate) fn link(&self, name: String, role: Role, token: Option<String>) -> Answer<String> {
        let code = fresh("")?;
        let guest = Guest { name, role, token, terms: None, life: SESSION_LIFE };
        self.links().put(digest(&code), guest, Instant::now());
        Ok(code)
    }

    pub(crate) fn redeem(&self, code: &str) -> Option<Guest> {
        self.links().take(&digest(code), Instant::now())
    }

    /// Seconds until this address may try again; `None` when it may now.
    pub(crate) fn shut_out(&self, source: IpAddr) -> Option<u64> {
        self.throttle().shut_out(source, Instant::now())
    }

    pub(crate) fn note_failure(&self, source: IpAddr) {
        self.throttle().note(source, Instant::now());
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(keyring: &SharedKeyring) -> MutexGuard<'_, dyn Keyring + 'static> {
    keyring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use staunch_ports::fake::MemoryKeyring;

    use super::*;

    fn access() -> Access {
        Access::open(Arc::new(Mutex::new(MemoryKeyring::default())), Some("production".to_owned()), None)
            .unwrap()
    }

    fn token(text: &str) -> TokenRecord {
        TokenRecord {
            id: text.to_owned(),
            name: "ci".to_owned(),
            role: Role::Deployer,
            environments: vec![],
            digest: digest(text),
            created: Timestamp(0),
            created_by: "ann".to_owned(),
            expires: Some(Timestamp(100)),
            revoked: None,
        }
    }

    #[tokio::test]
    async fn each_way_in_which_a_token_does_not_work_is_told_apart() {
        let access = access();
        access.put_token(token("good")).await.unwrap();
        access.put_token(TokenRecord { revoked: Some(Timestamp(1)), ..token("gone") }).await.unwrap();
        let environments = vec!["staging".to_owned()];
        access.put_token(TokenRecord { environments, ..token("staging") }).await.unwrap();
        let at = Timestamp(50);
        assert_eq!(access.token("good", at).unwrap().name, "ci");
        assert_eq!(access.token("good", Timestamp(100)), Err(Fault::Expired));
        assert_eq!(access.token("gone", at), Err(Fault::Revoked));
        assert_eq!(access.token("staging", at), Err(Fault::Elsewhere));
        assert_eq!(access.token("goo", at), Err(Fault::Unknown));
    }

    #[tokio::test]
    async fn a_session_ends_with_the_token_that_opened_it() {
        let access = access();
        access.put_token(token("good")).await.unwrap();
        let code = access.link("ci".to_owned(), Role::Deployer, Some("good".to_owned())).unwrap();
        let link = access.redeem(&code).unwrap();
        assert!(access.redeem(&code).is_none(), "a link works once");
        let (cookie, _) = access.open_session(link, Timestamp(1)).await.unwrap();
        assert!(access.session(&cookie, Timestamp(2)).is_some());
        access.put_token(TokenRecord { revoked: Some(Timestamp(3)), ..token("good") }).await.unwrap();
        assert!(access.session(&cookie, Timestamp(4)).is_none());
    }

    fn guest(terms: Option<[u8; 32]>) -> Guest {
        Guest { name: "ann".to_owned(), role: Role::Admin, token: None, terms, life: SESSION_LIFE }
    }

    #[tokio::test]
    async fn a_session_ends_when_the_provider_is_another_or_lets_in_others() {
        let keyring: SharedKeyring = Arc::new(Mutex::new(MemoryKeyring::default()));
        let open = |terms| Access::open(keyring.clone(), None, terms).unwrap();
        let (cookie, _) = open(Some([1; 32])).open_session(guest(Some([1; 32])), Timestamp(1)).await.unwrap();
        let (by_link, _) = open(Some([1; 32])).open_session(guest(None), Timestamp(1)).await.unwrap();
        let stands = |access: &Access, text: &str| access.session(text, Timestamp(2)).is_some();
        assert!(stands(&open(Some([1; 32])), &cookie));
        for changed in [Some([2; 32]), None] {
            assert!(!stands(&open(changed), &cookie), "{changed:?}");
            assert!(stands(&open(changed), &by_link));
        }
    }

    #[tokio::test]
    async fn sessions_are_bounded_and_the_oldest_goes() {
        let access = access();
        let link = || guest(None);
        let (first, _) = access.open_session(link(), Timestamp(0)).await.unwrap();
        for at in 1..=MOST_SESSIONS as i64 {
            access.open_session(link(), Timestamp(at)).await.unwrap();
        }
        assert!(access.session(&first, Timestamp(5)).is_none());
        assert_eq!(access.known().sessions.len(), MOST_SESSIONS);
    }
}
