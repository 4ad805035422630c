//! Who may do what, and how the server finds out who asks.

use std::sync::{Arc, Mutex};

use staunch_api::client::{Client, Target};
use staunch_api::v1::{ReasonRequest, TokenCreated, TokenRequest};
use staunch_api::{Door, PemFiles, ServeError, ServeOptions, serve};
use staunch_ports::Journal as _;

use crate::raw::{Answer, host, tcp, unix};
use crate::world::{World, options, within};

async fn token(world: &World, name: &str, role: &str) -> TokenCreated {
    let request = TokenRequest { name: name.to_owned(), role: role.to_owned(), ..TokenRequest::default() };
    world.unix.create_token(&request).await.unwrap()
}

async fn ask(world: &World, request: &str, token: &str) -> Answer {
    tcp(world, request, &[&host(world), &format!("Authorization: Bearer {token}")], "").await
}

fn what(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

const DEPLOY: &str = "POST /api/v1/services/shop/rollouts";
const PAUSE: &str = "POST /api/v1/services/shop/pause";
const APPROVE: &str = "POST /api/v1/services/shop/approve";
const TOKENS: &str = "GET /api/v1/tokens";
const LOOK: &str = "GET /api/v1/services";

#[tokio::test]
async fn each_role_may_what_it_is_for_and_no_more() {
    let world = World::new().await;
    let refused = |answer: &Answer| what(answer) == (403, "role-too-low".to_owned());
    for (role, may) in [
        ("viewer", [true, false, false, false, false]),
        ("deployer", [true, true, true, false, false]),
        ("approver", [true, false, true, true, false]),
        ("admin", [true, true, true, true, true]),
    ] {
        let secret = token(&world, role, role).await.secret;
        let requests = [LOOK, DEPLOY, PAUSE, APPROVE, TOKENS];
        for (request, may) in requests.into_iter().zip(may) {
            let answer = ask(&world, request, &secret).await;
            assert_eq!(!refused(&answer), may, "{role} {request}: {} {}", answer.status, answer.body);
        }
    }
}

#[tokio::test]
async fn the_journal_says_which_token_acted_and_never_its_secret() {
    let world = World::new().await;
    let request = TokenRequest {
        name: "ci".to_owned(),
        role: "deployer".to_owned(),
        expires_in_ms: Some(3_600_000),
        reason: Some("nightly".to_owned()),
        ..TokenRequest::default()
    };
    let made = world.unix.create_token(&request).await.unwrap();
    assert!(made.secret.starts_with("stn_") && made.secret.len() == 68, "{}", made.secret);
    assert_eq!(ask(&world, DEPLOY, &made.secret).await.status, 202);
    let reason = ReasonRequest { reason: Some("over".to_owned()) };
    world.unix.revoke_token("ci", &reason).await.unwrap();
    let entries = world.journal.read(0, 1_000).unwrap();
    let of = |kind: &str| entries.iter().find(|entry| entry.kind == kind).unwrap();
    assert_eq!(of("token-created").body["reason"], "nightly");
    assert_eq!(of("token-revoked").body["reason"], "over");
    assert_eq!(of("admitted").actor.to_string(), "ci");
    let all = serde_json::to_string(&entries).unwrap();
    assert!(!all.contains(&made.secret) && !all.contains("stn_"));
    let listed = world.unix.tokens().await.unwrap();
    assert_eq!((listed.len(), listed[0].works), (1, false));
    // A history with such entries is a history that folds.
    assert!(
        world
            .unix
            .entries(0, 100)
            .await
            .unwrap()
            .entries
            .iter()
            .all(|entry| entry.line.is_some() || entry.kind != "token-created")
    );
}

#[tokio::test]
async fn a_token_that_does_not_work_says_why_and_opens_nothing() {
    let world = World::new().await;
    let made = token(&world, "ci", "admin").await;
    for (given, code) in [("stn_0000", "token-invalid"), ("", "token-invalid")] {
        let answer = ask(&world, LOOK, given).await;
        assert_eq!(what(&answer), (401, code.to_owned()), "{given}");
        assert!(answer.head.contains("www-authenticate: Bearer"), "{}", answer.head);
    }
    let basic = tcp(&world, LOOK, &[&host(&world), "Authorization: Basic YTpi"], "").await;
    assert_eq!(basic.status, 401);
    world.unix.revoke_token(&made.token.id, &ReasonRequest::default()).await.unwrap();
    let answer = ask(&world, LOOK, &made.secret).await;
    assert_eq!(what(&answer), (401, "token-invalid".to_owned()));
    assert!(answer.body.contains("revoked"), "{}", answer.body);
    let request = TokenRequest {
        name: "elsewhere".to_owned(),
        role: "admin".to_owned(),
        environments: vec!["staging".to_owned()],
        ..TokenRequest::default()
    };
    let staging = world.unix.create_token(&request).await.unwrap();
    assert_eq!(what(&ask(&world, LOOK, &staging.secret).await), (403, "token-elsewhere".to_owned()));
    // On the socket too: who shows a token is who it says, or nobody.
    let header = format!("Authorization: Bearer {}", made.secret);
    assert_eq!(unix(&world, LOOK, &[&header], "").await.status, 401);
}

#[tokio::test]
async fn a_token_whose_time_is_over_opens_nothing_any_more() {
    let world = World::new().await;
    let request = TokenRequest {
        name: "brief".to_owned(),
        role: "admin".to_owned(),
        expires_in_ms: Some(1),
        ..TokenRequest::default()
    };
    let made = world.unix.create_token(&request).await.unwrap();
    let over = async {
        loop {
            let answer = ask(&world, LOOK, &made.secret).await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let answer = within(over).await;
    assert_eq!(what(&answer), (401, "token-invalid".to_owned()));
    assert!(answer.body.contains("expired"), "{}", answer.body);
}

#[tokio::test]
async fn a_request_for_a_token_that_makes_no_sense_is_refused_by_its_part() {
    let world = World::new().await;
    let good = || TokenRequest { name: "a".to_owned(), role: "viewer".to_owned(), ..TokenRequest::default() };
    let bad = [
        (TokenRequest { name: String::new(), ..good() }, "`name`"),
        (TokenRequest { name: "a\nb".to_owned(), ..good() }, "`name`"),
        (TokenRequest { role: "root".to_owned(), ..good() }, "`role`"),
        (TokenRequest { environments: vec![String::new()], ..good() }, "`environments`"),
        (TokenRequest { expires_in_ms: Some(0), ..good() }, "`expires_in_ms`"),
        (TokenRequest { expires_in_ms: Some(u64::MAX), ..good() }, "`expires_in_ms`"),
    ];
    for (request, part) in bad {
        let error = world.unix.create_token(&request).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    world.unix.create_token(&good()).await.unwrap();
    assert_eq!(world.unix.create_token(&good()).await.unwrap_err().exit_code(), 16);
    assert_eq!(world.unix.revoke_token("b", &ReasonRequest::default()).await.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn loopback_needs_no_token_until_there_is_one_and_then_only_looks() {
    let world = World::new().await;
    let plain = |request: &'static str| {
        let world = &world;
        async move { tcp(world, request, &[&host(world)], "").await }
    };
    assert_eq!(plain(DEPLOY).await.status, 202);
    assert_eq!(what(&plain(APPROVE).await), (401, "login-needed".to_owned()));
    assert_eq!(what(&plain(TOKENS).await), (401, "login-needed".to_owned()));
    token(&world, "ci", "viewer").await;
    assert_eq!(what(&plain(DEPLOY).await), (401, "login-needed".to_owned()));
    assert_eq!(plain(LOOK).await.status, 200);
    world.unix.revoke_token("ci", &ReasonRequest::default()).await.unwrap();
    assert_ne!(plain(DEPLOY).await.status, 401);
}

#[tokio::test]
async fn what_a_proxy_passes_on_does_not_come_from_this_machine() {
    let world = World::new().await;
    for header in ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9"] {
        let answer = tcp(&world, LOOK, &[&host(&world), header], "").await;
        assert_eq!(what(&answer), (401, "login-needed".to_owned()), "{header}");
    }
    assert_eq!(tcp(&world, "GET /healthz", &[&host(&world), "Via: 1.1 x"], "").await.status, 200);
}

#[tokio::test]
async fn ten_wrong_tokens_shut_an_address_out_and_nobody_else() {
    let world = World::new().await;
    let good = token(&world, "ci", "viewer").await.secret;
    for _ in 0..10 {
        assert_eq!(ask(&world, LOOK, "stn_wrong").await.status, 401);
    }
    let answer = ask(&world, LOOK, &good).await;
    assert_eq!(what(&answer), (429, "too-many-failures".to_owned()));
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    let header = format!("Authorization: Bearer {good}");
    assert_eq!(unix(&world, LOOK, &[&header], "").await.status, 200);
}

fn cookie(answer: &Answer) -> String {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    line.split(';').next().unwrap().to_owned()
}

/// The link's code, as it stands in the address.
async fn code(world: &World) -> String {
    let link = world.unix.clone().acting_as("ann").login_link().await.unwrap();
    link.url.split_once("code=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_link_signs_a_browser_in_once_and_looking_at_it_does_not_use_it_up() {
    let world = World::new().await;
    let (code, host) = (code(&world).await, host(&world));
    for _ in 0..3 {
        let form = tcp(&world, &format!("GET /login?code={code}"), &[&host], "").await;
        assert_eq!(form.status, 200);
        assert!(form.body.contains(&code) && form.head.contains("script-src 'self'"), "{}", form.head);
    }
    let origin = format!("Origin: http://{}", world.serving.tcp());
    let body = format!("code={code}");
    let entered = tcp(&world, "POST /login", &[&host, &origin], &body).await;
    assert_eq!(entered.status, 303, "{}", entered.body);
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(entered.head.contains(part), "{}", entered.head);
    }
    let again = tcp(&world, "POST /login", &[&host, &origin], &body).await;
    assert_eq!(again.status, 403);
    assert!(!again.head.contains("set-cookie"));

    token(&world, "ci", "viewer").await;
    let cookie = format!("Cookie: other=1; {}", cookie(&entered));
    let session = tcp(&world, "GET /api/v1/session", &[&host, &cookie], "").await.json();
    assert_eq!((session["name"].as_str(), session["via"].as_str()), (Some("ann"), Some("session")));
    // Only pages of the server itself may use the cookie to act.
    for line in ["X-Nothing: 1", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"] {
        let answer = tcp(&world, DEPLOY, &[&host, &cookie, line], "").await;
        assert_eq!(what(&answer), (403, "forbidden-origin".to_owned()), "{line}");
    }
    assert_eq!(tcp(&world, DEPLOY, &[&host, &cookie, &origin], "").await.status, 202);
    let admitted = world.journal.read(0, 100).unwrap().into_iter().find(|entry| entry.kind == "admitted");
    assert_eq!(admitted.unwrap().actor.to_string(), "ann");

    let left = tcp(&world, "POST /api/v1/logout", &[&host, &cookie, &origin], "").await;
    assert!(left.head.contains("Max-Age=0"), "{}", left.head);
    let session = tcp(&world, "GET /api/v1/session", &[&host, &cookie], "").await.json();
    assert_eq!((session["via"].as_str(), session["login_needed"].as_bool()), (Some("local"), Some(true)));
}

#[tokio::test]
async fn nobody_who_is_not_known_gets_a_link_and_wrong_codes_are_counted() {
    let world = World::new().await;
    let host = host(&world);
    let answer = tcp(&world, "POST /api/v1/logins", &[&host], "").await;
    assert_eq!(what(&answer), (401, "login-needed".to_owned()));
    for _ in 0..10 {
        let body = format!("code={}", "0".repeat(64));
        assert_eq!(tcp(&world, "POST /login", &[&host], &body).await.status, 403);
    }
    let body = format!("code={}", code(&world).await);
    assert_eq!(tcp(&world, "POST /login", &[&host], &body).await.status, 429);
    let bad = tcp(&world, "GET /login?code=%3Cscript%3E", &[&host], "").await;
    assert!(bad.status == 403 && !bad.body.contains("<script>alert"), "{}", bad.body);
}

struct Certified {
    dir: tempfile::TempDir,
    files: PemFiles,
}

fn certified() -> Certified {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = PemFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Certified { dir, files }
}

#[tokio::test]
async fn beyond_loopback_there_is_tls_and_nothing_without_a_token() {
    let world = World::new().await;
    let Certified { dir, files } = certified();
    let door = Door { tls: Some(files.clone()), ..Door::default() };
    let options = ServeOptions { tcp: ([0, 0, 0, 0], 0).into(), door, ..options(&dir, world.admin.clone()) };
    let serving = serve(world.handle.clone(), options).await.unwrap();
    let target = Target::parse(&format!("https://localhost:{}", serving.tcp().port())).unwrap();
    let client = Client::connect(target).trusting(files.cert.clone());
    let nobody = client.services().await.unwrap_err();
    assert_eq!(nobody.exit_code(), 5, "{nobody}");
    let socket = Client::connect(Target::Unix(dir.path().join("api.sock")));
    let request =
        TokenRequest { name: "ci".to_owned(), role: "viewer".to_owned(), ..TokenRequest::default() };
    let made = socket.create_token(&request).await.unwrap();
    let known = client.clone().with_token(&made.secret);
    assert_eq!(known.services().await.unwrap().len(), 2);
    assert!(!format!("{known:?}").contains(&made.secret), "a token is never printed");
    // A certificate that nobody vouches for is none.
    let target = Target::parse(&format!("https://localhost:{}", serving.tcp().port())).unwrap();
    let distrusting = Client::connect(target).with_token(&made.secret);
    assert_eq!(distrusting.services().await.unwrap_err().exit_code(), 4);
    within(serving.stop()).await;
}

#[tokio::test]
async fn a_bind_beyond_loopback_without_tls_or_proxy_and_a_bad_certificate_do_not_start() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let open = ServeOptions { tcp: ([0, 0, 0, 0], 0).into(), ..options(&dir, world.admin.clone()) };
    let error = serve(world.handle.clone(), open).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
    let files = PemFiles { cert: dir.path().join("none.pem"), key: dir.path().join("none.pem") };
    let door = Door { tls: Some(files), ..Door::default() };
    let error = serve(world.handle.clone(), ServeOptions { door, ..options(&dir, world.admin.clone()) });
    let error = error.await.unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_a_token_is_asked_for_and_the_public_name_is_ours() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let door = Door {
        names: vec!["staunch.example".to_owned()],
        proxies: vec![[127, 0, 0, 1].into()],
        ..Door::default()
    };
    let options = ServeOptions { tcp: ([0, 0, 0, 0], 0).into(), door, ..options(&dir, world.admin.clone()) };
    let serving = serve(world.handle.clone(), options).await.unwrap();
    let target = format!("http://127.0.0.1:{}", serving.tcp().port());
    let client = Client::connect(Target::parse(&target).unwrap());
    assert_eq!(client.services().await.unwrap_err().exit_code(), 5);
    let socket = Client::connect(Target::Unix(dir.path().join("api.sock")));
    let link = socket.login_link().await.unwrap();
    assert!(link.url.starts_with("https://staunch.example/login?code="), "{}", link.url);
    within(serving.stop()).await;
}

#[tokio::test]
async fn tokens_and_sessions_outlive_the_server() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let keyring = Arc::new(Mutex::new(staunch_ports::fake::MemoryKeyring::default()));
    let start = || ServeOptions { keyring: keyring.clone(), ..options(&dir, world.admin.clone()) };
    let socket = Client::connect(Target::Unix(dir.path().join("api.sock")));
    let first = serve(world.handle.clone(), start()).await.unwrap();
    let request =
        TokenRequest { name: "ci".to_owned(), role: "viewer".to_owned(), ..TokenRequest::default() };
    let secret = socket.create_token(&request).await.unwrap().secret;
    within(first.stop()).await;
    let second = serve(world.handle.clone(), start()).await.unwrap();
    let target = Target::parse(&format!("http://{}", second.tcp())).unwrap();
    let session = Client::connect(target).with_token(&secret).session().await.unwrap();
    assert_eq!((session.name.as_str(), session.via.as_str()), ("ci", "token"));
    within(second.stop()).await;
}
