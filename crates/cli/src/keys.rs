//! Keys of a terminal in raw mode, as characters. Ctrl-C is `q`: it detaches.

use std::time::Duration;

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use tokio::sync::mpsc;

const LOOK: Duration = Duration::from_millis(50);

/// Ends by itself when nobody listens any more.
pub(crate) fn listen() -> mpsc::Receiver<char> {
    let (keys, heard) = mpsc::channel(16);
    std::thread::spawn(move || {
        while !keys.is_closed() {
            let heard = next();
            if heard.is_some_and(|key| keys.blocking_send(key).is_err()) {
                return;
            }
        }
    });
    heard
}

fn next() -> Option<char> {
    if !poll(LOOK).ok()? {
        return None;
    }
    let Event::Key(key) = read().ok()? else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let KeyCode::Char(letter) = key.code else { return None };
    let leave = key.modifiers.contains(KeyModifiers::CONTROL) && matches!(letter, 'c' | 'd');
    Some(if leave { 'q' } else { letter })
}
