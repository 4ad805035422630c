//! One copy, sent and answered: bounded in time and in bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use tokio::time::timeout;

use super::{Ended, Job, Seen};
use crate::bare::Bare;
use crate::clock::as_micros;
use crate::instance::{Flight, Instance};
use crate::instance_body::InstanceBody;
use crate::pool::{Kept, Link, SendError, ask};

/// How long is waited for the rest of an answer, when the user's own came faster.
const LEAST_REST: Duration = Duration::from_secs(1);

/// Which connection a copy is sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// One that is kept, if there is one.
    Kept,
    /// A new one: the two sides of a timed pair differ in how often they are asked, and a connection that has served
    /// for long is faster or slower (delayed acknowledgements) than one that has not.
    New,
}

pub(crate) async fn answer(instance: &Rc<Instance>, job: &Job, over: Over, now_micros: u64) -> Seen {
    let Job { mirror, request, live, .. } = job;
    let started = Instant::now();
    let _flight = Flight::begin(instance);
    let bare = Bare::whole(request.bytes.clone(), &request.method);
    let patience = mirror.table.edge.shield.after;
    let rest = LEAST_REST.max(Duration::from_micros(live.micros) * 4);
    let mut seen =
        match timeout(patience, deliver(instance, &bare, over, request.is_safe(), now_micros)).await {
            Ok(Ok((response, link))) => {
                let (head, body) = response.into_parts();
                let head = http::Response::from_parts(head, ());
                let seen = Seen::head(&head, &mirror.spec().headers);
                match timeout(rest, read(body, link, mirror.most_bytes(), now_micros)).await {
                    Ok(Ok(body)) => Seen { body, ..seen },
                    Ok(Err(Torn)) => Seen::without_answer(Ended::Reset, 0),
                    Err(_) => Seen::without_answer(Ended::Timeout, 0),
                }
            }
            Ok(Err(SendError::Unsent)) => Seen::without_answer(Ended::ConnectError, 0),
            Ok(Err(SendError::Lost { .. })) => Seen::without_answer(Ended::Reset, 0),
            Err(_) => Seen::without_answer(Ended::Timeout, 0),
        };
    seen.micros = as_micros(started.elapsed());
    seen
}

type Sent = Result<(http::Response<InstanceBody>, Link), SendError>;

/// As for a user: a kept connection may end in the very moment it is used again.
async fn deliver(instance: &Rc<Instance>, bare: &Bare, over: Over, safe: bool, now_micros: u64) -> Sent {
    let kept = match over {
        Over::New => Kept::None,
        Over::Kept if safe => Kept::Any,
        Over::Kept => Kept::Recent,
    };
    match ask(instance, bare, kept, now_micros).await {
        Err(SendError::Lost { reused: true }) if safe => ask(instance, bare, Kept::None, now_micros).await,
        sent => sent,
    }
}

/// The body broke off.
struct Torn;

/// The body; `None` when it is larger than what is compared: then its connection is closed, whatever else would come.
async fn read(mut body: InstanceBody, link: Link, most: usize, now: u64) -> Result<Option<Bytes>, Torn> {
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame else { return Err(Torn) };
        if let Some(data) = frame.data_ref() {
            if all.len() + data.len() > most {
                return Ok(None);
            }
            all.extend_from_slice(data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    link.give_back(body.take_line(), now);
    Ok(Some(all.freeze()))
}
