//! When a freeze ends by itself: old failures leave the window at known times.

use staunch_model::{SloSpec, Timestamp};

use super::ledger::Ledger;
use super::standing::level;
use super::tap::Served;

/// The first moment at which the budget is back at the level of reopening, if nothing more fails and not even a
/// request comes. With good requests it is never later, since they only make the budget larger.
pub(crate) fn thaw_at(ledger: &Ledger, slo: &SloSpec, now: Timestamp) -> Timestamp {
    let cut = ledger.cut();
    let mut rest = ledger.sum(cut.window, now);
    let mut buckets = ledger.within(cut.window, now).iter().peekable();
    while let Some(bucket) = buckets.next() {
        rest = without(rest, bucket.served);
        let leaves = cut.leaves(bucket.start);
        // What leaves together is looked at together.
        let last = buckets.peek().is_none_or(|next| cut.leaves(next.start) > leaves);
        if last && !level(slo, &rest, true).is_frozen() {
            return leaves.max(now);
        }
    }
    now
}

fn without(all: Served, part: Served) -> Served {
    Served {
        total: all.total.saturating_sub(part.total),
        failed: all.failed.saturating_sub(part.failed),
        timed: all.timed.saturating_sub(part.timed),
        slow: all.slow.saturating_sub(part.slow),
    }
}
