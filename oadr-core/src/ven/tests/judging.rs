//! What a VEN has against an event: rules 2, 6, 8, 9, 22, 33, 46 to 48, 100 to 109, 116, 512.

use super::bench::*;
use crate::payload::{EiEvent, EventBaseline, ItemBase, Payload, StreamPayload};
use crate::value::{
    DateTime, Duration, Float, NonEmpty, OptType, SiScaleCode, SignalName, SignalType, Text,
};
use crate::ven::{Context, MarketContexts};

fn later() -> DateTime {
    noon() + secs(3600)
}

/// The code of the answer to an event that a VEN with this configuration has not seen before.
fn judged_by(context: Context, event: EiEvent) -> u16 {
    let mut bench = Bench::registered_with(context);
    let posted = bench.poll(list(vec![always(event)]));
    let [(_, _, opt, code)] = answers(&posted[0])[..] else {
        panic!("not one answer");
    };
    assert_eq!(opt == OptType::OptIn, code == 200);
    code
}

fn judged(event: EiEvent) -> u16 {
    judged_by(context(), event)
}

fn with_signal(change: impl Fn(&mut crate::payload::EventSignal)) -> EiEvent {
    let mut event = event("e1", 0, later());
    event.signals.signals.iter_mut().for_each(change);
    event
}

#[test]
fn rule_48_a_market_context_of_others_is_462() {
    let only = |uri: &str| Context {
        market_contexts: MarketContexts::Only(vec![
            "http://example.com/other".parse().unwrap(),
            uri.parse().unwrap(),
        ]),
        ..context()
    };
    assert_eq!(
        judged_by(only("http://example.com/dr"), event("e1", 0, later())),
        200
    );
    // Rule 512: as URIs compare.
    assert_eq!(
        judged_by(only("HTTP://Example.COM/dr"), event("e1", 0, later())),
        200
    );
    assert_eq!(
        judged_by(only("http://example.com/DR"), event("e1", 0, later())),
        462
    );
}

#[test]
fn rule_22_a_target_is_met_by_any_of_its_parts() {
    let resources = Context {
        resources: vec!["r1".parse().unwrap(), "r2".parse().unwrap()],
        ..context()
    };
    let target = |vens: &[&str], resources: &[&str], groups: &[&str]| {
        let mut event = event("e1", 0, later());
        event.target.ven_ids = vens.iter().map(|id| id.parse().unwrap()).collect();
        event.target.resource_ids = resources.iter().map(|id| id.parse().unwrap()).collect();
        event.target.group_ids = groups.iter().map(|id| id.parse().unwrap()).collect();
        event
    };
    for (vens, ids, groups, code) in [
        (&[][..], &[][..], &[][..], 200),
        (&["ven-1"], &[], &[], 200),
        (&["VEN-1"], &[], &[], 462),
        (&["ven-2"], &[], &[], 462),
        (&[], &["r2"], &[], 200),
        (&[], &["r3"], &[], 462),
        (&["ven-2"], &["r3", "r1"], &[], 200),
        // Whom a group means only the VTN knows.
        (&[], &["r3"], &["g1"], 200),
    ] {
        assert_eq!(
            judged_by(resources.clone(), target(vens, ids, groups)),
            code,
            "{vens:?} {ids:?} {groups:?}"
        );
    }
}

#[test]
fn rule_109_a_signal_that_is_not_supported_is_460() {
    let named = |name: SignalName, signal_type| {
        with_signal(move |signal| {
            signal.signal_name = name.clone();
            signal.signal_type = signal_type;
        })
    };
    let own: SignalName = "x-own".parse().unwrap();
    assert_eq!(judged(named(own.clone(), SignalType::Level)), 460);
    assert_eq!(
        judged(named(SignalName::SimpleLowerCase, SignalType::Level)),
        200
    );
    // Rule 116, and the rest of table 1.
    assert_eq!(judged(named(SignalName::Simple, SignalType::Delta)), 460);
    assert_eq!(
        judged(named(SignalName::LoadDispatch, SignalType::Price)),
        460
    );
    assert_eq!(
        judged(named(SignalName::LoadDispatch, SignalType::Setpoint)),
        200
    );
    let only = |signals: &[SignalName]| Context {
        signals: signals.to_vec(),
        ..context()
    };
    let own_only = only(&[own.clone(), SignalName::Simple]);
    assert_eq!(
        judged_by(own_only.clone(), named(own, SignalType::Level)),
        200
    );
    assert_eq!(
        judged_by(
            own_only.clone(),
            named(SignalName::SimpleLowerCase, SignalType::Level)
        ),
        200
    );
    let price = named(SignalName::ElectricityPrice, SignalType::Price);
    assert_eq!(judged_by(own_only, price.clone()), 460);
    assert_eq!(judged(price), 200);
}

#[test]
fn rule_109_a_unit_of_another_kind_is_460() {
    let dispatched_in = |unit: ItemBase| {
        with_signal(move |signal| {
            signal.signal_name = SignalName::LoadDispatch;
            signal.signal_type = SignalType::Multiplier;
            signal.item_base = Some(unit.clone());
        })
    };
    // Beside the point.
    assert_eq!(
        judged(dispatched_in(ItemBase::Voltage(SiScaleCode::None))),
        200
    );
    let energy = |unit: ItemBase| {
        with_signal(move |signal| {
            signal.signal_name = SignalName::BidEnergy;
            signal.signal_type = SignalType::Setpoint;
            signal.item_base = Some(unit.clone());
        })
    };
    assert_eq!(judged(energy(ItemBase::EnergyReal(SiScaleCode::None))), 200);
    assert_eq!(judged(energy(ItemBase::Voltage(SiScaleCode::None))), 460);
}

#[test]
fn rule_109_any_unsupported_signal_is_enough() {
    let mut event = event("e1", 0, later());
    let mut second = signal("second", &[(120, 1.0)]);
    event.signals.signals.push(second.clone());
    assert_eq!(judged(event.clone()), 200);
    second.signal_id = "third".parse().unwrap();
    second.signal_name = "x-own".parse().unwrap();
    event.signals.signals.push(second);
    assert_eq!(judged(event), 460);
}

#[test]
fn rule_107_two_signals_of_one_id_are_452() {
    let mut event = event("e1", 0, later());
    event.signals.signals.push(signal("simple", &[(120, 1.0)]));
    assert_eq!(judged(event), 452);
}

#[test]
fn rule_9_values_of_simple_are_0_to_3() {
    for (value, code) in [
        (0.0, 200),
        (3.0, 200),
        (4.0, 454),
        (1.5, 454),
        (-1.0, 454),
        (f64::NAN, 454),
    ] {
        let event = with_signal(|s| *s = signal("simple", &[(60, value), (60, 0.0)]));
        assert_eq!(judged(event), code, "{value}");
    }
}

#[test]
fn rule_2_uids_out_of_order_are_450() {
    let uids = |uids: [Option<&str>; 2]| {
        with_signal(move |signal| {
            for (interval, uid) in signal.intervals.iter_mut().zip(uids) {
                interval.uid = uid.map(|uid| Text::new(uid).unwrap());
            }
        })
    };
    assert_eq!(judged(uids([Some("0"), Some("1")])), 200);
    assert_eq!(judged(uids([Some("1"), Some("0")])), 450);
    assert_eq!(judged(uids([Some("1"), Some("2")])), 450);
    assert_eq!(judged(uids([Some("0"), Some("x")])), 450);
    // Left out, the order says it all (rule 46: empty is left out).
    assert_eq!(judged(uids([None, Some("")])), 200);
}

#[test]
fn rule_33_durations_that_do_not_add_up_are_454() {
    for (intervals, code) in [
        (&[(60, 1.0), (60, 1.0)][..], 200),
        (&[(120, 1.0)], 200),
        (&[(60, 1.0)], 454),
        (&[(60, 1.0), (61, 1.0)], 454),
        (&[(0, 1.0)], 454),
    ] {
        let event = with_signal(|s| *s = signal("simple", intervals));
        assert_eq!(judged(event), code, "{intervals:?}");
    }
    let mut backwards = event("e1", 0, later());
    backwards.active_period.0.duration = "-PT2M".parse().unwrap();
    assert_eq!(judged(backwards), 454);
}

#[test]
fn rule_8_sums_go_by_the_calendar() {
    let mut month = event("e1", 0, "2026-02-01T00:00:00Z".parse().unwrap());
    month.active_period.0.duration = "P1M".parse().unwrap();
    let days = |n| signal("simple", &vec![(86_400, 1.0); n]);
    let mut with = |n| {
        month.signals.signals.iter_mut().for_each(|s| *s = days(n));
        judged(month.clone())
    };
    assert_eq!((with(28), with(30)), (200, 454));
}

#[test]
fn rule_33_missing_and_unexpected_information_is_459() {
    let missing = with_signal(|signal| {
        signal.intervals.iter_mut().for_each(|i| i.duration = None);
    });
    assert_eq!(judged(missing), 459);
    let two = StreamPayload::Signal(Payload::Float(Float::from(1.0)));
    let unexpected = with_signal(|signal| {
        signal
            .intervals
            .iter_mut()
            .for_each(|i| i.payloads.push(two.clone()));
    });
    assert_eq!(judged(unexpected), 459);
}

#[test]
fn rule_101_the_baseline_is_judged_too() {
    let mut event = event("e1", 0, later());
    let mut baseline = EventBaseline {
        start: later(),
        duration: Duration::minutes(1),
        intervals: NonEmpty::one(interval("0", 60, 5.0)),
        baseline_id: "b".parse().unwrap(),
        resource_ids: Vec::new(),
        baseline_name: Text::new("b").unwrap(),
        item_base: None,
    };
    event.signals.baseline = Some(baseline.clone());
    assert_eq!(judged(event.clone()), 200);
    baseline
        .intervals
        .iter_mut()
        .for_each(|i| i.uid = Some(Text::new("3").unwrap()));
    event.signals.baseline = Some(baseline.clone());
    assert_eq!(judged(event.clone()), 450);
    baseline.intervals = NonEmpty::one(interval("0", 61, 5.0));
    event.signals.baseline = Some(baseline);
    assert_eq!(judged(event), 454);
}

#[test]
fn rule_103_a_start_inside_an_interval_says_nothing() {
    let event = with_signal(|signal| {
        signal
            .intervals
            .iter_mut()
            .for_each(|i| i.start = Some(noon()));
    });
    assert_eq!(judged(event), 200);
}

#[test]
fn rule_47_an_open_ended_event_is_legal() {
    let mut event = event("e1", 0, later());
    event.active_period.0.duration = "P".parse().unwrap();
    event
        .signals
        .signals
        .iter_mut()
        .for_each(|s| *s = signal("simple", &[(0, 1.0)]));
    assert_eq!(judged(event), 200);
}

#[test]
fn rule_33_an_event_that_is_over_is_answered_all_the_same() {
    let mut bench = Bench::registered();
    let posted = bench.poll(list(vec![
        always(event("over", 0, noon() - secs(3600))),
        always(event("now", 0, noon() - secs(10))),
    ]));
    assert_eq!(answers(&posted[0]).len(), 2);
    // What was over before the VEN knew of it does not run.
    let told = words(&bench.take_effects());
    assert!(
        !told.iter().any(|word| word.starts_with("started over")),
        "{told:?}"
    );
    assert!(told.iter().any(|word| word == "started now/0"), "{told:?}");
}

#[test]
fn rule_6_a_test_event_is_marked_as_one() {
    for (text, is_test) in [
        (None, false),
        (Some("false"), false),
        (Some("true"), true),
        (Some("1"), true),
    ] {
        let mut bench = Bench::registered();
        let mut event = event("e1", 0, later());
        event.descriptor.test_event = text.map(|text| Text::new(text).unwrap());
        bench.poll(list(vec![always(event)]));
        let crate::ven::Effect::EventReceived { event, .. } = &bench.effects[0] else {
            panic!("not received");
        };
        assert_eq!(event.descriptor.is_test(), is_test);
    }
}

#[test]
fn rule_32_a_signal_for_a_class_of_devices_reaches_the_application() {
    let mut bench = Bench::registered();
    let class = Text::new("Thermostat").unwrap();
    let event = with_signal(|signal| {
        signal.target = Some(crate::payload::Target {
            end_device_assets: vec![class.clone()],
            ..Default::default()
        });
    });
    bench.poll(list(vec![always(event.clone())]));
    let crate::ven::Effect::EventReceived { event: told, .. } = &bench.effects[0] else {
        panic!("not received");
    };
    assert_eq!(**told, event);
}
