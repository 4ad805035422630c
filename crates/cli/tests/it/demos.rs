//! The demo is the first thing anybody sees: it tells its story anywhere and leaves nothing.

use crate::rig::said::{Running, command};
use crate::rig::{processes, until};

#[test]
fn two_demos_at_once_tell_their_story_and_leave_nothing() {
    let place = tempfile::tempdir().unwrap();
    let begin = || {
        let mut demo = command(place.path(), &["demo", "--once"]);
        demo.env("TMPDIR", place.path());
        Running::start(demo)
    };
    let demos = [begin(), begin()];
    for demo in demos {
        let said = demo.wait().exits(0);
        said.says("rolled back").says("POST /checkout").says("shop is healthy on v2");
    }
    until("the end of every process", || processes::of(place.path()).is_empty().then_some(()));
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
