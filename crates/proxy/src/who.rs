//! Requests that go to the canary by name: rules made ready for use on each request. Without rules nothing is looked
//! at; with rules nothing is allocated, and the work is bounded by the size of the head.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use staunch_model::{ALLOW_LIST_BYTES, KeptList, RequestPart, WhoRule, WhoSpec, allow_list};

use crate::cap::Cap;

/// How a request is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// By its place in the split.
    Chance,
    /// By its place too: a rule fits, but there is no more room.
    Surplus,
    /// To the canary by name.
    Chosen,
}

/// The rules of one service. A new table that has the same goes on with these, and with what they have counted.
#[derive(Debug)]
pub(crate) struct Who {
    spec: WhoSpec,
    rules: Vec<Rule>,
    cap: Cap,
}

#[derive(Debug)]
struct Rule {
    place: Place,
    values: Values,
}

#[derive(Debug)]
enum Place {
    Header(HeaderName),
    Cookie(Box<[u8]>),
    Query(Box<[u8]>),
}

#[derive(Debug)]
enum Values {
    Any,
    Of(HashSet<Box<[u8]>>),
}

impl Who {
    /// `before` are the rules in force. What cannot be made ready fits nobody, and is told.
    pub(crate) fn of(spec: &WhoSpec, before: Option<&Arc<Self>>) -> (Arc<Self>, Option<String>) {
        if let Some(same) = before.filter(|before| before.spec == *spec) {
            return (Arc::clone(same), None);
        }
        let mut rules: Vec<Rule> = spec.rules.iter().filter_map(Rule::new).collect();
        let listed = spec.allow.as_ref().map(|allow| {
            let kept = allow.kept.as_ref().ok_or_else(|| format!("no copy of {} was kept", allow.file))?;
            Ok(Rule::of(allow.part, &allow.name, Values::Of(read(kept)?)))
        });
        let trouble = match listed {
            Some(Ok(rule)) => {
                rules.extend(rule);
                None
            }
            Some(Err(why)) => Some(why),
            None => None,
        };
        let cap = Cap::new(spec.most);
        (Arc::new(Self { spec: spec.clone(), rules, cap }), trouble)
    }

    pub(crate) fn choose(&self, head: &Parts, now_micros: u64) -> Choice {
        self.cap.see(now_micros);
        if !self.rules.iter().any(|rule| rule.fits(head)) {
            Choice::Chance
        } else if self.cap.admits() {
            Choice::Chosen
        } else {
            Choice::Surplus
        }
    }
}

fn read(kept: &KeptList) -> Result<HashSet<Box<[u8]>>, String> {
    let unreadable = |why: String| format!("nobody is sent by the allow-list {}: {why}", kept.path);
    let mut bytes = Vec::new();
    let file = File::open(&kept.path).map_err(|error| unreadable(error.to_string()))?;
    file.take(ALLOW_LIST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    let values = allow_list(&bytes).map_err(|flaw| unreadable(flaw.to_string()))?;
    Ok(values.into_iter().map(|value| value.as_bytes().into()).collect())
}

impl Rule {
    fn new(rule: &WhoRule) -> Option<Self> {
        let values = rule.values.iter().map(|value| value.as_bytes().into()).collect::<HashSet<_>>();
        let values = if values.is_empty() { Values::Any } else { Values::Of(values) };
        Self::of(rule.part, &rule.name, values)
    }

    /// A header name that cannot be one fits no request.
    fn of(part: RequestPart, name: &str, values: Values) -> Option<Self> {
        let place = match part {
            RequestPart::Header => Place::Header(name.parse().ok()?),
            RequestPart::Cookie => Place::Cookie(name.as_bytes().into()),
            RequestPart::Query => Place::Query(name.as_bytes().into()),
        };
        Some(Self { place, values })
    }

    fn fits(&self, head: &Parts) -> bool {
        match &self.place {
            Place::Header(name) => {
                head.headers.get_all(name).iter().any(|value| self.values.have(value.as_bytes()))
            }
            Place::Cookie(name) => {
                cookies(&head.headers).any(|(key, value)| key == &**name && self.values.have(unquoted(value)))
            }
            Place::Query(name) => parameters(head.uri.query().unwrap_or_default().as_bytes())
                .any(|(key, value)| is_decoded(key, name) && self.values.have_decoded(value)),
        }
    }
}

impl Values {
    fn have(&self, value: &[u8]) -> bool {
        match self {
            Self::Any => true,
            // Longer ones cannot be in it: no need to hash a value as large as a head may be.
            Self::Of(values) => value.len() <= WhoSpec::LONGEST_VALUE && values.contains(value),
        }
    }

    fn have_decoded(&self, value: &[u8]) -> bool {
        let Self::Of(values) = self else { return true };
        let mut buffer = [0; WhoSpec::LONGEST_VALUE];
        let mut length = 0;
        for byte in decoded(value) {
            let Some(room) = buffer.get_mut(length) else { return false };
            (*room, length) = (byte, length + 1);
        }
        values.contains(&buffer[..length])
    }
}

/// All lines, pair by pair; what is no pair is left out.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = headers.get_all(COOKIE).into_iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    pairs.filter_map(|pair| split_at(pair.trim_ascii(), b'='))
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

fn parameters(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|b| *b == b'&').map(|pair| split_at(pair, b'=').unwrap_or((pair, b"")))
}

fn split_at(pair: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == mark)?;
    Some((&pair[..at], &pair[at + 1..]))
}

/// As forms are encoded: `+` is a space. A `%` that begins no pair of hexadecimal digits stands for itself.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = (byte == b'%').then(|| Some(hex(*text.get(at + 1)?)? << 4 | hex(*text.get(at + 2)?)?));
        let escaped = escaped.flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }))
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_decoded(text: &[u8], wanted: &[u8]) -> bool {
    decoded(text).eq(wanted.iter().copied())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use staunch_model::{AllowSpec, Weight};

    use super::*;

    fn spec(part: RequestPart, name: &str, values: &[&str]) -> WhoSpec {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let rules = vec![WhoRule { part, name: name.to_owned(), values }];
        WhoSpec { rules, allow: None, most: Weight::FULL, requests: 1 }
    }

    fn head(path: &str, header: (&str, &str)) -> Parts {
        Request::get(path).header(header.0, header.1).body(()).unwrap().into_parts().0
    }

    fn fits(spec: &WhoSpec, path: &str, header: (&str, &str)) -> bool {
        Who::of(spec, None).0.choose(&head(path, header), 1) == Choice::Chosen
    }

    const NONE: (&str, &str) = ("a", "b");

    #[test]
    fn a_header_fits_in_any_case_and_its_value_to_the_letter() {
        let header = spec(RequestPart::Header, "X-Beta", &["yes", "1"]);
        assert!(fits(&header, "/", ("x-beta", "yes")) && fits(&header, "/", ("X-BETA", "1")));
        assert!(!fits(&header, "/", ("x-beta", "Yes")) && !fits(&header, "/?x-beta=yes", NONE));
        assert!(!fits(&header, "/", ("x-beta", &"y".repeat(60_000))));
        assert!(fits(&spec(RequestPart::Header, "x-beta", &[]), "/", ("x-beta", "")));
        assert!(!fits(&spec(RequestPart::Header, "no header", &[]), "/", ("no", "header")));
    }

    #[test]
    fn one_of_several_lines_is_enough() {
        let request = Request::get("/").header("x-beta", "no").header("x-beta", "yes");
        let head = request.body(()).unwrap().into_parts().0;
        let (who, _) = Who::of(&spec(RequestPart::Header, "x-beta", &["yes"]), None);
        assert_eq!(who.choose(&head, 1), Choice::Chosen);
    }

    #[test]
    fn cookies_are_found_among_others_and_in_quotes() {
        let any = spec(RequestPart::Cookie, "beta", &[]);
        assert!(fits(&any, "/", ("cookie", "a=b; beta=; c=d")) && fits(&any, "/", ("cookie", "beta=1")));
        assert!(!fits(&any, "/", ("cookie", "abeta=1; beta; Beta=1")) && !fits(&any, "/", ("beta", "1")));
        let one = spec(RequestPart::Cookie, "beta", &["a=b"]);
        assert!(
            fits(&one, "/", ("cookie", "beta=x;beta=\"a=b\"")) && fits(&one, "/", ("cookie", "beta=a=b"))
        );
        assert!(!fits(&one, "/", ("cookie", &"beta=a;".repeat(8_000))));
    }

    #[test]
    fn a_query_is_read_as_forms_are_encoded() {
        let one = spec(RequestPart::Query, "beta test", &["a b", "ä"]);
        for path in [
            "/?x=1&beta+test=a%20b",
            "/?beta%20test=a+b",
            "/?%62eta+test=%C3%a4",
            "/?beta+test=1&beta+test=a+b",
        ] {
            assert!(fits(&one, path, NONE), "{path}");
        }
        for path in ["/?beta=a+b", "/?beta+test=a%2bb", "/?beta+test=a%2", "/?beta+test=a%zzb", "/?beta+test"]
        {
            assert!(!fits(&one, path, NONE), "{path}");
        }
        let long = format!("/?beta+test={}", "%41".repeat(10_000));
        assert!(!fits(&one, &long, NONE));
        assert!(fits(&spec(RequestPart::Query, "beta", &[]), "/?beta", NONE));
    }

    #[test]
    fn an_allow_list_is_read_once_and_a_missing_one_fits_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# testers\nanna\nbob\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let kept = Some(KeptList { path, sha256: "1".to_owned(), values: 2 });
        let (part, name) = (RequestPart::Cookie, "user".to_owned());
        let allow = Some(AllowSpec { file: "testers.txt".to_owned(), part, name, kept });
        let listed = WhoSpec { rules: vec![], allow, most: Weight::FULL, requests: 1 };
        let (who, trouble) = Who::of(&listed, None);
        assert_eq!(trouble, None);
        drop(file);
        assert!(Arc::ptr_eq(&who, &Who::of(&listed, Some(&who)).0), "the same list is not read again");
        let chosen = |who: &Who, user: &str| who.choose(&head("/", ("cookie", user)), 1) == Choice::Chosen;
        assert!(chosen(&who, "user=bob") && !chosen(&who, "user=eve") && !chosen(&who, "anna=bob"));
        let (gone, trouble) = Who::of(&listed, None);
        assert!(trouble.unwrap().contains("nobody is sent by the allow-list"));
        assert!(!chosen(&gone, "user=bob"));
    }

    #[test]
    fn who_catches_everybody_is_bounded_and_told_apart() {
        let most = Weight::percent(20.0).unwrap();
        let (all, _) = Who::of(&WhoSpec { most, ..spec(RequestPart::Header, "a", &[]) }, None);
        let head = head("/", NONE);
        let choices: Vec<_> = (0..10_000).map(|_| all.choose(&head, 1)).collect();
        let count = |choice| choices.iter().filter(|one| **one == choice).count();
        assert_eq!([count(Choice::Chosen), count(Choice::Surplus), count(Choice::Chance)], [2_000, 8_000, 0]);
    }
}
