//! What is asked before a rollout begins.

use std::collections::BTreeMap;
use std::time::Duration;

use staunch_model::{
    Approvals, Attestation, Effect, FileHash, Limit, Revision, RolloutKind, RunSpec, ServiceName,
    ServiceSpec, Step, StopSpec, Timestamp, VersionEntry, VersionMatch, Weight, Window, Zone,
};

use crate::{
    Ask, Event, Facts, FindingCode, Landscape, PolicyEvent, Preflight, PreflightFinding, Service, Severity,
    Stop, artifact, preflight, stop,
};

const NOON: Timestamp = Timestamp(1_795_867_200_000);

fn name(text: &str) -> ServiceName {
    ServiceName::try_from(text.to_owned()).unwrap()
}

fn revision(service: &str, label: &str) -> Revision {
    let mut hash = [0; 32];
    label.bytes().zip(&mut hash).for_each(|(byte, place)| *place = byte);
    Revision {
        digest: staunch_model::RevisionDigest::from_sha256(hash),
        service: name(service),
        label: label.to_owned(),
        run: RunSpec {
            command: vec!["./app".to_owned()],
            dir: "/".to_owned(),
            env: BTreeMap::new(),
            health: staunch_model::HealthSpec::default(),
            stop: StopSpec::default(),
            infra: None,
        },
        files: vec![FileHash { path: "app".to_owned(), sha256: label.to_owned() }],
        created: NOON,
    }
}

/// Services and what runs of each; the first is the one that is deployed.
struct World {
    specs: Vec<ServiceSpec>,
    services: BTreeMap<ServiceName, Service>,
    baked: Vec<Attestation>,
    to: String,
    by: String,
    now: Timestamp,
}

impl World {
    fn of(running: &[(&str, &str)], to: &str) -> Self {
        let specs = running.iter().map(|(service, _)| {
            ServiceSpec::plain(name(service), "127.0.0.1:1".parse().unwrap(), vec!["./app".to_owned()])
        });
        let mut services = BTreeMap::new();
        for (service, label) in running {
            let mut fold = Service::new(name(service));
            fold.stable = Some(revision(service, label)).filter(|_| !label.is_empty());
            services.insert(name(service), fold);
        }
        let (to, by) = (to.to_owned(), "ann".to_owned());
        Self { specs: specs.collect(), services, baked: vec![], to, by, now: NOON }
    }

    fn own(&mut self) -> &mut ServiceSpec {
        &mut self.specs[0]
    }

    fn entry(mut self, service: &str, versions: &str, change: impl FnOnce(&mut VersionEntry)) -> Self {
        let mut entry = VersionEntry::about(VersionMatch::parse(versions));
        change(&mut entry);
        let spec = self.specs.iter_mut().find(|spec| spec.name.as_str() == service).unwrap();
        spec.policy.versions.push(entry);
        self
    }

    fn record(&mut self, fact: PolicyEvent) {
        let own = self.specs[0].name.clone();
        self.services.get_mut(&own).unwrap().apply(NOON, &Event::Policy { fact }).unwrap();
    }

    fn said(&self) -> Preflight {
        let landscape = Landscape::of(&self.specs, &self.services);
        preflight(&Facts {
            now: self.now,
            spec: &self.specs[0],
            service: &self.services[&self.specs[0].name],
            to: &revision(self.specs[0].name.as_str(), &self.to),
            by: &self.by,
            landscape: &landscape,
            baked: &self.baked,
            more: &[],
        })
    }

    fn findings(&self) -> Vec<PreflightFinding> {
        self.said().findings
    }

    /// Codes of what refuses.
    fn errors(&self) -> Vec<String> {
        self.codes(Severity::Error)
    }
    fn codes(&self, severity: Severity) -> Vec<String> {
        let found = self.findings().into_iter().filter(|finding| finding.severity == severity);
        found.map(|finding| finding.code).collect()
    }
}

fn wants(entry: &mut BTreeMap<String, VersionMatch>, service: &str, range: &str) {
    entry.insert(service.to_owned(), VersionMatch::parse(range));
}

#[test]
fn a_service_without_a_policy_is_asked_nothing() {
    assert_eq!(World::of(&[("shop", "v1")], "v2").findings(), []);
    assert_eq!(World::of(&[("shop", "")], "1.0.0").findings(), []);
}

#[test]
fn both_live_versions_must_fit_with_all_others() {
    let needs =
        |world: World| world.entry("shop", ">=2", |entry| wants(&mut entry.requires, "auth", ">=2.1"));
    assert_eq!(needs(World::of(&[("shop", "1.9.0"), ("auth", "2.1.0")], "2.0.0")).errors(), [""; 0]);
    assert_eq!(
        needs(World::of(&[("shop", "1.9.0"), ("auth", "2.0.9")], "2.0.0")).errors(),
        ["requires-version"]
    );
    assert_eq!(needs(World::of(&[("shop", "1.9.0"), ("auth", "")], "2.0.0")).errors(), ["requires-missing"]);
    assert_eq!(needs(World::of(&[("shop", "1.9.0")], "2.0.0")).errors(), ["requires-unknown"]);
    // A count of deploys cannot be compared, and is not taken for a version.
    assert_eq!(
        needs(World::of(&[("shop", "1.9.0"), ("auth", "v3")], "2.0.0")).errors(),
        ["requires-version"]
    );

    // While auth is on its way from 2.1 to 1.0, both of its versions run.
    let mut moving = needs(World::of(&[("shop", "1.9.0"), ("auth", "2.1.0")], "2.0.0"));
    let auth = moving.services.get_mut(&name("auth")).unwrap();
    let spec = super::fixture::spec(1, RolloutKind::Canary, Some(1), 2);
    let spec = staunch_model::RolloutSpec { to: revision("auth", "1.0.0"), ..spec };
    auth.apply(
        NOON,
        &Event::Admitted { spec: Box::new(spec), by: "bob".to_owned(), reason: None, given: vec![] },
    )
    .unwrap();
    assert_eq!(moving.errors(), ["requires-version"]);
}

#[test]
fn what_others_need_of_this_one_holds_too() {
    let needs = |to: &str| {
        World::of(&[("shop", "1.9.0"), ("web", "3.0.0")], to).entry("web", "3.0.0", |entry| {
            wants(&mut entry.requires, "shop", ">=1, <2");
        })
    };
    assert_eq!(needs("1.10.0").errors(), [""; 0]);
    assert_eq!(needs("2.0.0").errors(), ["required-by"]);
    let breaks = World::of(&[("shop", "1.9.0"), ("web", "3.0.0")], "2.0.0")
        .entry("shop", ">=2", |entry| wants(&mut entry.breaks, "web", "<4"));
    assert_eq!(breaks.errors(), ["breaks"]);
}

#[test]
fn what_does_not_fit_today_is_told_and_does_not_keep_the_remedy_out() {
    let world = World::of(&[("shop", "1.9.0"), ("web", "3.0.0")], "2.0.0").entry("web", "3.0.0", |entry| {
        wants(&mut entry.requires, "shop", ">=2");
    });
    assert_eq!(world.errors(), [""; 0]);
    assert_eq!(world.codes(Severity::Warning), ["required-by"]);
}

#[test]
fn mandatory_versions_in_between_make_a_path() {
    let mut world = World::of(&[("shop", "1.4.0")], "3.1.0")
        .entry("shop", ">=3", |entry| entry.upgrade_via = vec!["2.0.0".to_owned(), "1.2.0".to_owned()])
        .entry("shop", "2.0.0", |entry| entry.upgrade_via = vec!["1.8.0".to_owned()]);
    let found = world.findings();
    assert!(found[0].text.contains("1.4.0 → 1.8.0 → 2.0.0 → 3.1.0"), "{}", found[0].text);
    assert!(found[0].fix.contains("deploy 1.8.0 first"), "{}", found[0].fix);
    world.to = "1.8.0".to_owned();
    assert_eq!(world.errors(), [""; 0]);
}

#[test]
fn a_downgrade_is_told_and_refused_where_its_bound_is_known() {
    assert_eq!(World::of(&[("shop", "2.0.0")], "1.9.0").codes(Severity::Warning), ["version-downgrade"]);
    let bound = |to: &str| {
        World::of(&[("shop", "2.0.0")], to)
            .entry("shop", "2.0.0", |entry| entry.downgrade_to = Some(VersionMatch::parse(">=1.9")))
    };
    assert_eq!(bound("1.8.0").errors(), ["version-downgrade"]);
    assert_eq!(bound("1.9.3").errors(), [""; 0]);
}

#[test]
fn a_schema_that_one_of_the_two_cannot_read_is_refused() {
    let world = |least, most| {
        World::of(&[("shop", "1.9.0")], "2.0.0")
            .entry("shop", "<2", move |entry| entry.schema = Some(staunch_model::Schema { least, most }))
            .entry("shop", ">=2", |entry| entry.migrates_to = Some(14))
    };
    assert_eq!(world(12, 13).errors(), ["schema-mismatch"]);
    assert_eq!(world(12, 14).errors(), [""; 0]);
    // Schemas do not go back: what 2.0.0 brought stays when one wants to go below it.
    let mut back = world(12, 13);
    back.services.get_mut(&name("shop")).unwrap().stable = Some(revision("shop", "2.0.0"));
    back.to = "1.9.0".to_owned();
    assert_eq!(back.errors(), ["schema-mismatch"]);
}

#[test]
fn each_limit_of_the_blast_radius_is_told_at_its_key() {
    let mut world = World::of(&[("shop", "1.0.0")], "1.1.0");
    let own = world.own();
    let hold = Duration::from_secs(1);
    own.strategy.steps = vec![Step { weight: Weight::percent(60.0).unwrap(), hold, pause: false }];
    own.replicas = 4;
    let minute = Duration::from_secs(60);
    own.policy.limits = vec![
        Limit::MaxShare(Weight::percent(50.0).unwrap()),
        Limit::MaxRise(Weight::percent(50.0).unwrap()),
        Limit::MinSteps(2),
        Limit::MinHold(minute),
        Limit::MinBake(minute),
        Limit::MaxSurge(1),
        Limit::MaxUnavailable(0),
    ];
    let keys: Vec<_> = world.findings().into_iter().map(|finding| finding.place.key).collect();
    let steps = "canary.steps";
    assert_eq!(keys, [steps, steps, steps, "canary.hold", "canary.bake", "replicas"]);
    // The first revision has no path to limit.
    world.services.get_mut(&name("shop")).unwrap().stable = None;
    assert_eq!(world.errors(), [""; 0]);
}

fn window(effect: Effect, from: u16, until: u16) -> Window {
    Window {
        effect,
        days: vec![],
        from: from * 60,
        until: until * 60,
        zone: Zone::utc(),
        dates: vec![],
        except: vec![],
        why: Some("nobody is here".to_owned()),
        line: 7,
        number: 1,
    }
}

#[test]
fn changes_begin_only_in_an_open_window() {
    let at = |windows: Vec<Window>| {
        let mut world = World::of(&[("shop", "v1")], "v2");
        world.own().policy.windows = windows;
        world
    };
    assert_eq!(at(vec![window(Effect::Allow, 9, 17)]).errors(), [""; 0]);
    assert_eq!(at(vec![window(Effect::Allow, 13, 17), window(Effect::Allow, 11, 13)]).errors(), [""; 0]);
    let closed = at(vec![window(Effect::Allow, 13, 17)]);
    let found = closed.findings();
    assert_eq!((found[0].code.as_str(), found[0].place.line), ("window-closed", Some(7)));
    assert!(found[0].text.contains("nobody is here") && found[0].fix.contains("13:00"), "{found:?}");
    let denied = at(vec![window(Effect::Deny, 11, 14), window(Effect::Allow, 9, 17)]);
    assert!(denied.findings()[0].fix.contains("14:00"), "{:?}", denied.findings());
    // Two windows that leave nothing: it is said that waiting does not help.
    let never = at(vec![window(Effect::Deny, 0, 24), window(Effect::Allow, 9, 17)]);
    assert!(never.findings()[0].fix.contains("no window opens"));
}

#[test]
fn frozen_admits_only_emergencies() {
    let mut world = World::of(&[("shop", "v1")], "v2");
    let until = Some(NOON.plus(Duration::from_secs(60)));
    world.record(PolicyEvent::Frozen { by: "bob".to_owned(), reason: "launch".to_owned(), until });
    let found = world.findings();
    assert_eq!(world.errors(), ["frozen"]);
    assert!(found[0].text.contains("bob") && found[0].text.contains("launch"), "{found:?}");
    for code in FindingCode::ALL {
        let finding = PreflightFinding::new(*code, found[0].place.clone(), "x");
        let yields = matches!(code, FindingCode::Frozen | FindingCode::WindowClosed);
        assert_eq!(finding.yields_to_emergency(), yields, "{code:?}");
    }
    world.now = NOON.plus(Duration::from_secs(60));
    assert_eq!(world.errors(), [""; 0], "it thaws by itself");
    world.now = NOON;
    world.record(PolicyEvent::Unfrozen { by: "bob".to_owned(), reason: String::new() });
    assert_eq!(world.errors(), [""; 0]);
}

fn asks(world: &mut World, plan: &str) {
    let to = revision("shop", "v2");
    let approvals = world.specs[0].policy.approvals.clone().unwrap();
    let ask = Ask {
        plan: plan.to_owned(),
        label: to.label,
        digest: to.digest,
        by: "ann".to_owned(),
        reason: String::new(),
        needs: approvals.count,
        from: approvals.from,
        since: NOON,
        until: NOON.plus(approvals.within),
        votes: vec![],
    };
    world.record(PolicyEvent::ApprovalAsked { ask });
}

fn vote(world: &mut World, plan: &str, by: &str, agrees: bool) {
    let (plan, by, reason) = (plan.to_owned(), by.to_owned(), String::new());
    world.record(match agrees {
        true => PolicyEvent::Approved { plan, by, reason },
        false => PolicyEvent::Disapproved { plan, by, reason },
    });
}

fn with_approvals(count: u32, from: &[&str]) -> World {
    let mut world = World::of(&[("shop", "v1")], "v2");
    let from = from.iter().map(|name| (*name).to_owned()).collect();
    world.own().policy.approvals = Some(Approvals { count, from, within: Duration::from_secs(60) });
    world
}

#[test]
fn as_many_others_as_asked_have_to_agree_to_this_very_plan() {
    let mut world = with_approvals(2, &["ann", "bob", "eve"]);
    let plan = world.said().plan;
    assert_eq!(stop(&world.findings()), Some(Stop::Approval));
    asks(&mut world, &plan);
    vote(&mut world, &plan, "bob", true);
    vote(&mut world, &plan, "bob", true);
    assert_eq!(world.errors(), ["approval-needed"], "one voice counts once");
    vote(&mut world, "another plan", "eve", true);
    assert_eq!(world.errors(), ["approval-needed"]);
    vote(&mut world, &plan, "eve", true);
    assert_eq!(world.errors(), [""; 0]);

    world.own().strategy.bake = Duration::from_secs(9);
    assert_eq!(world.errors(), ["approval-needed"], "another path is another plan");
    world.own().strategy.bake = Duration::ZERO;
    world.now = NOON.plus(Duration::from_secs(60));
    assert_eq!(world.errors(), ["approval-needed"], "it does not stand for ever");
}

#[test]
fn a_no_holds_until_the_same_person_says_yes() {
    let mut world = with_approvals(1, &[]);
    let plan = world.said().plan;
    asks(&mut world, &plan);
    vote(&mut world, &plan, "eve", false);
    vote(&mut world, &plan, "bob", true);
    assert_eq!(stop(&world.findings()), Some(Stop::Rejected));
    vote(&mut world, &plan, "eve", true);
    assert_eq!(world.errors(), [""; 0]);
}

#[test]
fn the_author_cannot_answer_and_too_few_are_noticed_before() {
    let mut world = with_approvals(1, &["ann"]);
    assert_eq!(world.errors(), ["approvers-too-few"]);
    world = with_approvals(1, &[]);
    let plan = world.said().plan;
    asks(&mut world, &plan);
    let ask = world.services[&name("shop")].standing.ask.clone().unwrap();
    assert!(ask.refuses("ann").is_some());
    assert!(ask.refuses("bob").is_none());
    let few = Ask { from: vec!["eve".to_owned()], ..ask };
    assert!(few.refuses("bob").unwrap().contains("eve"));
}

#[test]
fn the_same_files_have_to_have_baked_before() {
    let mut world = World::of(&[("shop", "v1")], "v2");
    world.own().policy.baked_in = vec!["staging".to_owned()];
    assert_eq!(world.errors(), ["not-baked"]);
    let word = |environment: &str, label: &str| {
        let revision = revision("shop", label);
        Attestation {
            environment: environment.to_owned(),
            service: name("shop"),
            artifact: artifact(&revision),
            digest: revision.digest,
            version: revision.label,
            rollout: 1,
            at: NOON,
        }
    };
    world.baked = vec![word("staging", "v1"), word("test", "v2")];
    assert!(world.findings()[0].text.contains("the last that did is v1"));
    world.baked.push(word("staging", "v2"));
    assert_eq!(world.errors(), [""; 0]);
}

#[test]
fn the_gravest_stops_first() {
    let mut world = with_approvals(1, &[]);
    world.record(PolicyEvent::Frozen { by: "bob".to_owned(), reason: String::new(), until: None });
    assert_eq!(world.errors(), ["frozen", "approval-needed"]);
    assert_eq!(stop(&world.findings()).map(Stop::exit), Some(15));
}

#[test]
fn a_name_of_other_content_is_told() {
    let mut world = World::of(&[("shop", "1.0.0")], "1.1.0");
    world.own().version = Some("1.1.0".to_owned().try_into().unwrap());
    let digest = revision("shop", "other").digest;
    let seen = crate::Seen { digest, first: NOON, served: true };
    world.services.get_mut(&name("shop")).unwrap().standing.seen.insert("1.1.0".to_owned(), seen);
    assert_eq!(world.codes(Severity::Warning), ["version-reused"]);
}

/// 500 services that each need another one, with 5 000 entries: what a coordinated release asks.
#[test]
fn many_services_are_asked_with_many_entries() {
    let names: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
    let running: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1.3.0")).collect();
    let mut world = World::of(&running, "1.4.0");
    for (number, spec) in world.specs.iter_mut().enumerate() {
        for minor in 0..10 {
            let mut entry = VersionEntry::about(VersionMatch::parse(&format!("~1.{minor}")));
            wants(&mut entry.requires, &names[(number + 1) % 500], ">=1.2, <2");
            spec.policy.versions.push(entry);
        }
    }
    let landscape = Landscape::of(&world.specs, &world.services);
    let asked = world.specs.iter().map(|spec| {
        let to = revision(spec.name.as_str(), "1.4.0");
        let (service, by) = (&world.services[&spec.name], "ann");
        let facts =
            Facts { now: NOON, spec, service, to: &to, by, landscape: &landscape, baked: &[], more: &[] };
        preflight(&facts).findings.len()
    });
    assert_eq!(asked.sum::<usize>(), 0);
}
