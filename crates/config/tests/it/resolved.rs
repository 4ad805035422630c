//! What a file means once it is read.

use std::time::Duration;

use staunch_config::{Origin, Parsed, parse, parse_in};
use staunch_model::{Capacity, GateLimit, Metric, NoData, ProbeTarget, ServiceSpec, StickyKey, Upstream};

pub(crate) fn accepted(text: &str) -> Parsed {
    let parsed = parse(text).unwrap_or_else(|found| panic!("{}", found.render(text, "staunch.toml", false)));
    assert!(parsed.warnings.is_empty(), "{}", parsed.warnings.render(text, "staunch.toml", false));
    parsed
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).err().unwrap_or_default().iter().map(|one| one.code).collect()
}

pub(crate) const MINIMAL: &str = "service = \"shop\"\nrun = \"./shop\"\nlisten = \":8080\"\n";

fn with(line: &str) -> String {
    format!("{MINIMAL}{line}\n")
}

#[test]
fn three_lines_are_a_whole_service() {
    let parsed = accepted(MINIMAL);
    assert_eq!(parsed.project.api.to_string(), "127.0.0.1:7171");
    assert_eq!(parsed.project.origins["canary.bake"], Origin::Default);
    assert_eq!(parsed.project.origins["listen"], Origin::File(41..48));
    let json = serde_json::to_value(&parsed.project.services[0]).unwrap();
    let expected: serde_json::Value = serde_json::from_str(include_str!("minimal.json")).unwrap();
    assert_eq!(json, expected, "{}", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn every_key_reaches_its_place() {
    let parsed = accepted(include_str!("everything.toml"));
    let json = serde_json::to_value(&parsed.project.services[0]).unwrap();
    let expected: serde_json::Value = serde_json::from_str(include_str!("everything.json")).unwrap();
    assert_eq!(json, expected, "{}", serde_json::to_string_pretty(&json).unwrap());
    assert_eq!(parsed.project.api.to_string(), "[::1]:9000");
}

#[test]
fn the_story_of_the_example_holds() {
    let text = with("[canary]\nsteps = [5, 25, 50, 100]\n[gates]\nerror-rate = { max = \"1%\" }");
    let spec: ServiceSpec = accepted(&text).project.services.remove(0);
    let weights: Vec<u16> = spec.strategy.steps.iter().map(|step| step.weight.basis_points()).collect();
    assert_eq!(weights, [500, 2_500, 5_000]);
    assert_eq!(spec.strategy.steps[0].hold, Duration::from_secs(5));
    assert_eq!(spec.gates.len(), 2);
    assert_eq!(spec.gates[1].limit, GateLimit::BlastRadius { share: 0.005 });
    assert_eq!(spec.gates[0].metric, Metric::ErrorRate);
    assert_eq!(spec.gates[0].limit, GateLimit::MaxRatio { max: 0.01 });
    assert_eq!((spec.gates[0].no_data, spec.upstream), (NoData::Hold, Upstream::Http1));
}

#[test]
fn everybody_is_no_blast_radius() {
    let gates = |lines: &str| accepted(&with(lines)).project.services.remove(0).gates;
    assert_eq!(gates("[gates]\nerror-rate = { max = \"1%\" }\nblast-radius = \"100%\"").len(), 1);
    assert_eq!(gates("[gates]\nblast-radius = \"1%\"")[0].limit, GateLimit::BlastRadius { share: 0.01 });
}

#[test]
fn liveness_asks_what_readiness_asks_unless_told_otherwise() {
    let spec =
        accepted(&with("[health]\npath = \"/up\"\n[health.live]\nfall = 9")).project.services.remove(0);
    let live = spec.health.live.unwrap();
    assert_eq!((live.target, live.fall), (ProbeTarget::Http { path: "/up".to_owned() }, 9));
}

#[test]
fn several_services_share_one_file() {
    let text = "[services.web]\nrun = \"./web\"\nlisten = \":1\"\n[services.admin]\nrun = \"./a\"\nlisten = \":2\"\n\
                edge.sticky = { address = true }\n";
    let parsed = accepted(text);
    let names: Vec<&str> = parsed.project.services.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["admin", "web"]);
    assert_eq!(parsed.project.services[0].edge.sticky, Some(StickyKey::Address));
    assert!(parsed.project.origins.contains_key("services.web.canary.bake"));
}

#[test]
fn a_bare_port_means_every_address_and_localhost_this_machine() {
    let listen =
        |text: &str| accepted(&text.replace("MINE", "")).project.services[0].listen.unwrap().to_string();
    assert_eq!(listen(MINIMAL), "0.0.0.0:8080");
    assert_eq!(listen(&MINIMAL.replace("\":8080\"", "\"localhost:80\"")), "127.0.0.1:80");
    assert_eq!(codes(&MINIMAL.replace("\":8080\"", "\"8080\"")), ["invalid-address"]);
    assert_eq!(codes(&MINIMAL.replace("\":8080\"", "\"shop.example:80\"")), ["invalid-address"]);
    assert_eq!(codes(&MINIMAL.replace("\":8080\"", "\":+80\"")), ["invalid-address"]);
    assert_eq!(codes(&MINIMAL.replace("\":8080\"", "\":65536\"")), ["invalid-address"]);
}

#[test]
fn durations_read_as_people_write_them() {
    let bake = |text: &str| {
        let text = with(&format!("canary.bake = \"{text}\""));
        parse(&text).map(|parsed| parsed.project.services[0].strategy.bake.as_millis()).ok()
    };
    for (text, ms) in
        [("500ms", 500), ("30s", 30_000), ("1m30s", 90_000), ("1.5s", 1_500), ("0s", 0), ("2 min", 120_000)]
    {
        assert_eq!(bake(text), Some(ms), "{text}");
    }
    for text in [
        "",
        "5",
        "s",
        "-5s",
        "1e3s",
        "5 s 5 s",
        "0.5ms",
        "1s1m",
        "31d",
        "99999999999999999999d",
        "5M",
        "1_000s",
        "NaNs",
    ] {
        assert_eq!(bake(text), None, "{text}");
    }
}

#[test]
fn one_address_is_for_one_listener() {
    let two = |a: &str, b: &str| {
        codes(&format!(
            "[services.a]\nrun = \"a\"\nlisten = \"{a}\"\n[services.b]\nrun = \"b\"\nlisten = \"{b}\"\n"
        ))
    };
    assert_eq!(two(":80", "127.0.0.1:80"), ["address-taken"]);
    assert_eq!(two("127.0.0.1:80", "127.0.0.1:80"), ["address-taken"]);
    assert_eq!(two("127.0.0.1:7171", "127.0.0.1:80"), ["address-taken"]);
    assert!(two("127.0.0.1:80", "127.0.0.2:80").is_empty());
    assert!(two("127.0.0.1:0", "127.0.0.1:0").is_empty());
}

#[test]
fn nothing_at_all_says_how_to_begin() {
    for text in ["", "\u{feff}", "\r\n\r\n", "# only a comment\n"] {
        let found = parse(text).unwrap_err();
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.0[0].code, "empty-file");
        assert!(found.0[0].help.as_deref().unwrap().contains("staunch init"));
    }
}

#[test]
fn a_huge_file_is_refused_at_once() {
    let text = with(&"#".repeat(2 << 20));
    assert_eq!(codes(&text), ["out-of-range"]);
}

/// Hostile input costs little: neither the stack nor the time of an answer grows with it.
#[test]
fn depth_and_number_are_bounded() {
    for text in [
        format!("a{} = 1", ".a".repeat(300_000)),
        format!("[a{}]", ".a".repeat(300_000)),
        format!("a = {}", "[".repeat(300_000)),
        format!("a = {}", "{ a = ".repeat(100_000)),
        "[services.a]\n".repeat(20_000),
    ] {
        assert!(!codes(&text).is_empty());
    }
    let many: String = (0..20_000).map(|number| format!("key{number} = 1\n")).collect();
    let found = parse(&many).unwrap_err();
    assert_eq!(found.0.len(), 101);
    assert!(found.0[100].message.contains("19903 more"), "{}", found.0[100].message);
    assert!(found.render(&many, "staunch.toml", false).len() < 100_000);
}

const STAGES: &str = "service = \"shop\"\nrun = \"./shop\"\nlisten = \":8080\"\nenv = { A = \"1\", B = \"1\" }\n\
    [canary]\nbake = \"1h\"\nhold = \"1m\"\n\
    [environments.staging]\nlisten = \":8081\"\nenv = { B = \"2\" }\ncanary.bake = \"0s\"\n\
    [environments.production]\nrequires = \"baked in staging\"\napprovals = { count = 2 }\npolicy.max-share = 20\n";

#[test]
fn an_environment_changes_the_keys_it_names_and_no_others() {
    let of = |environment| parse_in(STAGES, environment).unwrap().project;
    let (base, staging) = (of(None), of(Some("staging")));
    assert_eq!(base.environments, ["production", "staging"]);
    let port = |project: &staunch_config::Project| project.services[0].listen.map(|listen| listen.port());
    assert_eq!((port(&base), port(&staging)), (Some(8080), Some(8081)));
    assert_eq!(staging.services[0].env["A"], "1");
    assert_eq!(staging.services[0].env["B"], "2");
    assert!(staging.services[0].strategy.bake.is_zero());
    assert_eq!(base.services[0].strategy.bake, Duration::from_secs(3_600));
    assert_eq!(staging.services[0].policy.environment.as_deref(), Some("staging"));
    let policy = of(Some("production")).services.remove(0).policy;
    assert_eq!((policy.baked_in, policy.limits.len()), (vec!["staging".to_owned()], 1));
    assert_eq!(policy.approvals.map(|approvals| approvals.count), Some(2));
    assert!(base.services[0].policy.approvals.is_none());
}

#[test]
fn what_another_environment_gets_wrong_is_found_at_once() {
    let text = STAGES.replace("canary.bake = \"0s\"", "canary.bake = \"soon\"");
    assert_eq!(codes(&text), ["wrong-unit"]);
    let unknown = parse_in(STAGES, Some("moon")).unwrap_err();
    assert!(unknown.iter().next().unwrap().help.as_ref().unwrap().contains("production, staging"));
}

#[test]
fn a_key_is_found_again_by_its_line() {
    let lines = parse(STAGES).unwrap().project.services.remove(0).policy.lines.0;
    assert_eq!((lines["run"], lines["canary.bake"]), (2, 6));
    let entry = format!("{MINIMAL}\n[[versions]]\nversion = \"1.0\"\n");
    assert_eq!(accepted(&entry).project.services[0].policy.versions[0].line, 5);
}

#[test]
fn a_version_of_a_commit_is_named_by_whoever_sees_the_commit() {
    let spec = accepted(&with("version = \"auto\"")).project.services.remove(0);
    assert_eq!((spec.version, spec.policy.naming), (None, staunch_model::Naming::Auto));
    for moving in ["latest", "Prod", "shop:dev", "registry:5000/shop"] {
        assert_eq!(codes(&with(&format!("version = \"{moving}\""))), ["version-mutable"], "{moving}");
    }
}

#[test]
fn blue_green_is_one_line_from_its_canary() {
    let strategy =
        |lines: &str| accepted(&with(&format!("[blue-green]\n{lines}"))).project.services.remove(0).strategy;
    let shares = |strategy: &staunch_model::Strategy| -> Vec<u16> {
        strategy.steps.iter().map(|step| step.weight.basis_points()).collect()
    };
    let plain = strategy("smoke = [\"./smoke.sh --deep\", [\"./more\", \"a b\"]]\nsmoke-timeout = \"5s\"");
    assert_eq!((plain.kind.name(), plain.capacity, plain.by_time), ("blue-green", Capacity::Full, false));
    assert_eq!((shares(&plain), plain.bake), (vec![], Duration::from_secs(300)));
    let commands: Vec<_> = plain.smoke.iter().map(|check| check.words.clone()).collect();
    assert_eq!(commands, [["./smoke.sh", "--deep"], ["./more", "a b"]]);
    assert!(plain.smoke.iter().all(|check| check.timeout == Duration::from_secs(5)));
    assert_eq!(shares(&strategy("canary = 5")), [500]);
    assert_eq!(shares(&strategy("canary = [5, 25]\nswitch = \"immediate\"")), [500, 2_500]);
    assert_eq!(shares(&strategy("switch = [10, { weight = 50, pause = true }, 100]")), [1_000, 5_000]);
    let gradual = strategy("switch = { increment = 30, interval = \"1m\" }");
    assert_eq!((shares(&gradual), gradual.by_time), (vec![3_000, 6_000, 9_000], true));
    assert!(gradual.steps.iter().all(|step| step.hold == Duration::from_secs(60)));
    assert_eq!(shares(&strategy("switch = { increment = 100, interval = \"1m\" }")), [0_u16; 0]);
}
