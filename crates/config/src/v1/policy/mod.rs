//! `[policy]`, `[[windows]]` and `[[versions]]`: what is asked of every change.

pub(crate) mod values;
mod versions;
mod windows;

use std::collections::BTreeMap;

use staunch_model::{
    Approvals, Limit, Lines, PolicySpec, ServiceName, ServiceSpec, VersionEntry, Weight, Window,
};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Origin, Reader, Section};
use crate::scalar;
use crate::v1::service::{small, span};

/// What the file says for all services together.
pub(crate) struct Policies {
    common: PolicySpec,
    windows: Vec<(Window, Vec<String>)>,
    versions: BTreeMap<String, Vec<VersionEntry>>,
}

/// `names` are the services of the file.
pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>, names: &[ServiceName]) -> Policies {
    let section = reader.section(root, "policy");
    let common = PolicySpec {
        limits: limits(reader, &section),
        outside: values::pairs(reader, &section, "outside"),
        baked_in: baked_in(reader, &section),
        approvals: approvals(reader, &section),
        attestations: reader.get(&section, "attestations", scalar::file),
        ..PolicySpec::default()
    };
    let windows = windows::read(reader, root, names);
    let versions = versions::read(reader, root, names);
    Policies { common, windows, versions }
}

impl Policies {
    /// Gives a service its part.
    pub(crate) fn give(&mut self, spec: &mut ServiceSpec, environment: Option<&str>) {
        let name = spec.name.as_str();
        let here = |services: &Vec<String>| services.is_empty() || services.iter().any(|one| one == name);
        let windows = self.windows.iter().filter(|(_, services)| here(services));
        spec.policy = PolicySpec {
            environment: environment.map(str::to_owned),
            windows: windows.map(|(window, _)| window.clone()).collect(),
            versions: self.versions.remove(name).unwrap_or_default(),
            naming: spec.policy.naming.clone(),
            ..self.common.clone()
        };
    }
}

fn limits(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<Limit> {
    let number = |reader: &mut Reader<'_>, name: &str| {
        reader.get(section, name, scalar::integer).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    let weight =
        |reader: &mut Reader<'_>, name: &str| -> Option<Weight> { reader.get(section, name, scalar::weight) };
    [
        weight(reader, "max-share").map(Limit::MaxShare),
        weight(reader, "max-rise").map(Limit::MaxRise),
        number(reader, "min-steps").map(Limit::MinSteps),
        reader.get(section, "min-hold", scalar::duration).map(Limit::MinHold),
        reader.get(section, "min-bake", scalar::duration).map(Limit::MinBake),
        number(reader, "max-surge").map(Limit::MaxSurge),
        number(reader, "max-unavailable").map(Limit::MaxUnavailable),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `baked in NAME`: the one thing that can be required.
fn baked_in(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let mut names = vec![];
    for (text, span) in values::texts(reader, section, "requires") {
        match text.strip_prefix("baked in ").map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => names.push(name.to_owned()),
            None => {
                let message = format!("`requires` does not know \"{text}\"");
                let finding = Diagnostic::error(Code::UnknownChoice, message, span);
                reader.report(finding.help("write requires = \"baked in staging\""));
            }
        }
    }
    names
}

fn approvals(reader: &mut Reader<'_>, policy: &Section<'_>) -> Option<Approvals> {
    let section = reader.section(policy, "approvals");
    let approvals = Approvals {
        count: small(reader, &section, "count"),
        from: values::texts(reader, &section, "from").into_iter().map(|(name, _)| name).collect(),
        within: span(reader, &section, "within"),
    };
    section.is_present().then_some(approvals)
}

/// Where each key of a service and of the policy stands, for findings that come later.
pub(crate) fn note_lines(specs: &mut [ServiceSpec], reader: &Reader<'_>, several: bool) {
    let policy = below(reader, "policy");
    for spec in specs {
        let prefix = if several { format!("services.{}.", spec.name) } else { String::new() };
        let own =
            below(reader, &prefix).into_iter().map(|(key, line)| (key[prefix.len()..].to_owned(), line));
        spec.policy.lines = Lines(own.chain(policy.clone()).collect());
    }
}

/// The lines of all keys whose path begins so.
fn below(reader: &Reader<'_>, prefix: &str) -> BTreeMap<String, u32> {
    let from = reader.origins.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
    from.filter_map(|(key, origin)| match origin {
        Origin::File(span) => Some((key.clone(), reader.line_of(span.start))),
        Origin::Default | Origin::Absent => None,
    })
    .collect()
}
