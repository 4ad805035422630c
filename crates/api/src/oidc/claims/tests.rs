use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A provider's key pair.
struct Pair(EcdsaKeyPair);

impl Pair {
    fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &SystemRandom::new()).unwrap())
    }

    fn keys(&self, id: &str) -> JwkSet {
        let point = self.0.public_key().as_ref();
        let (x, y) = (coded(&point[1..33]), coded(&point[33..]));
        let key =
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "alg": "ES256", "use": "sig" });
        serde_json::from_value(json!({ "keys": [key] })).unwrap()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", coded(signature.as_ref()))
    }
}

fn coded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", coded(header.to_string().as_bytes()), coded(claims.to_string().as_bytes()))
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "one" })
}

fn claims() -> Value {
    let now = NOW.0 / 1_000;
    json!({
        "iss": "https://login.example.org", "aud": "staunch", "sub": "7", "nonce": "n", "iat": now, "exp": now + 300,
        "email": "ann@example.org", "email_verified": true, "groups": ["dev"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn check(token: &str, keys: &JwkSet) -> Result<Map<String, Value>, Fault> {
    let (issuer, client_id) = ("https://login.example.org", "staunch");
    verified(token, keys, &Expected { issuer, client_id, nonce: "n", now: NOW })
}

fn spec() -> OidcSpec {
    let roles = [(Role::Deployer, vec!["dev".to_owned()]), (Role::Admin, vec!["platform".to_owned()])];
    OidcSpec {
        issuer: "https://login.example.org".to_owned(),
        client_id: "staunch".to_owned(),
        client_secret_file: None,
        ca: None,
        scopes: vec![],
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        session: Duration::from_secs(60),
        roles: BTreeMap::from(roles),
    }
}

#[test]
fn a_good_token_says_who_it_is() {
    let pair = Pair::new();
    let claims = check(&pair.token(&header(), &claims()), &pair.keys("one")).unwrap();
    let ann = Person { name: "ann@example.org".to_owned(), role: Role::Deployer };
    assert_eq!(person(&spec(), &claims), Ok(ann));
    // Without a name of the key any of the provider's may be meant.
    assert!(check(&pair.token(&json!({ "alg": "ES256" }), &self::claims()), &pair.keys("one")).is_ok());
}

#[test]
fn what_is_not_for_us_or_not_now_is_not_good() {
    let (pair, now) = (Pair::new(), NOW.0 / 1_000);
    let several = json!(["staunch", "other"]);
    for bad in [
        with("iss", json!("https://evil.example")),
        with("aud", json!("other")),
        with("aud", several.clone()),
        with("azp", json!("other")),
        with("nonce", json!("m")),
        with("nonce", Value::Null),
        with("exp", json!(now - 61)),
        with("exp", Value::Null),
        with("exp", json!("tomorrow")),
        with("iat", json!(now + 61)),
        with("nbf", json!(now + 61)),
        with("sub", Value::Null),
    ] {
        let refused = check(&pair.token(&header(), &bad), &pair.keys("one"));
        assert!(matches!(refused, Err(Fault::Wrong(_))), "{bad}: {refused:?}");
    }
    let mut good = with("aud", several);
    good["azp"] = json!("staunch");
    good["exp"] = json!(now - 59);
    assert!(check(&pair.token(&header(), &good), &pair.keys("one")).is_ok());
}

#[test]
fn a_forged_token_opens_nothing() {
    let (pair, other) = (Pair::new(), Pair::new());
    let keys = pair.keys("one");
    assert!(matches!(check(&other.token(&header(), &claims()), &keys), Err(Fault::Wrong(_))), "another key");
    let good = pair.token(&header(), &claims());
    let (_, signature) = good.rsplit_once('.').unwrap();
    let admin = message(&header(), &with("groups", json!(["platform"])));
    assert!(check(&format!("{admin}.{signature}"), &keys).is_err(), "other claims under the same signature");
    for unsigned in ["none", "None", ""] {
        let token = format!("{}.", message(&json!({ "alg": unsigned, "kid": "one" }), &claims()));
        assert!(check(&token, &keys).is_err(), "alg {unsigned}");
    }
    for broken in ["", ".", "..", "a.b.c", "é", &good[..good.len() - 4]] {
        assert!(check(broken, &keys).is_err(), "{broken}");
    }
}

/// The public key as a shared secret: known to everybody.
#[test]
fn a_token_that_is_signed_with_a_public_key_as_secret_is_forged() {
    let pair = Pair::new();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, pair.0.public_key().as_ref());
    let message = message(&json!({ "alg": "HS256", "kid": "one" }), &claims());
    let token = format!("{message}.{}", coded(ring::hmac::sign(&secret, message.as_bytes()).as_ref()));
    assert_eq!(check(&token, &pair.keys("one")), Err(Fault::UnknownKey));
    // Even a provider that publishes a secret does not make it one that proves something.
    let published =
        json!({ "keys": [{ "kty": "oct", "k": coded(pair.0.public_key().as_ref()), "kid": "one" }] });
    let keys: JwkSet = serde_json::from_value(published).unwrap();
    assert_eq!(check(&token, &keys), Err(Fault::UnknownKey));
}

#[test]
fn a_key_that_is_not_known_or_not_for_this_is_looked_for_again() {
    let pair = Pair::new();
    let token = pair.token(&header(), &claims());
    assert_eq!(check(&token, &pair.keys("two")), Err(Fault::UnknownKey));
    for (part, value) in [("use", "enc"), ("alg", "ES384")] {
        let mut keys = serde_json::to_value(pair.keys("one")).unwrap();
        keys["keys"][0][part] = json!(value);
        assert_eq!(check(&token, &serde_json::from_value(keys).unwrap()), Err(Fault::UnknownKey), "{part}");
    }
}

fn described(claims: &Value) -> Result<Person, String> {
    person(&spec(), claims.as_object().unwrap())
}

#[test]
fn a_name_that_the_provider_does_not_vouch_for_is_none() {
    for unverified in [json!(false), json!("false"), Value::Null] {
        let refused = described(&with("email_verified", unverified)).unwrap_err();
        assert!(refused.contains("not verified"), "{refused}");
    }
    assert!(described(&with("email_verified", json!("true"))).is_ok());
    let refused = described(&with("email", json!("a\u{1b}[31m"))).unwrap_err();
    assert!(refused.contains("no name"), "{refused}");
    let refused = described(&with("email", Value::Null)).unwrap_err();
    assert!(
        refused.contains("`email`") && refused.contains("groups") && refused.contains("name-claim"),
        "{refused}"
    );
}

#[test]
fn whoever_is_in_no_group_stays_out_and_is_told_which_came() {
    let refused = described(&with("groups", json!(["sales", "cats"]))).unwrap_err();
    assert!(refused.contains("ann@example.org") && refused.contains("sales, cats"), "{refused}");
    let refused = described(&with("groups", json!([]))).unwrap_err();
    assert!(refused.contains("no group"), "{refused}");
    assert_eq!(described(&with("groups", json!("platform"))).map(|person| person.role), Ok(Role::Admin));
    let refused = described(&with("groups", json!({ "platform": true }))).unwrap_err();
    assert!(refused.contains("no group"), "{refused}");
}

#[test]
fn groups_are_found_by_name_and_by_path() {
    let at = |claim: &str, claims: &Value| {
        let spec = OidcSpec { groups_claim: claim.to_owned(), ..spec() };
        person(&spec, claims.as_object().unwrap()).map(|person| person.role)
    };
    let nested = with("realm_access", json!({ "roles": ["platform"] }));
    assert_eq!(at("realm_access.roles", &nested), Ok(Role::Admin));
    assert_eq!(
        at("https://example.org/groups", &with("https://example.org/groups", json!(["dev"]))),
        Ok(Role::Deployer)
    );
    assert!(at("realm_access.roles.more", &nested).is_err());
}

#[test]
fn what_was_asked_for_afterwards_adds_and_never_replaces_and_is_about_the_same_person() {
    let object = |value: Value| value.as_object().unwrap().clone();
    let mut claims = object(json!({ "sub": "7", "groups": ["dev"] }));
    add(&mut claims, object(json!({ "sub": "7", "groups": ["platform"], "email": "ann@example.org" })))
        .unwrap();
    assert_eq!((&claims["groups"], &claims["email"]), (&json!(["dev"]), &json!("ann@example.org")));
    assert!(add(&mut claims, object(json!({ "sub": "8" }))).is_err());
    assert!(add(&mut claims, object(json!({ "groups": [] }))).is_err(), "about nobody");
    assert!(are_enough(&spec(), &claims) && !are_enough(&spec(), &object(json!({ "email": "a" }))));
}
