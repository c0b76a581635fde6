//! How campaigns are made, modified and cancelled.

use super::*;

fn env(now: DateTime) -> Env {
    Env {
        now,
        entropy: [5; 32],
    }
}

fn campaign(draft: EventDraft) -> Campaign {
    let body = EventBody::new(draft).unwrap();
    Campaign::create(None, Audience::by_target(), body, env(midnight())).unwrap()
}

fn modified(
    campaign: &Campaign,
    minutes: i64,
    change: impl FnOnce(&mut EventDraft),
) -> Result<Campaign, CampaignError> {
    let mut draft = campaign.body.to_draft();
    change(&mut draft);
    campaign.modify(
        EventBody::new(draft).unwrap(),
        midnight() + TimeDelta::minutes(minutes),
    )
}

fn past(field: Field) -> Result<Campaign, CampaignError> {
    Err(CampaignError::Event(EventError {
        field,
        kind: EventErrorKind::Past,
    }))
}

#[test]
fn an_id_is_drawn_if_none_is_given() {
    let drawn = campaign(draft());
    assert!(drawn.event_id.as_str().starts_with("event-"));
    let body = EventBody::new(draft()).unwrap();
    let empty = Campaign::create(
        Some(EventId::default()),
        Audience::by_target(),
        body,
        env(midnight()),
    );
    assert_eq!(empty, Err(CampaignError::EmptyEventId));
}

#[test]
fn rule_33_an_event_that_is_over_cannot_be_made() {
    let body = || EventBody::new(draft()).unwrap();
    let make = |minutes| {
        let now = midnight() + TimeDelta::minutes(minutes);
        Campaign::create(None, Audience::by_target(), body(), env(now)).map(|_| ())
    };
    assert_eq!(make(179), Ok(()));
    assert_eq!(make(180), Err(CampaignError::Ended));
}

#[test]
fn rule_5_a_modification_is_a_new_revision_and_the_same_event_is_none() {
    let first = campaign(draft());
    assert_eq!(modified(&first, 5, |_| {}), Ok(first.clone()));
    let second = modified(&first, 5, |draft| draft.priority = Some(1)).unwrap();
    assert_eq!((second.revision, second.body.priority()), (1, Some(1)));
    assert_eq!(second.modified, midnight() + TimeDelta::minutes(5));
    assert_eq!(
        (second.event_id, second.created),
        (first.event_id, first.created)
    );
}

#[test]
fn rule_20_what_is_to_come_may_change_and_the_past_may_not() {
    let pending = campaign(draft());
    let earlier = midnight() + TimeDelta::minutes(30);
    assert!(modified(&pending, 30, |draft| draft.start = earlier).is_ok());
    assert_eq!(
        modified(&pending, 31, |draft| draft.start = earlier),
        past(Field::Start)
    );

    // Ninety minutes in the first interval is over and the second runs since half an hour.
    let at = 150;
    let signals = |values: &[(i64, f64)]| {
        let values: Vec<_> = values
            .iter()
            .map(|(minutes, value)| (Duration::minutes(u32::try_from(*minutes).unwrap()), *value))
            .collect();
        let mut signal = simple(&values);
        signal.signal_id = SignalId::new("signal-0").unwrap();
        vec![signal]
    };
    let becomes = |values: &[(i64, f64)]| {
        modified(&pending, at, |draft| {
            draft.duration = None;
            draft.signals = signals(values);
        })
    };
    let values = past(Field::Signal(0, SignalField::Intervals));
    // Longer, shorter, cut up, going on otherwise.
    assert!(becomes(&[(60, 1.0), (120, 2.0)]).is_ok());
    assert!(becomes(&[(60, 1.0), (31, 2.0)]).is_ok());
    assert!(becomes(&[(30, 1.0), (30, 1.0), (60, 2.0)]).is_ok());
    assert!(becomes(&[(60, 1.0), (30, 2.0), (30, 3.0)]).is_ok());
    // Another value than the one it had, for however short a time, or an end in the past.
    assert_eq!(becomes(&[(60, 2.0), (60, 2.0)]), values);
    assert_eq!(becomes(&[(60, 1.0), (60, 3.0)]), values);
    assert_eq!(becomes(&[(61, 1.0), (60, 2.0)]), values);
    assert_eq!(becomes(&[(60, 1.0), (29, 2.0), (30, 3.0)]), values);
    assert_eq!(becomes(&[(60, 1.0), (30, 2.0)]), past(Field::Duration));
    // Nor another signal or another start.
    assert_eq!(
        modified(&pending, at, |draft| draft.start = midnight()),
        past(Field::Start)
    );
    let other = modified(&pending, at, |draft| {
        draft.signals[0].signal_id = SignalId::new("other").unwrap();
    });
    assert_eq!(other, past(Field::Signal(0, SignalField::Id)));
    let more = modified(&pending, at, |draft| {
        let mut second = draft.signals[0].clone();
        second.signal_id = SignalId::default();
        draft.signals.push(second);
    });
    assert_eq!(more, past(Field::Signals));
    let after = modified(&pending, at, |draft| {
        draft.start_after = Some(Duration::minutes(1))
    });
    assert_eq!(after, past(Field::StartAfter));
    // What never was in the past can change at any time.
    assert!(
        modified(&pending, at, |draft| draft.vtn_comment =
            Text::new("hot").ok())
        .is_ok()
    );
}

#[test]
fn an_open_ended_event_can_be_given_an_end() {
    let open = campaign(EventDraft {
        signals: vec![simple(&[(Duration::ZERO, 2.0)])],
        ..draft()
    });
    assert_eq!(open.closes(), None);
    let ended = modified(&open, 90, |draft| {
        draft.duration = None;
        draft.signals[0].intervals = NonEmpty::one(interval(Duration::hours(1), 2.0));
    });
    assert_eq!(
        ended.unwrap().closes(),
        Some(midnight() + TimeDelta::hours(2))
    );
}

#[test]
fn an_event_that_is_over_or_cancelled_stays_as_it_is() {
    let event = campaign(draft());
    let at = |minutes| midnight() + TimeDelta::minutes(minutes);
    assert_eq!(
        modified(&event, 180, |d| d.priority = Some(1)),
        Err(CampaignError::Ended)
    );
    assert_eq!(event.cancel(at(180)), Err(CampaignError::Ended));
    let cancelled = event.cancel(at(10)).unwrap();
    assert_eq!(cancelled.revision, 1);
    assert_eq!(cancelled.status(at(10)), EventStatus::Cancelled);
    assert_eq!(cancelled.cancel(at(20)), Ok(cancelled.clone()));
    assert_eq!(
        modified(&cancelled, 20, |_| {}),
        Err(CampaignError::Cancelled)
    );
}

#[test]
fn a_cancelled_event_closes_when_it_would_have() {
    let at = midnight() + TimeDelta::minutes(10);
    assert_eq!(
        campaign(draft()).cancel(at).unwrap().closes(),
        campaign(draft()).closes()
    );
    let open = campaign(EventDraft {
        signals: vec![simple(&[(Duration::ZERO, 2.0)])],
        ..draft()
    });
    assert_eq!(
        open.cancel(at).unwrap().closes(),
        Some(at + TimeDelta::hours(24))
    );
}

#[test]
fn rule_13_near_begins_with_the_ramp_up() {
    let status = |ramp_up: Option<&str>, minutes| {
        let event = campaign(EventDraft {
            ramp_up: ramp_up.map(|text| text.parse().unwrap()),
            ..draft()
        });
        event.status(midnight() + TimeDelta::minutes(minutes))
    };
    for (ramp_up, minutes, expected) in [
        (None, 59, EventStatus::Far),
        (None, 60, EventStatus::Active),
        (Some("PT10M"), 49, EventStatus::Far),
        (Some("PT10M"), 50, EventStatus::Near),
        (Some("PT10M"), 60, EventStatus::Active),
        (Some("-PT10M"), 59, EventStatus::Far),
        (Some("-PT10M"), 60, EventStatus::Active),
        (None, 179, EventStatus::Active),
        (None, 180, EventStatus::Completed),
    ] {
        assert_eq!(status(ramp_up, minutes), expected, "{ramp_up:?} {minutes}");
    }
}

#[test]
fn a_campaign_comes_back_from_storage_as_it_was() {
    let cancelled = campaign(draft()).cancel(midnight()).unwrap();
    assert_eq!(stored(&cancelled), cancelled);
}
