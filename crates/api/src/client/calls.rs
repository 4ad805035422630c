//! Every address of the API as a method.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use staunch_rollout::Command;

use super::access::Secret;
use super::streams::{EventStream, ExportStream, ServiceStream, decode};
use super::wire::{Asking, ask, body};
use super::{ClientError, Target};
use crate::v1::{
    Accepted, CommandRequest, Commanded, DeployRequest, Deployed, Entries, Logs, Meta, Plan, Release,
    ReleaseAccepted, ReleaseRequest, Report, RollbackRequest, RolloutDetail, RolloutList, Service,
    ServiceBudget, ServiceConfig, ServiceList, UpgradeRequest, Verified, command_key,
};

/// A look at what is known.
const LOOK: Duration = Duration::from_secs(30);
/// A command may copy files and wait for a rollout to go back.
pub(super) const ACT: Duration = Duration::from_secs(150);
/// Walking a long journal, replacing a binary.
const LONG: Duration = Duration::from_secs(600);

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    Text,
    Markdown,
    Json,
}

/// Talks to one server. Cheap to clone; every call is a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    target: Target,
    actor: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) authorities: Option<PathBuf>,
}

impl Client {
    /// Connects to nothing yet: the first call says whether somebody is there.
    pub fn connect(target: Target) -> Self {
        Self { target, actor: None, token: None, authorities: None }
    }

    /// Commands are recorded under this name instead of the login name. Only a unix socket's server believes it.
    #[must_use]
    pub fn acting_as(mut self, name: &str) -> Self {
        self.actor = Some(name.to_owned());
        self
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub async fn meta(&self) -> Result<Meta, ClientError> {
        self.get("/meta").await
    }

    /// `Ok` when the loop turns and can record what it decides.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.text(&self.look("/api/v1/readyz", "text/plain")).await.map(drop)
    }

    pub async fn services(&self) -> Result<Vec<Service>, ClientError> {
        Ok(self.get::<ServiceList>("/services").await?.services)
    }

    pub async fn service(&self, name: &str) -> Result<Service, ClientError> {
        self.get(&format!("/services/{}", part(name))).await
    }

    /// The last `lines` of each instance; of one revision by label, `canary`, `stable` or digest.
    pub async fn logs(
        &self,
        service: &str,
        revision: Option<&str>,
        lines: usize,
    ) -> Result<Logs, ClientError> {
        let of = revision.map(|revision| format!("&revision={}", part(revision))).unwrap_or_default();
        self.get(&format!("/services/{}/logs?lines={lines}{of}", part(service))).await
    }

    pub async fn instance_logs(
        &self,
        service: &str,
        instance: &str,
        lines: usize,
    ) -> Result<Logs, ClientError> {
        let (service, instance) = (part(service), part(instance));
        self.get(&format!("/services/{service}/instances/{instance}/logs?lines={lines}")).await
    }

    /// Newest first.
    pub async fn rollouts(&self, service: Option<&str>, limit: usize) -> Result<RolloutList, ClientError> {
        let of = service.map(|service| format!("&service={}", part(service))).unwrap_or_default();
        self.get(&format!("/rollouts?limit={limit}{of}")).await
    }

    pub async fn rollout(&self, id: u64) -> Result<RolloutDetail, ClientError> {
        self.get(&format!("/rollouts/{id}")).await
    }

    /// Answers as soon as the rollout has an event with a sequence above `after`, at the latest after `wait`
    /// (at most 120 s). The answer's `sequence` is the `after` of the next call.
    pub async fn wait_for_rollout(
        &self,
        id: u64,
        after: u64,
        wait: Duration,
    ) -> Result<RolloutDetail, ClientError> {
        let path = format!("/api/v1/rollouts/{id}?wait={}ms&after={after}", wait.as_millis());
        let asking = Asking { patience: wait + LOOK, ..self.look(&path, JSON) };
        decode(&self.text(&asking).await?)
    }

    pub async fn report(&self, id: u64) -> Result<Report, ClientError> {
        self.get(&format!("/rollouts/{id}/report?format=json")).await
    }

    /// The report as the one renderer gives it.
    pub async fn report_as(&self, id: u64, format: ReportFormat) -> Result<String, ClientError> {
        let format = match format {
            ReportFormat::Text => "text",
            ReportFormat::Markdown => "md",
            ReportFormat::Json => "json",
        };
        let path = format!("/api/v1/rollouts/{id}/report?format={format}");
        self.text(&self.look(&path, "*/*")).await
    }

    /// How the service stands with its error budget, and what its rollouts took.
    pub async fn budget(&self, service: &str) -> Result<ServiceBudget, ClientError> {
        self.get(&format!("/services/{}/budget", part(service))).await
    }

    /// What is in force, and where each value came from.
    pub async fn config(&self, service: &str) -> Result<ServiceConfig, ClientError> {
        self.get(&format!("/services/{}/config", part(service))).await
    }

    /// What a deploy would do now.
    pub async fn plan(&self, service: &str) -> Result<Plan, ClientError> {
        self.post(&format!("/services/{}/plan", part(service)), &(), ACT).await
    }

    /// Reads the server's configuration file anew and starts a rollout to its content.
    pub async fn deploy(&self, service: &str, request: &DeployRequest) -> Result<Deployed, ClientError> {
        self.post(&format!("/services/{}/rollouts", part(service)), request, ACT).await
    }

    pub async fn command(
        &self,
        id: u64,
        command: Command,
        asked: &CommandRequest,
    ) -> Result<Commanded, ClientError> {
        let key = command_key(command.name());
        self.post(&format!("/rollouts/{id}/{key}"), asked, ACT).await
    }

    /// To the rollout that the service has now.
    pub async fn command_service(
        &self,
        service: &str,
        command: Command,
        asked: &CommandRequest,
    ) -> Result<Commanded, ClientError> {
        let key = command_key(command.name());
        self.post(&format!("/services/{}/{key}", part(service)), asked, ACT).await
    }

    pub async fn rollback(&self, service: &str, request: &RollbackRequest) -> Result<Deployed, ClientError> {
        self.post(&format!("/services/{}/rollback", part(service)), request, ACT).await
    }

    /// Starts the release that the server's configuration describes under this name.
    pub async fn start_release(
        &self,
        name: &str,
        asked: &ReleaseRequest,
    ) -> Result<ReleaseAccepted, ClientError> {
        self.post(&format!("/releases/{}", part(name)), asked, LONG).await
    }

    pub async fn release(&self, id: u64) -> Result<Release, ClientError> {
        self.get(&format!("/releases/{id}")).await
    }

    pub async fn abort_release(
        &self,
        id: u64,
        asked: &ReleaseRequest,
    ) -> Result<ReleaseAccepted, ClientError> {
        self.post(&format!("/releases/{id}/abort"), asked, ACT).await
    }

    /// A page of the journal: entries with a sequence above `after`, at most 500.
    pub async fn entries(&self, after: u64, limit: usize) -> Result<Entries, ClientError> {
        self.get(&format!("/events.json?after={after}&limit={limit}")).await
    }

    /// The journal as it grows, from behind `after`; without it from now on.
    pub async fn events(
        &self,
        after: Option<u64>,
        service: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        let of = service.map(|service| format!("?service={}", part(service))).unwrap_or_default();
        let path = format!("/api/v1/events{of}");
        let asking = Asking { last_event_id: after, ..self.look(&path, "text/event-stream") };
        let response = ask(&self.target, &asking).await?;
        Ok(EventStream::new(response.into_body(), after))
    }

    pub async fn watch(&self, service: Option<&str>) -> Result<ServiceStream, ClientError> {
        let of = service.map(|service| format!("?service={}", part(service))).unwrap_or_default();
        let path = format!("/api/v1/watch{of}");
        let response = ask(&self.target, &self.look(&path, "text/event-stream")).await?;
        Ok(ServiceStream::new(response.into_body()))
    }

    pub async fn audit_verify(&self) -> Result<Verified, ClientError> {
        let asking = Asking { patience: LONG, ..self.look("/api/v1/audit/verify", JSON) };
        decode(&self.text(&asking).await?)
    }

    pub async fn audit_export(&self) -> Result<ExportStream, ClientError> {
        let response = ask(&self.target, &self.look("/api/v1/audit/export", "application/x-ndjson")).await?;
        Ok(ExportStream::new(response.into_body()))
    }

    /// Through the unix socket only.
    pub async fn shutdown(&self) -> Result<Accepted, ClientError> {
        self.post("/shutdown", &(), ACT).await
    }

    /// Through the unix socket only.
    pub async fn upgrade(&self, request: &UpgradeRequest) -> Result<Accepted, ClientError> {
        self.post("/upgrade", request, LONG).await
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let path = format!("/api/v1{path}");
        decode(&self.text(&self.look(&path, JSON)).await?)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        asked: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let path = format!("/api/v1{path}");
        let body = serde_json::to_vec(asked).map_err(|error| ClientError::Protocol(error.to_string()))?;
        let asking =
            Asking { method: Method::POST, body: Bytes::from(body), patience, ..self.look(&path, JSON) };
        decode(&self.text(&asking).await?)
    }

    fn look<'a>(&'a self, path: &'a str, accept: &'a str) -> Asking<'a> {
        Asking {
            method: Method::GET,
            path,
            actor: self.actor.as_deref(),
            token: self.token.as_ref().map(|secret| secret.0.as_str()),
            authorities: self.authorities.as_deref(),
            accept,
            last_event_id: None,
            body: Bytes::new(),
            patience: LOOK,
        }
    }

    async fn text(&self, asking: &Asking<'_>) -> Result<String, ClientError> {
        let bytes = body(ask(&self.target, asking).await?).await?;
        String::from_utf8(bytes.to_vec()).map_err(|error| ClientError::Protocol(error.to_string()))
    }
}

const JSON: &str = "application/json";

/// A value as one part of an address.
pub(super) fn part(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_name_cannot_become_another_address() {
        assert_eq!(part("a/../b?c=1&d"), "a%2F..%2Fb%3Fc%3D1%26d");
        assert_eq!(part("sha256:ab ä"), "sha256%3Aab%20%C3%A4");
    }
}
