//! Services as events of a stream: compared and written once, for all who read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use staunch_control::ServiceView;
use staunch_model::ServiceName;

use crate::stream::event_text;
use crate::v1::Service;

/// Lengths of series that are kept of a service at once. The page and the command line ask for one each; whoever
/// makes others up makes only the server work as if nothing were kept.
const LENGTHS: usize = 4;

/// What readers are shown of a service.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Another number is another content: whoever has shown this one needs it no more.
    pub(crate) number: u64,
    /// A whole event.
    pub(crate) text: Bytes,
}

#[derive(Default)]
pub(crate) struct Frames(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    /// Of each service, that which was asked for first goes first.
    services: BTreeMap<ServiceName, Vec<Written>>,
}

struct Written {
    points: usize,
    view: Arc<ServiceView>,
    frame: Frame,
}

impl Frames {
    /// The event for this view with the newest `points` of its series, or for a later view that somebody has seen
    /// already: the latest wins.
    pub(crate) fn of(&self, name: &ServiceName, view: &Arc<ServiceView>, points: usize) -> Frame {
        // Whoever panicked here has left what was kept before.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { last, services } = &mut *kept;
        let written = services.entry(name.clone()).or_default();
        let Some(found) = written.iter_mut().find(|one| one.points == points) else {
            *last += 1;
            let frame = Frame { number: *last, text: text(view, points) };
            if written.len() == LENGTHS {
                written.remove(0);
            }
            written.push(Written { points, view: view.clone(), frame: frame.clone() });
            return frame;
        };
        if !Arc::ptr_eq(&found.view, view) && view.at >= found.view.at {
            if is_news(&found.view, view) {
                *last += 1;
                found.frame = Frame { number: *last, text: text(view, points) };
            }
            found.view = view.clone();
        }
        found.frame.clone()
    }
}

fn text(view: &ServiceView, points: usize) -> Bytes {
    let mut service = Service::from(view);
    service.series.drain(..service.series.len().saturating_sub(points));
    event_text(None, "service", &service).into()
}

/// The time of the look alone is no change.
fn is_news(shown: &ServiceView, view: &ServiceView) -> bool {
    *shown != ServiceView { at: shown.at, ..view.clone() }
}

#[cfg(test)]
mod tests {
    use staunch_model::Timestamp;

    use super::*;

    /// The parts that have no default are those that a view of nothing has.
    fn view(at: i64, ready: u32) -> Arc<ServiceView> {
        let view = serde_json::json!({
            "name": "shop", "listen": "", "at": at, "stable": null, "stable_digest": null, "previous": [],
            "replicas": 2, "ready": ready, "health": "healthy", "weight": 0, "generation": 0, "lapsed": false,
            "instances": [], "stable_rates": rates(), "canary_rates": rates(), "series": [], "rollout": null,
            "trouble": null
        });
        Arc::new(serde_json::from_value(view).unwrap())
    }

    fn rates() -> serde_json::Value {
        serde_json::json!({ "per_second": 0.0, "error_ratio": null, "p95_ms": null })
    }

    fn shop() -> ServiceName {
        ServiceName::try_from("shop".to_owned()).unwrap()
    }

    #[test]
    fn all_readers_get_the_same_bytes_and_a_later_look_alone_is_no_news() {
        let frames = Frames::default();
        let first = frames.of(&shop(), &view(1, 2), 3);
        let later = frames.of(&shop(), &view(2, 2), 3);
        assert_eq!(first.number, later.number);
        assert_eq!(first.text.as_ptr(), later.text.as_ptr());
        let changed = frames.of(&shop(), &view(3, 1), 3);
        assert_ne!(changed.number, later.number);
        assert!(String::from_utf8_lossy(&changed.text).contains("\"ready\":1"));
    }

    #[test]
    fn a_reader_that_is_late_gets_the_latest_and_spoils_it_for_nobody() {
        let frames = Frames::default();
        let old = view(1, 2);
        frames.of(&shop(), &old, 3);
        let new = frames.of(&shop(), &view(2, 1), 3);
        assert_eq!(frames.of(&shop(), &old, 3).number, new.number);
        // Two turns of one millisecond: what is asked for is what is given.
        let same = frames.of(&shop(), &view(2, 0), 3);
        assert!(String::from_utf8_lossy(&same.text).contains("\"ready\":0"));
    }

    #[test]
    fn made_up_lengths_fill_no_memory() {
        let frames = Frames::default();
        (0..1_000).for_each(|points| drop(frames.of(&shop(), &view(1, 2), points)));
        assert_eq!(frames.0.lock().unwrap().services[&shop()].len(), LENGTHS);
        assert_eq!(view(7, 2).at, Timestamp(7));
    }
}
