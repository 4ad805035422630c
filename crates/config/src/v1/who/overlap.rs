//! Rules that say the same twice: probably one of them is not what was meant.

use std::ops::Range;

use staunch_model::{AllowSpec, RequestPart};

use super::rule::Placed;
use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::Reader;

pub(super) fn tell(reader: &mut Reader<'_>, rules: &[Placed], allow: Option<&(AllowSpec, Range<usize>)>) {
    for (at, one) in rules.iter().enumerate() {
        twice_in_one(reader, one);
        for other in rules[at + 1..].iter().filter(|other| is_same(one.subject(), other.subject())) {
            overlap(reader, one, other);
        }
        if let Some((allow, place)) = allow
            && one.rule.values.is_empty()
            && is_same(one.subject(), (allow.part, &allow.name))
        {
            let finding = warning("the allow-list is inside a rule that fits any value", place.clone());
            reader.report(finding.and(one.key.clone(), "this rule fits all of them"));
        }
    }
}

impl Placed {
    fn subject(&self) -> (RequestPart, &str) {
        (self.rule.part, &self.rule.name)
    }

    fn is_any(&self) -> bool {
        self.rule.values.is_empty()
    }
}

/// Names of headers are the same in any case.
fn is_same(one: (RequestPart, &str), other: (RequestPart, &str)) -> bool {
    let any_case = one.0 == RequestPart::Header && one.1.eq_ignore_ascii_case(other.1);
    one.0 == other.0 && (one.1 == other.1 || any_case)
}

fn warning(message: &str, place: Range<usize>) -> Diagnostic {
    Diagnostic::warning(Code::WhoOverlap, message, place)
}

fn overlap(reader: &mut Reader<'_>, one: &Placed, other: &Placed) {
    let name = &other.rule.name;
    let (message, place, beside) = match (one.is_any(), other.is_any()) {
        (true, true) => (format!("`{name}` is matched twice"), other.key.clone(), one.key.clone()),
        (true, false) => {
            (format!("`{name}` with these values is inside another rule"), other.key.clone(), one.key.clone())
        }
        (false, true) => (
            format!("`{}` with these values is inside another rule", one.rule.name),
            one.key.clone(),
            other.key.clone(),
        ),
        (false, false) => return same_values(reader, one, other),
    };
    reader.report(
        warning(&message, place).here("this adds nothing").and(beside, "this fits the same requests"),
    );
}

fn same_values(reader: &mut Reader<'_>, one: &Placed, other: &Placed) {
    for (value, place) in other.rule.values.iter().zip(&other.values) {
        if let Some(at) = one.rule.values.iter().position(|known| known == value) {
            let message = format!("`{}` = \"{value}\" is matched twice", other.rule.name);
            let finding = warning(&message, place.clone()).here("this adds nothing");
            reader.report(finding.and(one.values[at].clone(), "this fits the same requests"));
        }
    }
}

fn twice_in_one(reader: &mut Reader<'_>, one: &Placed) {
    for (at, (value, place)) in one.rule.values.iter().zip(&one.values).enumerate() {
        if let Some(first) = one.rule.values[..at].iter().position(|known| known == value) {
            let finding = warning(&format!("\"{value}\" is in the list twice"), place.clone());
            reader.report(
                finding.here("this adds nothing").and(one.values[first].clone(), "it is here already"),
            );
        }
    }
}
