//! Routes and their descriptions, side by side: an address that is not described is not served.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{get, post};

use super::Operation;
use crate::app::Shared;

pub(crate) struct Table {
    router: Router<Shared>,
    operations: Vec<Operation>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), operations: vec![] }
    }

    pub(crate) fn get<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.with(path, operation.at("get", path), get(Plain::new(handler)))
    }

    pub(crate) fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.with(path, operation.at("post", path), post(Plain::new(handler)))
    }

    fn with(mut self, path: &str, operation: Operation, method: axum::routing::MethodRouter<Shared>) -> Self {
        self.operations.push(operation);
        Self { router: self.router.route(path, method), operations: self.operations }
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn into_router(self) -> Router<Shared> {
        self.router
    }
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler without its type: the way through the router is compiled once, not once per address.
#[derive(Clone)]
struct Plain(Arc<dyn Fn(Request, Shared) -> Answering + Send + Sync>);

impl Plain {
    fn new<H, T>(handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self(Arc::new(move |request, app| Box::pin(handler.clone().call(request, app))))
    }
}

impl Handler<(), Shared> for Plain {
    type Future = Answering;

    fn call(self, request: Request, app: Shared) -> Answering {
        (self.0)(request, app)
    }
}
