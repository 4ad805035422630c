//! What a token says of a person, once it is known who says it.

use std::fmt;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use staunch_model::{OidcSpec, Role, Timestamp};

use super::signature;
use crate::who::is_name;

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY: i64 = 60;

/// What the token has to be for.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// None of the keys is the one that it names.
    UnknownKey,
    Wrong(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => {
                f.write_str("the provider's token is signed with a key that it does not publish")
            }
            Self::Wrong(why) => write!(f, "the provider's token is not good: {why}"),
        }
    }
}

fn wrong(why: impl Into<String>) -> Fault {
    Fault::Wrong(why.into())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// OpenID Connect Core 1.0, 3.1.3.7.
pub(super) fn verified(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, Fault> {
    signature::install();
    let header = decode_header(token).map_err(|error| wrong(error.to_string()))?;
    let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let mut fault = Fault::UnknownKey;
    for key in keys.keys.iter().filter(named).filter(|key| may_sign(key, header.alg)) {
        match claims_by(token, key, header.alg, expected) {
            Ok(claims) => return timely(claims, expected),
            Err(why) => fault = wrong(why),
        }
    }
    Err(fault)
}

fn may_sign(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let same = key.common.key_algorithm.is_none_or(|known| known == algorithm.into());
    let decoding = DecodingKey::from_jwk(key);
    signs && same && decoding.is_ok_and(|key| signature::accepted(key.family()).contains(&algorithm))
}

fn claims_by(
    token: &str,
    key: &Jwk,
    algorithm: Algorithm,
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, String> {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    // By our clock, below.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    decode(token, &key, &validation).map(|token| token.claims).map_err(|error| error.to_string())
}

/// What remains once it is known that the provider said it, and to us.
fn timely(claims: Map<String, Value>, expected: &Expected<'_>) -> Result<Map<String, Value>, Fault> {
    let now = expected.now.0.div_euclid(1_000);
    let at = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64);
    if at("exp").is_none_or(|end| end.saturating_add(LEEWAY) < now) {
        return Err(wrong("it has expired; do the clocks of both machines agree?"));
    }
    if ["iat", "nbf"].iter().filter_map(|name| at(name)).any(|begin| begin > now.saturating_add(LEEWAY)) {
        return Err(wrong("it is of the future; do the clocks of both machines agree?"));
    }
    if claims.get("nonce").and_then(Value::as_str) != Some(expected.nonce) {
        return Err(wrong("it is of another attempt"));
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|list| list.len() > 1);
    match claims.get("azp").map(|party| party.as_str() == Some(expected.client_id)) {
        Some(false) => Err(wrong("it was made for another client")),
        None if several => Err(wrong("it is for several and does not say who asked for it")),
        Some(true) | None => Ok(claims),
    }
}

/// Whether the token says all that decides.
pub(super) fn are_enough(spec: &OidcSpec, claims: &Map<String, Value>) -> bool {
    let named = find(claims, &spec.name_claim).is_some();
    named && (find(claims, &spec.groups_claim).is_some() || !needs_groups(spec))
}

fn needs_groups(spec: &OidcSpec) -> bool {
    spec.roles.values().flatten().any(|group| group != OidcSpec::EVERYBODY)
}

/// The token's own word goes before what was asked for afterwards, which has to be about the same person.
pub(super) fn add(claims: &mut Map<String, Value>, more: Map<String, Value>) -> Result<(), String> {
    if !more.is_empty() && more.get("sub") != claims.get("sub") {
        return Err("the provider told about another person than the one who signed in".to_owned());
    }
    for (name, value) in more {
        claims.entry(name).or_insert(value);
    }
    Ok(())
}

/// Whom the claims describe. The error is for whoever signs in and may pass it on: it says what came and what was needed.
pub(super) fn person(spec: &OidcSpec, claims: &Map<String, Value>) -> Result<Person, String> {
    let claim = &spec.name_claim;
    let Some(name) = find(claims, claim).and_then(Value::as_str) else {
        let came: Vec<_> = claims.keys().map(String::as_str).collect();
        return Err(format!(
            "the provider told no `{claim}`, by which people are called here; it told {}. `scopes` of \
             `[control.oidc]` asks for more, `name-claim` takes another",
            came.join(", ")
        ));
    };
    if !is_name(name) {
        return Err(format!("the provider's `{claim}` is no name of 1 to 64 printable characters"));
    }
    if claim == "email" && claims.get("email_verified").is_some_and(|verified| !is_true(verified)) {
        return Err(format!("the provider has not verified that {name} is your address"));
    }
    let groups = groups(spec, claims);
    let role = spec.role_of(&groups).ok_or_else(|| outside(spec, name, &groups))?;
    Ok(Person { name: name.to_owned(), role })
}

/// Some write it as text.
fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true) || value.as_str() == Some("true")
}

fn outside(spec: &OidcSpec, name: &str, groups: &[String]) -> String {
    let claim = &spec.groups_claim;
    if groups.is_empty() {
        return format!("you are {name}, and the provider told no group of yours (`{claim}`)");
    }
    let few: Vec<_> = groups.iter().take(10).map(String::as_str).collect();
    let more = if groups.len() > few.len() { ", …" } else { "" };
    format!("you are {name}, and none of your groups has a role here: {}{more}", few.join(", "))
}

/// One group, or a list of them.
fn groups(spec: &OidcSpec, claims: &Map<String, Value>) -> Vec<String> {
    let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    match find(claims, &spec.groups_claim) {
        Some(Value::Array(list)) => texts(list),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => vec![],
    }
}

/// By its whole name, else as a path: some names are addresses, with dots of their own.
fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    let path = || {
        let mut steps = name.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    };
    claims.get(name).or_else(path)
}

#[cfg(test)]
mod tests;
