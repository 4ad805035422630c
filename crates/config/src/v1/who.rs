//! `[canary.who]`: who gets the canary by name, and whether they have it alone for a while.

mod overlap;
mod rule;

use staunch_model::{AllowSpec, RequestPart, ServiceSpec, Step, StickyKey, Weight, WhoSpec};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar;
use rule::Placed;

/// The rules, and the step before all others in which nobody else has the canary.
pub(crate) fn read(reader: &mut Reader<'_>, canary: &Section<'_>) -> (Option<WhoSpec>, Option<Step>) {
    let section = reader.section(canary, "who");
    let mut rules: Vec<Placed> =
        RequestPart::ALL.into_iter().flat_map(|part| rule::read(reader, &section, part)).collect();
    let allow = allow(reader, &section);
    let most = reader.value(&section, "max-share", scalar::share);
    let requests = reader.value(&section, "requests", scalar::integer);
    let hold = reader.get(&section, "hold", scalar::duration);
    let pause = reader.value(&section, "pause", scalar::flag);
    if !section.is_present() {
        return (None, None);
    }
    let given = ["header", "cookie", "query", "allow"].iter().any(|name| section.find(name).is_some());
    if !given {
        reader.none_of(&section, "`header`, `cookie`, `query` or `allow`");
    }
    overlap::tell(reader, &rules, allow.as_ref());
    refuse_many(reader, &section, &mut rules);
    let alone = (hold.is_some() || pause).then(|| Step {
        weight: Weight::ZERO,
        hold: hold.unwrap_or_default(),
        pause,
    });
    // The key's range keeps it at what a weight can hold.
    let most = Weight::try_from((most * 10_000.0).round() as u16).unwrap_or(Weight::FULL);
    let rules = rules.into_iter().map(|placed| placed.rule).collect();
    (Some(WhoSpec { rules, allow: allow.map(|(allow, _)| allow), most, requests }), alone)
}

/// The list, and where it is named.
fn allow(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<(AllowSpec, std::ops::Range<usize>)> {
    let file = reader.get(section, "allow", scalar::inside);
    let by = reader.one_of(section, &["allow-header", "allow-cookie"]);
    let header = reader.get(section, "allow-header", scalar::token);
    let cookie = reader.get(section, "allow-cookie", scalar::token);
    let place = |name: &str| section.value_span(name).unwrap_or_else(|| section.span.clone());
    if let (None, Some(by)) = (section.find("allow"), by) {
        let message = format!("`{by}` has no list to be looked up in");
        let finding = Diagnostic::error(Code::ValuesDisagree, message, place(by));
        reader.report(finding.help("name the file: allow = \"testers.txt\""));
    }
    if let (Some(_), None) = (section.find("allow"), by) {
        let message = "`allow` does not say what is looked up in it";
        let finding = Diagnostic::error(Code::ValuesDisagree, message, place("allow"));
        reader.report(finding.help("add allow-header = \"X-User\" or allow-cookie = \"user\""));
    }
    let header = header.map(|name| (RequestPart::Header, name));
    let (part, name) = header.or(cookie.map(|name| (RequestPart::Cookie, name)))?;
    if part == RequestPart::Header {
        rule::refuse_reserved(reader, &name, place("allow-header"));
    }
    Some((AllowSpec { file: file?, part, name, kept: None }, place("allow")))
}

/// Each is looked for in each request.
fn refuse_many(reader: &mut Reader<'_>, section: &Section<'_>, rules: &mut Vec<Placed>) {
    if let Some(first) = rules.get(WhoSpec::MOST_RULES) {
        let most = WhoSpec::MOST_RULES;
        let message = format!("{} has {} rules; at most {most} are looked for", section.title(), rules.len());
        reader.report(
            Diagnostic::error(Code::OutOfRange, message, first.key.clone())
                .help("give one header or cookie several values, or put them into an allow-list"),
        );
        rules.truncate(WhoSpec::MOST_RULES);
    }
}

/// What the proxy gives every user would send every user by name.
pub(crate) fn within(reader: &mut Reader<'_>, service: &Section<'_>, spec: &ServiceSpec) {
    let (Some(who), Some(StickyKey::Cookie { name })) = (&spec.strategy.who, &spec.edge.sticky) else {
        return;
    };
    let everybody = |rule: &&staunch_model::WhoRule| {
        rule.part == RequestPart::Cookie && &rule.name == name && rule.values.is_empty()
    };
    if who.rules.iter().any(|rule| everybody(&rule)) {
        let place = |name: &str| service.value_span(name).unwrap_or_else(|| service.span.clone());
        let message =
            format!("the proxy gives every user the cookie `{name}`, so every user is meant by name");
        let finding = Diagnostic::warning(Code::WhoEverybody, message, place("canary"))
            .here("this rule fits everybody");
        reader.report(finding.and(place("edge"), "the cookie is set here"));
    }
}
