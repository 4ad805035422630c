//! Endless answers: server-sent events and line by line, at the reader's pace.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::channel::{Channel, Sender};
use serde::Serialize;
use tokio::time::Instant;

use crate::app::Shared;

/// Silence after which a comment is sent, so that both sides learn of a dead connection.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Frames that wait for a slow reader before the writer waits too.
const FRAMES: usize = 16;

/// A reader that takes nothing for this long is cut off: it resumes exactly with its last id.
const SLOWEST: Duration = Duration::from_secs(30);

/// The reader went away.
#[derive(Debug)]
pub(crate) struct Gone;

pub(crate) struct Writer {
    sender: Option<Sender<Bytes, io::Error>>,
    /// The answer has an end; one that does not reach it must not look whole.
    unfinished: bool,
    /// When something was sent last.
    last: Instant,
    /// How long a reader may take nothing.
    patience: Duration,
}

impl Writer {
    fn to(sender: Sender<Bytes, io::Error>, patience: Duration) -> Self {
        Self { sender: Some(sender), unfinished: false, last: Instant::now(), patience }
    }

    /// From here on only [`Self::finish`] makes the answer whole.
    pub(crate) fn must_finish(&mut self) {
        self.unfinished = true;
    }

    pub(crate) fn finish(mut self) {
        self.unfinished = false;
    }

    /// One server-sent event.
    pub(crate) async fn event(
        &mut self,
        id: Option<u64>,
        name: &str,
        data: &impl Serialize,
    ) -> Result<(), Gone> {
        self.send(event_text(id, name, data)).await
    }

    /// When the silence has lasted long enough for a [`Self::heartbeat`].
    pub(crate) fn quiet_until(&self) -> Instant {
        self.last + HEARTBEAT
    }

    pub(crate) async fn heartbeat(&mut self) -> Result<(), Gone> {
        self.send(":\n\n").await
    }

    pub(crate) async fn send(&mut self, text: impl Into<Bytes>) -> Result<(), Gone> {
        self.last = Instant::now();
        let sender = self.sender.as_mut().ok_or(Gone)?;
        let sending = tokio::time::timeout(self.patience, sender.send_data(text.into())).await;
        // It comes back where it was; meanwhile it holds nothing.
        sending.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// A server-sent event. `data` is JSON, which has no line breaks.
pub(crate) fn event_text(id: Option<u64>, name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n")
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take().filter(|_| self.unfinished) {
            sender.abort(io::Error::other("the answer could not be finished"));
        }
    }
}

/// Answers with what `write` sends, until it ends, the reader goes or the server stops.
pub(crate) fn respond<F>(app: &Shared, kind: &'static str, write: impl FnOnce(Writer) -> F) -> Response
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let (sender, body) = Channel::new(FRAMES);
    let writing = write(Writer::to(sender, SLOWEST));
    let mut stop = app.stop.clone();
    tokio::spawn(async move {
        // Either end is an end: a reader that went away needs no answer.
        tokio::select! {
            _ = writing => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_left_and_holds_only_what_was_in_its_hands() {
        let (sender, mut body) = Channel::<Bytes, io::Error>::new(FRAMES);
        let mut writer = Writer::to(sender, Duration::from_millis(20));
        let mut sent = 0;
        while writer.send("x").await.is_ok() {
            sent += 1;
            assert!(sent <= FRAMES, "more was taken than there is room for");
        }
        drop(writer);
        let mut read = 0;
        while body.frame().await.is_some_and(|frame| frame.is_ok()) {
            read += 1;
        }
        assert_eq!((sent, read), (FRAMES, FRAMES));
    }

    #[tokio::test]
    async fn a_slow_reader_that_takes_something_is_waited_for() {
        let (sender, mut body) = Channel::<Bytes, io::Error>::new(1);
        let mut writer = Writer::to(sender, SLOWEST);
        let writing = async move {
            for _ in 0..100 {
                writer.send("x").await.unwrap();
            }
        };
        let reading = async move {
            let mut read = 0;
            while body.frame().await.is_some() {
                read += 1;
            }
            read
        };
        assert_eq!(tokio::join!(writing, reading).1, 100);
    }
}
