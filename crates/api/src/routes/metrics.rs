//! `/metrics` in Prometheus' text format. Labels are services of the file, sides and names of this code alone: nothing
//! that a request says becomes a label.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use staunch_control::{ArmRates, ServiceView};
use staunch_rollout::{Event, HouseEvent};

use crate::app::{PAGE, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::v1::Budget;

/// OpenMetrics, which Prometheus asks for and every scraper of it reads.
pub(super) const KIND: &str = "application/openmetrics-text";
const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfService {
    service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSide {
    service: String,
    /// `stable` or `canary`.
    side: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEvent {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: String,
    /// `2xx`, `4xx`, …
    status: String,
}

type Number = Gauge<f64, AtomicU64>;

#[derive(Default)]
struct Services {
    ready: Family<OfService, Number>,
    wanted: Family<OfService, Number>,
    canary_weight: Family<OfService, Number>,
    rollout_active: Family<OfService, Number>,
    frozen: Family<OfService, Number>,
    budget_left: Family<OfService, Number>,
    requests: Family<OfSide, Number>,
    errors: Family<OfSide, Number>,
    latency: Family<OfSide, Number>,
}

pub(crate) struct Metrics {
    registry: Registry,
    services: Services,
    events: Family<OfEvent, Counter>,
    requests: Family<OfRequest, Counter>,
    pub(crate) login_failures: Counter,
    entries: Number,
    /// The journal's end when events were counted last.
    seen: Mutex<u64>,
}

impl Metrics {
    /// Events are counted from here on: a counter that begins anew is what a restart looks like to Prometheus.
    pub(crate) fn new(journal_end: u64) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("staunch"),
            services: Services::default(),
            events: Family::default(),
            requests: Family::default(),
            login_failures: Counter::default(),
            entries: Number::default(),
            seen: Mutex::new(journal_end),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self { registry, services, events, requests, login_failures, entries, .. } = self;
        let Services { ready, wanted, canary_weight, rollout_active, frozen, budget_left, .. } = services;
        registry.register("service_ready_instances", "Ready instances of stable", ready.clone());
        registry.register("service_wanted_instances", "Instances that stable should have", wanted.clone());
        registry.register("canary_weight_ratio", "The canary's share of the traffic", canary_weight.clone());
        registry.register("rollout_active", "1 while a rollout is under way", rollout_active.clone());
        registry.register("service_frozen", "1 while no change may begin", frozen.clone());
        registry.register(
            "error_budget_left_ratio",
            "Share of the error budget that is left",
            budget_left.clone(),
        );
        let Services { requests: rate, errors, latency, .. } = services;
        registry.register("requests_per_second", "Requests over the last ten seconds", rate.clone());
        registry.register("error_ratio", "Share that failed over the last ten seconds", errors.clone());
        registry.register(
            "latency_p95_seconds",
            "95th percentile over the last ten seconds",
            latency.clone(),
        );
        registry.register("events", "Journal entries by kind since the server started", events.clone());
        registry.register("api_requests", "Requests to the control API", requests.clone());
        registry.register("api_login_failures", "Tokens and links that did not work", login_failures.clone());
        registry.register("journal_entries", "Entries of the journal", entries.clone());
    }

    pub(crate) fn note_request(&self, method: &Method, status: StatusCode) {
        let method = match method.as_str() {
            known @ ("GET" | "POST" | "HEAD") => known,
            _ => "other",
        };
        let status = format!("{}xx", status.as_u16() / 100);
        self.requests.get_or_create(&OfRequest { method: method.to_owned(), status }).inc();
    }

    fn note_service(&self, view: &ServiceView) {
        let of = || OfService { service: view.name.clone() };
        let set = |family: &Family<OfService, Number>, value: f64| {
            family.get_or_create(&of()).set(value);
        };
        let flag = |on: bool| f64::from(u8::from(on));
        let services = &self.services;
        set(&services.ready, f64::from(view.ready));
        set(&services.wanted, f64::from(view.replicas));
        set(&services.canary_weight, view.weight.ratio());
        set(&services.rollout_active, flag(view.rollout.as_ref().is_some_and(|rollout| rollout.active)));
        set(&services.frozen, flag(view.freeze.is_some()));
        if let Some(budget) = &view.budget {
            set(&services.budget_left, Budget::from(budget).left_ratio);
        }
        self.note_side(view, "stable", view.stable_rates);
        self.note_side(view, "canary", view.canary_rates);
    }

    fn note_side(&self, view: &ServiceView, side: &str, rates: ArmRates) {
        let of = || OfSide { service: view.name.clone(), side: side.to_owned() };
        self.services.requests.get_or_create(&of()).set(rates.per_second);
        if let Some(ratio) = rates.error_ratio {
            self.services.errors.get_or_create(&of()).set(ratio);
        }
        if let Some(ms) = rates.p95_ms {
            self.services.latency.get_or_create(&of()).set(ms / 1_000.0);
        }
    }

    /// What is not true any more is not shown any more.
    fn clear(&self) {
        let services = &self.services;
        services.budget_left.clear();
        services.errors.clear();
        services.latency.clear();
    }
}

pub(super) async fn page(State(app): State<Shared>) -> Answer<Response> {
    count_events(&app).await?;
    app.metrics.clear();
    app.handle.views().values().for_each(|view| app.metrics.note_service(view));
    let mut text = String::new();
    encode(&mut text, &app.metrics.registry)
        .map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT)], text).into_response())
}

async fn count_events(app: &Shared) -> Answer<()> {
    loop {
        let after = *app.metrics.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let page = app.journal(move |handle| handle.entries_after(after, PAGE)).await?;
        let Some(end) = page.last().map(|entry| entry.sequence) else { break };
        let mut seen = app.metrics.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Two scrapes at once: what one has counted the other does not.
        for entry in page.iter().filter(|entry| entry.sequence > *seen) {
            app.metrics.events.get_or_create(&OfEvent { kind: kind(entry) }).inc();
        }
        *seen = end.max(*seen);
    }
    app.metrics.entries.set(*app.metrics.seen.lock().unwrap_or_else(PoisonError::into_inner) as f64);
    Ok(())
}

/// Kinds of this code: an entry that it cannot read is none of them.
fn kind(entry: &staunch_ports::Entry) -> String {
    if HouseEvent::is_kind(&entry.kind) {
        return entry.kind.clone();
    }
    let event: Option<Event> = serde_json::from_value(entry.body.clone()).ok();
    event.map_or_else(|| "other".to_owned(), |event| event.kind().to_owned())
}
