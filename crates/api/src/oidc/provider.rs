//! The provider: what it says of itself, its keys, and what it is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::wire::{Asking, Trouble, ask};
use super::{Grant, OidcSettings};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};

/// Keys are changed rarely; one that is not known is looked for at once.
const KEPT: Duration = Duration::from_secs(600);
/// Wrong tokens must not make us ask the provider without end.
const RENEWED: Duration = Duration::from_secs(10);

/// Many who wait for a provider that is away are told so at once.
const AGAIN: Duration = Duration::from_secs(2);

/// OpenID Connect Discovery 1.0, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) discovery: Discovery,
    pub(super) keys: JwkSet,
}

#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: Option<String>,
}

pub(super) struct Provider {
    settings: OidcSettings,
    /// Held while it is asked: many who sign in at once ask once.
    known: Mutex<Option<(Instant, Learned)>>,
}

/// What was learned of it when it was last asked, or why nothing was.
type Learned = Result<Arc<Known>, String>;

impl Provider {
    pub(super) fn new(settings: OidcSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    pub(super) async fn known(&self) -> Learned {
        self.known_since(KEPT).await
    }

    pub(super) async fn renewed(&self) -> Learned {
        self.known_since(RENEWED).await
    }

    async fn known_since(&self, oldest: Duration) -> Learned {
        let mut slot = self.known.lock().await;
        if let Some((asked, known)) = &*slot
            && asked.elapsed() < if known.is_ok() { oldest } else { AGAIN }
        {
            return known.clone();
        }
        let known = self.discover().await.map(Arc::new).map_err(Trouble::text);
        *slot = Some((Instant::now(), known.clone()));
        known
    }

    async fn discover(&self) -> Result<Known, Trouble> {
        let (issuer, ca) = (&self.settings.spec.issuer, self.settings.ca.as_deref());
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = ask(&Asking::look(&url, ca)).await?;
        if discovery.issuer != *issuer {
            let calls = super::wire::quoted(&discovery.issuer);
            return Err(Trouble::Away(format!(
                "the provider calls itself `{calls}`, the file calls it `{issuer}`"
            )));
        }
        let keys = ask(&Asking::look(&discovery.jwks_uri, ca)).await?;
        Ok(Known { discovery, keys })
    }

    /// The code is good once; a second try with it is somebody else's.
    pub(super) async fn tokens(&self, grant: &Grant<'_>, verifier: &str) -> Answer<Tokens> {
        let known = self.known().await.map_err(super::away)?;
        let (form, authorization) = self.request(&known.discovery, grant, verifier);
        let url = &known.discovery.token_endpoint;
        let asking = Asking { url, form: Some(form), authorization, ca: self.settings.ca.as_deref() };
        ask(&asking).await.map_err(|trouble| match trouble {
            Trouble::Away(text) => super::away(text),
            Trouble::Refused(text) => Refusal::new(Code::SignInRefused, text),
        })
    }

    /// The form, and the header when the secret goes there (RFC 6749, 2.3.1).
    fn request(&self, discovery: &Discovery, grant: &Grant<'_>, verifier: &str) -> (String, Option<String>) {
        let id = &self.settings.spec.client_id;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", grant.code)
            .append_pair("redirect_uri", grant.redirect)
            .append_pair("code_verifier", verifier);
        let basic = discovery
            .token_endpoint_auth_methods_supported
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        match &self.settings.secret {
            Some(secret) if basic => return (form.finish(), Some(credentials(id, secret))),
            Some(secret) => drop(form.append_pair("client_id", id).append_pair("client_secret", secret)),
            None => drop(form.append_pair("client_id", id)),
        }
        (form.finish(), None)
    }

    /// What it tells of the person beside the token; nothing when it has no such address.
    pub(super) async fn userinfo(&self, token: &str) -> Result<Map<String, Value>, String> {
        let known = self.known().await?;
        let Some(url) = &known.discovery.userinfo_endpoint else { return Ok(Map::new()) };
        let authorization = Some(format!("Bearer {token}"));
        let asking = Asking { url, form: None, authorization, ca: self.settings.ca.as_deref() };
        ask(&asking).await.map_err(Trouble::text)
    }
}

fn credentials(id: &str, secret: &str) -> String {
    let coded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", coded(id), coded(secret))))
}

#[cfg(test)]
mod tests {
    use super::credentials;

    /// The example of RFC 6749, 2.3.1, and a secret with letters that a header or a colon would break.
    #[test]
    fn credentials_are_coded_before_they_are_joined() {
        assert_eq!(credentials("s6BhdRkqt3", "gX1fBat3bV"), "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
        assert_eq!(credentials("a:b", "c d"), "Basic YSUzQWI6Yytk");
    }
}
