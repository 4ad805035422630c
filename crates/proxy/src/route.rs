//! Route templates: `GET /orders/:id`, bounded in number per service so that a scanner cannot fill the memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;

/// Different routes per service that are counted by name.
const MAX_ROUTES: usize = 200;
const MAX_SEGMENTS: usize = 12;
const MAX_SEGMENT_BYTES: usize = 48;
const OTHER: &str = "other";

/// The names of one service's routes, shared by all threads; a route's number is its index.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<HashMap<Arc<str>, Route>>);

/// A route's number and name.
pub(crate) type Route = (u16, Arc<str>);

impl Routes {
    /// The number and name of a request's route. Threads remember the answer, so the lock is rarely taken.
    pub(crate) fn intern(&self, method: &Method, path: &str) -> Route {
        let name = template(method, path);
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name.as_str()) {
            return known.clone();
        }
        if names.len() >= MAX_ROUTES {
            return (MAX_ROUTES as u16, Arc::from(OTHER));
        }
        let name: Arc<str> = name.into();
        let entry = (names.len() as u16, Arc::clone(&name));
        names.insert(name, entry.clone());
        entry
    }
}

fn template(method: &Method, path: &str) -> String {
    let mut name = String::with_capacity(path.len() + 8);
    name.push_str(known_method(method));
    name.push(' ');
    if !path.starts_with('/') {
        name.push_str(OTHER);
        return name;
    }
    for (depth, segment) in path.split('/').skip(1).enumerate() {
        name.push('/');
        if depth == MAX_SEGMENTS {
            name.push('*');
            break;
        }
        name.push_str(&shape(segment));
    }
    name
}

/// Methods are the client's to invent; only the usual ones get a name.
fn known_method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE") => known,
        _ => "OTHER",
    }
}

fn shape(segment: &str) -> Cow<'_, str> {
    if is_id(segment.as_bytes()) || segment.len() > MAX_SEGMENT_BYTES { ":id".into() } else { segment.into() }
}

/// Numbers, UUIDs, long hexadecimal words with a digit, and long words of letters mixed with digits.
fn is_id(segment: &[u8]) -> bool {
    let digits = segment.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    let hex = segment.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let dashes = segment.iter().filter(|&&b| b == b'-' || b == b'_').count();
    let letters = segment.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let only_number = digits + dashes == segment.len();
    let long_hex = hex + dashes == segment.len() && hex >= 8;
    let long_mixed = digits + letters + dashes == segment.len() && segment.len() >= 16 && digits >= 4;
    only_number || long_hex || long_mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_one_route() {
        let cases = [
            ("/", "GET /"),
            ("/orders/17", "GET /orders/:id"),
            ("/orders/17/lines/3", "GET /orders/:id/lines/:id"),
            ("/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", "GET /u/:id/x"),
            ("/c/deadbeefcafe0001", "GET /c/:id"),
            ("/t/eyJhbGci0iJ1UzI1NiJ9", "GET /t/:id"),
            ("/v2/cafe/healthz", "GET /v2/cafe/healthz"),
            ("/static/app.3f9a0c11.js", "GET /static/app.3f9a0c11.js"),
            ("*", "GET other"),
        ];
        for (path, want) in cases {
            assert_eq!(template(&Method::GET, path), want);
        }
        assert_eq!(template(&Method::from_bytes(b"BREW").unwrap(), "/"), "OTHER /");
    }

    #[test]
    fn the_number_of_routes_is_bounded() {
        let routes = Routes::default();
        let names = |word: usize| format!("/{}", "x".repeat(word % 40 + 1) + &"y".repeat(word / 40));
        for word in 0..1_000 {
            routes.intern(&Method::GET, &names(word));
        }
        assert_eq!(routes.intern(&Method::GET, "/new"), (200, Arc::from("other")));
        assert_eq!(&*routes.intern(&Method::GET, &names(3)).1, "GET /xxxx");
    }
}
