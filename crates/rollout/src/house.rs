//! What people do to the control plane itself. Entries of the same journal; they belong to no service.

use serde::{Deserialize, Serialize};
use staunch_model::{Role, Timestamp};

/// Recorded before it takes effect, so that nobody has access that the journal does not know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum HouseEvent {
    TokenCreated {
        id: String,
        name: String,
        role: Role,
        /// Empty: all.
        environments: Vec<String>,
        expires: Option<Timestamp>,
        reason: String,
    },
    TokenRevoked {
        id: String,
        name: String,
        reason: String,
    },
    /// A browser began to act under this name.
    SignedIn {
        role: Role,
        expires: Timestamp,
        /// The provider that said who it is; `None`: a link of somebody who was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// Every browser that acted under this name.
    SessionsEnded {
        name: String,
        count: usize,
        reason: String,
    },
    StopAsked,
    UpgradeAsked {
        binary: Option<String>,
    },
}

impl HouseEvent {
    /// The journal's name for what is no service's. It is also a valid service name: an entry needs one.
    pub const PLACE: &'static str = "staunch";
    const KINDS: [&'static str; 6] =
        ["token-created", "token-revoked", "signed-in", "sessions-ended", "stop-asked", "upgrade-asked"];

    pub fn kind(&self) -> &'static str {
        let [created, revoked, signed_in, ended, stop, upgrade] = Self::KINDS;
        match self {
            Self::TokenCreated { .. } => created,
            Self::TokenRevoked { .. } => revoked,
            Self::SignedIn { .. } => signed_in,
            Self::SessionsEnded { .. } => ended,
            Self::StopAsked => stop,
            Self::UpgradeAsked { .. } => upgrade,
        }
    }

    pub fn is_kind(kind: &str) -> bool {
        Self::KINDS.contains(&kind)
    }

    /// One line of the story.
    pub fn line(&self) -> String {
        let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match self {
            Self::TokenCreated { id, name, role, expires, reason, .. } => {
                let until = expires.map_or_else(String::new, |at| format!(" until {at}"));
                format!("token {id} for {name}, {}{until}{}", role.name(), because(reason))
            }
            Self::TokenRevoked { id, name, reason } => {
                format!("token {id} of {name} revoked{}", because(reason))
            }
            Self::SignedIn { role, expires, provider } => {
                let through = provider.as_ref().map(|name| format!(" through {name}")).unwrap_or_default();
                format!("a browser signed in as {}{through} until {expires}", role.name())
            }
            Self::SessionsEnded { name, count, reason } => {
                let browsers =
                    if *count == 1 { "one browser".to_owned() } else { format!("{count} browsers") };
                format!("{browsers} of {name} signed out{}", because(reason))
            }
            Self::StopAsked => "control is asked to stop".to_owned(),
            Self::UpgradeAsked { binary } => match binary {
                Some(binary) => format!("upgrade to {binary}"),
                None => "upgrade".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_and_its_body_says_the_same_name() {
        let token = || ("a1".to_owned(), "ci".to_owned(), "because".to_owned());
        let (id, name, reason) = token();
        let (role, at) = (Role::Viewer, Timestamp(0));
        let events = [
            HouseEvent::TokenCreated { id, name, role, environments: vec![], expires: None, reason },
            HouseEvent::TokenRevoked { id: token().0, name: token().1, reason: String::new() },
            HouseEvent::SignedIn { role, expires: at, provider: None },
            HouseEvent::SignedIn {
                role,
                expires: at,
                provider: Some("https://login.example.org".to_owned()),
            },
            HouseEvent::SessionsEnded { name: token().1, count: 2, reason: String::new() },
            HouseEvent::StopAsked,
            HouseEvent::UpgradeAsked { binary: None },
        ];
        for event in events {
            let body = serde_json::to_value(&event).unwrap();
            assert_eq!(body["event"], event.kind());
            assert!(HouseEvent::is_kind(event.kind()) && !event.line().is_empty());
        }
        assert!(!HouseEvent::is_kind("admitted"));
    }
}
