//! `[control]`: how the control API is reached from beyond this machine.

use std::net::IpAddr;
use std::ops::Range;

use staunch_model::{OidcSpec, TlsSpec};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::v1::policy::values::texts;
use crate::v1::{oidc, service};

/// How the control API is reached from beyond this machine; by default it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlSpec {
    /// Host names by which it is called, beside its addresses.
    pub names: Vec<String>,
    pub tls: Option<TlsSpec>,
    /// Proxies that end TLS; nobody else may connect from beyond this machine when there is no `tls`.
    pub trusted_proxies: Vec<IpAddr>,
    pub oidc: Option<OidcSpec>,
}

impl ControlSpec {
    pub(crate) fn may_leave_loopback(&self) -> bool {
        self.tls.is_some() || !self.trusted_proxies.is_empty()
    }
}

pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>) -> ControlSpec {
    let section = reader.section(root, "control");
    let names = texts(reader, &section, "names");
    for (name, at) in names.iter().filter(|(name, _)| !is_host(name)) {
        wrong(reader, format!("`{name}` is not a host name, with or without a port"), at);
    }
    let mut trusted_proxies = vec![];
    for (text, at) in texts(reader, &section, "trusted-proxies") {
        match text.parse() {
            Ok(ip) => trusted_proxies.push(ip),
            Err(_) => wrong(reader, format!("`{text}` is not an IP address"), &at),
        }
    }
    let names = names.into_iter().map(|(name, _)| name).collect();
    let tls = service::tls(reader, &section);
    ControlSpec { names, tls, trusted_proxies, oidc: oidc::read(reader, &section) }
}

fn wrong(reader: &mut Reader<'_>, message: String, at: &Range<usize>) {
    reader.report(Diagnostic::error(Code::ControlAddress, message, at.clone()));
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "1"));
    let well = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    port.parse::<u16>().is_ok() && host.len() <= 253 && host.split('.').all(well)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn hosts_are_names_with_or_without_a_port() {
        for good in ["staunch.example.org", "staunch.example.org:7171", "build-1"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "https://staunch.example", "a b", "a..b", "a:b", "*.example.org"] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
