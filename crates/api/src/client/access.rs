use std::path::PathBuf;

use super::calls::{ACT, part};
use super::{Client, ClientError};
use crate::v1::{
    BrowserSession, LoginLink, ReasonRequest, Session, SessionList, SessionsEnded, Token, TokenCreated,
    TokenList, TokenRequest,
};

/// Never printed.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Client {
    /// Everything is asked with this token. It is sent over TLS, loopback and unix sockets only.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(Secret(token.to_owned()));
        self
    }

    /// Trusts the certificates of this PEM file instead of the system's.
    #[must_use]
    pub fn trusting(mut self, authorities: PathBuf) -> Self {
        self.authorities = Some(authorities);
        self
    }

    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        Ok(self.get::<TokenList>("/tokens").await?.tokens)
    }

    pub async fn create_token(&self, request: &TokenRequest) -> Result<TokenCreated, ClientError> {
        self.post("/tokens", request, ACT).await
    }

    /// By id, or by the name of one that works.
    pub async fn revoke_token(&self, token: &str, request: &ReasonRequest) -> Result<Token, ClientError> {
        self.post(&format!("/tokens/{}/revoke", part(token)), request, ACT).await
    }

    /// Browsers that are signed in.
    pub async fn sessions(&self) -> Result<Vec<BrowserSession>, ClientError> {
        Ok(self.get::<SessionList>("/sessions").await?.sessions)
    }

    /// Signs out every browser of this name.
    pub async fn end_sessions(
        &self,
        name: &str,
        request: &ReasonRequest,
    ) -> Result<SessionsEnded, ClientError> {
        self.post(&format!("/sessions/{}/end", part(name)), request, ACT).await
    }

    /// A link that signs a browser in as whoever asks.
    pub async fn login_link(&self) -> Result<LoginLink, ClientError> {
        self.post("/logins", &(), ACT).await
    }

    /// Who the server takes the caller for.
    pub async fn session(&self) -> Result<Session, ClientError> {
        self.get("/session").await
    }
}
