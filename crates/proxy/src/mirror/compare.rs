//! Two answers to one request: where do they differ?

use super::json;
use super::{Ended, Seen};

/// Differences looked at per pair: an answer that is all different need not be listed to its end.
pub(crate) const MOST: usize = 32;

/// What kind of difference it is: a value that changes each time excuses no other type in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Ended,
    Header,
    Value,
    Type,
    /// One side has no such value.
    Presence,
    Length,
    Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `status`, `header NAME`, `body`, or a path into JSON.
    pub(crate) place: String,
    pub(crate) kind: Kind,
    /// What each side has, as text of any length.
    pub(crate) stable: String,
    pub(crate) shadow: String,
}

impl Difference {
    /// Where the same kind of difference is the same thing once more: of an absent key its object, since keys may be
    /// new each time.
    pub(crate) fn spot(&self) -> (&str, Kind) {
        let place = match self.kind {
            Kind::Presence => self.place.rsplit_once('/').map_or("", |(parent, _)| parent),
            Kind::Ended | Kind::Header | Kind::Value | Kind::Type | Kind::Length | Kind::Bytes => &self.place,
        };
        (place, self.kind)
    }
}

/// Differences outside of what is to be ignored, at most [`MOST`].
pub(crate) fn differences(stable: &Seen, shadow: &Seen, ignore: &[String]) -> Vec<Difference> {
    if let Some(ended) = ended(stable.ended, shadow.ended) {
        return vec![ended];
    }
    let mut all = headers(stable, shadow);
    body(stable, shadow, &mut all);
    all.retain(|difference| !ignore.iter().any(|ignored| covers(ignored, &difference.place)));
    all.truncate(MOST);
    all
}

/// Whether one side's body could not be compared.
pub(crate) fn is_unread(stable: &Seen, shadow: &Seen) -> bool {
    stable.ended == shadow.ended && (stable.body.is_none() || shadow.body.is_none())
}

fn ended(stable: Ended, shadow: Ended) -> Option<Difference> {
    let alike = stable == shadow;
    (!alike).then(|| Difference {
        place: "status".to_owned(),
        kind: Kind::Ended,
        stable: stable.words(),
        shadow: shadow.words(),
    })
}

/// `body` covers all of a body; a path covers what is below it.
fn covers(ignored: &str, place: &str) -> bool {
    let below = || place.strip_prefix(ignored).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if ignored == "body" { place == "body" || place.starts_with('/') } else { below() }
}

fn headers(stable: &Seen, shadow: &Seen) -> Vec<Difference> {
    let value = |seen: &Seen, name: &str| {
        seen.headers.iter().find(|(known, _)| known == name).map_or_else(String::new, |(_, v)| v.clone())
    };
    let names = stable.headers.iter().chain(&shadow.headers).map(|(name, _)| name);
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter_map(|name| {
        let (stable, shadow) = (value(stable, name), value(shadow, name));
        let place = format!("header {name}");
        (stable != shadow).then_some(Difference { place, kind: Kind::Header, stable, shadow })
    });
    differing.collect()
}

fn body(stable: &Seen, shadow: &Seen, into: &mut Vec<Difference>) {
    match (&stable.body, &shadow.body) {
        (Some(one), Some(other)) if one == other => {}
        (Some(one), Some(other)) => {
            let parsed = (stable.json && shadow.json).then(|| Some((json::parse(one)?, json::parse(other)?)));
            match parsed.flatten() {
                Some((one, other)) => json::differences(&one, &other, into),
                None => into.push(bytes(one, other)),
            }
        }
        // The one that was read is smaller than the one that was not.
        (Some(one), None) => into.push(large(format!("{} bytes", one.len()), "larger".to_owned())),
        (None, Some(other)) => into.push(large("larger".to_owned(), format!("{} bytes", other.len()))),
        (None, None) => {}
    }
}

fn large(stable: String, shadow: String) -> Difference {
    Difference { place: "body".to_owned(), kind: Kind::Length, stable, shadow }
}

/// Text shown before the first byte that differs.
const BEFORE: usize = 16;
const SHOWN: usize = 64;

fn bytes(one: &[u8], other: &[u8]) -> Difference {
    let first = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let window = |body: &[u8]| {
        let start = first.saturating_sub(BEFORE).min(body.len());
        let end = (first + SHOWN).min(body.len());
        String::from_utf8_lossy(&body[start..end]).into_owned()
    };
    Difference { place: "body".to_owned(), kind: Kind::Bytes, stable: window(one), shadow: window(other) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn seen(status: u16, json: bool, body: &str) -> Seen {
        let headers = vec![("content-type".to_owned(), "x".to_owned())];
        let body = Some(Bytes::from(body.to_owned()));
        Seen { ended: Ended::Status(status), headers, json, body, micros: 1 }
    }

    fn places(one: &str, other: &str) -> Vec<(String, Kind)> {
        let found = differences(&seen(200, true, one), &seen(200, true, other), &[]);
        found.into_iter().map(|d| (d.place, d.kind)).collect()
    }

    #[test]
    fn json_is_compared_by_path_whatever_its_order_and_spaces() {
        assert!(places(r#"{"a":1,"b":[1,2]}"#, r#"{ "b": [1, 2], "a": 1 }"#).is_empty());
        let found = places(r#"{"a":{"id":1},"n":2,"x":0}"#, r#"{"a":{"id":7},"n":"2","y":0}"#);
        let expected =
            [("/a/id", Kind::Value), ("/n", Kind::Type), ("/x", Kind::Presence), ("/y", Kind::Presence)];
        assert_eq!(found, expected.map(|(place, kind)| (place.to_owned(), kind)));
    }

    #[test]
    fn items_of_a_list_share_a_place() {
        let found = places(r#"[{"p":1},{"p":2}]"#, r#"[{"p":1},{"p":3}]"#);
        assert_eq!(found, [("/*/p".to_owned(), Kind::Value)]);
        assert_eq!(places("[1]", "[1,2]"), [(String::new(), Kind::Length)]);
    }

    #[test]
    fn another_status_is_all_there_is_to_say() {
        let found = differences(&seen(200, true, "{}"), &seen(404, true, "[]"), &[]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].stable.as_str(), found[0].shadow.as_str()), ("200", "404"));
    }

    #[test]
    fn what_is_ignored_is_left_out_with_all_below_it() {
        let ignore = ["/a".to_owned()];
        let (one, other) = (r#"{"a":{"b":1},"ab":1}"#, r#"{"a":{"b":2},"ab":2}"#);
        let found = differences(&seen(200, true, one), &seen(200, true, other), &ignore);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "/ab");
        let all = ["body".to_owned()];
        assert!(differences(&seen(200, true, one), &seen(200, true, other), &all).is_empty());
    }

    #[test]
    fn other_bodies_are_compared_as_bytes() {
        let found = differences(&seen(200, false, "hello world"), &seen(200, false, "hello there"), &[]);
        assert_eq!((found[0].place.as_str(), found[0].kind), ("body", Kind::Bytes));
        let broken = differences(&seen(200, true, "{"), &seen(200, true, "{}"), &[]);
        assert_eq!(broken[0].kind, Kind::Bytes);
    }

    #[test]
    fn an_endless_difference_ends() {
        let list = |n: u32| (0..500).map(|k| format!("\"k{k}\":{n}")).collect::<Vec<_>>().join(",");
        let found = places(&format!("{{{}}}", list(1)), &format!("{{{}}}", list(2)));
        assert_eq!(found.len(), MOST);
    }
}
