//! A request without a body, as the bytes an HTTP/1 instance gets. Most requests are such: written once, they can be
//! sent as often as the rules allow, and nothing of the client's head has to be copied or changed.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use crate::connection::Client;
use crate::head::{FORWARDED_FOR, accepts_trailers, connection_tokens, via};
use crate::mirror;

/// Room for an ordinary head, so that it is written without growing.
const ORDINARY: usize = 768;

pub(crate) struct Bare {
    bytes: Vec<u8>,
    /// The answer has no body, whatever its head says.
    pub(crate) head_only: bool,
}

impl Bare {
    pub(crate) fn new(head: &Parts, client: &Client, host: Option<&HeaderValue>) -> Self {
        let mut out = Writer::head(head, client, host);
        if expects_length(head) {
            out.raw(&["content-length: 0\r\n"]);
        }
        out.raw(&["\r\n"]);
        Self::whole(out.0, &head.method)
    }

    /// A request that is written to its end.
    pub(crate) fn whole(bytes: Vec<u8>, method: &Method) -> Self {
        Self { bytes, head_only: *method == Method::HEAD }
    }

    /// The head of a copy, without its end: what follows depends on the body.
    pub(crate) fn unfinished(head: &Parts, client: &Client, host: Option<&HeaderValue>) -> Vec<u8> {
        let mut out = Writer::head(head, client, host);
        out.raw(&[mirror::HEADER, ": 1\r\n"]);
        out.0
    }

    /// Ends the head of a copy, and adds the body.
    pub(crate) fn finish(bytes: &mut Vec<u8>, method: &Method, body: &[u8]) {
        if !body.is_empty() || may_have_body(method) {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// All of a head but its framing and its end.
    fn head(head: &Parts, client: &Client, host: Option<&HeaderValue>) -> Self {
        let mut out = Self(Vec::with_capacity(ORDINARY));
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        out.raw(&[head.method.as_str(), " ", path, " HTTP/1.1\r\n"]);
        if let Some(host) = host {
            out.line("host", host);
        }
        let named = named_by_connection(&head.headers);
        let kept = |name: &HeaderName| !named.contains(name);
        for (name, value) in
            head.headers.iter().filter(|(name, _)| passes(name, host.is_some()) && kept(name))
        {
            if head.version != Version::HTTP_2 || name != header::COOKIE {
                out.line(name.as_str(), value);
            }
        }
        if head.version == Version::HTTP_2 {
            out.joined(&header::COOKIE, "; ", head.headers.get_all(header::COOKIE).iter());
        }
        if accepts_trailers(&head.headers) {
            out.raw(&["te: trailers\r\n"]);
        }
        let before = head.headers.get_all(FORWARDED_FOR).iter().filter(|_| kept(&FORWARDED_FOR));
        out.joined(&FORWARDED_FOR, ", ", before.chain([&client.addr_text]));
        out.announce(head.version, client, host);
        out
    }

    fn raw(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.0.extend_from_slice(piece.as_bytes()));
    }

    fn line(&mut self, name: &str, value: &HeaderValue) {
        self.raw(&[name, ": "]);
        self.0.extend_from_slice(value.as_bytes());
        self.raw(&["\r\n"]);
    }

    /// All values in one line; none without a value.
    fn joined<'a>(&mut self, name: &HeaderName, by: &str, mut values: impl Iterator<Item = &'a HeaderValue>) {
        let Some(first) = values.next() else { return };
        self.raw(&[name.as_str(), ": "]);
        self.0.extend_from_slice(first.as_bytes());
        for value in values {
            self.raw(&[by]);
            self.0.extend_from_slice(value.as_bytes());
        }
        self.raw(&["\r\n"]);
    }

    /// `Via`, `Forwarded` and what of the `X-Forwarded` family does not grow from hop to hop.
    fn announce(&mut self, version: Version, client: &Client, host: Option<&HeaderValue>) {
        self.line("via", &via(version));
        self.raw(&["x-forwarded-proto: ", if client.tls { "https\r\n" } else { "http\r\n" }]);
        if let Some(host) = host {
            self.line("x-forwarded-host", host);
        }
        if let Some(element) = client.forwarded(host) {
            self.line("forwarded", &element);
        }
    }
}

/// What `Connection` names belongs to one hop.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    connection_tokens(headers).filter_map(|token| token.parse().ok()).collect()
}

/// Headers of one hop, and those that are written anew.
fn passes(name: &HeaderName, has_host: bool) -> bool {
    match name.as_str() {
        "connection"
        | "keep-alive"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "upgrade"
        | "te"
        | "transfer-encoding"
        | "expect"
        | "host"
        | "content-length"
        | "x-forwarded-for"
        | "x-forwarded-proto"
        | mirror::HEADER => false,
        "x-forwarded-host" => !has_host,
        _ => true,
    }
}

/// Some servers insist on a length where a body could be.
fn expects_length(head: &Parts) -> bool {
    head.headers.contains_key(header::CONTENT_LENGTH) || may_have_body(&head.method)
}

fn may_have_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
