//! One request: checked, assigned, sent, judged, and never lost by the edge's own doing.
//!
//! Where an attempt fails, three rules decide. A request that no instance has seen is always tried elsewhere, whatever
//! its method. One that may have been seen is tried once more if it is idempotent, has no body and no part of an
//! answer has come. Anything else is never sent twice. The first attempt alone is charged to its revision; what the
//! client gets in the end may come from stable.

use std::pin::pin;
use std::rc::Rc;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use staunch_model::{FailureKind, Upstream};

use crate::alarm::Alarm;
use crate::bare::Bare;
use crate::body::{EdgeBody, Tail, UpBody, Upload, blames_the_server};
use crate::charge::{Charge, Subject};
use crate::connection::{Client, Serving};
use crate::drain::Phase;
use crate::head::{self, Checked};
use crate::instance::{Flight, Instance};
use crate::instance_body::InstanceBody;
use crate::local::LocalService;
use crate::mirror::Copy;
use crate::outgoing::Outgoing;
use crate::patience::{Look, Patience};
use crate::pool::Link;
use crate::reply::Refusal;
use crate::side::{Kind, Which};
use crate::tunnel;
use crate::who::Choice;

/// Attempts per request: enough to get past a few instances that refuse connections.
const MAX_ATTEMPTS: usize = 4;

/// Serves one request from its head to its response's head; the body follows by itself.
pub(crate) async fn serve(client: &Rc<Client>, request: Request<Incoming>) -> Response<EdgeBody> {
    let (serving, both_framings) = Serving::begin(&client.state);
    let draining = client.thread.drain.phase() >= Phase::Draining;
    let response = match respond(client, request, both_framings).await {
        Ok(response) => response,
        Err(refusal) => {
            let (mut head, body) = refusal.response().into_parts();
            head::to_client(&mut head, true, client.http2, draining || refusal.ends_connection(), None);
            Response::from_parts(head, body)
        }
    };
    response.map(|body| body.serving(serving))
}

async fn respond(
    client: &Rc<Client>,
    mut request: Request<Incoming>,
    both_framings: bool,
) -> Result<Response<EdgeBody>, Refusal> {
    let thread = &client.thread;
    let table = thread.table();
    let service = table.service(client.listen).ok_or(Refusal::NoService)?;
    let edge = &service.shared.spec.edge;
    let on_upgrade =
        request.headers().contains_key(http::header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (mut head, body) = request.into_parts();
    let checked = head::check(&head, both_framings, edge.limits.body_bytes)?;
    let sticky = &service.shared.sticky;
    let place = sticky.place(&head.headers, client.addr.ip(), || thread.random());
    let set_cookie = place.set_cookie.then(|| sticky.set_cookie(place.key, client.tls)).flatten();
    let choice = service.choose(&head, || thread.shared.clock.micros());
    let mut body = UpBody::new(body, edge.limits.body_bytes, thread.shared.clock);
    let subject = Subject::of(&head, crate::split::mix(place.key));
    let upload = body.upload().cloned();
    let safe = body.is_none() && matches!(head.method, Method::GET | Method::HEAD);
    let repeatable = safe || body.is_none() && matches!(head.method, Method::OPTIONS | Method::TRACE);
    let Checked { host, upgrade } = checked;
    let upstream = service.shared.spec.upstream;
    let copy =
        if upgrade { None } else { Copy::begin(client, service, &head, host.as_ref(), !body.is_none()) };
    if let Some(copied) = copy.as_ref().and_then(|copy| copy.upload()) {
        body.copy_to(copied);
    }
    let outgoing = if upstream == Upstream::Http1 && body.is_none() && !upgrade {
        let bare = Bare::new(&head, client, host.as_ref());
        // What has been read from the client is not held while the instance works.
        drop((head, host));
        Outgoing::bare(bare, repeatable)
    } else {
        head::to_instance(&mut head, client, host.as_ref(), !body.is_none(), upgrade, upstream);
        Outgoing::whole(head, body, repeatable)
    };
    // No await between the table and the first attempt's in-flight count: see `Thread::table`.
    let origin = Origin { key: place.key, choice };
    let mut flow = Flow::begin(client, Rc::clone(service), origin, subject, safe, outgoing, upload)
        .ok_or(Refusal::NoInstance)?;
    match flow.run().await {
        Ok(reached) => reached.into_response(client, on_upgrade.filter(|_| upgrade), set_cookie, copy),
        Err(refusal) => {
            if let (Some(copy), Some(ended)) = (copy, refusal.ended()) {
                copy.failed(ended);
            }
            Err(refusal)
        }
    }
}

/// Where a request belongs: its place in the split, unless it goes to the canary by name.
#[derive(Clone, Copy)]
struct Origin {
    key: u64,
    choice: Choice,
}

/// A request on its way through one or more attempts.
struct Flow<'a> {
    client: &'a Client,
    service: Rc<LocalService>,
    assigned: Which,
    which: Which,
    /// When the present attempt began.
    started: Instant,
    /// For the first attempt, until it is under way.
    first: Option<Rc<Instance>>,
    charge: Option<Box<Charge>>,
    outgoing: Outgoing,
    upload: Option<Rc<Upload>>,
    shieldable: bool,
    tried: Vec<Rc<Instance>>,
    attempts: usize,
    resent: bool,
    /// The canary's own bad answer, in case stable has none.
    kept: Option<Reached>,
}

/// A response that an instance gave.
struct Reached {
    response: Response<InstanceBody>,
    flight: Flight,
    link: Link,
    headers_micros: u64,
    charge: Option<Box<Charge>>,
}

/// How one attempt ended.
#[expect(clippy::large_enum_variant, reason = "the large variant is the common one")]
pub(crate) enum Attempt {
    Answered {
        response: Response<InstanceBody>,
        link: Link,
        micros: u64,
    },
    Unsent,
    Lost,
    /// Cut short, so that stable can answer.
    TooSlow,
    TimedOut,
    ClientSilent,
}

impl<'a> Flow<'a> {
    fn begin(
        client: &'a Client,
        service: Rc<LocalService>,
        origin: Origin,
        subject: Subject,
        safe: bool,
        outgoing: Outgoing,
        upload: Option<Rc<Upload>>,
    ) -> Option<Self> {
        let started = Instant::now();
        let now = client.thread.shared.clock.micros_at(started);
        client.thread.note_time(now);
        let Origin { key, choice } = origin;
        let chosen = choice == Choice::Chosen;
        let which = if chosen { Which::Canary } else { service.assign(key, now) };
        let side = service.side(which)?;
        side.budget.earn();
        let twin = service.twin(which, key);
        let first = side.pick_first(twin, now);
        let kind = Kind { warming: side.takes_warming(first.as_deref(), now), twin, chosen };
        let charge = Charge::open(&client.thread, &service, side, subject, kind);
        if choice == Choice::Surplus {
            charge.surplus();
        }
        Some(Self {
            client,
            which,
            started,
            first,
            charge: Some(charge),
            assigned: which,
            upload,
            outgoing,
            shieldable: safe && service.shared.spec.edge.shield.enabled,
            service,
            tried: Vec::new(),
            attempts: 0,
            resent: false,
            kept: None,
        })
    }

    async fn run(&mut self) -> Result<Reached, Refusal> {
        loop {
            let now = self.client.thread.shared.clock.micros_at(self.started);
            let another = || self.service.side(self.which)?.pick(&self.tried, now);
            let instance = self.first.take().or_else(another);
            let step = match instance {
                Some(instance) if self.attempts < MAX_ATTEMPTS => self.step(&instance, now).await,
                Some(_) | None => self.nowhere_to_go(),
            };
            if let Some(end) = step {
                return end;
            }
            self.started = Instant::now();
            self.refresh();
        }
    }

    /// One attempt. `None`: another is to follow.
    async fn step(&mut self, instance: &Rc<Instance>, now_micros: u64) -> Option<Result<Reached, Refusal>> {
        self.attempts += 1;
        let flight = Flight::begin(instance);
        match self.attempt(instance, now_micros).await {
            Attempt::Answered { response, link, micros } => {
                instance.answered();
                self.answered(response, link, flight, micros)
            }
            Attempt::Unsent => {
                instance.refused(now_micros);
                self.tried.push(Rc::clone(instance));
                self.fail_first(FailureKind::ConnectError);
                None
            }
            Attempt::Lost => self.lost(instance, now_micros),
            Attempt::TooSlow => {
                self.go_to_stable();
                None
            }
            Attempt::TimedOut => Some(self.give_up(Refusal::ResponseTimeout)),
            Attempt::ClientSilent => {
                self.with_charge(Charge::client_is_wrong);
                Some(Err(Refusal::BodyTimeout))
            }
        }
    }

    fn is_first(&self) -> bool {
        self.attempts <= 1
    }

    fn fail_first(&mut self, kind: FailureKind) {
        if self.is_first() {
            let waited = crate::clock::as_micros(self.started.elapsed());
            self.with_charge(|charge| charge.fail_after(kind, waited));
        }
    }

    /// Retries choose by the table in force now: the one of the first attempt may name instances that are going.
    fn refresh(&mut self) {
        let table = self.client.thread.table();
        if let Some(service) = table.service(self.client.listen) {
            self.service = Rc::clone(service);
        }
    }

    fn go_to_stable(&mut self) {
        self.which = Which::Stable;
        self.tried.clear();
    }

    /// The side has no instance left to try. A request that comes here has been seen by nobody.
    fn nowhere_to_go(&mut self) -> Option<Result<Reached, Refusal>> {
        self.fail_first(FailureKind::ConnectError);
        let stable = self.service.stable_with_instances().is_some();
        if self.which == Which::Canary && stable && self.attempts < MAX_ATTEMPTS {
            self.attempts = self.attempts.max(1);
            self.go_to_stable();
            return None;
        }
        Some(self.give_up(Refusal::NoInstance))
    }

    fn lost(&mut self, instance: &Rc<Instance>, now_micros: u64) -> Option<Result<Reached, Refusal>> {
        if let Some(refusal) = self.client_at_fault() {
            return Some(Err(refusal));
        }
        self.fail_first(FailureKind::Reset);
        if !self.outgoing.repeatable || self.resent {
            return Some(self.give_up(Refusal::ConnectionLost));
        }
        if self.can_be_shielded() {
            self.go_to_stable();
            return None;
        }
        let may = self.service.side(self.which).is_some_and(|side| side.budget.spend(now_micros));
        if !may {
            return Some(self.give_up(Refusal::ConnectionLost));
        }
        self.resent = true;
        self.resend_elsewhere(instance, now_micros);
        None
    }

    /// Another instance of the revision, else stable, else the same one again.
    fn resend_elsewhere(&mut self, instance: &Rc<Instance>, now_micros: u64) {
        self.tried.push(Rc::clone(instance));
        let another = self.service.side(self.which).and_then(|side| side.pick(&self.tried, now_micros));
        match (another, self.which) {
            (Some(_), _) => {}
            (None, Which::Canary) if self.service.stable_with_instances().is_some() => self.go_to_stable(),
            (None, _) => self.tried.clear(),
        }
    }

    /// The attempt failed since the client's body did.
    fn client_at_fault(&mut self) -> Option<Refusal> {
        let upload = self.upload.clone()?;
        if upload.too_large.get() {
            self.with_charge(Charge::client_is_wrong);
            Some(Refusal::BodyTooLarge)
        } else if upload.broken.get() {
            self.with_charge(Charge::client_is_gone);
            Some(Refusal::BrokenBody)
        } else {
            None
        }
    }

    fn can_be_shielded(&self) -> bool {
        self.which == Which::Canary && self.shieldable && self.service.stable_with_instances().is_some()
    }

    fn give_up(&mut self, refusal: Refusal) -> Result<Reached, Refusal> {
        self.kept.take().ok_or(refusal)
    }

    /// An answer has come: it is the client's, unless it is a canary's failure that stable can make good.
    fn answered(
        &mut self,
        response: Response<InstanceBody>,
        link: Link,
        flight: Flight,
        micros: u64,
    ) -> Option<Result<Reached, Refusal>> {
        let status = response.status();
        let failed = status.is_server_error();
        let headers_micros = self.client.thread.coarse_micros();
        let mut reached = Reached { response, flight, link, headers_micros, charge: None };
        if self.is_first() {
            self.with_charge(|charge| charge.answered(status.as_u16(), micros));
        }
        if failed && self.can_be_shielded() {
            self.fail_first(FailureKind::ServerError);
            self.kept = Some(reached);
            self.go_to_stable();
            return None;
        }
        if self.is_first() {
            // The charge goes on with the body.
            reached.charge = self.charge.take();
        } else if failed && let Some(kept) = self.kept.take() {
            reached = kept;
        } else if self.assigned == Which::Canary && self.which == Which::Stable && !failed {
            self.with_charge(Charge::shielded);
        } else if !failed {
            self.with_charge(Charge::retried);
        }
        Some(Ok(reached))
    }

    fn with_charge(&mut self, change: impl FnOnce(&mut Charge)) {
        if let Some(charge) = &mut self.charge {
            change(charge);
        }
    }

    async fn attempt(&mut self, instance: &Rc<Instance>, now_micros: u64) -> Attempt {
        let first = self.is_first();
        let cut = self.can_be_shielded();
        let Self { client, started, outgoing, upload, charge, service, .. } = self;
        let clock = client.thread.shared.clock;
        let mut charge = charge.as_deref_mut().filter(|_| first);
        if let Some(charge) = &mut charge {
            charge.tried(instance);
        }
        let mut patience = Patience::new(*started, upload.as_deref(), &service.shared.spec.edge);
        let mut sending = pin!(outgoing.deliver(instance, now_micros));
        let mut nap = Alarm::new(&client.thread, clock.micros_at(patience.first_look()));
        loop {
            tokio::select! {
                biased;
                sent = sending.as_mut() => return patience.classify(sent),
                () = &mut nap => match patience.look(Instant::now()) {
                    Look::Again(at) => nap.reset(clock.micros_at(at)),
                    Look::Slow(again) => {
                        if let Some(charge) = &mut charge {
                            charge.fail_after(FailureKind::Timeout, patience.waited_micros());
                        }
                        if cut {
                            return Attempt::TooSlow;
                        }
                        nap.reset(clock.micros_at(again));
                    }
                    Look::Over => {
                        if let Some(charge) = &mut charge {
                            charge.fail_after(FailureKind::Timeout, patience.waited_micros());
                        }
                        return Attempt::TimedOut;
                    }
                    Look::ClientSilent => return Attempt::ClientSilent,
                },
            }
        }
    }
}

impl Reached {
    fn into_response(
        mut self,
        client: &Client,
        on_upgrade: Option<OnUpgrade>,
        set_cookie: Option<HeaderValue>,
        mut copy: Option<Box<Copy>>,
    ) -> Result<Response<EdgeBody>, Refusal> {
        let closing = client.thread.drain.phase() >= Phase::Draining;
        let switching = self.response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let instance_upgrade = switching.then(|| hyper::upgrade::on(&mut self.response));
        let grpc = is_grpc(self.response.headers());
        self.judge_head(grpc);
        let (mut head, body) = self.response.into_parts();
        let stripped = matches!(body, InstanceBody::Line(_));
        if let Some(copy) = &mut copy {
            copy.answered(&head);
        }
        head::to_client(&mut head, stripped, client.http2, closing, set_cookie);
        let thread = Rc::clone(&client.thread);
        let Some(instance_upgrade) = instance_upgrade else {
            let Self { charge, flight, link, headers_micros, .. } = self;
            let tail = Tail { thread, charge, flight, link, grpc, headers_micros, copy };
            return Ok(Response::from_parts(head, EdgeBody::upstream(body, tail)));
        };
        // An instance that switches protocols unasked cannot be understood any more.
        let on_upgrade = on_upgrade.ok_or(Refusal::ConnectionLost)?;
        tunnel::start(&thread, on_upgrade, instance_upgrade, self.flight);
        Ok(Response::from_parts(head, EdgeBody::text("")))
    }

    /// Settles the charge where the head tells the outcome; else the body will.
    fn judge_head(&mut self, grpc: bool) {
        let status = self.response.status();
        let Some(mut charge) = self.charge.take() else { return };
        if grpc && blames_the_server(self.response.headers()) {
            charge.fail(FailureKind::ServerError);
        } else if status.is_client_error()
            || status.is_server_error()
            || status == StatusCode::SWITCHING_PROTOCOLS
        {
            charge.ended_well();
        } else {
            self.charge = Some(charge);
        }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
