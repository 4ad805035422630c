//! A release of three services in a row, step by step.

use std::collections::BTreeMap;

use staunch_model::{RolloutId, RolloutKind, ServiceName, ServiceSpec, SplitGeneration, Timestamp};

use super::fixture::{revision, spec};
use crate::release::{
    MemberPlan, MemberState, Release, ReleaseEvent, ReleaseOutcome, ReleaseStep, next_step,
};
use crate::{Cause, Event, Service};

fn service(name: &str) -> ServiceName {
    ServiceName::try_from(name.to_owned()).unwrap()
}

/// A release beside its services, with everything done at once that it asks for.
struct World {
    release: Release,
    services: BTreeMap<ServiceName, Service>,
    rollouts: u64,
    /// What was asked for, in order.
    asked: Vec<String>,
}

impl World {
    /// `db`, then `orders`, then `web`; all serve v1 and go to v2.
    fn new() -> Self {
        let names = ["db", "orders", "web"];
        let mut services = BTreeMap::new();
        for name in names {
            let mut known = Service::new(service(name));
            known.stable = Some(revision(1));
            services.insert(service(name), known);
        }
        let members = names.iter().enumerate().map(|(at, name)| MemberPlan {
            spec: ServiceSpec::plain(service(name), ([127, 0, 0, 1], 80).into(), vec!["./a".to_owned()]),
            revision: revision(2),
            after: at.checked_sub(1).map(|before| service(names[before])).into_iter().collect(),
            checks: vec![],
            from: Some(revision(1)),
        });
        let started = ReleaseEvent::ReleaseStarted {
            name: service("shop"),
            by: "ann".to_owned(),
            reason: String::new(),
            members: members.collect(),
        };
        let release = Release::begin(RolloutId(100), Timestamp(0), &started).unwrap();
        Self { release, services, rollouts: 0, asked: vec![] }
    }

    fn admit(&mut self, name: &ServiceName, kind: RolloutKind, from: u8, to: u8) -> RolloutId {
        self.rollouts += 1;
        let spec = Box::new(spec(self.rollouts, kind, Some(from), to));
        let known = self.services.get_mut(name).unwrap();
        known
            .apply(Timestamp(1), &Event::Admitted { spec, by: "ann".to_owned(), reason: None, given: vec![] })
            .unwrap();
        RolloutId(self.rollouts)
    }

    fn happens(&mut self, name: &str, events: &[Event]) {
        let known = self.services.get_mut(&service(name)).unwrap();
        for event in events {
            known.apply(Timestamp(2), event).unwrap();
        }
    }

    fn succeeds(&mut self, name: &str) {
        let generation = SplitGeneration(9);
        self.happens(
            name,
            &[
                Event::PreparationStarted,
                Event::StepEntered {
                    step: 0,
                    weight: staunch_model::Weight::percent(5.0).unwrap(),
                    generation,
                    replaces: None,
                },
                Event::PromotionStarted { generation, by: None },
                Event::Succeeded { generation },
            ],
        );
        self.goes();
    }

    fn goes_back(&mut self, name: &str, cause: Cause) {
        let generation = SplitGeneration(9);
        self.happens(name, &[Event::PreparationStarted, Event::RollbackStarted { cause, generation }]);
        self.goes();
        self.happens(name, &[Event::RolledBack]);
        self.goes();
    }

    fn goes(&mut self) {
        while let Some(step) = next_step(&self.release, &self.services) {
            let event = match step {
                ReleaseStep::Note(event) => event,
                ReleaseStep::Start(name) => {
                    self.asked.push(format!("start {name}"));
                    let rollout = Some(self.admit(&name, RolloutKind::Canary, 1, 2));
                    ReleaseEvent::MemberStarted { service: name, rollout }
                }
                ReleaseStep::Abort(name) => {
                    self.asked.push(format!("abort {name}"));
                    let cause = Cause::Aborted { by: "release".to_owned(), reason: String::new() };
                    let generation = SplitGeneration(10);
                    self.happens(name.as_str(), &[Event::RollbackStarted { cause, generation }]);
                    continue;
                }
                ReleaseStep::Return(name) => {
                    self.asked.push(format!("return {name}"));
                    let rollout = self.admit(&name, RolloutKind::Rollback, 2, 1);
                    ReleaseEvent::MemberReturning { service: name, rollout }
                }
            };
            self.release.apply(Timestamp(3), &event).unwrap();
        }
    }

    fn returns(&mut self, name: &str) {
        let generation = SplitGeneration(11);
        self.happens(
            name,
            &[
                Event::PreparationStarted,
                Event::PromotionStarted { generation, by: None },
                Event::Succeeded { generation },
            ],
        );
        self.goes();
    }

    fn state(&self, name: &str) -> &MemberState {
        &self.release.member(&service(name)).unwrap().state
    }
}

fn harm() -> Cause {
    Cause::Harm { because: "it fails".to_owned() }
}

#[test]
fn each_starts_when_those_before_it_are_through() {
    let mut world = World::new();
    world.goes();
    assert_eq!(world.asked, ["start db"]);
    world.succeeds("db");
    world.succeeds("orders");
    assert_eq!(world.asked, ["start db", "start orders", "start web"]);
    assert_eq!(world.release.outcome(), None);
    world.succeeds("web");
    assert_eq!(world.release.outcome(), Some(ReleaseOutcome::Promoted));
}

#[test]
fn when_the_third_fails_the_second_goes_back_before_the_first() {
    let mut world = World::new();
    world.goes();
    world.succeeds("db");
    world.succeeds("orders");
    world.goes_back("web", harm());
    assert_eq!(world.asked[3..], ["return orders"]);
    world.returns("orders");
    assert_eq!(world.asked[3..], ["return orders", "return db"]);
    world.returns("db");
    assert_eq!(world.release.outcome(), Some(ReleaseOutcome::RolledBack));
    assert_eq!(world.release.turned.as_ref().unwrap().service, service("web"));
    assert_eq!([world.state("db"), world.state("web")], [&MemberState::Returned, &MemberState::Failed]);
}

#[test]
fn what_has_not_started_never_does_once_it_goes_back() {
    let mut world = World::new();
    world.goes();
    world.goes_back("db", harm());
    assert_eq!(world.asked, ["start db"]);
    assert_eq!(world.state("web"), &MemberState::Waiting);
    assert_eq!(world.release.outcome(), Some(ReleaseOutcome::RolledBack));
}

#[test]
fn a_person_ends_all_of_it_at_any_time() {
    let mut world = World::new();
    world.goes();
    world.succeeds("db");
    world.happens("orders", &[Event::PreparationStarted]);
    let turned = ReleaseEvent::ReleaseTurned {
        service: service("shop"),
        because: "aborted by ann".to_owned(),
        personal: true,
    };
    world.release.apply(Timestamp(3), &turned).unwrap();
    world.goes();
    assert_eq!(world.asked[2..], ["abort orders"]);
    world.happens("orders", &[Event::RolledBack]);
    world.goes();
    assert_eq!(world.asked[2..], ["abort orders", "return db"]);
    world.returns("db");
    assert_eq!(world.release.outcome(), Some(ReleaseOutcome::Aborted));
}

#[test]
fn a_member_that_cannot_go_back_is_named_and_the_others_still_do() {
    let mut world = World::new();
    world.goes();
    world.succeeds("db");
    world.succeeds("orders");
    world.goes_back("web", harm());
    let cause = Cause::NeverReady { after: std::time::Duration::from_secs(1), last: "no".to_owned() };
    world.goes_back("orders", cause);
    assert!(matches!(world.state("orders"), MemberState::Stuck { because } if because.contains("way back")));
    world.returns("db");
    assert_eq!(world.release.outcome(), Some(ReleaseOutcome::RolledBack));
}

/// The fold of what was recorded is what was.
#[test]
fn a_release_replays_to_the_same() {
    let mut world = World::new();
    world.goes();
    world.succeeds("db");
    let text = serde_json::to_string(&world.release).unwrap();
    assert_eq!(serde_json::from_str::<Release>(&text).unwrap(), world.release);
}
