//! Services as they change, and samples once a second, for a stream that has the journal too.

use std::collections::BTreeMap;
use std::time::Duration;

use staunch_control::{ServiceView, Views};
use staunch_model::{ServiceName, Timestamp};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use crate::app::Shared;
use crate::stream::{Gone, Writer};
use crate::v1;

/// A change is shown at most so long after it happened.
const SHORTEST: Duration = Duration::from_millis(100);

/// What of the services a reader wants.
pub(super) struct Wanted {
    /// Only this one.
    pub(super) service: Option<ServiceName>,
    /// At most so many points of each series, the newest.
    pub(super) points: usize,
    /// Each second of a series as it ends, too.
    pub(super) samples: bool,
}

pub(super) struct Live {
    app: Shared,
    views: Receiver<Views>,
    wanted: Wanted,
    /// The number of the frame that was sent last.
    shown: BTreeMap<ServiceName, u64>,
    /// The last second that was sent.
    sampled: BTreeMap<ServiceName, Timestamp>,
    next: Instant,
    begun: bool,
}

impl Live {
    pub(super) fn new(app: &Shared, wanted: Wanted) -> Self {
        let views = app.handle.watch();
        let (shown, sampled) = (BTreeMap::new(), BTreeMap::new());
        Self { app: app.clone(), views, wanted, shown, sampled, next: Instant::now(), begun: false }
    }

    /// Cancelling it loses nothing.
    pub(super) async fn changed(&mut self) {
        tokio::time::sleep_until(self.next).await;
        // A loop that has ended changes nothing any more; the journal's stream ends with it.
        if self.begun && self.views.changed().await.is_err() {
            std::future::pending().await
        }
    }

    pub(super) async fn send(&mut self, writer: &mut Writer) -> Result<(), Gone> {
        self.begun = true;
        self.next = Instant::now() + SHORTEST;
        let present = self.views.borrow_and_update().clone();
        for (name, view) in present.iter() {
            if self.wanted.service.as_ref().is_some_and(|service| service != name) {
                continue;
            }
            if self.wanted.samples {
                self.samples(name, view, writer).await?;
            }
            let frame = self.app.frames.of(name, view, self.wanted.points);
            if self.shown.insert(name.clone(), frame.number) != Some(frame.number) {
                writer.send(frame.text).await?;
            }
        }
        Ok(())
    }

    /// The last second of a series still grows: it is sent when the next has begun.
    async fn samples(
        &mut self,
        name: &ServiceName,
        view: &ServiceView,
        writer: &mut Writer,
    ) -> Result<(), Gone> {
        let whole = view.series.len().saturating_sub(1);
        let last = self.sampled.get(name).copied().unwrap_or_else(|| {
            // What was before is in the service's own series.
            view.series.get(whole.saturating_sub(1)).map_or(Timestamp(0), |point| point.at)
        });
        for point in view.series[..whole].iter().filter(|point| point.at > last) {
            let sample = v1::ServiceSample { service: view.name.clone(), point: point.into() };
            writer.event(None, "sample", &sample).await?;
        }
        let newest = view.series[..whole].last().map_or(last, |point| point.at.max(last));
        self.sampled.insert(name.clone(), newest);
        Ok(())
    }
}
