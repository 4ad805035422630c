//! One rule: a name, and the values that fit.

use std::ops::Range;

use staunch_model::{RequestPart, WhoRule, WhoSpec};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw};
use crate::syntax::Value;

/// A rule and where it stands.
pub(super) struct Placed {
    pub(super) rule: WhoRule,
    pub(super) key: Range<usize>,
    /// In the order of the rule's values.
    pub(super) values: Vec<Range<usize>>,
}

/// Values of one name beyond these belong into an allow-list.
const MOST_VALUES: usize = 1_000;

pub(super) fn read(reader: &mut Reader<'_>, section: &Section<'_>, part: RequestPart) -> Vec<Placed> {
    let key = section.key(part.name());
    reader.note_origin(section, key);
    let Some(value) = section.find(part.name()) else { return Vec::new() };
    let Some(table) = value.get_ref().as_table() else {
        let flaw = Flaw::wrong_type(key, "a table of names", value.get_ref());
        let help = format!("write {} = {{ NAME = \"value\" }}; true stands for any value", part.name());
        reader.flawed(value, flaw.help(help));
        return Vec::new();
    };
    if table.is_empty() {
        let message = format!("`{}` names none", part.name());
        reader.report(Diagnostic::error(Code::ValuesDisagree, message, value.span()));
    }
    let mut placed = Vec::new();
    for (name, value) in table {
        let well = check_name(reader, part, name.get_ref(), name.span());
        let Some((values, spans)) = values(reader, part, name.get_ref(), value) else { continue };
        warn_everybody(reader, part, name.get_ref(), &values, value.span());
        if well {
            let rule = WhoRule { part, name: name.get_ref().to_string(), values };
            placed.push(Placed { rule, key: name.span(), values: spans });
        }
    }
    placed
}

fn check_name(reader: &mut Reader<'_>, part: RequestPart, name: &str, place: Range<usize>) -> bool {
    let sized = (1..=WhoSpec::LONGEST_NAME).contains(&name.len());
    let well = sized
        && match part {
            RequestPart::Header | RequestPart::Cookie => name.bytes().all(is_token),
            RequestPart::Query => !name.chars().any(char::is_control),
        };
    if !well {
        let message = format!("\"{}\" cannot be the name of a {}", name.escape_debug(), words(part));
        reader.report(Diagnostic::error(Code::WhoName, message, place));
        return false;
    }
    part != RequestPart::Header || refuse_reserved(reader, name, place)
}

/// A token of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn words(part: RequestPart) -> &'static str {
    match part {
        RequestPart::Header => "header",
        RequestPart::Cookie => "cookie",
        RequestPart::Query => "parameter",
    }
}

/// Headers of one hop, of the message's frame, and those that carry secrets, in lower case.
const OF_ONE_HOP: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "staunch-shadow",
];
const SECRET: [&str; 2] = ["authorization", "proxy-authorization"];

/// False when the header cannot say who somebody is.
pub(super) fn refuse_reserved(reader: &mut Reader<'_>, name: &str, place: Range<usize>) -> bool {
    let lower = name.to_ascii_lowercase();
    let (why, fix) = match lower.as_str() {
        "cookie" => ("carries all cookies at once", "match one of them: cookie = { NAME = \"value\" }"),
        one if OF_ONE_HOP.contains(&one) => (
            "belongs to the connection or the message, not to a user",
            "match a header of your own, such as X-Beta",
        ),
        one if SECRET.contains(&one) => (
            "carries a secret, which would be kept in the history",
            "let the app give these users a header or cookie of its own",
        ),
        _ => return true,
    };
    let finding = Diagnostic::error(Code::WhoName, format!("the header `{name}` {why}"), place);
    reader.report(finding.help(fix));
    false
}

/// Headers that nearly every client sends.
const OF_EVERYBODY: [&str; 5] =
    ["accept", "accept-encoding", "accept-language", "user-agent", "x-forwarded-for"];

fn warn_everybody(
    reader: &mut Reader<'_>,
    part: RequestPart,
    name: &str,
    values: &[String],
    place: Range<usize>,
) {
    let common = OF_EVERYBODY.contains(&name.to_ascii_lowercase().as_str());
    if part == RequestPart::Header && common && values.is_empty() {
        let message = format!("nearly every request has the header `{name}`: this rule fits everybody");
        reader.report(Diagnostic::warning(Code::WhoEverybody, message, place));
    }
}

/// `true`, one value, or a list of them, each with its place. None for any.
fn values(
    reader: &mut Reader<'_>,
    part: RequestPart,
    name: &str,
    value: &Value<'_>,
) -> Option<(Vec<String>, Vec<Range<usize>>)> {
    if value.get_ref().as_bool() == Some(true) {
        return Some((Vec::new(), Vec::new()));
    }
    if let Some(text) = value.get_ref().as_str() {
        return one(reader, part, text, value.span()).map(|text| (vec![text], vec![value.span()]));
    }
    let items = value.get_ref().as_array().filter(|items| !items.is_empty());
    let Some(items) = items else {
        wrong_type(reader, part, name, value);
        return None;
    };
    if items.len() > MOST_VALUES {
        let message = format!("{} values of `{name}`; at most {MOST_VALUES} stand in the file", items.len());
        let finding = Diagnostic::error(Code::OutOfRange, message, value.span());
        reader.report(finding.help("put them into an allow-list: allow = \"FILE\""));
        return None;
    }
    let mut all = (Vec::new(), Vec::new());
    for item in items.iter() {
        let Some(text) = item.get_ref().as_str() else {
            wrong_type(reader, part, name, item);
            continue;
        };
        if let Some(text) = one(reader, part, text, item.span()) {
            all.0.push(text);
            all.1.push(item.span());
        }
    }
    // A list whose values are all refused must not stand for "any".
    (!all.0.is_empty()).then_some(all)
}

fn wrong_type(reader: &mut Reader<'_>, part: RequestPart, name: &str, found: &Value<'_>) {
    let what = match (found.get_ref().as_bool(), found.get_ref().as_array()) {
        (Some(_), _) => "false",
        (_, Some(_)) => "an empty list",
        (None, None) => scalar::type_name(found.get_ref()),
    };
    let message = format!("{} `{name}` takes true, text or a list of texts, this is {what}", words(part));
    let finding = Diagnostic::error(Code::WrongType, message, found.span());
    reader.report(finding.help("true stands for any value; to match none, leave the name out"));
}

/// A value that can be in a request.
fn one(reader: &mut Reader<'_>, part: RequestPart, text: &str, place: Range<usize>) -> Option<String> {
    let why = if text.is_empty() {
        Some("is empty")
    } else if text.len() > WhoSpec::LONGEST_VALUE {
        Some("is longer than 256 bytes")
    } else if text.chars().any(char::is_control) {
        Some("has a control character")
    } else if part == RequestPart::Cookie && text.contains([';', '"', ' ']) {
        Some("has a character that no cookie can have")
    } else if part == RequestPart::Header && text.trim() != text {
        Some("begins or ends with a space, which is no part of a header's value")
    } else {
        None
    };
    let Some(why) = why else { return Some(text.to_owned()) };
    let message = format!("this value {why}: no request would fit");
    reader.report(Diagnostic::error(Code::WhoValue, message, place));
    None
}
