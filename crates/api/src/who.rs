//! Who asks: recorded with every command.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::codes::Code;
use crate::problem::Refusal;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp,
    /// A process of this machine, by its user.
    Unix {
        uid: u32,
    },
}

/// The name that goes into the journal.
#[derive(Debug)]
pub(crate) struct Who(pub(crate) String);

/// Longest name that is recorded, in characters.
const LONGEST: usize = 64;

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Some(Peer::Unix { uid }) = parts.extensions.get::<Peer>().copied() else {
            // Anyone on this machine can reach the port: a name given there proves nothing.
            return Ok(Self("local".to_owned()));
        };
        match parts.headers.get("x-staunch-actor") {
            Some(given) => name(given.as_bytes()).map(Self),
            None => Ok(Self(login_name(uid))),
        }
    }
}

fn name(given: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(given).unwrap_or_default().trim();
    let well = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    let rule = "`X-Staunch-Actor` is a name of 1 to 64 printable characters";
    if well { Ok(text.to_owned()) } else { Err(Refusal::new(Code::BadRequest, rule)) }
}

fn login_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_login(&users, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// `name:password:uid:…`, one user a line.
fn find_login(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_and_a_broken_line_harms_nobody() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(find_login(users, 1000).as_deref(), Some("ann"));
        assert_eq!(find_login(users, 7), None);
        assert_eq!(find_login(users, 42), None);
    }

    #[test]
    fn names_that_would_break_a_log_line_are_refused() {
        assert_eq!(name("Zoë".as_bytes()).unwrap(), "Zoë");
        for bad in ["", "  ", "a\u{1b}[31m", &"x".repeat(65)] {
            assert!(name(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(name(&[0xff]).is_err());
    }
}
