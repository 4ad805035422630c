//! Routes and their descriptions, side by side: an address that is not described is not served.

use axum::Router;
use axum::handler::Handler;
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
        self.with(path, operation.at("get", path), get(handler))
    }

    pub(crate) fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.with(path, operation.at("post", path), post(handler))
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
