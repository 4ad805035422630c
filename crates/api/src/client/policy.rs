//! Calls about freezes and approvals.

use super::calls::{ACT, part};
use super::{Client, ClientError};
use crate::v1::{Accepted, Approval, FreezeRequest, Frozen, ReasonRequest};

impl Client {
    pub async fn freeze(
        &self,
        service: &str,
        request: &FreezeRequest,
    ) -> Result<Option<Frozen>, ClientError> {
        self.post(&format!("/services/{}/freeze", part(service)), request, ACT).await
    }

    pub async fn unfreeze(&self, service: &str, request: &ReasonRequest) -> Result<Accepted, ClientError> {
        self.post(&format!("/services/{}/unfreeze", part(service)), request, ACT).await
    }

    /// Through the unix socket only.
    pub async fn approve(&self, service: &str, request: &ReasonRequest) -> Result<Approval, ClientError> {
        self.post(&format!("/services/{}/approve", part(service)), request, ACT).await
    }

    /// Through the unix socket only.
    pub async fn reject(&self, service: &str, request: &ReasonRequest) -> Result<Approval, ClientError> {
        self.post(&format!("/services/{}/reject", part(service)), request, ACT).await
    }
}
