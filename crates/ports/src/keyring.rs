//! Who has access, and the answers that are kept for requests that come again. No history: that is in the journal.

use staunch_model::{SessionRecord, Timestamp, TokenRecord};

use crate::JournalError;

/// An answer to a request with an `Idempotency-Key`, to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    pub status: u16,
    pub content_type: Option<String>,
    pub location: Option<String>,
    /// `None`: it held a secret, and is not kept.
    pub body: Option<Vec<u8>>,
}

/// A request by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRequest {
    /// SHA-256 of who asked and the key that they gave.
    pub key: [u8; 32],
    /// SHA-256 of method, address and body.
    pub request: [u8; 32],
    /// Which start of the server took it.
    pub boot: u64,
    pub at: Timestamp,
    /// `None` while it is being carried out, and when the server ended before it had an answer.
    pub answer: Option<KeptAnswer>,
}

/// Blocking. Only one server uses it at a time.
pub trait Keyring: Send {
    fn tokens(&self) -> Result<Vec<TokenRecord>, JournalError>;
    /// Adds the token, or replaces the one with its id.
    fn put_token(&mut self, token: &TokenRecord) -> Result<(), JournalError>;
    fn sessions(&self) -> Result<Vec<SessionRecord>, JournalError>;
    fn put_session(&mut self, session: &SessionRecord) -> Result<(), JournalError>;
    fn remove_session(&mut self, digest: &[u8; 32]) -> Result<(), JournalError>;
    /// Takes the key for this request, unless it is taken; then what took it is given.
    fn take_key(&mut self, request: &KeptRequest) -> Result<Option<KeptRequest>, JournalError>;
    fn put_answer(&mut self, key: &[u8; 32], answer: &KeptAnswer) -> Result<(), JournalError>;
    fn free_key(&mut self, key: &[u8; 32]) -> Result<(), JournalError>;
    /// Forgets requests from before, and the oldest beyond `most`.
    fn forget_requests(&mut self, before: Timestamp, most: usize) -> Result<(), JournalError>;
}
