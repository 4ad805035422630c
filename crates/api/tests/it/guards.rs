use crate::raw::{self, host, post, tcp};
use crate::world::World;

#[tokio::test]
async fn only_loopback_names_are_served_over_tcp() {
    let world = World::new().await;
    let port = world.serving.tcp().port();
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let answer = tcp(&world, "GET /api/v1/meta", &[&format!("Host: {name}:{port}")], "").await;
        assert_eq!(answer.status, 200, "{name}");
    }
    for name in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost",
        &format!("127.0.0.1.evil.example:{port}"),
    ] {
        let answer = tcp(&world, "GET /api/v1/meta", &[&format!("Host: {name}")], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden-host"), "{name}");
    }
    let none = tcp(&world, "GET /api/v1/meta", &[], "").await;
    assert_eq!(none.status, 403);
    let absolute = format!("GET http://evil.example:{port}/api/v1/meta");
    assert_eq!(tcp(&world, &absolute, &[&host(&world)], "").await.status, 403);
}

#[tokio::test]
async fn other_sites_may_not_send_commands() {
    let world = World::new().await;
    let host = host(&world);
    for origin in ["Origin: https://evil.example", "Origin: null"] {
        let answer = tcp(&world, "POST /api/v1/services/shop/rollouts", &[&host, origin], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden-origin"), "{origin}");
    }
    assert!(world.unix.rollouts(None, 10).await.unwrap().rollouts.is_empty(), "nothing was started");
    let ours = format!("Origin: http://{}", world.serving.tcp());
    let answer = tcp(&world, "POST /api/v1/services/shop/rollouts", &[&host, &ours], "").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(answer.head.contains("location: /api/v1/rollouts/1"), "{}", answer.head);
}

#[tokio::test]
async fn no_get_acts() {
    let (world, id) = World::with_canary("shop").await;
    let phase = world.unix.rollout(id).await.unwrap().row.phase;
    for path in [
        "services/shop/rollouts",
        "services/shop/abort",
        "services/shop/rollback",
        "rollouts/2/promote",
        "shutdown",
    ] {
        let answer = raw::get(&world, &format!("/api/v1/{path}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "method-not-allowed"), "{path}");
        assert!(answer.head.contains("allow: POST"), "{}", answer.head);
    }
    assert_eq!(world.unix.rollout(id).await.unwrap().row.phase, phase);
}

#[tokio::test]
async fn a_body_is_bounded_and_its_faults_are_named() {
    let world = World::new().await;
    let path = "/api/v1/services/shop/rollouts";
    let large = format!("{{\"reason\": \"{}\"}}", "x".repeat(65 * 1024));
    let answer = post(&world, path, &large).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body-too-large"));
    for (body, named) in
        [("{", "EOF"), ("{\"replce\": true}", "replce"), ("{\"replace\": 1}", "boolean"), ("[1]", "")]
    {
        let answer = post(&world, path, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-json"), "{body}");
        assert!(answer.body.contains(named), "{}", answer.body);
    }
    assert!(world.unix.rollouts(None, 10).await.unwrap().rollouts.is_empty(), "nothing was started");
}

#[tokio::test]
async fn answers_forbid_scripts_pages_forbid_inline_ones_and_neither_is_kept() {
    let world = World::new().await;
    for (path, policy) in [("/api/v1/meta", "default-src 'none'"), ("/", "default-src 'self'")] {
        let head = raw::get(&world, path).await.head;
        let policy = format!("content-security-policy: {policy}");
        for line in [policy.as_str(), "x-content-type-options: nosniff", "cache-control: no-store"] {
            assert!(head.contains(line), "{head}");
        }
    }
    assert!(!raw::get(&world, "/").await.head.contains("unsafe"));
}
