//! Signing in through a provider that can be made to fail in every way. A real one is in the page's stories.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use staunch_api::client::{Client, Target};
use staunch_api::v1::ReasonRequest;
use staunch_api::{OidcSettings, ServeOptions, serve};
use staunch_model::{OidcSpec, Role};
use staunch_ports::Journal as _;

use crate::raw::{Answer, host, tcp};
use crate::world::{World, options};

/// A provider, and what it was last asked.
struct Issuer {
    address: String,
    pair: EcdsaKeyPair,
    /// How it calls itself, when not by its address.
    name: Mutex<Option<String>>,
    /// What the next token says beside the necessary.
    claims: Mutex<Value>,
    /// The answer to the next code, when it is not a token.
    refusal: Mutex<Option<(StatusCode, String)>>,
    asked: Mutex<Vec<(BTreeMap<String, String>, String)>>,
}

impl Issuer {
    async fn new() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let issuer = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            pair: EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &SystemRandom::new()).unwrap(),
            name: Mutex::default(),
            claims: Mutex::new(json!({ "email": "ann@example.org", "groups": ["dev"] })),
            refusal: Mutex::default(),
            asked: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        issuer
    }

    fn signed(&self, claims: &Value) -> String {
        let coded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", coded(&json!({ "alg": "ES256", "kid": "1" })), coded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn discovery(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let address = &issuer.address;
    Json(json!({
        "issuer": issuer.name.lock().unwrap().as_ref().unwrap_or(address),
        "authorization_endpoint": format!("{address}/authorize?tenant=7"),
        "token_endpoint": format!("{address}/token"),
        "jwks_uri": format!("{address}/keys"),
    }))
}

async fn keys(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let point = issuer.pair.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "x": x, "y": y }] }))
}

/// The code is the nonce: a provider remembers it, this one is told.
async fn token(State(issuer): State<Arc<Issuer>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    issuer.asked.lock().unwrap().push((form.clone(), authorization.unwrap_or_default()));
    if let Some(refusal) = issuer.refusal.lock().unwrap().clone() {
        return refusal;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": issuer.address, "aud": "staunch", "sub": "7", "iat": now, "exp": now + 60, "nonce": form["code"],
    });
    let more = issuer.claims.lock().unwrap().as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    let answer = json!({ "id_token": issuer.signed(&claims), "token_type": "Bearer" });
    (StatusCode::OK, answer.to_string())
}

struct Scene {
    world: World,
    issuer: Arc<Issuer>,
    unix: Client,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (mut world, issuer, dir) =
            (World::new().await, Issuer::new().await, tempfile::tempdir().unwrap());
        let oidc =
            Some(OidcSettings { spec: spec(&issuer.address), secret: Some("s3 cret".to_owned()), ca: None });
        let served = ServeOptions { oidc, ..options(&dir, world.admin.clone()) };
        world.serving = serve(world.handle.clone(), served).await.unwrap();
        let unix = Client::connect(Target::Unix(dir.path().join("api.sock")));
        Self { world, issuer, unix, _dir: dir }
    }

    async fn get(&self, path: &str, lines: &[&str]) -> Answer {
        let host = host(&self.world);
        let lines: Vec<_> = std::iter::once(host.as_str()).chain(lines.iter().copied()).collect();
        tcp(&self.world, &format!("GET {path}"), &lines, "").await
    }

    /// Begins, as a browser does; what it keeps and what it takes to the provider.
    async fn begin(&self, to: &str) -> (String, BTreeMap<String, String>) {
        let sent = self.get(&format!("/login/oidc?to={to}"), &[]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let line =
            |name: &str| sent.head.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let address = line("location: ");
        let (endpoint, query) = address.split_once("&").unwrap();
        assert_eq!(endpoint, format!("{}/authorize?tenant=7", self.issuer.address));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        (line("set-cookie: ").split(';').next().unwrap().to_owned(), query)
    }

    async fn enter(&self, cookie: &str, code: &str, state: &str) -> Answer {
        let (host, cookie) = (host(&self.world), format!("Cookie: {cookie}"));
        let origin = format!("Origin: http://{}", self.world.serving.tcp());
        tcp(
            &self.world,
            "POST /login/oidc",
            &[&host, &cookie, &origin],
            &format!("code={code}&state={state}"),
        )
        .await
    }

    /// The whole way, with what the provider is made to say.
    async fn arrive(&self) -> Answer {
        let (cookie, query) = self.begin("/shop").await;
        self.enter(&cookie, &query["nonce"], &query["state"]).await
    }

    fn asked(&self) -> usize {
        self.issuer.asked.lock().unwrap().len()
    }
}

fn spec(issuer: &str) -> OidcSpec {
    OidcSpec {
        issuer: issuer.to_owned(),
        client_id: "staunch".to_owned(),
        client_secret_file: None,
        ca: None,
        scopes: vec!["email".to_owned(), "groups".to_owned()],
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        session: Duration::from_secs(600),
        roles: BTreeMap::from([(Role::Deployer, vec!["dev".to_owned()])]),
    }
}

#[tokio::test]
async fn whoever_the_provider_vouches_for_is_signed_in_with_the_role_of_the_group() {
    let scene = Scene::new().await;
    let (cookie, query) = scene.begin("/shop/2").await;
    let back = format!("http://{}/login/oidc/callback", scene.world.serving.tcp());
    let asked = ["response_type", "client_id", "redirect_uri", "scope", "code_challenge_method"];
    let asked = asked.map(|name| query[name].as_str());
    assert_eq!(asked, ["code", "staunch", &back, "openid email groups", "S256"]);

    let landed = scene.get(&format!("/login/oidc/callback?code=c&state={}", query["state"]), &[]).await;
    assert_eq!((landed.status, scene.asked()), (200, 0), "coming back does nothing by itself");
    assert!(landed.body.contains("method=\"post\" action=\"/login/oidc\""), "{}", landed.body);

    let entered = scene.enter(&cookie, &query["nonce"], &query["state"]).await;
    assert_eq!(entered.status, 303, "{}", entered.body);
    assert!(
        entered.head.contains("location: /shop/2") && entered.head.contains("Max-Age=600"),
        "{}",
        entered.head
    );
    let (form, authorization) = scene.issuer.asked.lock().unwrap()[0].clone();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!((challenge, form["redirect_uri"].as_str()), (query["code_challenge"].clone(), back.as_str()));
    // staunch:s3+cret
    assert_eq!(authorization, "Basic c3RhdW5jaDpzMytjcmV0");

    let session = entered.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let session = format!("Cookie: {}", session.split(';').next().unwrap());
    let known = scene.get("/api/v1/session", &[&session]).await.json();
    let seen = ["name", "role", "via", "sign_in"].map(|part| known[part].as_str().unwrap_or_default());
    assert_eq!(seen, ["ann@example.org", "deployer", "session", "/login/oidc"]);
    let entries = scene.world.journal.read(0, 100).unwrap();
    let entry = entries.into_iter().find(|entry| entry.kind == "signed-in").unwrap();
    assert_eq!(entry.actor.to_string(), "ann@example.org");
    assert!(entry.body.to_string().contains(&scene.issuer.address), "{}", entry.body);

    let unix = &scene.unix;
    let listed = unix.sessions().await.unwrap();
    let seen = listed.iter().map(|one| (one.name.as_str(), one.by.as_str())).collect::<Vec<_>>();
    assert_eq!(seen, [("ann@example.org", "provider")]);
    assert_eq!(
        scene.get("/api/v1/sessions", &[&session]).await.status,
        403,
        "a deployer does not see who is in"
    );
    let lost = ReasonRequest { reason: Some("a lost laptop".to_owned()) };
    assert_eq!(unix.end_sessions("ann@example.org", &lost).await.unwrap().ended, 1);
    assert_eq!(scene.get("/api/v1/session", &[&session]).await.json()["via"], "local");
    assert_eq!(
        unix.end_sessions("ann@example.org", &lost).await.unwrap_err().exit_code(),
        2,
        "nobody is left"
    );
    let entries = scene.world.journal.read(0, 100).unwrap();
    let entry = entries.into_iter().find(|entry| entry.kind == "sessions-ended").unwrap();
    assert!(entry.body.to_string().contains("a lost laptop"), "{}", entry.body);

    let again = scene.enter("other=1", &query["nonce"], &query["state"]).await;
    assert_eq!(again.status, 403, "the browser's part of the attempt is gone");
}

#[tokio::test]
async fn another_browser_cannot_be_made_to_finish_an_attempt() {
    let scene = Scene::new().await;
    let (cookie, query) = scene.begin("/").await;
    let (other, _) = scene.begin("/").await;
    for (cookie, state) in [("a=1", query["state"].as_str()), (&other, &query["state"]), (&cookie, "0")] {
        let refused = scene.enter(cookie, &query["nonce"], state).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert!(refused.body.contains("did not begin this"), "{}", refused.body);
    }
    assert_eq!(scene.asked(), 0, "no code was spent");
    let (host, cookie) = (host(&scene.world), format!("Cookie: {cookie}"));
    let body = format!("code=c&state={}", query["state"]);
    let lines = [host.as_str(), &cookie, "Origin: https://evil.example"];
    assert_eq!(tcp(&scene.world, "POST /login/oidc", &lines, &body).await.status, 403);
}

#[tokio::test]
async fn whoever_is_in_no_group_or_comes_with_a_token_of_another_attempt_stays_out() {
    let scene = Scene::new().await;
    *scene.issuer.claims.lock().unwrap() = json!({ "email": "bob@example.org", "groups": ["<b>sales</b>"] });
    let refused = scene.arrive().await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("bob@example.org") && refused.body.contains("&lt;b&gt;sales"),
        "{}",
        refused.body
    );
    assert!(!refused.head.contains("staunch_login_0"), "{}", refused.head);
    *scene.issuer.claims.lock().unwrap() =
        json!({ "nonce": "of another", "groups": ["dev"], "email": "a@b" });
    let refused = scene.arrive().await;
    assert!(refused.status == 403 && refused.body.contains("another attempt"), "{}", refused.body);
    let sessions = scene.world.journal.read(0, 100).unwrap();
    assert!(sessions.iter().all(|entry| entry.kind != "signed-in"));
}

#[tokio::test]
async fn a_provider_that_fails_is_named_and_harms_nobody_who_is_in() {
    let scene = Scene::new().await;
    for (status, body) in [(500, "<html>"), (200, "{}"), (200, "no json"), (404, ""), (302, "{}")] {
        let status = StatusCode::from_u16(status).unwrap();
        *scene.issuer.refusal.lock().unwrap() = Some((status, body.to_owned()));
        let away = scene.arrive().await;
        assert_eq!(away.status, 502, "{status} {body}: {}", away.body);
        assert!(away.body.contains(&format!("{}/token", scene.issuer.address)), "{}", away.body);
    }
    *scene.issuer.refusal.lock().unwrap() = Some((StatusCode::OK, " ".repeat(2 << 20)));
    assert_eq!(scene.arrive().await.status, 502, "more than is read");
    assert_eq!(scene.get("/api/v1/services", &[]).await.status, 200);
}

#[tokio::test]
async fn codes_that_the_provider_refuses_are_counted() {
    let scene = Scene::new().await;
    let refusal = json!({ "error": "invalid_grant", "error_description": "used\u{1b}[31m" }).to_string();
    *scene.issuer.refusal.lock().unwrap() = Some((StatusCode::BAD_REQUEST, refusal));
    for _ in 0..10 {
        let refused = scene.arrive().await;
        assert!(refused.status == 403 && refused.body.contains("invalid_grant: used"), "{}", refused.body);
        assert!(!refused.body.contains('\u{1b}'));
    }
    *scene.issuer.refusal.lock().unwrap() = None;
    assert_eq!(scene.arrive().await.status, 429);
}

#[tokio::test]
async fn another_provider_at_the_same_address_is_not_believed() {
    let scene = Scene::new().await;
    *scene.issuer.name.lock().unwrap() = Some("https://evil.example".to_owned());
    let refused = scene.get("/login/oidc", &[]).await;
    assert!(refused.status == 502 && refused.body.contains("https://evil.example"), "{}", refused.body);
    let query = "code=c&state=s&iss=https%3A%2F%2Fevil.example";
    let refused = scene.get(&format!("/login/oidc/callback?{query}"), &[]).await;
    assert!(refused.status == 403 && refused.body.contains("another provider"), "{}", refused.body);
    let refused =
        scene.get("/login/oidc/callback?error=access_denied&error_description=%3Cscript%3E", &[]).await;
    assert!(
        refused.status == 403 && refused.body.contains("access_denied: &lt;script&gt;"),
        "{}",
        refused.body
    );
    assert_eq!(scene.get("/login/oidc/callback", &[]).await.status, 403);
}

#[tokio::test]
async fn with_a_provider_nobody_acts_without_a_name_and_a_page_shows_the_way_in() {
    let scene = Scene::new().await;
    let known = scene.get("/api/v1/session", &[]).await.json();
    assert_eq!((known["role"].as_str(), known["login_needed"].as_bool()), (Some("viewer"), Some(true)));
    let page = ["Accept: text/html", "X-Forwarded-For: 10.0.0.9"];
    let locked = scene.get("/shop/2?tab=a&b", &page).await;
    assert_eq!(locked.status, 401);
    assert!(locked.body.contains("href=\"/login/oidc?to=%2Fshop%2F2%3Ftab%3Da%26b\""), "{}", locked.body);
    // The session's cookie does not come with a link of another site, but with the page's own second look.
    let [html, far] = page;
    let linked = scene.get("/shop/2", &[html, far, "Sec-Fetch-Site: cross-site"]).await;
    assert!(linked.status == 200 && linked.body.contains("http-equiv=\"refresh\""), "{}", linked.body);
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let world = World::new().await;
    let answer = tcp(&world, "GET /login/oidc", &[&host(&world)], "").await;
    assert!(answer.status == 404 && answer.body.contains("[control.oidc]"), "{}", answer.body);
}
