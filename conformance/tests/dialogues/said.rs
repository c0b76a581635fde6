//! Messages into words: the fields that a dialogue may be about.
//!
//! Knows nothing of what is expected.

use oadr_core::payload::{
    CancelReport, EiResponse, Message, Properties, Report, ReportRequest, StreamPayload,
};

use crate::script::{Fields, Said, instant};

/// What a message says.
pub(crate) fn said(message: &Message) -> Said {
    let mut words = Words {
        said: Said {
            kind: message.kind(),
            fields: Fields::new(),
            parts: Vec::new(),
        },
    };
    words.message(message);
    words.said
}

struct Words {
    said: Said,
}

/// `name = value`; nothing is not said.
macro_rules! say {
    ($to:expr, $($name:literal: $value:expr),* $(,)?) => {
        { $($to.insert($name.to_owned(), $value.to_string());)* }
    };
}

impl Words {
    fn message(&mut self, message: &Message) {
        if let Some(response) = message.ei_response() {
            self.response(response);
        }
        let fields = &mut self.said.fields;
        match message {
            Message::QueryRegistration(m) => say!(fields, "requestID": m.request_id),
            Message::CreatePartyRegistration(m) => say!(fields,
                "requestID": m.request_id,
                "registrationID": text(m.registration_id.as_ref()),
                "venID": text(m.ven_id.as_ref()),
            ),
            Message::CreatedPartyRegistration(m) => say!(fields,
                "registrationID": text(m.registration_id.as_ref()),
                "venID": text(m.ven_id.as_ref()),
                "vtnID": m.vtn_id,
            ),
            Message::CancelPartyRegistration(m) => say!(fields,
                "requestID": m.request_id,
                "registrationID": m.registration_id,
                "venID": text(m.ven_id.as_ref()),
            ),
            Message::CanceledPartyRegistration(m) => say!(fields,
                "registrationID": text(m.registration_id.as_ref()),
                "venID": text(m.ven_id.as_ref()),
            ),
            Message::RequestReregistration(m) => say!(fields, "venID": m.ven_id),
            Message::Response(m) => say!(fields, "venID": text(m.ven_id.as_ref())),
            Message::RequestEvent(m) => say!(fields,
                "requestID": m.request.request_id,
                "venID": m.request.ven_id,
            ),
            Message::DistributeEvent(m) => say!(fields,
                "distributeID": m.request_id,
                "vtnID": m.vtn_id,
                "events": m.events.len(),
            ),
            Message::CreatedEvent(m) => say!(fields, "venID": m.created.ven_id),
            Message::Poll(m) => say!(fields, "venID": m.ven_id),
            Message::RegisterReport(_)
            | Message::RegisteredReport(_)
            | Message::CreateReport(_)
            | Message::CreatedReport(_)
            | Message::UpdateReport(_)
            | Message::UpdatedReport(_)
            | Message::CancelReport(_)
            | Message::CanceledReport(_) => self.of_reports(message),
            Message::CreateOpt(_)
            | Message::CreatedOpt(_)
            | Message::CancelOpt(_)
            | Message::CanceledOpt(_) => self.of_opts(message),
        }
    }

    fn response(&mut self, response: &EiResponse) {
        say!(self.said.fields,
            "code": response.response_code.get(),
            "requestID": response.request_id,
        );
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn of_reports(&mut self, message: &Message) {
        let fields = &mut self.said.fields;
        match message {
            Message::RegisterReport(m) => {
                say!(fields,
                    "requestID": m.request_id,
                    "venID": text(m.ven_id.as_ref()),
                    "answers": text(m.report_request_id.as_ref()),
                    "offers": list(m.reports.iter().map(|report| &report.report_specifier_id)),
                );
            }
            Message::RegisteredReport(m) => {
                say!(fields, "venID": text(m.ven_id.as_ref()));
                self.requests(&m.report_requests);
            }
            Message::CreateReport(m) => {
                say!(fields,
                    "requestID": m.request_id,
                    "venID": text(m.ven_id.as_ref()),
                );
                self.requests(&m.report_requests);
            }
            Message::CreatedReport(m) => say!(fields,
                "venID": text(m.ven_id.as_ref()),
                "pending": list(&m.pending_reports.report_request_ids),
            ),
            Message::UpdateReport(m) => {
                say!(fields,
                    "requestID": m.request_id,
                    "venID": text(m.ven_id.as_ref()),
                );
                let parts = m.reports.iter().map(|r| ("report".to_owned(), report(r)));
                self.said.parts.extend(parts);
            }
            Message::UpdatedReport(m) => {
                say!(fields, "venID": text(m.ven_id.as_ref()));
                let cancels = m.cancel_report.iter();
                let parts = cancels.map(|cancel| ("cancel".to_owned(), cancelled(cancel)));
                self.said.parts.extend(parts);
            }
            Message::CancelReport(m) => {
                fields.extend(cancelled(m));
                say!(fields, "venID": text(m.ven_id.as_ref()));
            }
            Message::CanceledReport(m) => say!(fields,
                "venID": text(m.ven_id.as_ref()),
                "pending": list(&m.pending_reports.report_request_ids),
            ),
            other => unreachable!("{} is of another service", other.kind()),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn of_opts(&mut self, message: &Message) {
        let fields = &mut self.said.fields;
        match message {
            Message::CreateOpt(m) => {
                let classes = m.device_class.iter().flat_map(|c| &c.end_device_assets);
                say!(fields,
                    "requestID": m.request_id,
                    "venID": m.ven_id,
                    "optID": m.opt_id,
                    "optType": m.opt_type,
                    "optReason": m.opt_reason,
                    "marketContext": text(m.market_context.as_ref()),
                    "resources": list(&m.target.resource_ids),
                    "targetVEN": list(&m.target.ven_ids),
                    "deviceClass": list(classes),
                );
                let available = m.availability.iter().flat_map(|a| &a.available);
                let parts = available.map(|p| ("available".to_owned(), period(p)));
                self.said.parts.extend(parts);
            }
            Message::CreatedOpt(m) => say!(fields, "optID": m.opt_id),
            Message::CancelOpt(m) => say!(fields,
                "requestID": m.request_id,
                "venID": m.ven_id,
                "optID": m.opt_id,
            ),
            Message::CanceledOpt(m) => say!(fields, "optID": text(m.opt_id.as_ref())),
            other => unreachable!("{} is of another service", other.kind()),
        }
    }

    fn requests(&mut self, requests: &[ReportRequest]) {
        for request in requests {
            let specifier = &request.specifier;
            let mut fields = specifier.interval.as_ref().map(period).unwrap_or_default();
            say!(fields,
                "id": request.report_request_id,
                "of": specifier.report_specifier_id,
                "granularity": specifier.granularity,
                "back": specifier.report_back,
                "rID": list(specifier.payloads.iter().map(|payload| &payload.r_id)),
            );
            self.said.parts.push(("request".to_owned(), fields));
        }
    }
}

fn cancelled(cancel: &CancelReport) -> Fields {
    let mut fields = Fields::new();
    say!(fields,
        "requestID": cancel.request_id,
        "cancels": list(&cancel.report_request_ids),
        "toFollow": cancel.report_to_follow,
    );
    fields
}

fn period(properties: &Properties) -> Fields {
    let mut fields = Fields::new();
    say!(fields, "from": instant(properties.start), "for": properties.duration);
    fields
}

fn report(report: &Report) -> Fields {
    let mut fields = Fields::new();
    let intervals = report.intervals.as_ref();
    let first = intervals.map(|intervals| intervals.first());
    let payloads = first.iter().flat_map(|interval| &interval.payloads);
    let r_ids = payloads.filter_map(|payload| match payload {
        StreamPayload::Report(payload) => Some(&payload.r_id),
        StreamPayload::Signal(_) | StreamPayload::GreenButton(_) => None,
    });
    say!(fields,
        "id": report.report_request_id,
        "of": report.report_specifier_id,
        "name": text(report.report_name.as_ref()),
        "intervals": intervals.map_or(0, |intervals| intervals.len()),
        "each": text(first.and_then(|interval| interval.duration.as_ref())),
        "rID": list(r_ids),
    );
    if let Some(start) = report.start {
        say!(fields, "from": instant(start));
    }
    fields
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn list<'t, T: ToString + 't>(values: impl IntoIterator<Item = &'t T>) -> String {
    let values: Vec<_> = values.into_iter().map(ToString::to_string).collect();
    values.join(",")
}
