//! What the tests of this room are made of.

use staunch_model::{
    Failure, FailureKind, InstanceId, RevisionDigest, ServiceName, SplitGeneration, Timestamp,
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
    }
}
