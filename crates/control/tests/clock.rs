//! The loop's clock against a journal that was written under another one.

use staunch_control::SteadyClock;
use staunch_model::Timestamp;
use staunch_ports::Clock as _;

#[test]
fn a_journal_from_the_future_is_continued_not_preceded() {
    let future = Timestamp(i64::MAX / 2);
    assert!(SteadyClock::starting_after(future).now() >= future);
}
