//! `[shadow]`: a stage before the steps, in which the new version answers copies of requests.

use std::collections::BTreeSet;

use staunch_model::{MirrorSpec, ServiceSpec, ShadowSpec, ShadowThen, Upstream};
use toml::de::DeValue;

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw, Read};
use crate::v1::keys::Key;
use crate::v1::service::{small, span};

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<ShadowSpec> {
    let section = reader.section(service, "shadow");
    let mirror = MirrorSpec {
        share: reader.value(&section, "share", scalar::weight),
        methods: reader.list(&section, "methods", method).into_iter().collect(),
        headers: reader.list(&section, "headers", header),
        ignore: reader.list(&section, "ignore", place),
        max_body: reader.value(&section, "max-body", scalar::size),
        concurrency: small(reader, &section, "concurrency"),
    };
    let spec = ShadowSpec {
        hold: span(reader, &section, "hold"),
        requests: reader.value(&section, "requests", scalar::integer),
        max_differences: reader.value(&section, "max-differences", scalar::share),
        max_errors: reader.value(&section, "max-errors", scalar::share),
        max_slower: reader.value(&section, "max-slower", scalar::growth),
        then: match reader.value(&section, "then", scalar::choice) {
            "stop" => ShadowThen::Stop,
            _ => ShadowThen::Canary,
        },
        mirror,
    };
    if !section.is_present() {
        return None;
    }
    check(reader, &section, &spec);
    Some(spec)
}

fn check(reader: &mut Reader<'_>, section: &Section<'_>, spec: &ShadowSpec) {
    let place = |name: &str| section.value_span(name).unwrap_or_else(|| section.span.clone());
    let methods: BTreeSet<&str> = spec.mirror.methods.iter().map(String::as_str).collect();
    if methods.is_empty() && section.find("methods").is_some() {
        let message = "`methods` names none: nothing would ever be copied";
        reader.report(Diagnostic::error(Code::ValuesDisagree, message, place("methods")));
    }
    let twice: Vec<&str> = spec.mirror.unsafe_methods().collect();
    if !twice.is_empty() {
        let message = format!("copies of {} may write twice", twice.join(", "));
        reader.report(Diagnostic::warning(Code::ShadowUnsafe, message, place("methods")));
    }
}

/// The mirror speaks HTTP/1.
pub(crate) fn within(reader: &mut Reader<'_>, service: &Section<'_>, spec: &ServiceSpec) {
    if spec.strategy.shadow.is_none() || spec.upstream == Upstream::Http1 {
        return;
    }
    let place = |name: &str| service.value_span(name).unwrap_or_else(|| service.span.clone());
    let message = "requests to instances that speak HTTP/2 cannot be copied";
    let finding = Diagnostic::error(Code::ValuesDisagree, message, place("shadow"))
        .here("copies are sent as HTTP/1.1")
        .and(place("upstream"), "this version speaks HTTP/2");
    reader.report(finding.help("leave out `[shadow]`, or let the instances speak HTTP/1.1"));
}

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

fn method(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = scalar::token(key, value)?.to_ascii_uppercase();
    if METHODS.contains(&text.as_str()) {
        return Ok(text);
    }
    let flaw = Flaw::new(Code::UnknownChoice, format!("`methods` cannot have \"{text}\""));
    Err(flaw.help(format!("use some of {}", METHODS.join(", "))))
}

/// Headers whose values are secrets, or belong to one hop.
const SECRET: [&str; 6] = [
    "set-cookie",
    "cookie",
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
];

fn header(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let name = scalar::token(key, value)?.to_ascii_lowercase();
    if SECRET.contains(&name.as_str()) {
        let message = format!("the values of `{name}` are secrets and are never kept");
        return Err(Flaw::new(Code::ShadowSecret, message));
    }
    Ok(name)
}

/// `body`, or the path of a value in JSON: `/items/*/id`.
fn place(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = scalar::text(key, value)?;
    if text == "body" || (text.starts_with('/') && text.len() > 1 && !text.ends_with('/')) {
        return Ok(text);
    }
    let flaw = Flaw::new(Code::InvalidPath, format!("`ignore`: \"{text}\" is not a place in an answer"));
    Err(flaw.help("write \"body\", or a place in JSON such as \"/items/*/id\""))
}
