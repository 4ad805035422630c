//! `[control.oidc]`: people who sign in through an OpenID provider.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use staunch_model::{OidcSpec, Role};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar;
use crate::v1::policy::values::texts;

pub(super) fn read(reader: &mut Reader<'_>, control: &Section<'_>) -> Option<OidcSpec> {
    let section = reader.section(control, "oidc");
    let issuer = reader.get(&section, "issuer", scalar::text);
    let issuer = issuer.filter(|text| checked(reader, &section, "issuer", issuer_flaw(text)));
    let client_id = reader.get(&section, "client-id", scalar::text);
    let client_id = client_id.filter(|text| checked(reader, &section, "client-id", word_flaw(text)));
    let client_secret_file = reader.get(&section, "client-secret-file", scalar::file);
    let ca = reader.get(&section, "ca", scalar::file);
    let scopes = scopes(reader, &section);
    let name_claim = claim(reader, &section, "name-claim");
    let groups_claim = claim(reader, &section, "groups-claim");
    let session = reader.value(&section, "session", scalar::duration);
    let roles = roles(reader, &section);
    Some(OidcSpec {
        issuer: issuer?,
        client_id: client_id?,
        client_secret_file,
        ca,
        scopes,
        name_claim,
        groups_claim,
        session,
        roles,
    })
}

fn scopes(reader: &mut Reader<'_>, oidc: &Section<'_>) -> Vec<String> {
    if oidc.find("scopes").is_none() {
        return reader.list(oidc, "scopes", scalar::text);
    }
    let mut scopes = vec![];
    for (scope, at) in texts(reader, oidc, "scopes") {
        match word_flaw(&scope) {
            Some(flaw) => wrong(reader, format!("`scopes`: {flaw}"), &at),
            None if scope == "openid" => {}
            None => scopes.push(scope),
        }
    }
    scopes
}

fn claim(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> String {
    let text = reader.value(section, name, scalar::text);
    checked(reader, section, name, word_flaw(&text));
    text
}

fn roles(reader: &mut Reader<'_>, oidc: &Section<'_>) -> BTreeMap<Role, Vec<String>> {
    let section = reader.section(oidc, "roles");
    let mut roles = BTreeMap::new();
    for role in Role::ALL {
        let named = texts(reader, &section, role.name());
        for (_, at) in named.iter().filter(|(group, _)| group == OidcSpec::EVERYBODY && role != Role::Viewer)
        {
            wrong(reader, format!("\"*\" as {} lets everybody change what users get", role.name()), at);
        }
        if !named.is_empty() {
            roles.insert(role, named.into_iter().map(|(group, _)| group).collect());
        }
    }
    if section.is_present() && roles.is_empty() {
        let message = "no group has a role, so nobody could sign in".to_owned();
        wrong(reader, message, &oidc.value_span("roles").unwrap_or(0..0));
    }
    roles
}

/// Whether there is no flaw; one is reported where the value stands.
fn checked(reader: &mut Reader<'_>, section: &Section<'_>, name: &str, flaw: Option<String>) -> bool {
    let fine = flaw.is_none();
    if let Some(flaw) = flaw {
        wrong(reader, format!("`{name}`: {flaw}"), &section.value_span(name).unwrap_or(0..0));
    }
    fine
}

fn wrong(reader: &mut Reader<'_>, message: String, at: &Range<usize>) {
    reader.report(Diagnostic::error(Code::ControlOidc, message, at.clone()));
}

/// What crosses the net there opens sessions here.
fn issuer_flaw(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let authority = rest.split('/').next().unwrap_or_default();
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\"\\".contains(&byte));
    match scheme {
        _ if authority.is_empty() || !plain => Some(format!("\"{text}\" is not the address of a provider")),
        "https" => None,
        "http" if is_loopback(authority) => None,
        "http" => Some("a provider is asked over TLS; write https://".to_owned()),
        _ => Some(format!("\"{text}\" is not an address; write https://{rest}")),
    }
}

fn is_loopback(authority: &str) -> bool {
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let host = port.map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn word_flaw(text: &str) -> Option<String> {
    let well = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    (!well).then(|| format!("\"{text}\" is not one word"))
}

#[cfg(test)]
mod tests {
    use super::issuer_flaw;

    #[test]
    fn a_provider_is_asked_over_tls_or_on_this_machine() {
        for good in [
            "https://login.example.org",
            "https://login.example.org:8443/realms/staff",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
            "http://localhost",
        ] {
            assert_eq!(issuer_flaw(good), None, "{good}");
        }
        for bad in [
            "",
            "login.example.org",
            "http://login.example.org",
            "http://127.0.0.1.example.org",
            "https://",
            "https://a b",
            "https://user@login.example.org",
            "https://login.example.org?x=1",
            "ftp://login.example.org",
        ] {
            assert!(issuer_flaw(bad).is_some(), "{bad}");
        }
    }
}
