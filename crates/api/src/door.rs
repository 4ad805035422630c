//! Under which names, and from where, the server is reached over TCP.

use std::net::{IpAddr, SocketAddr};

use staunch_tls::PemFiles;

/// The default is loopback alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Door {
    /// Host names by which browsers and programs call it, beside addresses; with the port when it is not the scheme's.
    pub names: Vec<String>,
    pub tls: Option<PemFiles>,
    /// Addresses of proxies that end TLS. Without `tls` nobody else may connect from beyond this machine.
    pub proxies: Vec<IpAddr>,
}

impl Door {
    /// Whether it may be reached from beyond this machine.
    pub(crate) fn may_leave_loopback(&self) -> bool {
        self.tls.is_some() || !self.proxies.is_empty()
    }

    /// What users speak is TLS, here or up to a proxy.
    pub(crate) fn is_secure(&self) -> bool {
        self.may_leave_loopback()
    }

    pub(crate) fn admits(&self, peer: IpAddr) -> bool {
        self.tls.is_some() || peer.is_loopback() || self.proxies.contains(&peer)
    }

    /// Whether a host, as a request names it, is this server. An address cannot be given another meaning by a name
    /// server, so beyond loopback every address with the right port is.
    pub(crate) fn is_ours(&self, host: &str, bound: SocketAddr) -> bool {
        let host = host.to_ascii_lowercase();
        if host == bound.to_string() || self.names.iter().any(|name| names(name, &host, bound.port())) {
            return true;
        }
        if !bound.ip().is_loopback()
            && host.parse::<SocketAddr>().is_ok_and(|addr| addr.port() == bound.port())
        {
            return true;
        }
        let local = ["localhost", "127.0.0.1", "[::1]"];
        local
            .iter()
            .any(|name| host == format!("{name}:{}", bound.port()) || (bound.port() == 80 && host == **name))
    }

    pub(crate) fn is_our_origin(&self, origin: &str, bound: SocketAddr) -> bool {
        let host = match origin.split_once("://") {
            Some(("http", host)) if !self.is_secure() || !self.proxies.is_empty() => host,
            Some(("https", host)) if self.is_secure() => host,
            Some(_) | None => return false,
        };
        self.is_ours(host, bound)
    }

    /// Where people go: the first name, else the address.
    pub(crate) fn base(&self, bound: SocketAddr) -> String {
        let scheme = if self.is_secure() { "https" } else { "http" };
        match self.names.first() {
            Some(name) if name.contains(':') || !self.proxies.is_empty() => format!("{scheme}://{name}"),
            Some(name) => format!("{scheme}://{name}:{}", bound.port()),
            None => format!("{scheme}://{bound}"),
        }
    }
}

/// `name` alone is called with the port that is bound, or behind a proxy without one.
fn names(name: &str, host: &str, port: u16) -> bool {
    let name = name.to_ascii_lowercase();
    host == name || host == format!("{name}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_loopback_names_with_the_right_port_are_ours() {
        let door = Door::default();
        let bound = at("127.0.0.9:7171");
        for good in ["localhost:7171", "LOCALHOST:7171", "127.0.0.1:7171", "[::1]:7171", "127.0.0.9:7171"] {
            assert!(door.is_ours(good, bound), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "localhost:80",
            "10.0.0.1:7171",
            "evil.example:7171",
            "127.0.0.1.evil.example:7171",
            "localhost:71711",
        ] {
            assert!(!door.is_ours(bad, bound), "{bad}");
        }
        assert!(door.is_ours("localhost", at("127.0.0.1:80")));
    }

    #[test]
    fn beyond_loopback_the_given_names_and_addresses_are_ours() {
        let names = vec!["staunch.example".to_owned()];
        let tls = Some(PemFiles { cert: "c".into(), key: "k".into() });
        let door = Door { names, tls, proxies: vec![] };
        let bound = at("0.0.0.0:7171");
        for good in ["staunch.example:7171", "staunch.example", "10.1.2.3:7171", "[fe80::1]:7171"] {
            assert!(door.is_ours(good, bound), "{good}");
        }
        for bad in ["evil.example:7171", "10.1.2.3:80", "staunch.example:80", "staunch.example.evil:7171"] {
            assert!(!door.is_ours(bad, bound), "{bad}");
        }
        assert!(door.is_our_origin("https://staunch.example:7171", bound));
        assert!(!door.is_our_origin("http://staunch.example:7171", bound));
        assert_eq!(door.base(bound), "https://staunch.example:7171");
    }

    #[test]
    fn an_opaque_origin_is_not_us() {
        let door = Door::default();
        let bound = at("127.0.0.1:7171");
        assert!(door.is_our_origin("http://localhost:7171", bound));
        for bad in
            ["null", "", "https://evil.example", "http://localhost:1", "http://localhost:7171.evil.example"]
        {
            assert!(!door.is_our_origin(bad, bound), "{bad}");
        }
    }

    #[test]
    fn without_tls_only_proxies_come_from_beyond() {
        let door = Door { proxies: vec![[10, 0, 0, 5].into()], ..Door::default() };
        assert!(door.admits([10, 0, 0, 5].into()) && door.admits([127, 0, 0, 1].into()));
        assert!(!door.admits([10, 0, 0, 6].into()));
    }
}
