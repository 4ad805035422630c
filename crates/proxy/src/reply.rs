//! Answers of the edge itself. They say so: nobody shall take them for the application's.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use crate::body::EdgeBody;
use crate::mirror::Ended;

const STAUNCH_ERROR: HeaderName = HeaderName::from_static("staunch-error");

/// Why the edge answers in the application's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadFraming,
    BadHost,
    BadMethod,
    BodyTooLarge,
    BrokenBody,
    BodyTimeout,
    NoService,
    NoInstance,
    ConnectionLost,
    ResponseTimeout,
}

impl Refusal {
    fn describe(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadFraming => {
                (StatusCode::BAD_REQUEST, "bad-framing", "the request frames its body in two ways at once\n")
            }
            Self::BadHost => {
                (StatusCode::BAD_REQUEST, "bad-host", "the request needs exactly one Host header\n")
            }
            Self::BadMethod => (StatusCode::NOT_IMPLEMENTED, "bad-method", "CONNECT is not served here\n"),
            Self::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the request body is larger than allowed\n")
            }
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "broken-body", "the request body broke off\n"),
            Self::BodyTimeout => {
                (StatusCode::REQUEST_TIMEOUT, "body-timeout", "the request body did not arrive in time\n")
            }
            Self::NoService => {
                (StatusCode::SERVICE_UNAVAILABLE, "no-service", "no service is set up at this address yet\n")
            }
            Self::NoInstance => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no-instance",
                "no instance of the service accepts connections\n",
            ),
            Self::ConnectionLost => (
                StatusCode::BAD_GATEWAY,
                "connection-lost",
                "the instance closed the connection without an answer\n",
            ),
            Self::ResponseTimeout => {
                (StatusCode::GATEWAY_TIMEOUT, "response-timeout", "the instance did not answer in time\n")
            }
        }
    }

    pub(crate) fn response(self) -> Response<EdgeBody> {
        let (status, code, text) = self.describe();
        let mut response = Response::new(EdgeBody::text(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().insert(STAUNCH_ERROR, HeaderValue::from_static(code));
        response
    }

    /// How the request ended for the instances; `None` where they had no part in it.
    pub(crate) fn ended(self) -> Option<Ended> {
        match self {
            Self::NoInstance => Some(Ended::ConnectError),
            Self::ConnectionLost => Some(Ended::Reset),
            Self::ResponseTimeout => Some(Ended::Timeout),
            Self::BadFraming
            | Self::BadHost
            | Self::BadMethod
            | Self::BodyTooLarge
            | Self::BrokenBody
            | Self::BodyTimeout
            | Self::NoService => None,
        }
    }

    /// After these the connection's bytes can no longer be trusted.
    pub(crate) fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::BadFraming | Self::BadHost | Self::BodyTooLarge | Self::BrokenBody | Self::BodyTimeout
        )
    }
}
