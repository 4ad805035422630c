//! The chain: each entry's hash covers all of it and the hash of the entry before.

use serde_json::Value;
use sha2::{Digest, Sha256};
use staunch_model::{Actor, RolloutId, ServiceName, Timestamp};
use staunch_ports::{ChainFault, Entry};

/// `previous` of the first entry.
pub const FIRST_PREVIOUS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Names the layout below, so that another layout can never give the same hash.
const LAYOUT: &str = "staunch-journal-1";

/// The fields of an entry as they are hashed and stored: texts, with the body in its one canonical form.
pub(crate) struct Canonical<'a> {
    pub(crate) previous: &'a str,
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) actor: &'a str,
    pub(crate) service: &'a str,
    pub(crate) rollout: Option<RolloutId>,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
}

impl Canonical<'_> {
    /// SHA-256 over the fields in this order, each behind its length as eight big-endian bytes, so that no byte can
    /// move from one field to the next; numbers are eight big-endian bytes; no rollout is an empty field.
    pub(crate) fn hash(&self) -> String {
        let rollout = self.rollout.map(|id| id.0.to_be_bytes());
        let fields: [&[u8]; 9] = [
            LAYOUT.as_bytes(),
            self.previous.as_bytes(),
            &self.sequence.to_be_bytes(),
            &self.at.0.to_be_bytes(),
            self.actor.as_bytes(),
            self.service.as_bytes(),
            rollout.as_ref().map_or(&[], |bytes| bytes.as_slice()),
            self.kind.as_bytes(),
            self.body.as_bytes(),
        ];
        let mut digest = Sha256::new();
        for field in fields {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The hash that an entry must carry; for readers of an export as much as for the journal itself.
pub fn entry_hash(entry: &Entry) -> String {
    let body = canonical_json(&entry.body);
    let actor = canonical_actor(&entry.actor);
    let canonical = Canonical {
        previous: &entry.previous,
        sequence: entry.sequence,
        at: entry.at,
        actor: &actor,
        service: entry.service.as_str(),
        rollout: entry.rollout,
        kind: &entry.kind,
        body: &body,
    };
    canonical.hash()
}

/// Walks entries from the first one on, for instance an export, and returns how many there are.
///
/// # Errors
/// The first entry that is not where or what it was.
pub fn verify_entries<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<u64, ChainFault> {
    let mut walk = Walk::default();
    for entry in entries {
        walk.step(entry.sequence, &entry.previous, &entry.hash, || entry_hash(entry))?;
    }
    Ok(walk.sequence)
}

/// How far the chain has been walked.
pub(crate) struct Walk {
    pub(crate) sequence: u64,
    pub(crate) hash: String,
}

impl Default for Walk {
    fn default() -> Self {
        Self { sequence: 0, hash: FIRST_PREVIOUS.to_owned() }
    }
}

impl Walk {
    pub(crate) fn step(
        &mut self,
        sequence: u64,
        previous: &str,
        hash: &str,
        computed: impl FnOnce() -> String,
    ) -> Result<(), ChainFault> {
        let expected = self.sequence + 1;
        let fault = |what: String| Err(ChainFault { sequence: expected, what });
        if sequence != expected {
            return fault(format!("the entry is missing; the next one there is {sequence}"));
        }
        if previous != self.hash {
            return fault(broken_link(self.sequence));
        }
        if hash != computed() {
            return fault("its content was changed: it does not give the recorded hash".to_owned());
        }
        *self = Self { sequence, hash: hash.to_owned() };
        Ok(())
    }
}

fn broken_link(before: u64) -> String {
    match before {
        0 => "it does not begin a chain: entries before it were removed".to_owned(),
        _ => format!("it was not written behind entry {before}: one of the two was replaced or moved"),
    }
}

/// Compact JSON with the keys of every object in byte order: the same text for the same value in every build.
pub(crate) fn canonical_json(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let inner: Vec<String> = items.iter().map(canonical_json).collect();
            format!("[{}]", inner.join(","))
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let inner: Vec<String> =
                keys.iter().map(|key| format!("{}:{}", quoted(key), canonical_json(&map[*key]))).collect();
            format!("{{{}}}", inner.join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `staunch`, or `person:` and the login name.
pub(crate) fn canonical_actor(actor: &Actor) -> String {
    match actor {
        Actor::Staunch => "staunch".to_owned(),
        Actor::Person(name) => format!("person:{name}"),
    }
}

pub(crate) fn parse_actor(text: &str) -> Option<Actor> {
    match text.strip_prefix("person:") {
        Some(name) => Some(Actor::Person(name.to_owned())),
        None => (text == "staunch").then_some(Actor::Staunch),
    }
}

pub(crate) fn parse_service(text: String) -> Option<ServiceName> {
    ServiceName::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical<'a>(kind: &'a str, body: &'a str) -> Canonical<'a> {
        Canonical {
            previous: FIRST_PREVIOUS,
            sequence: 1,
            at: Timestamp(5),
            actor: "staunch",
            service: "shop",
            rollout: None,
            kind,
            body,
        }
    }

    #[test]
    fn no_byte_can_move_between_fields() {
        assert_ne!(canonical("ab", "c").hash(), canonical("a", "bc").hash());
        assert_ne!(
            canonical("", "").hash(),
            Canonical { rollout: Some(RolloutId(0)), ..canonical("", "") }.hash()
        );
    }

    /// Computed outside of this program: a change of the layout would orphan every journal in the field.
    #[test]
    fn the_layout_never_changes() {
        let entry = Entry {
            sequence: 7,
            at: Timestamp(1_700_000_000_123),
            actor: Actor::Person("ada".to_owned()),
            service: parse_service("shop".to_owned()).unwrap(),
            rollout: Some(RolloutId(3)),
            kind: "rollback-started".to_owned(),
            body: json!({ "b": [1, 0.1, null], "a": "ü\n" }),
            previous: FIRST_PREVIOUS.to_owned(),
            hash: String::new(),
        };
        assert_eq!(entry_hash(&entry), "26af76e13e8b17cb7a6c5cacb3aae4c2a7cd2deb0b15293fa87e32a3d16b0d0e");
    }

    #[test]
    fn equal_values_give_one_text() {
        let value = json!({ "b": 1, "a": { "d": [true, null], "c": "\"" } });
        assert_eq!(canonical_json(&value), r#"{"a":{"c":"\"","d":[true,null]},"b":1}"#);
    }

    #[test]
    fn actors_survive_the_trip() {
        for actor in [Actor::Staunch, Actor::Person("staunch".to_owned()), Actor::Person(String::new())] {
            assert_eq!(parse_actor(&canonical_actor(&actor)), Some(actor));
        }
        assert_eq!(parse_actor("someone"), None);
    }
}
