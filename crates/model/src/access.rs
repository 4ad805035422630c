//! Who may do what over the control API.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a person or program may do; the mapping to deeds is [`Role::may`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    Deployer,
    Approver,
    Admin,
}

/// What is asked of the control API, as far as roles tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Looks at something.
    Look,
    /// Can only make things safer (abort, pause, rollback, freeze), or asks what would be (plan).
    Protect,
    /// Brings changes to users, or lets them go on.
    Steer,
    /// Answers what others ask for.
    Vote,
    /// Gives and takes access.
    Administer,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Deployer, Self::Approver, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Deployer => "deployer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Who deploys does not approve and the other way round: two roles, so that one stolen token is not both people.
    pub fn may(self, deed: Deed) -> bool {
        match deed {
            Deed::Look => true,
            Deed::Protect => self != Self::Viewer,
            Deed::Steer => matches!(self, Self::Deployer | Self::Admin),
            Deed::Vote => matches!(self, Self::Approver | Self::Admin),
            Deed::Administer => self == Self::Admin,
        }
    }
}

/// A token as it is kept: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Short, for people and addresses.
    pub id: String,
    /// Whose deeds these are: kept in the journal as the actor.
    pub name: String,
    pub role: Role,
    /// Empty: all.
    pub environments: Vec<String>,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    pub created: Timestamp,
    pub created_by: String,
    /// `None`: until it is revoked.
    pub expires: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
}

impl TokenRecord {
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// A server without an environment has none that a token could be meant for but all.
    pub fn is_for(&self, environment: Option<&str>) -> bool {
        self.environments.is_empty()
            || environment.is_some_and(|here| self.environments.iter().any(|name| name == here))
    }
}

/// Somebody's browser, known by a cookie of which only the SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub digest: [u8; 32],
    pub name: String,
    pub role: Role,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// The token whose holder opened it: it ends with that token.
    #[serde(default)]
    pub token: Option<String>,
    /// SHA-256 of the provider's settings under which it was opened: it ends when they change.
    #[serde(default)]
    pub terms: Option<[u8; 32]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_grow_in_two_directions_and_meet_in_admin() {
        let deeds = [Deed::Look, Deed::Protect, Deed::Steer, Deed::Vote, Deed::Administer];
        let table = Role::ALL.map(|role| deeds.map(|deed| role.may(deed)));
        assert_eq!(table[0], [true, false, false, false, false]);
        assert_eq!(table[1], [true, true, true, false, false]);
        assert_eq!(table[2], [true, true, false, true, false]);
        assert_eq!(table[3], [true; 5]);
    }

    #[test]
    fn a_token_for_production_is_none_for_a_server_without_an_environment() {
        let mut token = TokenRecord {
            id: "a1".to_owned(),
            name: "ci".to_owned(),
            role: Role::Deployer,
            environments: vec!["production".to_owned()],
            digest: [0; 32],
            created: Timestamp(0),
            created_by: "ann".to_owned(),
            expires: Some(Timestamp(10)),
            revoked: None,
        };
        assert!(token.is_for(Some("production")) && !token.is_for(Some("staging")) && !token.is_for(None));
        assert!(token.works(Timestamp(9)) && !token.works(Timestamp(10)));
        token.revoked = Some(Timestamp(5));
        assert!(!token.works(Timestamp(9)));
    }
}
