use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier; the message names the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{0}` is not a service name: use 1 to 63 of a-z, 0-9 and `-`, starting with a letter")]
    Service(String),
    #[error("`{0}` is not a revision digest: expected `sha256:` and 64 hexadecimal digits")]
    Digest(String),
}

/// A service's name: 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ServiceName {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let all_well = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if starts_well && all_well && text.len() <= 63 { Ok(Self(text)) } else { Err(IdError::Service(text)) }
    }
}

/// The identity of a revision: the SHA-256 of its content. A mutable reference cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RevisionDigest(String);

impl RevisionDigest {
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("sha256:{hex}"))
    }
    /// Twelve hexadecimal digits: enough to tell revisions apart on a screen and in a folder name.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl TryFrom<String> for RevisionDigest {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let well = text.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if well { Ok(Self(text)) } else { Err(IdError::Digest(text)) }
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_id!(ServiceName);
text_id!(RevisionDigest);

/// A rollout's number, counted from 1 in one data directory, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(pub u64);

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One running copy of a revision: stable over restarts of its process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl InstanceId {
    /// Twins are numbered from here: `replicas` is at most 1 000.
    pub const FIRST_TWIN: u32 = 1_001;

    /// `shop-3f9a0c11d2e4-1`: the service, the revision and the number of the copy.
    pub fn new(service: &ServiceName, revision: &RevisionDigest, number: u32) -> Self {
        Self(format!("{service}-{}-{number}", revision.short()))
    }

    /// A copy of stable that was started together with a canary, as its fresh baseline.
    pub fn is_twin(&self) -> bool {
        let number = self.0.rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
        number.is_some_and(|number| number >= Self::FIRST_TWIN)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_not_be_hosts_or_folders_are_refused() {
        for bad in ["", "Shop", "1shop", "-a", "a b", "../x", &"a".repeat(64)] {
            assert!(ServiceName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(ServiceName::try_from("shop-2".to_owned()).is_ok());
    }

    #[test]
    fn a_twin_is_told_by_its_number() {
        let service = ServiceName::try_from("shop-2000".to_owned()).unwrap();
        let numbered = |number| InstanceId::new(&service, &RevisionDigest::from_sha256([1; 32]), number);
        assert!(numbered(InstanceId::FIRST_TWIN).is_twin() && numbered(2_000).is_twin());
        assert!(
            !numbered(1).is_twin() && !numbered(1_000).is_twin() && !InstanceId("a".to_owned()).is_twin()
        );
    }

    #[test]
    fn a_tag_is_not_a_digest() {
        assert!(RevisionDigest::try_from("app:latest".to_owned()).is_err());
        let digest = RevisionDigest::from_sha256([0xab; 32]);
        assert_eq!(digest.short(), "abababababab");
        assert_eq!(RevisionDigest::try_from(digest.to_string()), Ok(digest));
    }
}
