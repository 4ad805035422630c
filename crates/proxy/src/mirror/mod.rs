//! Copies of users' requests, sent to a new revision whose answers nobody gets.
//!
//! On a user's thread a copy costs a few additions: the head is written once more, the pieces of the answer are held
//! besides being sent on, and what was gathered goes to a thread of its own when the user has been served. That
//! thread sends, waits and compares; it has connections of its own, and what it cannot keep up with is not copied
//! and counted. So a shadow that is slow, hangs, crashes or floods costs users nothing.

mod ask;
mod compare;
mod copy;
mod house;
mod json;
mod noise;
mod secret;
mod tally;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use staunch_model::{Backend, MirrorRoute, MirrorSpec, RevisionDigest, RouteTable, SplitGeneration};

pub(crate) use copy::{Copied, Copy};
pub(crate) use house::run;
pub(crate) use tally::Tally;

use crate::lease::Lease;
use crate::route::Routes;
use noise::Noise;

/// A request is marked as a copy by this header with the value 1. Nobody outside can set it.
pub(crate) const HEADER: &str = "staunch-shadow";

/// One service's mirror under one table.
pub(crate) struct Mirror {
    pub(crate) table: RouteTable,
    pub(crate) route: MirrorRoute,
    pub(crate) lease: Arc<Lease>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) state: Arc<State>,
}

/// What outlives a change of the instances within a generation.
#[derive(Default)]
pub(crate) struct State {
    /// Copies under way.
    slots: AtomicUsize,
    /// Requests that were not copied since the last report.
    dropped: AtomicU64,
    too_large: AtomicU64,
    /// Taken by the mirror's thread alone.
    noise: Mutex<Noise>,
}

impl Mirror {
    /// The mirror of a table, with what is known of it if it goes on.
    pub(crate) fn of(
        table: &RouteTable,
        known: Option<&Self>,
        lease: &Arc<Lease>,
        routes: &Arc<Routes>,
    ) -> Option<Arc<Self>> {
        let route = table.mirror.clone()?;
        let goes_on = |known: &&Self| known.route.backend.revision == route.backend.revision;
        let state = known.filter(goes_on).map(|known| Arc::clone(&known.state)).unwrap_or_default();
        let (lease, routes) = (Arc::clone(lease), Arc::clone(routes));
        Some(Arc::new(Self { table: table.clone(), route, lease, routes, state }))
    }

    pub(crate) fn spec(&self) -> &MirrorSpec {
        &self.route.spec
    }
    pub(crate) fn revision(&self) -> &RevisionDigest {
        &self.route.backend.revision
    }
    pub(crate) fn generation(&self) -> SplitGeneration {
        self.table.generation
    }
    pub(crate) fn stable(&self) -> Option<&Backend> {
        self.table.stable.as_ref()
    }
    pub(crate) fn most_bytes(&self) -> usize {
        usize::try_from(self.spec().max_body).unwrap_or(usize::MAX)
    }

    /// A place for one more copy, if there is one.
    fn slot(&self) -> Option<Slot> {
        let most = self.spec().concurrency as usize;
        let taken = self.state.slots.fetch_update(Relaxed, Relaxed, |n| (n < most).then_some(n + 1));
        if taken.is_err() {
            self.state.dropped.fetch_add(1, Relaxed);
        }
        taken.ok().map(|_| Slot(Arc::clone(&self.state)))
    }
}

/// One copy's place, given back when the copy is done with, whatever became of it.
pub(crate) struct Slot(Arc<State>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.slots.fetch_sub(1, Relaxed);
    }
}

/// A request that a user's thread has served and hands over.
pub(crate) struct Job {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) request: Request,
    pub(crate) live: Seen,
    #[expect(dead_code, reason = "it is held, and given back when the job is dropped")]
    pub(crate) slot: Slot,
}

/// A request as it is sent once more.
pub(crate) struct Request {
    pub(crate) method: http::Method,
    /// Without the query.
    pub(crate) path: Box<str>,
    /// All of it, ready to be sent.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    /// It changes nothing, so that it may be sent to stable once more.
    pub(crate) fn is_safe(&self) -> bool {
        MirrorSpec::SAFE.contains(&self.method.as_str())
    }
}

/// How one side answered.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) ended: Ended,
    /// The chosen headers that were there, lines of one name joined.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: bool,
    /// `None`: too large, or it broke off.
    pub(crate) body: Option<Bytes>,
    /// To the end of the body.
    pub(crate) micros: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Status(u16),
    /// No answer, or not all of it, in time.
    Timeout,
    ConnectError,
    Reset,
}

impl Ended {
    pub(crate) fn failed(self) -> bool {
        match self {
            Self::Status(status) => status >= 500,
            Self::Timeout | Self::ConnectError | Self::Reset => true,
        }
    }
    pub(crate) fn is_answer(self) -> bool {
        matches!(self, Self::Status(_))
    }
    pub(crate) fn words(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Timeout => "timeout".to_owned(),
            Self::ConnectError => "connect-error".to_owned(),
            Self::Reset => "reset".to_owned(),
        }
    }
}

impl Seen {
    pub(crate) fn without_answer(ended: Ended, micros: u64) -> Self {
        Self { ended, headers: vec![], json: false, body: None, micros }
    }
    /// The head of an answer: what of it is compared.
    pub(crate) fn head(response: &http::Response<()>, chosen: &[String]) -> Self {
        let headers = response.headers();
        let joined = |name: &String| {
            let lines: Vec<_> =
                headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
            (!lines.is_empty()).then(|| (name.clone(), lines.join(", ")))
        };
        let json = headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
        Self {
            ended: Ended::Status(response.status().as_u16()),
            headers: chosen.iter().filter_map(joined).collect(),
            json: json && !headers.contains_key(http::header::CONTENT_ENCODING),
            body: None,
            micros: 0,
        }
    }
}
