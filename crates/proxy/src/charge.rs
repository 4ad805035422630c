//! One first attempt's entry in the accounts of a revision: opened when it is assigned, settled exactly once.

use std::rc::Rc;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use http::uri::PathAndQuery;
use staunch_model::{Failure, FailureKind, LATENCY_BUCKETS, bucket_of_micros};

use crate::clock;
use crate::count::{Block, Cell};
use crate::instance::Instance;
use crate::local::LocalService;
use crate::side::{Kind, Side};
use crate::thread::Thread;

const LAST_BUCKET: u16 = LATENCY_BUCKETS as u16 - 1;
/// A trace id is 32 hexadecimal digits after the version.
const TRACE_ID: std::ops::Range<usize> = 3..35;

/// What a failure record says of the request.
pub(crate) struct Subject {
    pub(crate) method: Method,
    pub(crate) path: Box<str>,
    pub(crate) client: u64,
    pub(crate) trace: Option<Box<str>>,
}

impl Subject {
    /// Copied: a piece of the head would hold all that was read with it.
    pub(crate) fn of(head: &Parts, client: u64) -> Self {
        let trace = head.headers.get("traceparent").and_then(|t| t.to_str().ok()?.get(TRACE_ID));
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::path);
        Self { method: head.method.clone(), path: path.into(), client, trace: trace.map(Into::into) }
    }
}

struct Failed {
    kind: FailureKind,
    status: Option<u16>,
    micros: u64,
    instance: Option<Rc<Instance>>,
    shielded: bool,
}

pub(crate) struct Charge {
    thread: Rc<Thread>,
    service: Rc<LocalService>,
    side: Rc<Side>,
    block: Arc<Block>,
    subject: Subject,
    /// Time to response headers, once there are some.
    answer: Option<(u16, u64)>,
    instance: Option<Rc<Instance>>,
    settled: bool,
    failed: Option<Failed>,
}

impl Charge {
    pub(crate) fn open(
        thread: &Rc<Thread>,
        service: &Rc<LocalService>,
        side: &Rc<Side>,
        subject: Subject,
        kind: Kind,
    ) -> Box<Self> {
        let block = service.block(&thread.shared, side, &subject.method, &subject.path, kind);
        block.count(Cell::Assigned);
        // Boxed: it goes on from hand to hand.
        Box::new(Self {
            thread: Rc::clone(thread),
            service: Rc::clone(service),
            side: Rc::clone(side),
            block,
            subject,
            answer: None,
            instance: None,
            settled: false,
            failed: None,
        })
    }

    /// A rule fits the request, and chance has assigned it all the same.
    pub(crate) fn surplus(&self) {
        self.block.count(Cell::Surplus);
    }

    pub(crate) fn tried(&mut self, instance: &Rc<Instance>) {
        self.instance = Some(Rc::clone(instance));
    }

    /// Response headers of the first attempt.
    pub(crate) fn answered(&mut self, status: u16, micros: u64) {
        self.answer = Some((status, micros));
    }

    /// The response has ended, or a tunnel stands.
    pub(crate) fn ended_well(&mut self) {
        match self.answer {
            Some((500.., _)) => self.fail(FailureKind::ServerError),
            Some((400..500, _)) => self.settle(Cell::ClientError),
            Some(_) | None => self.settle(Cell::Ok),
        }
    }

    pub(crate) fn client_is_gone(&mut self) {
        if !self.settled {
            self.settled = true;
            self.block.count(Cell::ClientGone);
        }
    }

    /// The request itself was at fault, and the edge refused it after it had been assigned.
    pub(crate) fn client_is_wrong(&mut self) {
        self.settle(Cell::ClientError);
    }

    pub(crate) fn fail(&mut self, kind: FailureKind) {
        if self.settled {
            return;
        }
        let (status, micros) = self.answer.unzip();
        let instance = self.instance.clone();
        if let Some(instance) = &instance {
            instance.failed();
        }
        self.failed = Some(Failed { kind, status, micros: micros.unwrap_or(0), instance, shielded: false });
        self.settle(match kind {
            FailureKind::ServerError => Cell::ServerError,
            FailureKind::ConnectError => Cell::ConnectError,
            FailureKind::Timeout => Cell::Timeout,
            FailureKind::Reset => Cell::Reset,
        });
    }

    /// As `fail`, for an attempt that had no headers after so many microseconds.
    pub(crate) fn fail_after(&mut self, kind: FailureKind, micros: u64) {
        self.fail(kind);
        if let Some(failed) = &mut self.failed
            && failed.status.is_none()
        {
            failed.micros = micros;
        }
    }

    /// The client of the failed attempt was answered from stable.
    pub(crate) fn shielded(&mut self) {
        if let Some(failed) = &mut self.failed {
            failed.shielded = true;
            self.block.count(Cell::Shielded);
        }
    }

    /// The client of the failed attempt got a good answer from another attempt on the same side.
    pub(crate) fn retried(&mut self) {
        if self.failed.is_some() {
            self.block.count(Cell::Retried);
        }
    }

    fn settle(&mut self, cell: Cell) {
        if self.settled {
            return;
        }
        self.settled = true;
        // A failure is the slowest answer there is: else a version that fails fast would look fast.
        let answered = self.answer.filter(|_| self.failed.is_none());
        let bucket = answered.map_or(LAST_BUCKET, |(_, micros)| bucket_of_micros(micros));
        self.block.latency(bucket);
        self.block.count(cell);
    }

    fn record(&self, failed: &Failed) -> Failure {
        let spec = &self.service.shared.spec;
        Failure {
            at: clock::wall(),
            service: spec.service.clone(),
            revision: self.side.revision.clone(),
            instance: failed.instance.as_ref().map_or_else(no_instance, |i| i.key.id.clone()),
            generation: spec.generation,
            route: self.block.key.route.to_string(),
            method: self.subject.method.to_string(),
            path: self.subject.path.to_string(),
            status: failed.status,
            kind: failed.kind,
            micros: failed.micros,
            client: self.subject.client,
            trace: self.subject.trace.as_deref().map(str::to_owned),
            shielded: failed.shielded,
            warming: self.block.key.warming,
            twin: self.block.key.twin,
            chosen: self.block.key.chosen,
        }
    }
}

/// The revision had no instance to try.
fn no_instance() -> staunch_model::InstanceId {
    staunch_model::InstanceId(String::new())
}

impl Drop for Charge {
    /// Dropped unsettled, the client went away. A failure is recorded here, when it is known whether the shield held.
    fn drop(&mut self) {
        self.client_is_gone();
        if let Some(failed) = self.failed.take() {
            self.thread.shared.failures.add(|| self.record(&failed));
        }
    }
}
