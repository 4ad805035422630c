//! How requests are read: what cannot be read is a problem that says where.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::codes::Code;
use crate::problem::{Answer, Refusal};

/// Largest body of a command, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// How long a client may take to send it.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// The JSON object of a command; no body is an empty object.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Asked<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let read = tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, state)).await;
        let bytes = read.map_err(|_| slow())?.map_err(|rejection| unreadable(&rejection))?;
        parse(&bytes).map(Self)
    }
}

fn slow() -> Refusal {
    Refusal::new(Code::BadRequest, "the body did not arrive within 10 s")
}

/// The same for who reads it before the handler does.
pub(crate) async fn whole_body(body: axum::body::Body) -> Answer<Bytes> {
    let read = tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, BODY_LIMIT)).await;
    read.map_err(|_| slow())?.map_err(|_| {
        Refusal::new(Code::TooLarge, format!("the body is larger than {BODY_LIMIT} bytes, or broke off"))
    })
}

fn unreadable(rejection: &BytesRejection) -> Refusal {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refusal::new(Code::TooLarge, format!("the body is larger than {BODY_LIMIT} bytes"));
    }
    Refusal::new(Code::BadRequest, rejection.body_text())
}

fn parse<T: DeserializeOwned + Default>(bytes: &[u8]) -> Answer<T> {
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = pointer(error.path());
        Refusal::new(Code::BadJson, error.into_inner().to_string()).at(place)
    })?;
    reader.end().map_err(|error| Refusal::new(Code::BadJson, error.to_string()))?;
    Ok(value)
}

/// RFC 6901. What the parser cannot name ends it.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |place, segment| match segment {
        Segment::Seq { index } => format!("{place}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Unknown => place,
    })
}

/// The part of the address after `?`.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Refusal::new(Code::BadRequest, rejection.body_text())),
        }
    }
}

/// A rollout's number as it stands in an address.
pub(crate) fn rollout_id(text: &str) -> Answer<staunch_model::RolloutId> {
    let number = text.parse().map_err(|_| {
        Refusal::new(Code::UnknownRollout, format!("`{text}` is not a rollout: they have numbers, from 1"))
    })?;
    Ok(staunch_model::RolloutId(number))
}

/// `30s`, `500ms`, or whole seconds.
pub(crate) fn span(text: &str) -> Answer<Duration> {
    let (digits, to_ms) = match text {
        text if text.ends_with("ms") => (&text[..text.len() - 2], 1),
        text if text.ends_with('s') => (&text[..text.len() - 1], 1_000),
        text => (text, 1_000),
    };
    let wrong =
        || Refusal::new(Code::BadRequest, format!("`{text}` is not a time to wait: write 30s or 500ms"));
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(to_ms).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::CommandRequest;

    #[test]
    fn a_misspelt_guard_is_an_error_not_ignored() {
        let error = parse::<CommandRequest>(br#"{"expct": {"step": 1}}"#).unwrap_err();
        assert_eq!(error.code, Code::BadJson);
        assert!(error.detail.contains("expct"), "{}", error.detail);
        let error = parse::<CommandRequest>(br#"{"expect": {"step": "one"}}"#).unwrap_err();
        assert_eq!(crate::Problem::from(error).pointer.as_deref(), Some("/expect/step"));
        assert_eq!(parse::<CommandRequest>(b"{} {}").unwrap_err().code, Code::BadJson);
        assert_eq!(parse::<CommandRequest>(b" \n").unwrap(), CommandRequest::default());
    }

    #[test]
    fn spans_read_as_written() {
        assert_eq!(span("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(span("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(span("7").unwrap(), Duration::from_secs(7));
        for bad in ["", "s", "-1s", "1h", "99999999999999999999s", "18446744073709551615s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
