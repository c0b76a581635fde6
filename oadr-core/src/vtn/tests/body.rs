//! Which events are legal.

use super::*;
use crate::payload::{
    Currency, CurrencyCode, CurrencyDescription, EventBaseline, ItemBase, Power, PowerAttributes,
    Target,
};
use crate::value::{BaselineId, Decimal, Extension, SiScaleCode};

fn refusal(draft: EventDraft) -> String {
    EventBody::new(draft).unwrap_err().to_string()
}

fn with_signal(change: impl FnOnce(&mut EventSignal)) -> EventDraft {
    let mut draft = draft();
    change(&mut draft.signals[0]);
    draft
}

#[test]
fn rule_2_uids_count_from_0_and_are_filled_in() {
    let body = EventBody::new(draft()).unwrap();
    let uids: Vec<_> = body
        .signals()
        .first()
        .intervals
        .iter()
        .map(|i| i.uid.clone().unwrap())
        .collect();
    assert_eq!(uids, [Text::new("0").unwrap(), Text::new("1").unwrap()]);
    let mut wrong = draft();
    wrong.signals[0].intervals.iter_mut().nth(1).unwrap().uid = Text::new("7").ok();
    assert_eq!(
        refusal(wrong),
        "signals[0].intervals[1].uid: must count 0, 1, 2, …"
    );
}

#[test]
fn rule_8_durations_of_each_signal_add_up_to_the_period() {
    assert_eq!(
        EventBody::new(draft()).unwrap().duration().to_string(),
        "PT2H"
    );
    let wrong = EventDraft {
        duration: Some(Duration::hours(3)),
        ..draft()
    };
    assert_eq!(
        refusal(wrong),
        "signals[0].intervals: the durations of the intervals do not add up to the duration of the period"
    );
    let mut second = draft();
    second
        .signals
        .push(simple(&[(Duration::minutes(119), 1.0)]));
    assert!(refusal(second).starts_with("signals[1].intervals: "));
    // Months have the length that the calendar gives them.
    let month = EventDraft {
        signals: vec![simple(&[("P1M".parse().unwrap(), 1.0)])],
        duration: Some(Duration::days(31)),
        ..draft()
    };
    assert!(EventBody::new(month).is_ok());
}

#[test]
fn rule_9_simple_values_are_0_to_3() {
    for (value, legal) in [
        (0.0, true),
        (3.0, true),
        (4.0, false),
        (-1.0, false),
        (1.5, false),
    ] {
        let draft = EventDraft {
            signals: vec![simple(&[(Duration::hours(1), value)])],
            ..draft()
        };
        assert_eq!(EventBody::new(draft).is_ok(), legal, "{value}");
    }
    let draft = EventDraft {
        signals: vec![simple(&[(Duration::hours(1), f64::NAN)])],
        ..draft()
    };
    assert_eq!(
        refusal(draft),
        "signals[0].intervals[0].payload: must be a finite number"
    );
}

#[test]
fn rule_47_a_duration_of_zero_is_open_ended() {
    let draft = EventDraft {
        duration: Some("P".parse().unwrap()),
        signals: vec![simple(&[(Duration::ZERO, 2.0)])],
        ..draft()
    };
    let body = EventBody::new(draft).unwrap();
    assert_eq!((body.end(), body.closes()), (None, None));
    let years = TimeDelta::days(10_000);
    assert_eq!(body.status(midnight() + years), EventStatus::Active);
    let mixed = EventDraft {
        duration: Some(Duration::ZERO),
        ..super::draft()
    };
    assert!(refusal(mixed).starts_with("signals[0].intervals: "));
}

#[test]
fn rule_63_a_target_names_one_ven_at_most() {
    let target = |n: usize| {
        Some(Target {
            ven_ids: (0..n)
                .map(|n| VenId::new(format!("ven-{n}")).unwrap())
                .collect(),
            ..Target::default()
        })
    };
    for (n, legal) in [(0, true), (1, true), (2, false)] {
        let draft = EventDraft {
            target: target(n),
            ..draft()
        };
        assert_eq!(EventBody::new(draft).is_ok(), legal);
    }
    let named = EventBody::new(EventDraft {
        target: target(0),
        ..draft()
    });
    assert_eq!(named.unwrap().target(), None, "nobody named is no target");
}

#[test]
fn rule_66_an_event_closes_when_the_last_ven_is_through() {
    let body = EventBody::new(EventDraft {
        start_after: Some(Duration::minutes(30)),
        ..draft()
    })
    .unwrap();
    let end = midnight() + TimeDelta::hours(3);
    assert_eq!(body.end(), Some(end));
    assert_eq!(body.closes(), Some(end + TimeDelta::minutes(30)));
    assert_eq!(body.status(end), EventStatus::Completed);
}

#[test]
fn rule_100_every_interval_has_one_number() {
    let draft = with_signal(|signal| {
        let first = signal.intervals.iter_mut().next().unwrap();
        first
            .payloads
            .push(StreamPayload::Signal(Payload::Float(Float::ZERO)));
    });
    assert_eq!(
        refusal(draft),
        "signals[0].intervals[0].payload: must be exactly one number"
    );
}

fn baseline(intervals: Vec<Interval>) -> EventBaseline {
    EventBaseline {
        start: midnight(),
        duration: Duration::hours(2),
        intervals: NonEmpty::try_from(intervals).unwrap(),
        baseline_id: BaselineId::new("b1").unwrap(),
        resource_ids: Vec::new(),
        baseline_name: Text::new("usual").unwrap(),
        item_base: None,
    }
}

#[test]
fn rule_101_baseline_uids_count_from_0() {
    let hour = || interval(Duration::hours(1), 9.5);
    let body = EventBody::new(EventDraft {
        baseline: Some(baseline(vec![hour(), hour()])),
        ..draft()
    })
    .unwrap();
    let uids: Vec<_> = body
        .baseline()
        .unwrap()
        .intervals
        .iter()
        .map(|i| i.uid.clone())
        .collect();
    assert_eq!(uids, [Text::new("0").ok(), Text::new("1").ok()]);
    let mut wrong = baseline(vec![hour(), hour()]);
    wrong.intervals.iter_mut().next().unwrap().uid = Text::new("1").ok();
    let draft = EventDraft {
        baseline: Some(wrong),
        ..draft()
    };
    assert_eq!(
        refusal(draft),
        "baseline.intervals[0].uid: must count 0, 1, 2, …"
    );
}

#[test]
fn rule_102_every_interval_has_a_duration_and_the_sum_is_right() {
    let draft = with_signal(|signal| {
        signal.intervals.iter_mut().nth(1).unwrap().duration = None;
    });
    assert_eq!(
        refusal(draft),
        "signals[0].intervals[1].duration: is required"
    );
    let draft = EventDraft {
        baseline: Some(baseline(vec![interval(Duration::hours(1), 9.5)])),
        ..super::draft()
    };
    assert!(refusal(draft).starts_with("baseline.intervals: the durations"));
    let negative = with_signal(|signal| {
        signal.intervals.iter_mut().nth(1).unwrap().duration = Some("-PT1H".parse().unwrap());
    });
    assert_eq!(
        refusal(negative),
        "signals[0].intervals[1].duration: must not be negative"
    );
}

#[test]
fn rule_103_no_interval_has_a_start() {
    let draft = with_signal(|signal| {
        signal.intervals.iter_mut().next().unwrap().start = Some(midnight());
    });
    assert_eq!(
        refusal(draft),
        "signals[0].intervals[0].dtstart: must not be given"
    );
}

fn units() -> [Option<ItemBase>; 6] {
    let attributes = PowerAttributes {
        hertz: Decimal::from(60),
        voltage: Decimal::from(220),
        ac: true,
    };
    let currency = Currency {
        description: CurrencyDescription::PerKWh,
        units: CurrencyCode::new("EUR").unwrap(),
        scale: SiScaleCode::None,
    };
    [
        None,
        Some(ItemBase::CurrencyPerKWh(currency.clone())),
        Some(ItemBase::CurrencyPerKW(currency.clone())),
        Some(ItemBase::CurrencyPerThm(currency)),
        Some(ItemBase::PowerReactive(Power {
            scale: SiScaleCode::Kilo,
            attributes,
        })),
        Some(ItemBase::EnergyApparent(SiScaleCode::Kilo)),
    ]
}

/// Name, type, which of [`units`] fit, a value that fits and one that does not.
type Row = (SignalName, SignalType, &'static [usize], f64, Option<f64>);

#[test]
fn rule_104_well_known_signals_are_as_in_table_1() {
    use SignalName as N;
    use SignalType as T;
    let rows: [Row; 24] = [
        (N::Simple, T::Level, &[0], 3.0, Some(3.5)),
        (N::ElectricityPrice, T::Price, &[1], -0.2, None),
        (N::ElectricityPrice, T::PriceRelative, &[1], -0.2, None),
        (N::ElectricityPrice, T::PriceMultiplier, &[0], 1.5, None),
        (N::EnergyPrice, T::Price, &[1], 0.2, None),
        (N::EnergyPrice, T::PriceRelative, &[1], 0.2, None),
        (N::EnergyPrice, T::PriceMultiplier, &[0], 1.5, None),
        (N::DemandCharge, T::Price, &[2], 0.2, None),
        (N::DemandCharge, T::PriceRelative, &[2], 0.2, None),
        (N::DemandCharge, T::PriceMultiplier, &[0], 1.5, None),
        (N::BidPrice, T::Price, &[1, 2, 3], 0.2, None),
        (N::BidLoad, T::Setpoint, &[4], 9.0, None),
        (N::BidEnergy, T::Setpoint, &[5], 9.0, None),
        (N::ChargeState, T::Setpoint, &[5], 9.0, None),
        (N::ChargeState, T::Delta, &[5], -9.0, None),
        (N::ChargeState, T::Multiplier, &[0], 0.5, Some(1.1)),
        (N::LoadDispatch, T::Setpoint, &[4], 9.0, None),
        (N::LoadDispatch, T::Delta, &[4], -9.0, None),
        (N::LoadDispatch, T::Multiplier, &[0], 9.0, None),
        (N::LoadDispatch, T::Level, &[4], -10.0, Some(-11.0)),
        (
            N::LoadControl,
            T::LoadControlCapacity,
            &[0],
            1.0,
            Some(-0.1),
        ),
        (
            N::LoadControl,
            T::LoadControlLevelOffset,
            &[0],
            17.0,
            Some(0.5),
        ),
        (N::LoadControl, T::LoadControlSetpoint, &[0], 20.5, None),
        (
            N::LoadControl,
            T::LoadControlPercentOffset,
            &[0],
            -7.5,
            None,
        ),
    ];
    let event = |name: &N, signal_type, unit: &Option<ItemBase>, value| {
        let mut only = signal(
            name.clone(),
            signal_type,
            vec![interval(Duration::hours(1), value)],
        );
        only.item_base.clone_from(unit);
        EventBody::new(EventDraft {
            signals: vec![only],
            ..draft()
        })
    };
    for (name, signal_type, fitting, good, bad) in &rows {
        for (n, unit) in units().iter().enumerate() {
            let legal = event(name, *signal_type, unit, *good).is_ok();
            assert_eq!(legal, fitting.contains(&n), "{name} {signal_type} {unit:?}");
        }
        if let Some(bad) = bad {
            let error = event(name, *signal_type, &units()[fitting[0]], *bad).unwrap_err();
            assert_eq!(error.kind, EventErrorKind::NotAValue);
        }
    }
    // What the table does not list does not exist.
    for name in rows.iter().map(|row| &row.0) {
        for signal_type in T::ALL {
            let listed = rows
                .iter()
                .any(|row| row.0 == *name && row.1 == *signal_type);
            let legal = units()
                .iter()
                .any(|unit| event(name, *signal_type, unit, 0.0).is_ok());
            assert_eq!(legal, listed, "{name} {signal_type}");
        }
    }
    let own = N::Extension(Extension::new("x-mine").unwrap());
    assert!(event(&own, T::Delta, &units()[5], 1e9).is_ok());
}

#[test]
fn rule_105_a_notification_is_always_there() {
    let body = EventBody::new(draft()).unwrap();
    assert!(body.notification().is_zero());
    let negative = EventDraft {
        notification: Some("-PT1S".parse().unwrap()),
        ..draft()
    };
    assert_eq!(refusal(negative), "notification: must not be negative");
}

#[test]
fn rule_106_simple_may_accompany_other_signals() {
    let mut draft = draft();
    draft.signals.push(signal(
        SignalName::LoadDispatch,
        SignalType::Multiplier,
        vec![interval(Duration::hours(2), 0.8)],
    ));
    assert_eq!(EventBody::new(draft).unwrap().signals().len(), 2);
}

#[test]
fn rule_107_signal_ids_are_distinct_and_filled_in() {
    let mut draft = draft();
    draft.signals = vec![draft.signals[0].clone(); 3];
    draft.signals[2].signal_id = SignalId::new("signal-0").unwrap();
    let body = EventBody::new(draft.clone()).unwrap();
    let ids: Vec<_> = body
        .signals()
        .iter()
        .map(|s| s.signal_id.as_str())
        .collect();
    assert_eq!(ids, ["signal-1", "signal-2", "signal-0"]);
    draft.signals[0].signal_id = SignalId::new("signal-0").unwrap();
    assert_eq!(
        refusal(draft),
        "signals[2].signal_id: is taken by another signal of the event"
    );
}

#[test]
fn rule_108_the_resources_of_a_baseline_need_not_be_those_of_the_target() {
    let mut baseline = baseline(vec![interval(Duration::hours(2), 9.5)]);
    baseline.resource_ids = vec![crate::value::ResourceId::new("meter").unwrap()];
    let body = EventBody::new(EventDraft {
        baseline: Some(baseline),
        target: Some(Target {
            resource_ids: vec![crate::value::ResourceId::new("boiler").unwrap()],
            ..Target::default()
        }),
        ..draft()
    });
    assert_eq!(
        body.unwrap().baseline().unwrap().resource_ids[0].as_str(),
        "meter"
    );
}

#[test]
fn rule_111_a_signals_target_is_device_classes() {
    let target = |classes: &[&str]| {
        Some(Target {
            end_device_assets: classes.iter().map(|c| Text::new(c).unwrap()).collect(),
            ..Target::default()
        })
    };
    for (classes, legal) in [
        (&["Thermostat", "EVSE", "x-kiln"][..], true),
        (&["Toaster"], false),
        (&["x-"], false),
    ] {
        let draft = with_signal(|signal| signal.target = target(classes));
        assert_eq!(EventBody::new(draft).is_ok(), legal, "{classes:?}");
    }
    let ven = with_signal(|signal| {
        signal.target = Some(Target {
            ven_ids: vec![VenId::new("ven-1").unwrap()],
            ..Target::default()
        });
    });
    assert!(refusal(ven).starts_with("signals[0].targets: "));
    let empty = EventBody::new(with_signal(|signal| signal.target = target(&[]))).unwrap();
    assert_eq!(empty.signals().first().target, None, "empty is left out");
}

#[test]
fn rule_116_simple_is_of_type_level() {
    let draft = with_signal(|signal| signal.signal_type = SignalType::Setpoint);
    assert_eq!(
        refusal(draft),
        "signals[0].signal_type: is not a type of this signal"
    );
}

#[test]
fn an_event_without_signals_or_with_a_current_value_is_refused() {
    let none = EventDraft {
        signals: Vec::new(),
        ..draft()
    };
    assert_eq!(refusal(none), "signals: is required");
    let current = with_signal(|signal| signal.current_value = Some(Float::ZERO));
    assert_eq!(
        refusal(current),
        "signals[0].current_value: must not be given"
    );
}

#[test]
fn nothing_reaches_beyond_the_calendar() {
    let far = EventDraft {
        signals: vec![simple(&[("P4294967295Y".parse().unwrap(), 1.0)])],
        ..draft()
    };
    assert_eq!(refusal(far), "duration: reaches beyond the year 9999");
    let ramp = EventDraft {
        ramp_up: Some("P4294967295Y".parse().unwrap()),
        ..draft()
    };
    assert_eq!(refusal(ramp), "ramp_up: reaches beyond the year 9999");
}

#[test]
fn a_body_is_checked_again_when_it_is_read() {
    let body = EventBody::new(draft()).unwrap();
    assert_eq!(stored(&body), body);
    assert_eq!(EventBody::new(body.to_draft()).unwrap(), body);
    let mut json = serde_json::to_value(&body).unwrap();
    json["duration"] = "PT3H".into();
    assert!(serde_json::from_value::<EventBody>(json).is_err());
}

#[test]
fn a_market_context_that_the_schema_forbids_is_not_sent() {
    for (context, is_legal) in [
        ("http://example.com/dr", true),
        ("oadr://unspecified.context", true),
        ("", true),
        ("100 % green", false),
        ("%%", false),
    ] {
        let made = EventBody::new(EventDraft {
            market_context: MarketContext::new(context).unwrap(),
            ..draft()
        });
        let told = made.map(|_| ()).map_err(|error| error.to_string());
        let expected = if is_legal {
            Ok(())
        } else {
            Err("market_context: is not a URI".to_owned())
        };
        assert_eq!(told, expected, "{context}");
    }
}
