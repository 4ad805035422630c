use std::fmt;
use std::path::PathBuf;

use super::ClientError;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Unix(PathBuf),
    /// `127.0.0.1:7171`
    Tcp(String),
}

impl Target {
    /// `http://127.0.0.1:7171`, `unix:/path/to/socket`, or the path alone.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        if let Some(authority) = text.strip_prefix("http://") {
            return tcp(authority.trim_end_matches('/'), text);
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
            Self::Tcp(authority) => authority,
        }
    }
}

fn tcp(authority: &str, text: &str) -> Result<Target, ClientError> {
    let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong(text))?;
    let whole = if parsed.port_u16().is_some() { authority.to_owned() } else { format!("{authority}:80") };
    Ok(Target::Tcp(whole))
}

fn wrong(text: &str) -> ClientError {
    ClientError::Unreachable {
        what: format!("`{text}` is not the address of a server"),
        fix: "write http://127.0.0.1:7171, or the path of its unix socket".to_owned(),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(authority) => write!(f, "http://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for bad in ["", "https://127.0.0.1:7171", "http://a b"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
