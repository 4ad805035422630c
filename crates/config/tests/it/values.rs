//! Where each value comes from.

use staunch_config::{KeyValue, parse_in};
use staunch_model::ServiceName;

fn values(text: &str, service: &str, environment: Option<&str>) -> Vec<KeyValue> {
    let parsed = parse_in(text, environment).unwrap_or_else(|found| panic!("{found:?}"));
    parsed.project.values(&ServiceName::try_from(service.to_owned()).unwrap())
}

fn find<'a>(all: &'a [KeyValue], key: &str) -> &'a KeyValue {
    all.iter().find(|one| one.key == key).unwrap_or_else(|| panic!("{key} is not among {all:#?}"))
}

fn has(all: &[KeyValue], key: &str) -> bool {
    all.iter().any(|one| one.key == key)
}

const ONE: &str = "\
service = 'shop'
run = './shop --listen ${PORT}'
listen = ':8080'
env = { DATABASE_PASSWORD = 'hunter2', MODE = '''
a
b''' }
[canary]
steps = [
  5, # carefully
  { weight = 50, pause = true },
]
[gates]
error-rate = { max = '1%' }
[environments.production]
canary = { bake = '1h' }
env = { MODE = 'live' }
requires = 'baked in staging'
[environments.production.gates.error-rate]
max = '0.5%'
";

#[test]
fn a_value_has_its_words_and_its_line() {
    let all = values(ONE, "shop", None);
    let run = find(&all, "run").given.as_ref().unwrap();
    assert_eq!((run.value.as_str(), run.line, &run.environment), ("'./shop --listen ${PORT}'", 2, &None));
    let steps = find(&all, "canary.steps").given.as_ref().unwrap();
    assert_eq!((steps.value.as_str(), steps.line), ("[5, { pause = true, weight = 50 }]", 8));
    assert!(!has(&all, "canary.steps[1].weight"), "a step stands in its list");
    let bake = find(&all, "canary.bake");
    assert_eq!((&bake.given, bake.default), (&None, Some("\"30s\"")));
    assert!(bake.about.len() > 10);
    assert!(all.is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn an_environment_is_named_where_it_says_otherwise() {
    let all = values(ONE, "shop", Some("production"));
    let of = |key: &str| {
        let given = find(&all, key).given.clone().unwrap();
        (given.value, given.line, given.environment)
    };
    let production = Some("production".to_owned());
    assert_eq!(of("canary.bake"), ("'1h'".to_owned(), 15, production.clone()));
    assert_eq!(of("gates.error-rate.max"), ("'0.5%'".to_owned(), 19, production.clone()));
    assert_eq!(of("policy.requires"), ("'baked in staging'".to_owned(), 17, production.clone()));
    assert_eq!(of("env.MODE").2, production);
    assert_eq!(of("env.DATABASE_PASSWORD").2, None);
    assert_eq!(of("canary.steps").2, None);
}

#[test]
fn no_value_of_the_environment_leaves_whatever_its_form() {
    let forms = [
        "env = { KEY = 'hunter2' }",
        "[env]\nKEY = 'hunter2'",
        "env.KEY = \"\"\"\nhunter2\n\"\"\"",
        "[environments.production.env]\nKEY = 'hunter2'",
        "[environments.production]\nenv = { KEY = 'hunter2' }",
    ];
    for form in forms {
        let text = format!("service = 'a'\nrun = './a'\nlisten = ':1'\n{form}\n");
        let environment = form.contains("production").then_some("production");
        let all = values(&text, "a", environment);
        assert!(!format!("{all:?}").contains("hunter2"), "{form}: {all:?}");
        assert_eq!(find(&all, "env.KEY").given.as_ref().unwrap().value, "•••", "{form}");
        let parsed = parse_in(&text, environment).unwrap();
        assert!(!format!("{:?}", parsed.project.services[0].policy.given).contains("hunter2"), "{form}");
    }
}

#[test]
fn what_is_off_has_no_values() {
    let all = values(
        "service = 'a'\nrun = './a'\nlisten = ':1'\n[gates]\nlatency-p95 = { max = '1s' }\n",
        "a",
        None,
    );
    for key in [
        "slo.target",
        "shadow.share",
        "blue-green.switch",
        "policy.approvals.count",
        "gates.error-rate.no-data",
    ] {
        assert!(!has(&all, key), "{key} holds nowhere");
    }
    assert!(has(&all, "gates.latency-p95.no-data") && has(&all, "edge.lease") && has(&all, "canary.hold"));
    let worker = values("service = 'a'\nrun = './a'\nkind = 'worker'\n", "a", None);
    assert!(!has(&worker, "canary.hold"));
}

#[test]
fn of_several_services_each_has_its_own_and_what_holds_for_all() {
    let text = "[services.web]\nrun = './web'\nlisten = ':1'\n[services.jobs]\nrun = './jobs'\nlisten = ':2'\n\
                replicas = 3\n[policy]\nmax-share = '50%'\n[[windows]]\neffect = 'deny'\ndays = ['sat']\n\
                why = 'nobody is here'\n";
    let (web, jobs) = (values(text, "web", None), values(text, "jobs", None));
    assert_eq!(find(&web, "replicas").given, None);
    assert_eq!(find(&jobs, "replicas").given.as_ref().unwrap().value, "3");
    assert_eq!(find(&web, "policy.max-share").given.as_ref().unwrap().value, "'50%'");
    assert_eq!(find(&web, "windows[1].why").given.as_ref().unwrap().line, 13);
    assert!(has(&web, "api"));
    assert!(!web.iter().any(|one| one.key.starts_with("services")));
    assert_eq!(values(text, "nobody", None), []);
}
