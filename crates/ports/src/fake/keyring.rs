//! A keyring that lives as long as its handles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use staunch_model::{SessionRecord, Timestamp, TokenRecord};

use crate::{JournalError, KeptAnswer, KeptRequest, Keyring};

#[derive(Debug, Clone, Default)]
pub struct MemoryKeyring(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    tokens: BTreeMap<String, TokenRecord>,
    sessions: BTreeMap<[u8; 32], SessionRecord>,
    requests: BTreeMap<[u8; 32], KeptRequest>,
}

impl MemoryKeyring {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyring for MemoryKeyring {
    fn tokens(&self) -> Result<Vec<TokenRecord>, JournalError> {
        Ok(self.ring().tokens.values().cloned().collect())
    }
    fn put_token(&mut self, token: &TokenRecord) -> Result<(), JournalError> {
        self.ring().tokens.insert(token.id.clone(), token.clone());
        Ok(())
    }
    fn sessions(&self) -> Result<Vec<SessionRecord>, JournalError> {
        Ok(self.ring().sessions.values().cloned().collect())
    }
    fn put_session(&mut self, session: &SessionRecord) -> Result<(), JournalError> {
        self.ring().sessions.insert(session.digest, session.clone());
        Ok(())
    }
    fn remove_session(&mut self, digest: &[u8; 32]) -> Result<(), JournalError> {
        self.ring().sessions.remove(digest);
        Ok(())
    }
    fn take_key(&mut self, request: &KeptRequest) -> Result<Option<KeptRequest>, JournalError> {
        let mut ring = self.ring();
        if let Some(taken) = ring.requests.get(&request.key) {
            return Ok(Some(taken.clone()));
        }
        ring.requests.insert(request.key, request.clone());
        Ok(None)
    }
    fn put_answer(&mut self, key: &[u8; 32], answer: &KeptAnswer) -> Result<(), JournalError> {
        if let Some(request) = self.ring().requests.get_mut(key) {
            request.answer = Some(answer.clone());
        }
        Ok(())
    }
    fn free_key(&mut self, key: &[u8; 32]) -> Result<(), JournalError> {
        self.ring().requests.remove(key);
        Ok(())
    }
    fn forget_requests(&mut self, before: Timestamp, most: usize) -> Result<(), JournalError> {
        let mut ring = self.ring();
        ring.requests.retain(|_, request| request.at >= before);
        while ring.requests.len() > most {
            let oldest = ring.requests.values().min_by_key(|request| request.at).map(|request| request.key);
            oldest.map(|key| ring.requests.remove(&key));
        }
        Ok(())
    }
}
