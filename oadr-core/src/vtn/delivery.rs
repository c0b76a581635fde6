//! How one event fares with one VEN: the version it was sent, whether that comes again, its answer.
//!
//! Knows nothing of campaigns; what has to outlive a campaign is kept in outline.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::campaign::OPEN_ENDED_CANCELLATION;
use super::{DeliveryFact, DeliveryStatus, EventBody};
use crate::payload::ResponseCode;
use crate::value::{
    DateTime, Duration, EventId, MarketContext, OptType, ResponseRequired, Text, VenId,
};

/// Repeats slow down to one in this time.
const SLOWEST_REPEAT: TimeDelta = TimeDelta::minutes(5);
/// Draining a queue never meets the same delivery twice, however short the poll interval.
const FASTEST_REPEAT: TimeDelta = TimeDelta::seconds(1);
/// So often an event goes out that nobody has to answer: once, and twice more in case it was lost.
const SENDINGS_WITHOUT_ANSWER: u32 = 3;

/// An event as one VEN knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// The campaign's revision that this version came from.
    pub(super) revision: u32,
    /// The version as the VEN sees it: from 0, one more with each one sent (rules 4, 5, 10).
    pub(super) modification_number: u32,
    /// What was sent.
    pub(super) content: Content,
    /// What is needed of the event when its campaign cannot be looked up any more.
    pub(super) outline: Outline,
    /// When this version was first sent.
    pub(super) sent: DateTime,
    /// How often.
    pub(super) times_sent: u32,
    /// Whether it comes again.
    pub(super) progress: Progress,
    /// The VEN's last answer, to whichever version.
    pub(super) answer: Option<EventAnswer>,
}

/// What a version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The event takes place.
    Event,
    /// It does not, or not with this VEN (rule 10).
    Cancellation,
}

/// Whether a version comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// To a registration that is gone: to the present one it is new, but for its number.
    Unsent,
    /// Sent and not answered: with the first poll at this time or later it comes again.
    Sent {
        /// When.
        resend_at: DateTime,
    },
    /// Answered: listed as long as rule 50 says, but no reason to send anything.
    Answered,
    /// Nobody has to answer, and it was sent often enough: listed as if it were answered.
    Listed,
}

/// A VEN's answer to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAnswer {
    /// The version answered.
    pub modification_number: u32,
    /// In or out.
    pub opt: OptType,
    /// The code.
    pub response_code: ResponseCode,
    /// For people.
    pub response_description: Option<Text>,
    /// When it came.
    pub at: DateTime,
}

/// Enough of an event to order it, to end it and to cancel it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The programme.
    pub(super) market_context: MarketContext,
    /// Its priority.
    pub(super) priority: Option<u32>,
    /// Whether it is answered.
    pub(super) response_required: ResponseRequired,
    /// When it starts.
    pub(super) start: DateTime,
    /// How long it lasts.
    pub(super) duration: Duration,
    /// How far a VEN may put off its start.
    pub(super) start_after: Option<Duration>,
    /// When the VEN is through with it.
    pub(super) closes: Option<DateTime>,
}

impl Outline {
    pub(super) fn of(body: &EventBody) -> Self {
        Self {
            market_context: body.market_context().clone(),
            priority: body.priority(),
            response_required: body.response_required(),
            start: body.start(),
            duration: body.duration(),
            start_after: body.start_after(),
            closes: body.closes(),
        }
    }
}

impl Delivery {
    /// Whether it would come again with a poll now.
    pub(super) fn is_due(&self, now: DateTime) -> bool {
        match self.progress {
            Progress::Unsent => true,
            Progress::Sent { resend_at } => resend_at <= now,
            Progress::Answered | Progress::Listed => false,
        }
    }

    /// When it leaves the state; `None` as long as the event is open-ended and takes place.
    pub(super) fn closes(&self) -> Option<DateTime> {
        match (self.outline.closes, self.content) {
            (Some(closes), Content::Event | Content::Cancellation) => Some(closes),
            (None, Content::Event) => None,
            (None, Content::Cancellation) => Some(later(self.sent, OPEN_ENDED_CANCELLATION)),
        }
    }

    /// Whether it ends without an answer that was wanted.
    pub(super) fn is_given_up(&self) -> bool {
        let waits = match self.progress {
            Progress::Sent { .. } => true,
            Progress::Unsent | Progress::Answered | Progress::Listed => false,
        };
        // Pushed once more it waits again, and yet it was answered.
        let answered = self
            .answer
            .as_ref()
            .map(|answer| answer.modification_number);
        let is_answered = answered == Some(self.modification_number);
        waits && !is_answered && self.outline.response_required == ResponseRequired::Always
    }

    pub(super) fn fact(
        &self,
        event_id: &EventId,
        ven_id: &VenId,
        status: DeliveryStatus,
    ) -> DeliveryFact {
        let answer = self.answer.as_ref();
        DeliveryFact {
            event_id: event_id.clone(),
            ven_id: ven_id.clone(),
            modification_number: self.modification_number,
            status,
            times_sent: self.times_sent,
            sent: self.sent,
            opt: answer.map(|answer| answer.opt),
            response_code: answer.map(|answer| answer.response_code),
            response_description: answer.and_then(|answer| answer.response_description.clone()),
            answered: answer.map(|answer| answer.at),
        }
    }
}

/// Where a version stands after it was sent once more.
pub(super) fn after_sending(
    response_required: ResponseRequired,
    times_sent: u32,
    resend_after: TimeDelta,
    now: DateTime,
) -> Progress {
    match response_required {
        ResponseRequired::Never if times_sent >= SENDINGS_WITHOUT_ANSWER => Progress::Listed,
        ResponseRequired::Always | ResponseRequired::Never => Progress::Sent {
            resend_at: resend_at(times_sent, resend_after, now),
        },
    }
}

/// When something that was sent so often comes again: each time it takes twice as long.
pub(super) fn resend_at(times_sent: u32, resend_after: TimeDelta, now: DateTime) -> DateTime {
    let first = resend_after.max(FASTEST_REPEAT);
    let slowest = first.max(SLOWEST_REPEAT);
    // Twelve doublings of the fastest repeat are past the slowest.
    let factor = 1_i32 << times_sent.saturating_sub(1).min(12);
    let delay = first.checked_mul(factor).unwrap_or(slowest).min(slowest);
    later(now, delay)
}

/// Saturating.
pub(super) fn later(at: DateTime, span: TimeDelta) -> DateTime {
    at.checked_add_signed(span).unwrap_or(DateTime::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_slow_down_to_every_five_minutes() {
        let now = DateTime::UNIX_EPOCH;
        let delays = |resend_after: i64| -> Vec<i64> {
            (1..=8)
                .map(|n| (resend_at(n, TimeDelta::seconds(resend_after), now) - now).num_seconds())
                .collect()
        };
        assert_eq!(delays(5), [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(delays(0), [1, 2, 4, 8, 16, 32, 64, 128]);
        assert_eq!(delays(1_800), [1_800; 8]);
        assert_eq!(resend_at(u32::MAX, TimeDelta::MAX, now), DateTime::MAX_UTC);
    }
}
