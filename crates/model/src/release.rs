//! Several services that go to new versions together.

use serde::{Deserialize, Serialize};

use crate::ServiceName;

/// A release as the file describes it: its members in an order in which they may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSpec {
    pub name: ServiceName,
    pub members: Vec<ReleaseMember>,
}

/// A service of a release, and which members must be through before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseMember {
    pub service: ServiceName,
    pub after: Vec<ServiceName>,
}

impl ReleaseSpec {
    /// Puts the members into an order in which each comes after those it waits for, and otherwise stays where it is.
    ///
    /// # Errors
    /// A cycle, from one member back to itself.
    pub fn ordered(name: ServiceName, mut members: Vec<ReleaseMember>) -> Result<Self, Vec<ServiceName>> {
        let mut ordered: Vec<ReleaseMember> = Vec::with_capacity(members.len());
        while !members.is_empty() {
            let through = |service: &ServiceName| !members.iter().any(|left| left.service == *service);
            let Some(next) = members.iter().position(|member| member.after.iter().all(through)) else {
                return Err(cycle(&members));
            };
            ordered.push(members.remove(next));
        }
        Ok(Self { name, members: ordered })
    }
}

/// Every member left waits for another one that is left: following any of them ends in a circle.
fn cycle(left: &[ReleaseMember]) -> Vec<ServiceName> {
    let mut path: Vec<ServiceName> = vec![];
    let mut at = left.first();
    while let Some(member) = at {
        if let Some(begin) = path.iter().position(|seen| *seen == member.service) {
            path.drain(..begin);
            path.push(member.service.clone());
            return path;
        }
        path.push(member.service.clone());
        at = left.iter().find(|other| member.after.contains(&other.service));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::try_from(text.to_owned()).unwrap()
    }

    fn member(service: &str, after: &[&str]) -> ReleaseMember {
        ReleaseMember { service: name(service), after: after.iter().map(|after| name(after)).collect() }
    }

    #[test]
    fn members_follow_those_they_wait_for() {
        let members =
            vec![member("web", &["orders"]), member("orders", &["db"]), member("db", &[]), member("x", &[])];
        let release = ReleaseSpec::ordered(name("shop"), members).unwrap();
        let order: Vec<&str> = release.members.iter().map(|member| member.service.as_str()).collect();
        assert_eq!(order, ["db", "orders", "web", "x"]);
    }

    #[test]
    fn a_cycle_is_shown_from_one_member_back_to_itself() {
        let members =
            vec![member("in", &["a"]), member("a", &["b"]), member("b", &["c"]), member("c", &["a"])];
        let cycle = ReleaseSpec::ordered(name("shop"), members).unwrap_err();
        assert_eq!(cycle, [name("a"), name("b"), name("c"), name("a")]);
        let own = ReleaseSpec::ordered(name("shop"), vec![member("a", &["a"])]).unwrap_err();
        assert_eq!(own, [name("a"), name("a")]);
    }
}
