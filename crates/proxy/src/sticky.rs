//! What a request is known by: the key whose hash gives its place in the split.

use std::net::IpAddr;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};
use staunch_model::StickyKey;

use crate::split::hash_bytes;

const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// `StickyKey` made ready for use on each request.
#[derive(Debug)]
pub(crate) enum Sticky {
    None,
    Cookie(String),
    Header(HeaderName),
    Address,
}

/// A request's key, and the cookie to set when the edge has just invented it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: u64,
    pub(crate) set_cookie: bool,
}

impl Sticky {
    /// A header name that cannot be one makes every request split on its own, like a request without the header.
    pub(crate) fn new(key: Option<&StickyKey>) -> Self {
        match key {
            None => Self::None,
            Some(StickyKey::Cookie { name }) => Self::Cookie(name.clone()),
            Some(StickyKey::Header { name }) => name.parse().map_or(Self::None, Self::Header),
            Some(StickyKey::Address) => Self::Address,
        }
    }

    pub(crate) fn place(&self, headers: &HeaderMap, client: IpAddr, random: impl FnOnce() -> u64) -> Place {
        let known = match self {
            Self::None => None,
            Self::Cookie(name) => cookie_key(headers, name),
            Self::Header(name) => headers.get(name).map(|value| hash_bytes(value.as_bytes())),
            Self::Address => Some(address_key(client)),
        };
        let set_cookie = known.is_none() && matches!(self, Self::Cookie(_));
        Place { key: known.unwrap_or_else(random), set_cookie }
    }

    /// `Set-Cookie` for a new user: it carries the key, never a version, so a rollback moves everyone at once.
    pub(crate) fn set_cookie(&self, key: u64, secure: bool) -> Option<HeaderValue> {
        let Self::Cookie(name) = self else { return None };
        let secure = if secure { "; Secure" } else { "" };
        let text =
            format!("{name}={key:016x}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).ok()
    }
}

fn address_key(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(v4) => hash_bytes(&v4.octets()),
        IpAddr::V6(v6) => hash_bytes(&v6.octets()),
    }
}

/// Only a value the edge could have written counts; anything else is a new user.
fn cookie_key(headers: &HeaderMap, name: &str) -> Option<u64> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.find(|(key, _)| *key == name)?.1;
    let well = value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit());
    if well { u64::from_str_radix(value, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(line).unwrap())])
    }

    #[test]
    fn the_cookie_that_was_set_is_the_cookie_that_is_read() {
        let sticky = Sticky::Cookie("place".to_owned());
        let set = sticky.set_cookie(0x1f, true).unwrap();
        assert_eq!(set, "place=000000000000001f; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
        let back = cookies("a=b; place=000000000000001f; c=d");
        let place = sticky.place(&back, [127, 0, 0, 1].into(), || panic!("known"));
        assert_eq!(place, Place { key: 0x1f, set_cookie: false });
    }

    #[test]
    fn a_forged_or_foreign_value_is_a_new_user() {
        let sticky = Sticky::Cookie("place".to_owned());
        for line in ["place=v2", "place=+00000000000001f", "xplace=000000000000001f", "place"] {
            let place = sticky.place(&cookies(line), [127, 0, 0, 1].into(), || 9);
            assert_eq!(place, Place { key: 9, set_cookie: true }, "{line}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_same_user() {
        let v4: IpAddr = "10.0.0.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(address_key(v4), address_key(mapped));
    }
}
