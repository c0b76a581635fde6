//! What opts come to, as a table: what a VEN says and does, and who is in or out of an event then.

use super::opts::{Opts, class, resource};
use super::*;
use crate::payload::Target;

/// A case: its name, what happens, who is in or out in the end.
///
/// The event `e` lasts from minute 60 to 180, in the context `http://example.com/dr`, which the VEN
/// calls `dr`. The VEN has the resources r1 and r2. What happens is read by [`Opts::follow`]; a line of
/// what it comes to is a resource or `*`, perhaps with `#` and a device class, what is so, and by what:
/// `q` a qualification, `a` an answer, `s` a schedule (`s~` of a part of the event), and its ID or version.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const NOTHING: &[&str] = &["* -", "r1 -", "r2 -"];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("nothing was said", &["event"], NOTHING),

    // Schedules.
    ("a schedule that covers the event", &["event", "out s1 0+240"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("a schedule from before the event was made", &["out s1 0+240", "event"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("a schedule of a part of the event", &["event", "in s1 0+90"],
        &["* in s~ s1", "r1 in s~ s1", "r2 in s~ s1"]),
    ("a schedule within the event", &["event", "in s1 90+10"],
        &["* in s~ s1", "r1 in s~ s1", "r2 in s~ s1"]),
    ("one of several periods", &["event", "out s1 0+10,170+5,300+60"],
        &["* out s~ s1", "r1 out s~ s1", "r2 out s~ s1"]),
    ("a schedule that ends when the event starts", &["event", "out s1 0+60"], NOTHING),
    ("a schedule that starts when the event ends", &["event", "out s1 180+60"], NOTHING),
    ("an open-ended schedule", &["event", "out s1 30+0"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("an open-ended schedule that starts later", &["event", "out s1 180+0"], NOTHING),
    ("an open-ended schedule, an open-ended event", &["open event", "out s1 600+0"],
        &["* out s~ s1", "r1 out s~ s1", "r2 out s~ s1"]),
    ("a schedule that ends, an open-ended event", &["open event", "in s1 0+600"],
        &["* in s~ s1", "r1 in s~ s1", "r2 in s~ s1"]),
    ("a schedule of the event's context", &["event", "out s1 0+240 dr"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("a schedule of the same context, written otherwise", &["event", "out s1 0+240 DR"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("a schedule of another context", &["event", "out s1 0+240 other"], NOTHING),
    ("a schedule of one resource", &["event", "out s1 0+240 @r1"],
        &["* -", "r1 out s s1", "r2 -"]),
    ("a schedule of a resource that the VTN does not know", &["event", "out s1 0+240 @r9"], NOTHING),
    ("a schedule of a device class", &["event", "out s1 0+240 #Pool_Pump"],
        &["* -", "*#Pool_Pump out s s1", "r1 -", "r1#Pool_Pump out s s1", "r2 -", "r2#Pool_Pump out s s1"]),
    ("a schedule of a device class of a resource", &["event", "out s1 0+240 @r1 #Pool_Pump"],
        &["* -", "r1 -", "r1#Pool_Pump out s s1", "r2 -"]),
    ("a schedule of the event's device class", &["event #Pool_Pump", "out s1 0+240 #Pool_Pump,Sauna"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("a schedule of a device class that the event is not for", &["event #Pool_Pump", "out s1 0+240 #Sauna"], NOTHING),

    // Rule 203: what replaces what.
    ("replaced as a whole", &["event", "out s1 0+240", "out s2 300+60"], NOTHING),
    ("replaced by another time that counts too", &["event", "out s1 0+90", "out s2 60+120"],
        &["* out s s2", "r1 out s s2", "r2 out s s2"]),
    ("replaced for one resource", &["event", "out s1 0+240", "out s2 300+60 @r1"],
        &["* out s s1", "r1 -", "r2 out s s1"]),
    ("replaced for one resource, then as a whole", &["event", "out s1 0+240", "out s2 0+240 @r1", "out s3 300+60"], NOTHING),
    ("a resource of two replaced", &["event", "out s1 0+240 @r1,r2", "out s2 300+60 @r2"],
        &["* -", "r1 out s s1", "r2 -"]),
    ("a resource replaced by a schedule for both", &["event", "out s1 0+240 @r1", "out s2 300+60 @r1,r2"], NOTHING),
    ("in and out do not replace each other", &["event", "out s1 0+240 @r1", "in s2 0+240 @r2"],
        &["* -", "r1 out s s1", "r2 in s s2"]),
    ("replaced in one context", &["event", "out s1 0+240", "out s2 300+60 dr"], NOTHING),
    ("replaced in another context", &["event", "out s1 0+240", "out s2 300+60 other"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("of a context, replaced in all", &["event", "out s1 0+240 dr", "out s2 300+60"], NOTHING),
    ("replaced for one device class", &["event", "out s1 0+240", "out s2 300+60 #Sauna"],
        &["* out s s1", "*#Sauna -", "r1 out s s1", "r1#Sauna -", "r2 out s s1", "r2#Sauna -"]),
    ("the same optID again", &["event", "out s1 0+240", "out s1 300+60"], NOTHING),

    // Rule 201: both at once.
    ("out beats in", &["event", "out s1 0+240", "in s2 0+240"],
        &["* out s s1", "r1 out s s1", "r2 out s s1"]),
    ("out beats in, whichever came first", &["event", "in s1 0+240", "out s2 90+10"],
        &["* out s~ s2", "r1 out s~ s2", "r2 out s~ s2"]),
    ("in beats out where it is to", &["in first", "event", "in s1 90+10", "out s2 0+240"],
        &["* in s~ s1", "r1 in s~ s1", "r2 in s~ s1"]),
    ("in where out is not", &["event", "in s1 0+240", "out s2 300+60"],
        &["* in s s1", "r1 in s s1", "r2 in s s1"]),

    // Cancelled.
    ("cancelled", &["event", "out s1 0+240", "cancel s1"], NOTHING),
    ("cancelled in one of two types", &["event", "out s1 0+240", "in s2 0+240", "cancel s1"],
        &["* in s s2", "r1 in s s2", "r2 in s s2"]),
    ("all of one optID cancelled", &["event", "out s1 0+240 @r1", "in s1 0+240 @r2", "cancel s1"], NOTHING),
    ("what was replaced does not come back", &["event", "out s1 0+240", "out s2 0+240 @r1", "cancel s2"],
        &["* out s s1", "r1 -", "r2 out s s1"]),
    ("what was replaced does not come back when it has run out", &["event", "out s1 0+0", "out s2 0+30 @r1", "days 8"],
        &["* out s s1", "r1 -", "r2 out s s1"]),
    ("a superseded one cancelled", &["event", "out s1 0+240", "out s2 0+240", "cancel s1"],
        &["* out s s2", "r1 out s s2", "r2 out s s2"]),

    // Answers.
    ("an answer beats a schedule", &["event", "out s1 0+240", "answer in"],
        &["* in a 0", "r1 in a 0", "r2 in a 0"]),
    ("a later schedule does not change an answer", &["event", "answer out", "in s1 0+240"],
        &["* out a 0", "r1 out a 0", "r2 out a 0"]),
    ("a change of mind", &["event", "answer in", "answer out"],
        &["* out a 0", "r1 out a 0", "r2 out a 0"]),
    ("an answer to the version before", &["event", "answer in", "modify"],
        &["* in a 0", "r1 in a 0", "r2 in a 0"]),
    ("an answer to the new version", &["event", "answer in", "modify", "answer out"],
        &["* out a 1", "r1 out a 1", "r2 out a 1"]),

    // Rule 206: opts of the event.
    ("an opt after the answer", &["event", "answer in", "event out q1"],
        &["* out q q1", "r1 out q q1", "r2 out q q1"]),
    ("an opt of one resource beats a later answer for it and not for others",
        &["event", "answer in", "event out q1 @r1", "answer out", "answer in"],
        &["* in a 0", "r1 out q q1", "r2 in a 0"]),
    ("an opt before the answer", &["event", "event out q1 @r1", "answer in"],
        &["* in a 0", "r1 out q q1", "r2 in a 0"]),
    ("an opt outlives a modification", &["event", "answer in", "event out q1 @r1", "modify", "answer in"],
        &["* in a 1", "r1 out q q1", "r2 in a 1"]),
    ("another opt changes it", &["event", "event out q1 @r1", "modify", "event in q2 @r1"],
        &["* -", "r1 in q q2", "r2 -"]),
    ("another opt for all changes it", &["event", "event out q1 @r1", "event in q2"],
        &["* in q q2", "r1 in q q2", "r2 in q q2"]),
    ("another opt for one leaves the others", &["event", "event in q1", "event out q2 @r2"],
        &["* in q q1", "r1 in q q1", "r2 out q q2"]),
    ("an opt beats a later schedule", &["event", "event in q1 @r1", "out s1 0+240"],
        &["* out s s1", "r1 in q q1", "r2 out s s1"]),
    ("an opt of a device class", &["event", "answer in", "event out q1 #Sauna"],
        &["* in a 0", "*#Sauna out q q1", "r1 in a 0", "r1#Sauna out q q1", "r2 in a 0", "r2#Sauna out q q1"]),
    ("an opt of a device class of a resource", &["event", "answer in", "event out q1 @r2 #Sauna", "event in q2 @r2 #Pool_Pump"],
        &["* in a 0", "r1 in a 0", "r2 in a 0", "r2#Pool_Pump in q q2", "r2#Sauna out q q1"]),
    ("opts with the same optID", &["event", "event out q1 @r1", "event in q1 @r2"],
        &["* -", "r1 out q q1", "r2 in q q1"]),

    // Whom the event is for.
    ("an event for one resource", &["event @r1", "answer in", "out s1 0+240"],
        &["* in a 0", "r1 in a 0"]),
    ("an event for a resource and somebody else's", &["event @r2,r9", "answer in", "event out q1 @r2"],
        &["* in a 0", "r2 out q q1"]),
    ("a resource that the VTN learns of by the opt", &["event", "event out q1 @r3"],
        &["* -", "r1 -", "r2 -", "r3 out q q1"]),
];

#[test]
fn rule_201_to_211_the_effective_opt_of_an_event_follows_from_the_table() {
    for (name, steps, expected) in TABLE {
        let mut opts = Opts::new();
        for step in *steps {
            opts.follow(step);
        }
        assert_eq!(lines(&opts.effective()), *expected, "{name}: {steps:?}");
    }
}

/// Each with a name that begins as the checker of rules wants it.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $($case:literal),+;)+) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            for case in [$($case),+] {
                let (_, steps, expected) = TABLE
                    .iter()
                    .find(|(name, _, _)| *name == case)
                    .unwrap_or_else(|| panic!("no such case: {case}"));
                let mut opts = Opts::new();
                steps.iter().for_each(|step| opts.follow(step));
                assert_eq!(lines(&opts.effective()), *expected, "{case}");
            }
        }
    )+};
}

rules! {
    rule_203_a_new_schedule_replaces_the_one_before_for_what_it_is_about:
        "replaced as a whole", "replaced for one resource", "in and out do not replace each other",
        "what was replaced does not come back";
    rule_205_a_market_context_limits_a_schedule_to_its_events:
        "a schedule of another context", "a schedule of the same context, written otherwise";
    rule_206_an_opt_of_a_resource_beats_later_answers_for_it_and_not_for_others:
        "an opt of one resource beats a later answer for it and not for others",
        "an opt outlives a modification", "another opt changes it";
    rule_209_a_device_class_limits_an_opt_beside_its_resources:
        "a schedule of a device class of a resource", "an opt of a device class of a resource";
    rule_210_a_duration_of_zero_is_open_ended:
        "an open-ended schedule", "an open-ended schedule that starts later";
    rule_202_no_target_is_all_resources_and_several_are_alternatives:
        "a schedule that covers the event", "a resource of two replaced";
}

#[test]
fn an_effective_opt_says_since_when() {
    let mut opts = Opts::new();
    opts.follow("event");
    opts.rig.advance(60);
    opts.follow("out s1 0+240");
    opts.rig.advance(60);
    opts.follow("event in q1 @r1");
    let since: Vec<_> = opts.effective().iter().map(|opt| opt.since).collect();
    let at = |minutes| Some(midnight() + TimeDelta::minutes(minutes));
    assert_eq!(since, [at(1), at(2), at(1)]);
    // A second one of the whole leaves nothing of the first, nor of when that was.
    opts.rig.advance(60);
    opts.follow("event out q2");
    let since: Vec<_> = opts.effective().iter().map(|opt| opt.since).collect();
    assert_eq!(since, [at(3), at(3), at(3)]);
}

#[test]
fn an_event_for_the_ven_and_a_resource_of_it_is_for_all_of_them() {
    let mut opts = Opts::new();
    let ven_id = opts.rig.ven_id();
    let target = Target {
        ven_ids: vec![ven_id],
        resource_ids: vec![resource("r1")],
        ..Target::default()
    };
    opts.announce(Some(target), None);
    opts.follow("event out q1 @r2");
    assert_eq!(lines(&opts.effective()), ["* -", "r1 -", "r2 out q q1"]);
}

#[test]
fn rule_111_signals_say_which_device_classes_an_event_is_for() {
    let mut opts = Opts::new();
    let signal = EventSignal {
        target: Some(Target {
            end_device_assets: vec![class("Sauna")],
            ..Target::default()
        }),
        ..draft().signals[0].clone()
    };
    let draft = EventDraft {
        signals: vec![signal],
        ..draft()
    };
    opts.rig.announce("e", draft);
    opts.rig.polled_events();
    opts.follow("event out q1 #Sauna");
    assert_eq!(
        lines(&opts.effective()),
        ["* out q q1", "r1 out q q1", "r2 out q q1"]
    );
}

fn lines(effective: &[EffectiveOpt]) -> Vec<String> {
    effective.iter().map(line).collect()
}

fn line(effective: &EffectiveOpt) -> String {
    let resource = effective.resource.as_ref().map_or("*", |id| id.as_str());
    let class = effective.device_class.as_ref();
    let class = class.map_or(String::new(), |class| format!("#{class}"));
    let opt = match effective.opt {
        None => "-",
        Some(OptType::OptIn) => "in",
        Some(OptType::OptOut) => "out",
    };
    let by = match &effective.source {
        OptSource::Qualification { opt_id, .. } => format!(" q {opt_id}"),
        OptSource::Answer {
            modification_number,
        } => format!(" a {modification_number}"),
        OptSource::Schedule {
            opt_id,
            in_part: false,
            ..
        } => format!(" s {opt_id}"),
        OptSource::Schedule {
            opt_id,
            in_part: true,
            ..
        } => format!(" s~ {opt_id}"),
        OptSource::Nothing => {
            assert_eq!(effective.since, None);
            String::new()
        }
    };
    format!("{resource}{class} {opt}{by}")
}
