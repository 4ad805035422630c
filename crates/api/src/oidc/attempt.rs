//! What a browser keeps between being sent to the provider and coming back: no attempt takes memory here, and nobody
//! can end that of another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::access::{digest, fresh, same};
use crate::problem::Answer;

/// Long enough for a second factor.
pub(crate) const ATTEMPT_LIFE: std::time::Duration = std::time::Duration::from_secs(600);
/// Longest address to which somebody goes on afterwards, in bytes.
const LONGEST: usize = 200;
const SECRET: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Ties the answer to this browser.
    state: String,
    /// Ties the token to this attempt.
    nonce: String,
    /// Ties the code to who asked for it (RFC 7636).
    verifier: String,
    to: String,
}

impl Attempt {
    /// `to` is where to go afterwards; what is no address of this server is the first page.
    pub(crate) fn new(to: &str) -> Answer<Self> {
        let (state, nonce, verifier) = (fresh("")?, fresh("")?, fresh("")?);
        Ok(Self { state, nonce, verifier, to: local(to).to_owned() })
    }

    pub(crate) fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.splitn(4, '.');
        let mut secret = || parts.next().filter(|part| is_secret(part)).map(str::to_owned);
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        Some(Self { state, nonce, verifier, to: local(parts.next()?).to_owned() })
    }

    pub(crate) fn cookie(&self) -> String {
        [&self.state, &self.nonce, &self.verifier, &self.to].map(String::as_str).join(".")
    }

    pub(crate) fn is_of(&self, state: &str) -> bool {
        same(&digest(&self.state), &digest(state))
    }

    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&self.verifier))
    }

    pub(crate) fn state(&self) -> &str {
        &self.state
    }
    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }
    pub(crate) fn verifier(&self) -> &str {
        &self.verifier
    }
    pub(crate) fn to(&self) -> &str {
        &self.to
    }
}

fn is_secret(text: &str) -> bool {
    text.len() == SECRET && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `//host` and `/\host` lead away, and a cookie has no room for some letters.
fn local(to: &str) -> &str {
    let inside = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
    let well =
        to.len() <= LONGEST && to.bytes().all(|byte| byte.is_ascii_graphic() && !b"\";,".contains(&byte));
    if inside && well { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_comes_back_as_it_went() {
        let attempt = Attempt::new("/shop/2?tab=log.txt").unwrap();
        assert_eq!(Attempt::parse(&attempt.cookie()), Some(attempt.clone()));
        assert!(attempt.is_of(attempt.state()) && !attempt.is_of("") && !attempt.is_of(attempt.nonce()));
        for broken in ["", "a.b.c./", &attempt.cookie()[1..], "...", attempt.state()] {
            assert_eq!(Attempt::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn nobody_is_sent_away_from_here() {
        for away in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a;b", "/a\nb"]
        {
            assert_eq!(Attempt::new(away).unwrap().to(), "/", "{away}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(Attempt::new(&long).unwrap().to(), "/");
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let attempt = Attempt { verifier, ..Attempt::new("/").unwrap() };
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
