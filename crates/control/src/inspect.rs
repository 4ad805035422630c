//! Where check results come from, and what a version that they speak against is told.

use std::sync::Arc;

use staunch_model::{CheckResult, ServiceSpec};

use crate::handle::{Handle, Refused};

/// Reads the reports that the file names, as they are now. It may take seconds.
pub type Inspector = Arc<dyn Fn(&ServiceSpec) -> Vec<CheckResult> + Send + Sync>;

/// Of services whose files name no report.
pub fn no_checks() -> Inspector {
    Arc::new(|_| vec![])
}

impl Handle {
    pub(crate) async fn inspect(&self, spec: &ServiceSpec) -> Result<Vec<CheckResult>, Refused> {
        let (inspector, spec) = (self.checks.clone(), spec.clone());
        let read = tokio::task::spawn_blocking(move || inspector(&spec)).await;
        read.map_err(|error| Refused::Platform(error.to_string()))
    }
}
