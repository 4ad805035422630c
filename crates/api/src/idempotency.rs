//! `Idempotency-Key`: a POST that comes again is not carried out again, and gets the same answer for a day.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::Duration;

use bytes::Bytes;
use staunch_model::Timestamp;
use staunch_ports::{KeptAnswer, KeptRequest};

use crate::access::digest;
use crate::app::Shared;
use crate::codes::Code;
use crate::intake::whole_body;
use crate::problem::{Answer, Refusal};
use crate::who::Caller;

const LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Beyond that the oldest are forgotten before their day is over.
const MOST: usize = 10_000;
/// Larger answers are given and not kept.
const LARGEST: usize = 1 << 20;
/// No answer of this API is larger.
const LARGEST_ANSWER: usize = 64 << 20;
const LONGEST_KEY: usize = 255;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Their answers hold a secret.
const SECRET: [&str; 2] = ["/api/v1/tokens", "/api/v1/logins"];

pub(crate) async fn idempotent(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let ours = *request.method() == Method::POST && request.uri().path().starts_with("/api/");
    if !ours || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match once(app, request, next).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn once(app: Shared, request: Request, next: Next) -> Answer<Response> {
    let key = key(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = whole_body(body).await?;
    let asked = described(&app, &parts, &key, &body)?;
    let offered = asked.clone();
    let taken = app
        .access
        .write(move |ring| {
            ring.forget_requests(Timestamp(offered.at.0 - LIFE.as_millis() as i64), MOST)?;
            ring.take_key(&offered)
        })
        .await?;
    if let Some(taken) = taken {
        return again(&asked, taken);
    }
    let secret = parts.extensions.get::<MatchedPath>().is_some_and(|path| SECRET.contains(&path.as_str()));
    // Carried out to the end, and kept, even if the caller hangs up.
    let (key, keeper) = (asked.key, app.clone());
    let work = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&keeper, key, response, secret).await
    });
    match work.await {
        Ok(answer) => answer,
        Err(error) => {
            app.access.write(move |ring| ring.free_key(&key)).await?;
            Err(Refusal::new(Code::Internal, error.to_string()))
        }
    }
}

fn key(headers: &HeaderMap) -> Answer<String> {
    let rule =
        || Refusal::new(Code::BadRequest, "`Idempotency-Key` is 1 to 255 printable ASCII characters, once");
    let mut given = headers.get_all(KEY).iter();
    let key = given.next().and_then(|key| key.to_str().ok()).unwrap_or_default();
    let well = !key.is_empty() && key.len() <= LONGEST_KEY && given.next().is_none();
    if well { Ok(key.to_owned()) } else { Err(rule()) }
}

/// Keys belong to who gives them: nobody gets an answer that was another's.
fn described(app: &Shared, parts: &Parts, key: &str, body: &Bytes) -> Answer<KeptRequest> {
    let caller = parts.extensions.get::<Caller>();
    let caller = caller.ok_or_else(|| Refusal::new(Code::Internal, "nobody asked who this is"))?;
    let Caller { name, via, token, .. } = caller;
    let owner = format!("{}\0{name}\0{}\0{key}", via.name(), token.as_deref().unwrap_or_default());
    let body = crate::access::hex(&crate::access::digest_of(body));
    Ok(KeptRequest {
        key: digest(&owner),
        request: digest(&format!("{}\0{}\0{body}", parts.method, parts.uri)),
        boot: app.access.boot,
        at: app.handle.now(),
        answer: None,
    })
}

fn again(asked: &KeptRequest, taken: KeptRequest) -> Answer<Response> {
    if taken.request != asked.request {
        let detail = "the same key came with another method, address or body";
        return Err(Refusal::new(Code::KeyReused, detail));
    }
    match taken.answer {
        Some(KeptAnswer { status, content_type, location, body: Some(body) }) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let headers = response.headers_mut();
            let text = |value: Option<String>| value.and_then(|value| HeaderValue::try_from(value).ok());
            headers.extend(text(content_type).map(|kind| (header::CONTENT_TYPE, kind)));
            headers.extend(text(location).map(|place| (header::LOCATION, place)));
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Some(KeptAnswer { body: None, .. }) => Err(Refusal::new(
            Code::AnswerSecret,
            "it was done, and its answer held a secret that is shown once",
        )),
        None if taken.boot == asked.boot => {
            Err(Refusal::new(Code::KeyInProgress, "the same request is being carried out").retry_after(1))
        }
        None => Err(Refusal::new(
            Code::OutcomeUnknown,
            "the server ended while it carried this out: look whether it was done, then use a new key",
        )),
    }
}

/// What failed on this side may be tried again; everything else is an answer.
async fn keep(app: &Shared, key: [u8; 32], response: Response, secret: bool) -> Answer<Response> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_ANSWER).await;
    let body = body.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    let text =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fit = body.len() <= LARGEST && !parts.status.is_server_error();
    if fit && parts.status != StatusCode::TOO_MANY_REQUESTS {
        let answer = KeptAnswer {
            status: parts.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            body: Some(body.to_vec()).filter(|_| !(secret && parts.status.is_success())),
        };
        // It was done: a full disk must not turn the answer into a failure.
        drop(app.access.write(move |ring| ring.put_answer(&key, &answer)).await);
    } else {
        drop(app.access.write(move |ring| ring.free_key(&key)).await);
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
