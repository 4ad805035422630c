//! Signing in through an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636).
//!
//! The provider is asked when somebody signs in, never before: a provider that is away keeps nobody from starting the
//! server, nor those out who are in.

mod attempt;
mod claims;
mod provider;
mod signature;
mod wire;

use std::path::PathBuf;

use http::Uri;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Map, Value};
use staunch_model::{OidcSpec, Timestamp};

use crate::access::digest;
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
pub(crate) use attempt::{ATTEMPT_LIFE, Attempt};
pub(crate) use claims::Person;
use claims::{Expected, Fault};
use provider::Provider;
pub(crate) use wire::quoted;

/// Which provider is believed, with what was read from its files. Not to be printed: it holds the secret.
#[derive(Clone)]
pub struct OidcSettings {
    pub spec: OidcSpec,
    pub secret: Option<String>,
    /// A PEM file of the authorities that vouch for the provider.
    pub ca: Option<PathBuf>,
}

/// What the provider's answer brought along in the address.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) code: &'a str,
    /// The address of this server that the code was sent to.
    pub(crate) redirect: &'a str,
}

pub(crate) struct Oidc {
    spec: OidcSpec,
    provider: Provider,
    /// Changes with every word of the settings: who was let in by others has to ask again.
    pub(crate) terms: [u8; 32],
}

impl Oidc {
    pub(crate) fn new(settings: OidcSettings) -> Self {
        let spec = settings.spec.clone();
        Self { terms: digest(&format!("{spec:?}")), provider: Provider::new(settings), spec }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.spec.issuer
    }

    pub(crate) fn session(&self) -> std::time::Duration {
        self.spec.session
    }

    /// For people: the provider's name on a button.
    pub(crate) fn host(&self) -> &str {
        let rest = self.spec.issuer.split_once("://").map_or(self.spec.issuer.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Where a browser goes to be asked who its user is.
    pub(crate) async fn address(&self, attempt: &Attempt, redirect: &str) -> Answer<String> {
        let known = self.provider.known().await.map_err(away)?;
        let endpoint = known.discovery.authorization_endpoint.clone();
        let scope = std::iter::once("openid").chain(self.spec.scopes.iter().map(String::as_str));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.spec.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &scope.collect::<Vec<_>>().join(" "))
            .append_pair("state", attempt.state())
            .append_pair("nonce", attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let joint = if endpoint.parse::<Uri>().is_ok_and(|uri| uri.query().is_some()) { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{query}"))
    }

    /// Exchanges the code for who it is.
    pub(crate) async fn person(
        &self,
        attempt: &Attempt,
        grant: &Grant<'_>,
        now: Timestamp,
    ) -> Answer<Person> {
        let tokens = self.provider.tokens(grant, attempt.verifier()).await?;
        let mut claims = self.verified(&tokens.id_token, attempt, now).await?;
        if let Some(token) = tokens.access_token.filter(|_| !claims::are_enough(&self.spec, &claims)) {
            let more = self.provider.userinfo(&token).await.map_err(away)?;
            claims::add(&mut claims, more).map_err(refused)?;
        }
        claims::person(&self.spec, &claims).map_err(refused)
    }

    /// A key that is not known may be new: the provider's keys are read again, once.
    async fn verified(&self, token: &str, attempt: &Attempt, now: Timestamp) -> Answer<Map<String, Value>> {
        let known = self.provider.known().await.map_err(away)?;
        match self.check(token, &known.keys, attempt, now) {
            Err(Fault::UnknownKey) => {
                let renewed = self.provider.renewed().await.map_err(away)?;
                self.check(token, &renewed.keys, attempt, now).map_err(|fault| refused(fault.to_string()))
            }
            Err(fault @ Fault::Wrong(_)) => Err(refused(fault.to_string())),
            Ok(claims) => Ok(claims),
        }
    }

    fn check(
        &self,
        token: &str,
        keys: &JwkSet,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Fault> {
        let (issuer, client_id) = (&self.spec.issuer, &self.spec.client_id);
        claims::verified(token, keys, &Expected { issuer, client_id, nonce: attempt.nonce(), now })
    }
}

fn away(detail: String) -> Refusal {
    Refusal::new(Code::ProviderAway, detail)
}

pub(crate) fn refused(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::SignInRefused, detail)
}
