//! `[[windows]]`.

use staunch_model::{CivilDate, Day, Effect, ServiceName, Window, Zone};

use super::values;
use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar;
use crate::v1::keys::policy_keys::WINDOW;

/// Each window, and the services it holds for.
pub(super) fn read(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    names: &[ServiceName],
) -> Vec<(Window, Vec<String>)> {
    let sections = reader.tables(root, "windows", &WINDOW);
    sections.iter().zip(1..).map(|(section, number)| window(reader, section, number, names)).collect()
}

fn window(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    number: u32,
    names: &[ServiceName],
) -> (Window, Vec<String>) {
    let effect = match reader.value(section, "effect", scalar::choice) {
        "deny" => Effect::Deny,
        _ => Effect::Allow,
    };
    let days = reader.list(section, "days", scalar::choice);
    let window = Window {
        effect,
        days: Day::ALL.into_iter().filter(|day| days.contains(&day.name())).collect(),
        from: reader.value(section, "from", values::clock),
        until: reader.value(section, "to", values::clock),
        zone: zone(reader, section),
        dates: dates(reader, section, "dates"),
        except: dates(reader, section, "except"),
        why: reader.get(section, "why", scalar::text),
        line: reader.line_of(section.span.start),
        number,
    };
    (window, services(reader, section, names))
}

fn zone(reader: &mut Reader<'_>, section: &Section<'_>) -> Zone {
    let name = reader.value(section, "zone", scalar::text);
    Zone::try_from(name).unwrap_or_else(|unknown| {
        let span = section.value_span("zone").unwrap_or_else(|| section.span.clone());
        reader.report(Diagnostic::error(Code::UnknownZone, unknown.to_string(), span));
        Zone::utc()
    })
}

fn services(reader: &mut Reader<'_>, section: &Section<'_>, names: &[ServiceName]) -> Vec<String> {
    let mut services = vec![];
    for (name, span) in values::texts(reader, section, "services") {
        if !names.iter().any(|known| known.as_str() == name) {
            let message = format!("there is no service `{name}` in this file");
            reader.report(Diagnostic::error(Code::UnknownService, message, span));
        }
        services.push(name);
    }
    services
}

/// `2026-12-24`, or from the first to the last: `2026-12-20..2027-01-02`.
fn dates(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Vec<(CivilDate, CivilDate)> {
    let mut dates = vec![];
    for (text, span) in values::texts(reader, section, name) {
        let (first, last) = text.split_once("..").unwrap_or((&text, &text));
        let parsed = first.trim().parse().ok().zip(last.trim().parse().ok());
        match parsed.filter(|(first, last): &(CivilDate, CivilDate)| first <= last) {
            Some(dates_read) => dates.push(dates_read),
            None => {
                let message = format!("`{name}`: \"{text}\" is neither a date nor a stretch of dates");
                let finding = Diagnostic::error(Code::InvalidTime, message, span);
                reader.report(finding.help("write \"2026-12-24\" or \"2026-12-20..2027-01-02\""));
            }
        }
    }
    dates
}
