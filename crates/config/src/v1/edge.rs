//! `[edge]`: what the proxy does for this service.

use staunch_model::{EdgeSpec, Limits, ShieldSpec, StickyKey};

use crate::reader::{Reader, Section};
use crate::scalar;
use crate::v1::service::span;

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> EdgeSpec {
    let section = reader.section(service, "edge");
    EdgeSpec {
        sticky: sticky(reader, &section),
        shield: ShieldSpec {
            enabled: reader.value(&section, "shield", scalar::flag),
            after: span(reader, &section, "shield-after"),
        },
        limits: limits(reader, &section),
        lease: span(reader, &section, "lease"),
    }
}

fn limits(reader: &mut Reader<'_>, section: &Section<'_>) -> Limits {
    Limits {
        header_bytes: whole(reader.value(section, "max-header", scalar::size)),
        body_bytes: reader.get(section, "max-body", scalar::size),
        connections: whole(reader.value(section, "max-connections", scalar::integer)),
        header_timeout: span(reader, section, "header-timeout"),
        response_timeout: span(reader, section, "response-timeout"),
        idle_timeout: span(reader, section, "idle-timeout"),
        connect_timeout: span(reader, section, "connect-timeout"),
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn sticky(reader: &mut Reader<'_>, edge: &Section<'_>) -> Option<StickyKey> {
    let section = reader.section(edge, "sticky");
    let given = reader.one_of(&section, &["cookie", "header", "address"]);
    let cookie = reader.get(&section, "cookie", scalar::token).map(|name| StickyKey::Cookie { name });
    let header = reader.get(&section, "header", scalar::token);
    let header = header.map(|name| StickyKey::Header { name: name.to_ascii_lowercase() });
    let address = reader.get(&section, "address", scalar::yes).map(|()| StickyKey::Address);
    if section.is_present() && given.is_none() {
        reader.none_of(&section, "`cookie`, `header` or `address`");
    }
    cookie.or(header).or(address)
}
