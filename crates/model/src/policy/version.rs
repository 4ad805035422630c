//! Names of versions, and what is known of each.

use std::collections::BTreeMap;
use std::fmt;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::ServiceName;

/// Words that name whatever is newest. A name that moves on would give two contents one name.
const MUTABLE: [&str; 20] = [
    "latest",
    "stable",
    "current",
    "newest",
    "head",
    "main",
    "master",
    "trunk",
    "dev",
    "develop",
    "development",
    "edge",
    "nightly",
    "canary",
    "next",
    "snapshot",
    "release",
    "staging",
    "production",
    "prod",
];

const LONGEST: usize = 128;

/// Why a text cannot name one content for ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionFlaw {
    #[error("\"{0}\" names whatever is newest, not one content")]
    Mutable(String),
    #[error("\"{0}\" has no tag after its name: it means `latest`")]
    Untagged(String),
    #[error("a version is 1 to {LONGEST} bytes of visible characters without spaces")]
    Characters,
}

/// What people call one content: `1.4.2`, `shop:3f9a0c1d22e4-20261128T154300Z`, an image reference with an immutable tag or a
/// digest. A mutable reference cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionName(String);

impl VersionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `{service}:{commit}-{timestamp}`: the name that a build of a commit gets. `stamp` is UTC as `20261128T154300Z`.
    ///
    /// # Errors
    /// When the parts are not a commit and a moment.
    pub fn of_build(service: &ServiceName, commit: &str, stamp: &str) -> Result<Self, VersionFlaw> {
        let name = Self(format!("{service}:{commit}-{stamp}"));
        if name.build().is_some() { Ok(name) } else { Err(VersionFlaw::Characters) }
    }

    /// The service, the commit and the moment of a name that was generated.
    pub fn build(&self) -> Option<(&str, &str, &str)> {
        let (service, rest) = self.0.split_once(':')?;
        let (commit, stamp) = rest.split_once('-')?;
        let hex = commit.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let moment = stamp.len() == 16
            && stamp.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        (hex && (7..=64).contains(&commit.len()) && moment).then_some((service, commit, stamp))
    }
}

impl TryFrom<String> for VersionName {
    type Error = VersionFlaw;
    fn try_from(text: String) -> Result<Self, VersionFlaw> {
        let visible = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if text.is_empty() || text.len() > LONGEST || !visible {
            return Err(VersionFlaw::Characters);
        }
        // `name@sha256:…` is the content itself, whatever the tag says.
        if text.contains("@sha256:") {
            return Ok(Self(text));
        }
        let tag = tag_of(&text);
        if tag.is_empty() || (tag == text && text.contains('/')) {
            return Err(VersionFlaw::Untagged(text));
        }
        if MUTABLE.contains(&tag.to_ascii_lowercase().as_str()) {
            return Err(VersionFlaw::Mutable(text));
        }
        Ok(Self(text))
    }
}

/// What follows the last colon, unless that is the port of a registry (`registry:5000/app`).
fn tag_of(text: &str) -> &str {
    text.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/')).unwrap_or(text)
}

impl From<VersionName> for String {
    fn from(name: VersionName) -> Self {
        name.0
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version that can be compared: `1.4.2`, `v1.4`, `2.0.0-rc.1`. A bare `v3` counts deploys and says nothing of what
/// it holds, so it is none.
pub fn semantic(text: &str) -> Option<Version> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, rest) = bare.split_at(end);
    match numbers.split('.').count() {
        2 => Version::parse(&format!("{numbers}.0{rest}")).ok(),
        3 => Version::parse(bare).ok(),
        _ => None,
    }
}

/// How the version got its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// The file says it, or leaves it to the count of deploys.
    #[default]
    Given,
    /// From the commit that is checked out.
    Auto,
    /// It was to be named by its commit, and could not be: why.
    Unnamed(String),
}

/// Which versions are meant: one by its name, or all of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionMatch {
    Name(String),
    Range(VersionReq),
}

impl VersionMatch {
    /// `1.4.2` is that one version and `>=1.4, <2` a range; what is no range is a name.
    pub fn parse(text: &str) -> Self {
        match VersionReq::parse(text) {
            Ok(range) if semantic(text).is_none() => Self::Range(range),
            Ok(_) | Err(_) => Self::Name(text.to_owned()),
        }
    }

    pub fn holds(&self, version: &str) -> bool {
        match self {
            Self::Name(name) => {
                name == version || semantic(name).is_some_and(|own| semantic(version) == Some(own))
            }
            Self::Range(range) => semantic(version).is_some_and(|version| in_range(range, &version)),
        }
    }
}

/// Cargo's rule keeps pre-releases out of plain ranges; here `2.1.0-rc.1` counts as what it will be.
fn in_range(range: &VersionReq, version: &Version) -> bool {
    let released = Version::new(version.major, version.minor, version.patch);
    range.matches(version) || (!version.pre.is_empty() && range.matches(&released))
}

impl fmt::Display for VersionMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Range(range) => range.fmt(f),
        }
    }
}

/// Numbers of a database's schema, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub least: u64,
    pub most: u64,
}

impl Schema {
    pub fn holds(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most { self.least.fmt(f) } else { write!(f, "{}..{}", self.least, self.most) }
    }
}

/// What is known of some versions of a service: one `[[version]]` of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionEntry {
    pub versions: VersionMatch,
    /// Other services, and their versions that these work with.
    pub requires: BTreeMap<String, VersionMatch>,
    /// Other services, and their versions that these make fail.
    pub breaks: BTreeMap<String, VersionMatch>,
    /// The schemas that these work with.
    pub schema: Option<Schema>,
    /// The schema that these bring with them.
    pub migrates_to: Option<u64>,
    /// Why nobody should deploy these any more.
    pub deprecated: Option<String>,
    /// Versions that have to be served before these, in any order.
    pub upgrade_via: Vec<String>,
    /// Versions that can be gone back to from these; `None` is any.
    pub downgrade_to: Option<VersionMatch>,
    /// What people do before and after; shown, not carried out.
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// The line of the file.
    #[serde(skip)]
    pub line: u32,
    /// Which `[[version]]` it is, counted from 1.
    pub number: u32,
}

impl VersionEntry {
    /// An entry about `versions` that says nothing of them.
    pub fn about(versions: VersionMatch) -> Self {
        Self {
            versions,
            requires: BTreeMap::new(),
            breaks: BTreeMap::new(),
            schema: None,
            migrates_to: None,
            deprecated: None,
            upgrade_via: vec![],
            downgrade_to: None,
            before: vec![],
            after: vec![],
            line: 0,
            number: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<VersionName, VersionFlaw> {
        VersionName::try_from(text.to_owned())
    }

    #[test]
    fn a_name_that_moves_on_is_no_version() {
        for bad in [
            "latest",
            "Stable",
            "main",
            "dev",
            "app:latest",
            "reg.example:5000/app:prod",
            "reg:5000/app",
            "app:",
        ] {
            assert!(named(bad).is_err(), "{bad}");
        }
        for good in
            ["1.4.2", "v3", "app:1.4.2", "reg:5000/app:3f9a0c1", "app:latest@sha256:ab", "main-3f9a0c1"]
        {
            assert!(named(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_build_is_named_and_read_back() {
        let shop = ServiceName::try_from("shop".to_owned()).unwrap();
        let name = VersionName::of_build(&shop, "3f9a0c1d22e4", "20261128T154300Z").unwrap();
        assert_eq!(name.as_str(), "shop:3f9a0c1d22e4-20261128T154300Z");
        assert_eq!(name.build(), Some(("shop", "3f9a0c1d22e4", "20261128T154300Z")));
        assert!(VersionName::of_build(&shop, "main", "20261128T154300Z").is_err());
        assert!(VersionName::of_build(&shop, "3f9a0c1d22e4", "yesterday").is_err());
    }

    #[test]
    fn a_count_of_deploys_is_not_compared() {
        assert_eq!(semantic("v3"), None);
        assert_eq!(semantic("shop:3f9a0c1-20261128T154300Z"), None);
        assert_eq!(semantic("v1.4"), Some(Version::new(1, 4, 0)));
        assert!(semantic("2.0.0-rc.1") < semantic("2.0.0"));
    }

    #[test]
    fn ranges_and_names_are_told_apart() {
        assert!(VersionMatch::parse(">=1.4, <2").holds("1.9.9"));
        assert!(!VersionMatch::parse(">=1.4, <2").holds("2.0"));
        assert!(VersionMatch::parse("1.4").holds("v1.4.0"));
        assert!(!VersionMatch::parse("1.4.2").holds("1.4.3"));
        assert!(VersionMatch::parse(">=2.1").holds("2.1.0-rc.1"));
        assert!(VersionMatch::parse("shop:abc").holds("shop:abc"));
        assert!(!VersionMatch::parse("*").holds("v3"));
    }
}
