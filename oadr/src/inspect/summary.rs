//! The events of a message in short: when, what, and what each interval asks for.
//!
//! Knows nothing of other messages, which their tree tells well enough.

use std::fmt::Write as _;

use oadr_core::payload::{EiEvent, EventSignal, Message};
use oadr_core::value::DateTime;
use oadr_core::ven::{interval_starts, interval_value};

use super::tree::{relative, time};
use crate::cli::printable;

/// How many intervals of a signal are shown.
const SHOWN: usize = 12;

/// The events, a few lines each; nothing for messages without any.
pub(super) fn of(message: &Message, now: DateTime) -> String {
    let mut out = String::new();
    if let Message::DistributeEvent(message) = message {
        for event in &message.events {
            tell(&event.ei_event, now, &mut out);
        }
    }
    out
}

fn tell(event: &EiEvent, now: DateTime, out: &mut String) {
    let descriptor = &event.descriptor;
    let period = &event.active_period.0;
    let test = if descriptor.is_test() { ", a test" } else { "" };
    let _ = writeln!(
        out,
        "Event {}, modification {}: {}{test}",
        printable(descriptor.event_id.as_str()),
        descriptor.modification_number,
        descriptor.event_status,
    );
    let end = if period.duration.is_zero() {
        "open-ended".to_owned()
    } else {
        let end = period.duration.after(period.start);
        format!("to {} ({})", time(end), relative(end, now))
    };
    let _ = writeln!(
        out,
        "  {} ({}) {end}",
        time(period.start),
        relative(period.start, now)
    );
    if let Some(window) = period.start_after() {
        let _ = writeln!(out, "  begun at random within {window}");
    }
    for signal in &event.signals.signals {
        tell_signal(signal, period.start, out);
    }
}

fn tell_signal(signal: &EventSignal, start: DateTime, out: &mut String) {
    let _ = writeln!(
        out,
        "  {} {}:",
        printable(&signal.signal_name.to_string()),
        signal.signal_type
    );
    let starts = interval_starts(signal, start);
    for (begins, interval) in starts.zip(&signal.intervals).take(SHOWN) {
        let lasts = interval.duration.map(|lasts| format!(" for {lasts}"));
        let value = interval_value(interval).map(|value| value.to_string());
        let _ = writeln!(
            out,
            "    {}{}: {}",
            time(begins),
            lasts.unwrap_or_default(),
            value.as_deref().unwrap_or("not a number"),
        );
    }
    let more = signal.intervals.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(out, "    and {more} more");
    }
}
