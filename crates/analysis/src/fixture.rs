//! What the tests of this room are made of.

use std::collections::BTreeMap;

use staunch_model::{
    EvidenceSpec, Failure, FailureKind, HealthSpec, InstanceId, Revision, RevisionDigest, RolloutId,
    RolloutKind, RolloutSpec, RunSpec, ServiceName, SplitGeneration, StopSpec, Strategy, Timestamp,
    TriggerSpec,
};

pub(crate) fn shop() -> ServiceName {
    ServiceName::try_from("shop".to_owned()).unwrap()
}

pub(crate) fn revision() -> RevisionDigest {
    RevisionDigest::from_sha256([1; 32])
}

/// `client` was answered with an error.
pub(crate) fn failure(client: u64) -> Failure {
    Failure {
        at: Timestamp(0),
        service: shop(),
        instance: InstanceId::new(&shop(), &revision(), 1),
        revision: revision(),
        generation: SplitGeneration(0),
        route: "GET /".to_owned(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        status: Some(500),
        kind: FailureKind::ServerError,
        micros: 1,
        client,
        trace: None,
        shielded: false,
        warming: false,
        twin: None,
        chosen: false,
    }
}

/// From one content to another.
pub(crate) fn rollout_of(service: &ServiceName) -> RolloutSpec {
    let revision = |digest| Revision {
        digest: RevisionDigest::from_sha256(digest),
        service: service.clone(),
        label: "v".to_owned(),
        created: Timestamp(0),
        files: vec![],
        run: RunSpec {
            command: vec!["app".to_owned()],
            dir: "/srv".to_owned(),
            env: BTreeMap::new(),
            health: HealthSpec::default(),
            stop: StopSpec::default(),
            infra: None,
        },
    };
    RolloutSpec {
        id: RolloutId(1),
        service: service.clone(),
        kind: RolloutKind::Canary,
        from: Some(revision([1; 32])),
        to: revision([2; 32]),
        replicas: 1,
        strategy: Strategy::default(),
        gates: vec![],
        gauges: vec![],
        triggers: TriggerSpec::default(),
        evidence: EvidenceSpec::default(),
    }
}
