//! What a file means once it is read.

use std::time::Duration;

use staunch_config::{Origin, Parsed, parse};
use staunch_model::{GateLimit, Metric, NoData, ProbeTarget, ServiceSpec, StickyKey, Upstream};

pub(crate) fn accepted(text: &str) -> Parsed {
    let parsed = parse(text).unwrap_or_else(|found| panic!("{}", found.render(text, "staunch.toml", false)));
    assert!(parsed.warnings.is_empty(), "{}", parsed.warnings.render(text, "staunch.toml", false));
    parsed
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).err().unwrap_or_default().iter().map(|one| one.code).collect()
}

const MINIMAL: &str = "service = \"shop\"\nrun = \"./shop\"\nlisten = \":8080\"\n";

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
    let listen = |text: &str| accepted(&text.replace("MINE", "")).project.services[0].listen.to_string();
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
