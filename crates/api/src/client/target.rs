use std::fmt;
use std::path::PathBuf;

use super::ClientError;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Unix(PathBuf),
    /// `127.0.0.1:7171`
    Tcp(String),
    /// The same over TLS.
    Tls(String),
}

impl Target {
    /// `http://127.0.0.1:7171`, `https://staunch.example.org`, `unix:/path/to/socket`, or the path alone.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        if let Some(authority) = text.strip_prefix("http://") {
            return Ok(Self::Tcp(authority_of(authority, 80, text)?));
        }
        if let Some(authority) = text.strip_prefix("https://") {
            return Ok(Self::Tls(authority_of(authority, 443, text)?));
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(wrong(text));
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }

    pub(super) fn authority(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp(authority) | Self::Tls(authority) => authority,
        }
    }

    /// Nobody on the way can read what is sent.
    pub(crate) fn is_private(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Tls(_) => true,
            Self::Tcp(authority) => {
                let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
                let ip: Option<std::net::IpAddr> =
                    host.trim_start_matches('[').trim_end_matches(']').parse().ok();
                host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
            }
        }
    }
}

fn authority_of(given: &str, port: u16, text: &str) -> Result<String, ClientError> {
    let authority = given.trim_end_matches('/');
    let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong(text))?;
    Ok(if parsed.port_u16().is_some() { authority.to_owned() } else { format!("{authority}:{port}") })
}

fn wrong(text: &str) -> ClientError {
    ClientError::Unreachable {
        what: format!("`{text}` is not the address of a server"),
        fix: "write http://127.0.0.1:7171, https://NAME, or the path of its unix socket".to_owned(),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(authority) => write!(f, "http://{authority}"),
            Self::Tls(authority) => write!(f, "https://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_for_the_open_net() {
        for private in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "https://a.example", "/s"]
        {
            assert!(Target::parse(private).unwrap().is_private(), "{private}");
        }
        for open in ["http://a.example", "http://10.0.0.1:7171", "http://127.0.0.1.a.example"] {
            assert!(!Target::parse(open).unwrap().is_private(), "{open}");
        }
    }

    #[test]
    fn addresses_read_as_people_write_them() {
        assert_eq!(
            Target::parse("http://127.0.0.1:7171/").unwrap(),
            Target::Tcp("127.0.0.1:7171".to_owned())
        );
        assert_eq!(Target::parse("http://localhost").unwrap(), Target::Tcp("localhost:80".to_owned()));
        for path in ["/run/s.sock", "unix:/run/s.sock"] {
            assert_eq!(Target::parse(path).unwrap(), Target::Unix("/run/s.sock".into()));
        }
        assert_eq!(Target::parse("https://a.example").unwrap(), Target::Tls("a.example:443".to_owned()));
        for bad in ["", "ftp://127.0.0.1:7171", "http://a b"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
