//! Request and response heads on their way through: what belongs to one hop is taken off, what the next hop must know
//! is put on.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri, Version, request, response};
use staunch_model::Upstream;

use crate::connection::Client;
use crate::reply::Refusal;

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const VIA_HTTP1: HeaderValue = HeaderValue::from_static("1.1 staunch");
const VIA_HTTP2: HeaderValue = HeaderValue::from_static("2 staunch");

/// What the client's head says, checked.
pub(crate) struct Checked {
    pub(crate) host: Option<HeaderValue>,
    /// The client asks to go on in another protocol.
    pub(crate) upgrade: bool,
}

/// Finds what must be refused before anything is forwarded.
pub(crate) fn check(
    head: &request::Parts,
    both_framings: bool,
    body_limit: Option<u64>,
) -> Result<Checked, Refusal> {
    if both_framings {
        return Err(Refusal::BadFraming);
    }
    if head.method == Method::CONNECT {
        return Err(Refusal::BadMethod);
    }
    if body_limit.is_some_and(|limit| content_length(&head.headers).is_some_and(|length| length > limit)) {
        return Err(Refusal::BodyTooLarge);
    }
    let upgrade = head.version == Version::HTTP_11
        && head.headers.contains_key(header::UPGRADE)
        && connection_tokens(&head.headers).any(|token| token.eq_ignore_ascii_case("upgrade"));
    Ok(Checked { host: host(head)?, upgrade })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The host the client asked for: `:authority` or an absolute target before `Host`.
fn host(head: &request::Parts) -> Result<Option<HeaderValue>, Refusal> {
    let mut lines = head.headers.get_all(header::HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() || (first.is_none() && head.version == Version::HTTP_11) {
        return Err(Refusal::BadHost);
    }
    let usable =
        |host: &HeaderValue| host.to_str().is_ok_and(|text| !text.contains([' ', ',', '/', '@', '\t']));
    if !first.is_none_or(usable) {
        return Err(Refusal::BadHost);
    }
    match head.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).map(Some).map_err(|_| Refusal::BadHost),
        None => Ok(first.cloned()),
    }
}

pub(crate) fn connection_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::CONNECTION).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// Takes off what belongs to one hop, the headers named by `Connection` included. Framing and `Host` cannot be named
/// away: a client could make two hops see two different messages.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> =
            connection_tokens(headers).filter_map(|token| token.parse().ok()).collect();
        for name in named {
            if name != header::CONTENT_LENGTH && name != header::HOST && name != header::TRANSFER_ENCODING {
                headers.remove(name);
            }
        }
        headers.remove(header::CONNECTION);
    }
    for name in [
        KEEP_ALIVE,
        PROXY_CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Makes the client's head the one an instance gets.
pub(crate) fn to_instance(
    head: &mut request::Parts,
    client: &Client,
    host: Option<&HeaderValue>,
    has_body: bool,
    upgrade: bool,
    upstream: Upstream,
) {
    let wants_trailers = accepts_trailers(&head.headers);
    let protocol = upgrade.then(|| head.headers.get(header::UPGRADE).cloned()).flatten();
    strip_hop_by_hop(&mut head.headers);
    head.headers.remove(header::TE);
    if wants_trailers {
        head.headers.insert(header::TE, TRAILERS);
    }
    head.headers.remove(header::EXPECT);
    head.headers.remove(crate::mirror::HEADER);
    announce(head, client, host);
    match upstream {
        Upstream::Http1 => to_http1(head, host, has_body, protocol),
        Upstream::H2c => to_http2(head, host),
    }
}

pub(crate) fn accepts_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::TE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// `Via`, `Forwarded` and the `X-Forwarded` family.
fn announce(head: &mut request::Parts, client: &Client, host: Option<&HeaderValue>) {
    let headers = &mut head.headers;
    headers.append(header::VIA, via(head.version));
    let for_all = joined(headers, &FORWARDED_FOR, ", ", Some(&client.addr_text));
    headers.insert(FORWARDED_FOR, for_all.unwrap_or_else(|| client.addr_text.clone()));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if client.tls { "https" } else { "http" }));
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    if let Some(element) = client.forwarded(host) {
        headers.append(header::FORWARDED, element);
    }
}

pub(crate) fn via(version: Version) -> HeaderValue {
    if version == Version::HTTP_2 { VIA_HTTP2 } else { VIA_HTTP1 }
}

/// All lines of a header as one, `last` at the end; `None` when there is no line.
fn joined(
    headers: &HeaderMap,
    name: &HeaderName,
    by: &str,
    last: Option<&HeaderValue>,
) -> Option<HeaderValue> {
    headers.get(name)?;
    let lines: Vec<&[u8]> = headers.get_all(name).iter().chain(last).map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(by.as_bytes())).ok()
}

/// One element of `Forwarded` (RFC 7239).
pub(crate) fn forwarded_element(addr: IpAddr, host: Option<&HeaderValue>, tls: bool) -> Option<HeaderValue> {
    let node = match addr.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("\"[{v6}]\""),
    };
    let proto = if tls { "https" } else { "http" };
    let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
    let host = host.map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
    HeaderValue::from_str(&format!("for={node}{host};proto={proto}")).ok()
}

fn to_http1(
    head: &mut request::Parts,
    host: Option<&HeaderValue>,
    has_body: bool,
    protocol: Option<HeaderValue>,
) {
    let headers = &mut head.headers;
    if let Some(host) = host
        && headers.get(header::HOST) != Some(host)
    {
        headers.insert(header::HOST, host.clone());
    }
    if head.version == Version::HTTP_2
        && let Some(cookies) = joined(headers, &header::COOKIE, "; ", None)
    {
        headers.insert(header::COOKIE, cookies);
    }
    headers.remove(header::TRANSFER_ENCODING);
    if has_body && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::TRANSFER_ENCODING, CHUNKED);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, protocol);
    }
    if head.uri.authority().is_some() {
        head.uri = path_of(&head.uri).into();
    }
    head.version = Version::HTTP_11;
}

fn to_http2(head: &mut request::Parts, host: Option<&HeaderValue>) {
    head.headers.remove(header::HOST);
    head.headers.remove(header::TRANSFER_ENCODING);
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    parts.authority.get_or_insert_with(|| Authority::from_static("localhost"));
    parts.path_and_query = Some(path_of(&head.uri));
    head.uri = Uri::from_parts(parts).unwrap_or_default();
    head.version = Version::HTTP_2;
}

pub(crate) fn path_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// Makes an instance's head the one the client gets. `stripped`: the headers of one hop are off already.
pub(crate) fn to_client(
    head: &mut response::Parts,
    stripped: bool,
    http2_client: bool,
    closing: bool,
    set_cookie: Option<HeaderValue>,
) {
    let switching = head.status == http::StatusCode::SWITCHING_PROTOCOLS;
    let protocol = switching.then(|| head.headers.get(header::UPGRADE).cloned()).flatten();
    if !stripped {
        strip_hop_by_hop(&mut head.headers);
        head.headers.remove(header::TRANSFER_ENCODING);
    }
    head.headers.append(header::VIA, via(head.version));
    if let Some(protocol) = protocol {
        head.headers.insert(header::CONNECTION, UPGRADE);
        head.headers.insert(header::UPGRADE, protocol);
    } else if closing && !http2_client {
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(cookie) = set_cookie {
        head.headers.append(header::SET_COOKIE, cookie);
    }
    head.version = if http2_client { Version::HTTP_2 } else { Version::HTTP_11 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_header_cannot_name_the_framing_away() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "x-one, Content-Length, close"), ("connection", "host"), ("x-one", "1")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.insert("content-length", HeaderValue::from_static("3"));
        headers.insert("host", HeaderValue::from_static("h"));
        headers.insert("keep-alive", HeaderValue::from_static("timeout=5"));
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host"]);
    }

    #[test]
    fn forwarded_quotes_what_needs_quotes() {
        let host = HeaderValue::from_static("shop.example:8080");
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let element = forwarded_element(v6, Some(&host), true).unwrap();
        assert_eq!(element, "for=\"[2001:db8::1]\";host=\"shop.example:8080\";proto=https");
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(forwarded_element(mapped, None, false).unwrap(), "for=10.0.0.1;proto=http");
    }
}
