//! The first form of the file: `service`, `run`, `listen` at the top, or `[services.NAME]` tables.

mod blue_green;
mod canary;
mod checks;
mod control;
mod dependencies;
mod edge;
mod environment;
mod gates;
mod gauges;
mod health;
mod intake;
pub(crate) mod keys;
mod oidc;
mod policy;
mod release;
mod rolling;
mod service;
mod shadow;
mod slo;
pub(crate) mod trigger_keys;
mod triggers;
mod who;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;

use staunch_model::{ReleaseSpec, ServiceName, ServiceSpec};
use toml::de::DeTable;

use crate::codes::Code;
use crate::reader::{Origin, Reader, Section};
use crate::v1::keys::{ROOT, SERVICE};
use crate::v1::service::Described;
use crate::values::Note;
use crate::{Diagnostic, Diagnostics, scalar, syntax};

pub use control::ControlSpec;
pub use gates::tightest_limits;

/// The file, every default resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// In the order of their names; at least one.
    pub services: Vec<ServiceSpec>,
    /// Services that go together, in the order of their names.
    pub releases: Vec<ReleaseSpec>,
    /// Where the control API listens; a loopback address unless `control` says how it is safe elsewhere.
    pub api: SocketAddr,
    pub control: ControlSpec,
    /// The environment that was chosen.
    pub environment: Option<String>,
    /// The names of all environments of the file.
    pub environments: Vec<String>,
    /// Where each value came from, by its path in the file: `canary.bake`, `services.web.canary.bake`. Steps are
    /// one value.
    pub origins: BTreeMap<String, Origin>,
    pub(crate) notes: BTreeMap<String, Note>,
}

/// An accepted file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub project: Project,
    /// What is probably not meant; never errors.
    pub warnings: Diagnostics,
}

impl Parsed {
    /// What is to be said where a service's allow-list is named, of a file that cannot be one. `fix` says what helps.
    pub fn list_flaw(&self, service: &ServiceName, why: &str, fix: &str) -> Diagnostic {
        let key = "canary.who.allow";
        let paths = [format!("services.{service}.{key}"), key.to_owned()];
        let place = paths.iter().find_map(|path| match self.project.origins.get(path) {
            Some(Origin::File(span)) => Some(span.clone()),
            Some(Origin::Default | Origin::Absent) | None => None,
        });
        let message = format!("the allow-list of `{service}` cannot be used: {why}");
        Diagnostic::error(Code::WhoList, message, place.unwrap_or(0..0)).help(fix)
    }
}

/// Reads the text of a `staunch.toml` as it stands, without an environment.
///
/// # Errors
/// Every finding of the file at once, in the order of the text, when at least one of them is an error.
pub fn parse(text: &str) -> Result<Parsed, Diagnostics> {
    parse_in(text, None)
}

/// Reads the text of a `staunch.toml` as it is in an environment. What the other environments change is checked too.
///
/// # Errors
/// Every finding of the file at once, in the order of the text, when at least one of them is an error.
pub fn parse_in(text: &str, environment: Option<&str>) -> Result<Parsed, Diagnostics> {
    let (root, syntax_errors) = syntax::tree(text);
    if root.is_empty() && syntax_errors.is_empty() {
        let empty = Diagnostic::error(Code::EmptyFile, "the file describes no service", 0..0);
        return Err(Diagnostics::sorted(vec![empty]));
    }
    let environments = environment::names(&root);
    let chosen = environment::select(&root, environment).map_err(|unknown| Diagnostics(vec![unknown]))?;
    let mut reader = Reader::new(text);
    reader.overlay = environment::overlay_of(&root, environment);
    environment::check_form(&mut reader, &root);
    let (services, releases, api, control) = project(&mut reader, &chosen, environment);
    for other in environments.iter().filter(|name| Some(name.as_str()) != environment) {
        let Ok(there) = environment::select(&root, Some(other)) else { continue };
        let mut beside = Reader::new(text);
        project(&mut beside, &there, Some(other));
        let fresh: Vec<_> =
            beside.findings.into_iter().filter(|one| !reader.findings.contains(one)).collect();
        reader.findings.extend(fresh);
    }
    let Reader { findings, origins, notes, .. } = reader;
    let findings = Diagnostics::sorted(beside_syntax(text, syntax_errors, findings));
    if findings.has_errors() {
        return Err(findings);
    }
    let environment = environment.map(str::to_owned);
    let mut project = Project { services, releases, api, control, environment, environments, origins, notes };
    project.give_words();
    Ok(Parsed { project, warnings: findings })
}

/// Where the text is broken, what was read around the break misleads: further findings on those lines, and findings
/// that something is missing, are left for the next run.
fn beside_syntax(text: &str, syntax: Vec<Diagnostic>, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if syntax.is_empty() {
        return findings;
    }
    let absence = [Code::MissingKey, Code::GateWithoutLimit, Code::NoGates].map(Code::name);
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |one: &Diagnostic| {
        one.labels.first().map(|label| ends.partition_point(|&end| end < label.span.start))
    };
    let mut broken = BTreeSet::new();
    let mut kept: Vec<Diagnostic> = syntax.into_iter().filter(|one| broken.insert(line(one))).collect();
    let credible = |one: &Diagnostic| !absence.contains(&one.code) && !broken.contains(&line(one));
    kept.extend(findings.into_iter().filter(credible));
    kept
}

fn project<'a>(
    reader: &mut Reader<'_>,
    entries: &'a DeTable<'a>,
    environment: Option<&str>,
) -> (Vec<ServiceSpec>, Vec<ReleaseSpec>, SocketAddr, ControlSpec) {
    let root = reader.refuse_unknown(Section::new(&ROOT, entries, 0..0, String::new()));
    let api = reader.value(&root, "api", scalar::address);
    let described = match root.find("services") {
        Some(_) => several(reader, &root),
        None => single(reader, &root).into_iter().collect(),
    };
    let control = control::read(reader, &root);
    let leaves = control.may_leave_loopback();
    checks::addresses(reader, api, root.value_span("api").as_ref(), leaves, &described);
    let mut services: Vec<ServiceSpec> = described.into_iter().map(|one| one.spec).collect();
    let names = names(&root, &services);
    let releases = release::read(reader, &root, &names);
    let mut policies = policy::read(reader, &root, &names);
    services.iter_mut().for_each(|spec| policies.give(spec, environment));
    policy::note_lines(&mut services, reader, root.find("services").is_some());
    (services, releases, api, control)
}

/// Every service that the file names, also one whose description has a flaw.
fn names(root: &Section<'_>, described: &[ServiceSpec]) -> Vec<ServiceName> {
    let tables = root.find("services").and_then(|services| services.get_ref().as_table());
    let named = tables.into_iter().flatten().filter_map(|(name, _)| scalar::name_of(name.get_ref()).ok());
    let mut names: Vec<ServiceName> =
        described.iter().map(|service| service.name.clone()).chain(named).collect();
    names.sort();
    names.dedup();
    names
}

fn single(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Described> {
    for name in ["service", "run"] {
        if root.find(name).is_none() {
            reader.missing(root, name);
        }
    }
    let name = reader.get(root, "service", scalar::service_name);
    service::describe(reader, root, name)
}

fn several(reader: &mut Reader<'_>, root: &Section<'_>) -> Vec<Described> {
    refuse_mixed(reader, root);
    let Some(services) = root.find("services") else { return Vec::new() };
    reader.note_origin(root, root.key("services"));
    let Some(tables) = services.get_ref().as_table() else {
        let flaw = scalar::Flaw::wrong_type(root.key("services"), "tables", services.get_ref());
        reader.flawed(services, flaw.help("write one [services.NAME] table for each service"));
        return Vec::new();
    };
    if tables.is_empty() {
        let finding = Diagnostic::error(Code::MissingKey, "`services` has no service", services.span());
        reader.report(finding.help("add a [services.NAME] table"));
    }
    let mut described = Vec::new();
    for (name, value) in tables {
        described.extend(named(reader, name.get_ref(), name.span(), value));
    }
    described
}

fn named<'a>(
    reader: &mut Reader<'_>,
    name: &str,
    name_span: Range<usize>,
    value: &'a syntax::Value<'a>,
) -> Option<Described> {
    let parsed: Option<ServiceName> = scalar::name_of(name)
        .map_err(|flaw| reader.report(Diagnostic::error(flaw.code, flaw.message, name_span.clone())))
        .ok();
    let Some(entries) = value.get_ref().as_table() else {
        let found = scalar::type_name(value.get_ref());
        let message = format!("`{name}` in [services] takes the table of a service, this is {found}");
        reader.report(
            Diagnostic::error(Code::WrongType, message, value.span())
                .help(format!("write [services.{name}]")),
        );
        return None;
    };
    let section = reader.open(Section::new(&SERVICE, entries, value.span(), format!("services.{name}")));
    service::describe(reader, &section, parsed)
}

/// Top-level keys of a service beside `[services.NAME]` tables: whose would they be?
fn refuse_mixed(reader: &mut Reader<'_>, root: &Section<'_>) {
    let own = std::iter::once("service").chain(SERVICE.keys().map(|key| key.name));
    let places: Vec<_> = own.filter_map(|name| Some((name, root.key_span(name)?))).collect();
    for (name, place) in places {
        let message = format!("`{name}` stands at the top level of a file with several services");
        let services = root.key_span("services").unwrap_or(0..0);
        let finding = Diagnostic::error(Code::MixedForms, message, place).here("whose is this?");
        reader.report(finding.and(services, "several services begin here"));
    }
}
