//! People who sign in through an OpenID provider, and what their groups let them do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Role;

/// Which provider is believed, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSpec {
    /// Exactly as the provider calls itself: `https://login.example.org`.
    pub issuer: String,
    pub client_id: String,
    /// A file with the secret; `None` for a client that has none and proves itself by PKCE alone.
    pub client_secret_file: Option<String>,
    /// A PEM file of the authorities that vouch for the provider; `None`: the system's.
    pub ca: Option<String>,
    /// Beside `openid`.
    pub scopes: Vec<String>,
    /// What the journal calls a person.
    pub name_claim: String,
    pub groups_claim: String,
    /// How long a browser stays signed in.
    pub session: Duration,
    /// The groups of each role.
    pub roles: BTreeMap<Role, Vec<String>>,
}

impl OidcSpec {
    /// Stands for everybody whom the provider signs in.
    pub const EVERYBODY: &'static str = "*";

    /// The highest role that one of the groups gives; viewers are lowest, then deployers, approvers and admins.
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        let gives = |named: &String| *named == Self::EVERYBODY || groups.contains(named);
        self.roles.iter().filter(|(_, named)| named.iter().any(gives)).map(|(role, _)| *role).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(roles: &[(Role, &str)]) -> OidcSpec {
        OidcSpec {
            issuer: "https://login.example.org".to_owned(),
            client_id: "staunch".to_owned(),
            client_secret_file: None,
            ca: None,
            scopes: vec![],
            name_claim: "email".to_owned(),
            groups_claim: "groups".to_owned(),
            session: Duration::from_secs(60),
            roles: roles.iter().map(|(role, group)| (*role, vec![(*group).to_owned()])).collect(),
        }
    }

    #[test]
    fn the_highest_role_of_all_groups_counts_and_no_group_is_no_role() {
        let spec = spec(&[(Role::Viewer, "staff"), (Role::Deployer, "dev"), (Role::Approver, "ops")]);
        let role = |groups: &[&str]| {
            spec.role_of(&groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(role(&["staff", "dev"]), Some(Role::Deployer));
        assert_eq!(role(&["ops", "dev"]), Some(Role::Approver));
        assert_eq!(role(&["Dev", "sales"]), None, "names are compared exactly");
        assert_eq!(role(&[]), None);
    }

    #[test]
    fn everybody_is_everybody_and_a_group_of_that_name_is_nothing_more() {
        let spec = spec(&[(Role::Viewer, "*"), (Role::Admin, "platform")]);
        assert_eq!(spec.role_of(&[]), Some(Role::Viewer));
        assert_eq!(spec.role_of(&["platform".to_owned()]), Some(Role::Admin));
    }
}
