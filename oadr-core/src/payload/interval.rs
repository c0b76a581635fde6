//! `ei:interval`: values over a stretch of time, in events and in reports.
//!
//! Knows nothing of which parts a rule wants where (rules 2, 100 to 103, 314 to 316).

use super::{GreenButton, Payload, ReportPayload};
use crate::codec::{Attributes, Choice, Content, Error, Name, Ns, Reader, Writer, sequence};
use crate::value::{DateTime, Duration, Text};

sequence! {
    /// `interval`.
    pub struct Interval [None] {
        /// Start; never in events (rule 103).
        start: opt DateTime = Xcal "dtstart" / Xcal "date-time";
        /// Length; always in events (rule 102).
        duration: opt Duration = Xcal "duration" / Xcal "duration";
        /// 0, 1, 2, … (rules 2, 101, 316).
        uid: opt Text = Xcal "uid" / Xcal "text";
        /// One signal payload in events (rule 100), one payload per data point in reports.
        payloads: some StreamPayload = choice;
    }
}

/// What an interval carries.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum StreamPayload {
    /// `signalPayload`: the value of a signal.
    Signal(Payload),
    /// `oadrReportPayload`: the value of a data point.
    Report(ReportPayload),
    /// `oadrGBPayload`: a Green Button feed, in reports of the kind `HISTORY_GREENBUTTON`.
    GreenButton(GreenButton),
}

impl Choice for StreamPayload {
    const NAME: &'static str = "ei:signalPayload, oadr:oadrReportPayload or oadr:oadrGBPayload";

    fn accepts(name: Name<'_>) -> bool {
        name.is(Ns::Oadr, "oadrReportPayload")
            || name.is(Ns::Ei, "signalPayload")
            || name.is(Ns::Oadr, "oadrGBPayload")
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        if r.is(Ns::Oadr, "oadrReportPayload") {
            return ReportPayload::read(r).map(Self::Report);
        }
        if r.is(Ns::Oadr, "oadrGBPayload") {
            return GreenButton::read(r).map(Self::GreenButton);
        }
        r.open(Attributes::None)?;
        if !r.child().is_some_and(Payload::accepts) {
            return Err(if r.child().is_some() {
                r.unexpected(&[Payload::NAME])
            } else {
                r.missing(Payload::NAME)
            });
        }
        let payload = Payload::read(r)?;
        r.close()?;
        Ok(Self::Signal(payload))
    }

    fn write(&self, w: &mut Writer<'_>) {
        match self {
            Self::Signal(payload) => {
                w.raw("<ei:signalPayload>");
                payload.write(w);
                w.raw("</ei:signalPayload>");
            }
            Self::Report(payload) => {
                w.raw("<oadr:oadrReportPayload>");
                Content::write(payload, w);
                w.raw("</oadr:oadrReportPayload>");
            }
            Self::GreenButton(feed) => {
                w.raw("<oadr:oadrGBPayload>");
                Content::write(feed, w);
                w.raw("</oadr:oadrGBPayload>");
            }
        }
    }
}

super::list!(Interval, "ei:interval", Ei "interval");
