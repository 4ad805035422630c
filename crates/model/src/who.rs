//! Who gets the canary by name instead of by chance.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Weight;

/// Requests that go to the canary whatever its weight, as long as it has a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoSpec {
    /// One that fits is enough.
    pub rules: Vec<WhoRule>,
    /// Values from a file, one of which fits.
    #[serde(default)]
    pub allow: Option<AllowSpec>,
    /// The most of all requests that may be sent by name; further ones are split like everybody's.
    pub most: Weight,
    /// Judged requests of theirs before the step that they have alone passes by itself.
    pub requests: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoRule {
    pub part: RequestPart,
    /// Of the header, cookie or parameter; header names fit in any case.
    pub name: String,
    /// One of these values, to the letter. Empty: any.
    pub values: Vec<String>,
}

/// An allow-list: a header or cookie whose value is one of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowSpec {
    /// As the user's file names it.
    pub file: String,
    pub part: RequestPart,
    pub name: String,
    /// Set when a rollout is made: later changes of the file concern later rollouts.
    #[serde(default)]
    pub kept: Option<KeptList>,
}

/// The copy of an allow-list that one rollout goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptList {
    pub path: String,
    /// Of its bytes, in hexadecimal digits.
    pub sha256: String,
    pub values: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestPart {
    Header,
    Cookie,
    Query,
}

impl RequestPart {
    pub const ALL: [Self; 3] = [Self::Header, Self::Cookie, Self::Query];

    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Query => "query",
        }
    }
}

impl WhoSpec {
    /// Names and values have at most so many bytes: what is longer fits nothing.
    pub const LONGEST_NAME: usize = 64;
    pub const LONGEST_VALUE: usize = 256;
    /// Rules that are looked at for each request.
    pub const MOST_RULES: usize = 16;

    /// The largest share of the traffic that a canary of this weight may get: what is sent by name comes on top.
    #[must_use]
    pub fn reach(&self, weight: Weight) -> Weight {
        let (most, weight) = (u32::from(self.most.basis_points()), u32::from(weight.basis_points()));
        let reach = most + (weight * (10_000 - most)).div_ceil(10_000);
        u16::try_from(reach).ok().and_then(|points| Weight::try_from(points).ok()).unwrap_or(Weight::FULL)
    }

    /// Each rule in words.
    pub fn words(&self) -> Vec<String> {
        self.rules.iter().map(ToString::to_string).chain(self.allow.iter().map(ToString::to_string)).collect()
    }
}

impl fmt::Display for WhoSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

/// Values beyond these are only counted.
const SHOWN_VALUES: usize = 3;

impl fmt::Display for WhoRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.part.name(), self.name)?;
        if self.values.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = self.values.iter().take(SHOWN_VALUES).map(String::as_str).collect();
        write!(f, " = {}", shown.join(" or "))?;
        match self.values.len().checked_sub(SHOWN_VALUES) {
            Some(more) if more > 0 => write!(f, " or {more} more"),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for AllowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.kept.as_ref().map(|kept| format!("{} of ", kept.values)).unwrap_or_default();
        write!(f, "{} {} in {many}{}", self.part.name(), self.name, self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(most: u16) -> WhoSpec {
        let most = Weight::try_from(most).unwrap();
        WhoSpec { rules: vec![], allow: None, most, requests: 1 }
    }

    #[test]
    fn what_is_sent_by_name_comes_on_top_of_the_weight() {
        let reach = |most, weight| who(most).reach(Weight::try_from(weight).unwrap()).basis_points();
        assert_eq!([reach(2_000, 0), reach(2_000, 500), reach(2_000, 10_000)], [2_000, 2_400, 10_000]);
        assert_eq!([reach(1, 1), reach(10_000, 0), reach(0, 500)], [2, 10_000, 500]);
    }

    #[test]
    fn rules_read_like_a_sentence() {
        let rule = |values: &[&str]| WhoRule {
            part: RequestPart::Header,
            name: "X-Beta".to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let allow = AllowSpec {
            file: "testers.txt".to_owned(),
            part: RequestPart::Cookie,
            name: "user".to_owned(),
            kept: Some(KeptList { path: String::new(), sha256: String::new(), values: 300 }),
        };
        let rules = vec![rule(&[]), rule(&["a", "b", "c", "d", "e"])];
        let who = WhoSpec { rules, allow: Some(allow), ..who(1) };
        assert_eq!(
            who.to_string(),
            "header X-Beta, header X-Beta = a or b or c or 2 more, cookie user in 300 of testers.txt"
        );
    }
}
