//! How long an attempt may go without response headers, counted from what the client sent last: a client that uploads
//! slowly is not the version's fault, and one that falls silent is not waited for without end.

use std::time::{Duration, Instant};

use http::Response;
use staunch_model::{EdgeSpec, Limits};

use crate::body::Upload;
use crate::clock::as_micros;
use crate::exchange::Attempt;
use crate::instance_body::InstanceBody;
use crate::pool::{Link, SendError};

pub(crate) struct Patience<'a> {
    started: Instant,
    upload: Option<&'a Upload>,
    /// Slow from here on.
    after: Duration,
    /// Given up at last.
    response_timeout: Duration,
    /// How long the client may be silent.
    idle_timeout: Duration,
    slow: bool,
}

/// What is to be done with an attempt that has no headers yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Again(Instant),
    /// It has just become a failure; it may still be waited for until the given moment.
    Slow(Instant),
    Over,
    /// The client has been silent in the middle of its request.
    ClientSilent,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(started: Instant, upload: Option<&'a Upload>, edge: &EdgeSpec) -> Self {
        let Limits { response_timeout, idle_timeout, .. } = edge.limits;
        Self { started, upload, after: edge.shield.after, response_timeout, idle_timeout, slow: false }
    }

    fn next_bound(&self) -> Duration {
        if self.slow { self.response_timeout } else { self.after.min(self.response_timeout) }
    }

    pub(crate) fn first_look(&self) -> Instant {
        self.started + self.next_bound()
    }

    /// When waiting for the instance began; `None` while it waits for the client.
    fn waiting_since(&self) -> Option<Instant> {
        let since = self.upload.map_or(Some(self.started), Upload::instance_since);
        since.map(|since| since.max(self.started))
    }

    pub(crate) fn waited_micros(&self) -> u64 {
        let since = self.waiting_since().unwrap_or(self.started);
        as_micros(since.elapsed())
    }

    pub(crate) fn look(&mut self, now: Instant) -> Look {
        let bound = self.next_bound();
        let Some(since) = self.waiting_since() else { return self.look_at_client(now) };
        let waited = now.saturating_duration_since(since);
        if waited < bound {
            return Look::Again(since + bound);
        }
        if waited >= self.response_timeout {
            return Look::Over;
        }
        self.slow = true;
        Look::Slow(since + self.response_timeout)
    }

    fn look_at_client(&self, now: Instant) -> Look {
        let silent_since = self.upload.and_then(Upload::client_since).unwrap_or(now);
        let end = silent_since + self.idle_timeout;
        if now >= end { Look::ClientSilent } else { Look::Again(end.min(now + self.next_bound())) }
    }

    pub(crate) fn classify(&self, sent: Result<(Response<InstanceBody>, Link), SendError>) -> Attempt {
        match sent {
            Ok((response, link)) => Attempt::Answered { response, link, micros: self.waited_micros() },
            Err(SendError::Unsent) => Attempt::Unsent,
            Err(SendError::Lost { .. }) => Attempt::Lost,
        }
    }
}
