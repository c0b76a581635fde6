//! Which events a VEN is to know, in which version and order, and when there is reason to say so.
//!
//! Knows nothing of the VEN's answers beyond that there is one.

use super::decide::{Case, Sender, reply};
use super::delivery::{Content, Delivery, Outline, Progress, after_sending};
use super::state::State;
use super::{Campaign, CampaignState, Change, Context, DeliveryStatus, Fact, Vtn, event_message};
use crate::machine::Decision;
use crate::payload::{DistributeEvent, EiResponse, Event, RequestEvent};
use crate::value::{DateTime, EventId, EventStatus, RequestId, ResponseRequired, VenId};

/// Whether something is new, changed or due again (rule 502). Allocates nothing: mostly nothing is.
pub(super) fn is_due(case: &Case<'_>, sender: Sender<'_>) -> bool {
    !sender.registration.report_only
        && entries(case.state(), case.context, case.env.now).any(|entry| entry.wants_sending)
}

/// All events, in answer to a poll.
pub(super) fn poll(case: &Case<'_>, sender: Sender<'_>) -> Decision<Vtn> {
    distribute(case, sender, RequestId::default(), None)
}

/// `oadrRequestEvent`: all events, or as many as the VEN wants (rule 27).
pub(super) fn request(
    case: &Case<'_>,
    sender: Sender<'_>,
    request: &RequestEvent,
) -> Decision<Vtn> {
    let request = &request.request;
    distribute(
        case,
        sender,
        request.request_id.clone(),
        request.reply_limit,
    )
}

fn distribute(
    case: &Case<'_>,
    sender: Sender<'_>,
    request_id: RequestId,
    limit: Option<u32>,
) -> Decision<Vtn> {
    let now = case.env.now;
    let listed = list(case, sender, limit);
    let message = DistributeEvent {
        // Rule 40.
        ei_response: Some(EiResponse::ok(request_id)),
        // Rule 41.
        request_id: case.request_id(),
        vtn_id: case.context.vtn_id.clone(),
        events: listed
            .iter()
            .map(|entry| entry.message(sender.ven_id, now))
            .collect(),
    };
    let changes: Vec<_> = listed
        .iter()
        .filter_map(|entry| entry.change(case).map(|change| (entry.event_id, change)))
        .collect();
    let mut obsolete = obsolete(case).peekable();
    if changes.is_empty() && obsolete.peek().is_none() {
        return case.unchanged(message);
    }
    let mut draft = case.draft();
    for event_id in obsolete {
        draft.change(Change::EventEnded {
            event_id: event_id.clone(),
        });
    }
    for (event_id, change) in changes {
        draft.change(change);
        if let Some(delivery) = draft.state.events.get(event_id) {
            let fact = delivery.fact(event_id, sender.ven_id, DeliveryStatus::Sent);
            draft.fact(Fact::Delivery(fact));
        }
    }
    draft.decide(reply(message))
}

/// Open-ended events of which nothing but a number was kept for a new registration, and whose campaign is
/// over: no end of theirs would ever come. The others keep it until they end, for the VEN may belong to
/// their audience again once it has made its resources known.
fn obsolete<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a EventId> {
    let campaigns = &case.context.campaigns;
    case.state()
        .events
        .iter()
        .filter(|(_, delivery)| delivery.progress == Progress::Unsent)
        .filter(|(_, delivery)| delivery.closes().is_none())
        .filter(|(id, _)| !campaigns.iter().any(|c| c.event_id == **id))
        .map(|(id, _)| id)
}

fn list<'a>(case: &Case<'a>, sender: Sender<'_>, limit: Option<u32>) -> Vec<Entry<'a>> {
    // A VEN without events has none, whatever the campaigns say.
    if sender.registration.report_only {
        return Vec::new();
    }
    let mut listed: Vec<_> = entries(case.state(), case.context, case.env.now).collect();
    listed.sort_by_cached_key(|entry| entry.place(case.env.now));
    if let Some(limit) = limit {
        listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    listed
}

/// An event that belongs into a distribution.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    event_id: &'a EventId,
    source: Source<'a>,
    pub(super) known: Option<&'a Delivery>,
    content: Content,
    /// Whether the VEN does not have this version yet.
    pub(super) is_new: bool,
    /// Whether it alone is reason to send all of them.
    wants_sending: bool,
}

/// Where an event is described.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Campaign(&'a Campaign),
    /// The VEN left the campaign's audience: all that is left is what was kept of it.
    Outline(&'a Delivery),
}

/// What rule 50 wants listed: all events to come or running, completed ones as long as rule 66 says,
/// cancelled ones until the VEN knows.
pub(super) fn entries<'a>(
    state: &'a State,
    context: &'a Context,
    now: DateTime,
) -> impl Iterator<Item = Entry<'a>> {
    let open = context
        .campaigns
        .iter()
        .filter_map(move |campaign| of_campaign(state, campaign, now));
    // Mostly every known event still has its campaign: that is told without looking for each.
    let found = context
        .campaigns
        .iter()
        .filter(|campaign| state.events.contains_key(&campaign.event_id))
        .count();
    let left = (found < state.events.len()).then(|| {
        state
            .events
            .iter()
            .filter(|(id, _)| !context.campaigns.iter().any(|c| c.event_id == **id))
            .filter_map(move |(id, delivery)| of_outline(id, delivery, now))
    });
    open.chain(left.into_iter().flatten())
}

fn of_campaign<'a>(state: &'a State, campaign: &'a Campaign, now: DateTime) -> Option<Entry<'a>> {
    if campaign.closes().is_some_and(|closes| closes <= now) {
        return None;
    }
    let known = state.delivery(&campaign.event_id);
    let entry = |content, is_new| Entry {
        event_id: &campaign.event_id,
        source: Source::Campaign(campaign),
        known,
        content,
        is_new,
        wants_sending: is_new || known.is_some_and(|delivery| delivery.is_due(now)),
    };
    let is_over = campaign.body.end().is_some_and(|end| end <= now);
    match (campaign.state, known) {
        (CampaignState::Open, None) => (!is_over).then(|| entry(Content::Event, true)),
        (CampaignState::Open, Some(delivery)) => {
            let has_it = match (delivery.content, delivery.progress) {
                (Content::Cancellation, _) | (Content::Event, Progress::Unsent) => false,
                (Content::Event, Progress::Sent { .. } | Progress::Answered | Progress::Listed) => {
                    true
                }
            };
            // One that is over is no news to a VEN that does not have it.
            let is_new = !has_it || delivery.revision != campaign.revision;
            (has_it || !is_over).then(|| entry(Content::Event, is_new))
        }
        // What it never heard of need not be cancelled.
        (CampaignState::Cancelled { .. }, None) => None,
        (CampaignState::Cancelled { .. }, Some(delivery)) => {
            of_cancelled(delivery).map(|is_new| entry(Content::Cancellation, is_new))
        }
    }
}

fn of_outline<'a>(
    event_id: &'a EventId,
    delivery: &'a Delivery,
    now: DateTime,
) -> Option<Entry<'a>> {
    if delivery.closes().is_some_and(|closes| closes <= now) {
        return None;
    }
    of_cancelled(delivery).map(|is_new| Entry {
        event_id,
        source: Source::Outline(delivery),
        known: Some(delivery),
        content: Content::Cancellation,
        is_new,
        wants_sending: is_new || delivery.is_due(now),
    })
}

/// Whether a cancellation is listed, and if so whether it is a new version (rules 10, 50, 52).
fn of_cancelled(delivery: &Delivery) -> Option<bool> {
    match (delivery.content, delivery.progress) {
        (_, Progress::Unsent) => None,
        (Content::Event, Progress::Sent { .. } | Progress::Answered | Progress::Listed) => {
            Some(true)
        }
        (Content::Cancellation, Progress::Sent { .. }) => Some(false),
        (Content::Cancellation, Progress::Answered | Progress::Listed) => None,
    }
}

impl Entry<'_> {
    /// When this version was made; unknown of a cancellation that came of leaving the audience.
    pub(super) fn since(&self) -> Option<DateTime> {
        match self.source {
            Source::Campaign(campaign) => Some(campaign.modified),
            Source::Outline(_) => None,
        }
    }

    /// Rules 4, 5 and 10: from 0, one more with each version sent.
    fn modification_number(&self) -> u32 {
        let Some(known) = self.known else {
            return 0;
        };
        // After a new registration the same version goes out under the number that it had.
        let revision = match self.source {
            Source::Campaign(campaign) => campaign.revision,
            Source::Outline(delivery) => delivery.revision,
        };
        let same_version = known.revision == revision && known.content == self.content;
        if same_version || !self.is_new {
            known.modification_number
        } else {
            known.modification_number.saturating_add(1)
        }
    }

    fn response_required(&self) -> ResponseRequired {
        match self.source {
            Source::Campaign(campaign) => campaign.body.response_required(),
            Source::Outline(delivery) => delivery.outline.response_required,
        }
    }

    fn message(&self, ven_id: &VenId, now: DateTime) -> Event {
        let number = self.modification_number();
        match self.source {
            Source::Campaign(campaign) => event_message::of(campaign, number, ven_id, now),
            Source::Outline(delivery) => {
                let since = if self.is_new { now } else { delivery.sent };
                let outline = &delivery.outline;
                event_message::cancelled(self.event_id, outline, number, ven_id, since, now)
            }
        }
    }

    /// What sending it changes, if anything.
    fn change(&self, case: &Case<'_>) -> Option<Change> {
        let now = case.env.now;
        let resend_after = case.context.resend_after;
        let progress = |times| after_sending(self.response_required(), times, resend_after, now);
        let event_id = self.event_id.clone();
        if self.is_new {
            return Some(Change::EventSent {
                event_id,
                revision: match self.source {
                    Source::Campaign(campaign) => campaign.revision,
                    Source::Outline(delivery) => delivery.revision,
                },
                modification_number: self.modification_number(),
                content: self.content,
                outline: match self.source {
                    Source::Campaign(campaign) => Outline::of(&campaign.body),
                    Source::Outline(delivery) => delivery.outline.clone(),
                },
                at: now,
                progress: progress(1),
            });
        }
        let known = self.known?;
        match known.progress {
            Progress::Sent { .. } => Some(Change::EventRepeated {
                event_id,
                progress: progress(known.times_sent.saturating_add(1)),
            }),
            Progress::Unsent | Progress::Answered | Progress::Listed => None,
        }
    }

    /// Rule 15: running events first, by priority, then by start; then those to come, by start. One
    /// that is cancelled keeps the place that it had.
    fn place(&self, now: DateTime) -> (u8, u32, DateTime, u32, EventId) {
        let (status, start, priority) = match self.source {
            Source::Campaign(campaign) => {
                let at = match campaign.state {
                    CampaignState::Open => now,
                    CampaignState::Cancelled { at } => at,
                };
                let body = &campaign.body;
                (body.status(at), body.start(), body.priority())
            }
            Source::Outline(delivery) => {
                let at = if self.is_new { now } else { delivery.sent };
                let outline = &delivery.outline;
                let status = if outline.start <= at {
                    EventStatus::Active
                } else {
                    EventStatus::Far
                };
                (status, outline.start, outline.priority)
            }
        };
        // Rule 3: no priority and 0 are the same, and least.
        let priority = priority.filter(|p| *p > 0).unwrap_or(u32::MAX);
        let id = self.event_id.clone();
        match status {
            EventStatus::Active => (0, priority, start, priority, id),
            EventStatus::Far | EventStatus::Near => (1, 0, start, priority, id),
            EventStatus::Completed | EventStatus::Cancelled | EventStatus::None => {
                (2, 0, start, priority, id)
            }
        }
    }
}
