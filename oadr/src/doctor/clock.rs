//! Whether the clocks of both sides agree.
//!
//! Knows nothing of which of them is right.

use super::exchange::Reply;
use super::finding::Finding;
use super::paper::span;
use chrono::TimeDelta;

/// What OpenLEADR allows: a message signed longer ago is refused.
const STRICT: TimeDelta = TimeDelta::seconds(5);

/// Compares the reply's Date with the middle between sending and receiving. A Date has whole seconds.
pub(super) fn examine(reply: &Reply, window: TimeDelta) -> Option<Finding> {
    let date = chrono::DateTime::parse_from_rfc2822(reply.header("date")?)
        .ok()?
        .to_utc();
    let half = (reply.received - reply.sent) / 2;
    // The second that Date names may have just begun, or be over nearly.
    let middle = date + TimeDelta::milliseconds(500);
    let apart = middle - (reply.sent + half);
    let unsure = half + TimeDelta::milliseconds(500);
    Some(judge(apart, unsure, window))
}

fn judge(apart: TimeDelta, unsure: TimeDelta, window: TimeDelta) -> Finding {
    let least = apart.abs() - unsure;
    let side = if apart > TimeDelta::zero() {
        "ahead of"
    } else {
        "behind"
    };
    let what = format!("the VTN's clock is {} {side} ours", span(apart));
    if least > window {
        return Finding::problem(
            "clock_skew",
            format!(
                "{what}; signatures are refused from {} on, and events start at the wrong time",
                span(window)
            ),
            "Set both clocks by NTP (timedatectl says whether this one is).",
        );
    }
    if least > STRICT {
        return Finding::hint(
            "clock_skew",
            format!("{what}; that is within our window of {}", span(window)),
            "Some peers allow 5 s only (OpenLEADR): set both clocks by NTP.",
        );
    }
    Finding::ok(
        "clock",
        format!(
            "the clocks agree within {} s",
            least.num_seconds().max(0) + 1
        ),
    )
}
