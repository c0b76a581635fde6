//! Words into messages: what the party that a script plays says.
//!
//! Knows nothing of when.

use core::str::FromStr;

use oadr_core::payload::{
    Availability, CancelOpt, CancelPartyRegistration, CancelReport, CanceledOpt,
    CanceledPartyRegistration, CanceledReport, CreateOpt, CreatePartyRegistration, CreateReport,
    CreatedOpt, CreatedPartyRegistration, CreatedReport, DistributeEvent, EiRequestEvent,
    EiResponse, Interval, Message, MessageKind, PendingReports, Poll, Profile, Properties,
    QueryRegistration, RegisterReport, RegisteredReport, Report, ReportPayload, ReportRequest,
    ReportSpecifier, RequestEvent, RequestReregistration, Response, ResponseCode, SpecifierPayload,
    StreamPayload, Target, Transport, UpdateReport, UpdatedReport,
};
use oadr_core::value::{
    DateTime, Duration, NonEmpty, OptReason, OptType, ProfileName, ReadingType, Text, TransportName,
};

use crate::offers;
use crate::script::{Fields, Said};

/// The message that says this, at this time, where these reports are on offer.
pub(crate) fn made(said: &Said, offers: &[Report], now: DateTime) -> Result<Message, String> {
    Maker {
        offers,
        fields: &said.fields,
        parts: &said.parts,
        now,
    }
    .message(said.kind)
}

/// The report requests among the parts.
pub(crate) fn requests(parts: &[(String, Fields)]) -> Result<Vec<ReportRequest>, String> {
    let requests = parts.iter().filter(|(name, _)| name == "request");
    requests.map(|(_, fields)| request(fields)).collect()
}

/// A schedule as the parts say it.
pub(crate) fn availability(parts: &[(String, Fields)]) -> Result<Vec<Properties>, String> {
    parts.iter().map(|(_, fields)| period(fields)).collect()
}

struct Maker<'s> {
    offers: &'s [Report],
    fields: &'s Fields,
    parts: &'s [(String, Fields)],
    now: DateTime,
}

impl Maker<'_> {
    fn message(&self, kind: MessageKind) -> Result<Message, String> {
        let fields = self.fields;
        Ok(match kind {
            MessageKind::QueryRegistration => QueryRegistration {
                request_id: one(fields, "requestID")?,
            }
            .into(),
            MessageKind::CreatePartyRegistration => CreatePartyRegistration {
                request_id: one(fields, "requestID")?,
                registration_id: opt(fields, "registrationID")?,
                ven_id: opt(fields, "venID")?,
                profile_name: ProfileName::B,
                transport_name: TransportName::SimpleHttp,
                transport_address: None,
                report_only: false,
                xml_signature: false,
                ven_name: Text::new(offers::VEN_NAME).ok(),
                http_pull_model: Some(true),
            }
            .into(),
            MessageKind::CreatedPartyRegistration => CreatedPartyRegistration {
                ei_response: self.response()?,
                registration_id: opt(fields, "registrationID")?,
                ven_id: opt(fields, "venID")?,
                vtn_id: self.vtn_id()?,
                profiles: NonEmpty::one(Profile {
                    name: ProfileName::B,
                    transports: NonEmpty::one(Transport {
                        name: TransportName::SimpleHttp,
                    }),
                }),
                requested_poll_frequency: Some(Duration::seconds(10)),
                service_specific_info: None,
                extensions: None,
            }
            .into(),
            MessageKind::CancelPartyRegistration => CancelPartyRegistration {
                request_id: one(fields, "requestID")?,
                registration_id: one(fields, "registrationID")?,
                ven_id: opt(fields, "venID")?,
            }
            .into(),
            MessageKind::CanceledPartyRegistration => CanceledPartyRegistration {
                ei_response: self.response()?,
                registration_id: opt(fields, "registrationID")?,
                ven_id: opt(fields, "venID")?,
            }
            .into(),
            MessageKind::RequestReregistration => RequestReregistration {
                ven_id: one(fields, "venID")?,
            }
            .into(),
            MessageKind::Response => Response {
                ei_response: self.response()?,
                ven_id: opt(fields, "venID")?,
            }
            .into(),
            MessageKind::RequestEvent => RequestEvent {
                request: EiRequestEvent {
                    request_id: one(fields, "requestID")?,
                    ven_id: one(fields, "venID")?,
                    reply_limit: None,
                },
            }
            .into(),
            // None of these dialogues is about events.
            MessageKind::DistributeEvent => DistributeEvent {
                ei_response: Some(self.response()?),
                request_id: one(fields, "distributeID")?,
                vtn_id: self.vtn_id()?,
                events: Vec::new(),
            }
            .into(),
            MessageKind::Poll => Poll {
                ven_id: one(fields, "venID")?,
            }
            .into(),
            MessageKind::CreatedEvent => return Err("not of these dialogues".to_owned()),
            MessageKind::CreateOpt
            | MessageKind::CreatedOpt
            | MessageKind::CancelOpt
            | MessageKind::CanceledOpt => self.of_opts(kind)?,
            MessageKind::RegisterReport
            | MessageKind::RegisteredReport
            | MessageKind::CreateReport
            | MessageKind::CreatedReport
            | MessageKind::UpdateReport
            | MessageKind::UpdatedReport
            | MessageKind::CancelReport
            | MessageKind::CanceledReport => self.of_reports(kind)?,
        })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn of_opts(&self, kind: MessageKind) -> Result<Message, String> {
        let fields = self.fields;
        Ok(match kind {
            MessageKind::CreateOpt => CreateOpt {
                opt_id: one(fields, "optID")?,
                opt_type: opt(fields, "optType")?.unwrap_or(OptType::OptOut),
                opt_reason: opt(fields, "optReason")?.unwrap_or(OptReason::Economic),
                market_context: opt(fields, "marketContext")?,
                ven_id: one(fields, "venID")?,
                availability: Some(Availability {
                    available: availability(self.parts)?,
                }),
                created: self.now,
                request_id: one(fields, "requestID")?,
                qualified_event_id: None,
                target: Target {
                    resource_ids: many(fields, "resources")?,
                    ven_ids: many(fields, "targetVEN")?,
                    ..Target::default()
                },
                device_class: match many(fields, "deviceClass")? {
                    classes if classes.is_empty() => None,
                    end_device_assets => Some(Target {
                        end_device_assets,
                        ..Target::default()
                    }),
                },
            }
            .into(),
            MessageKind::CreatedOpt => CreatedOpt {
                ei_response: self.response()?,
                opt_id: one(fields, "optID")?,
            }
            .into(),
            MessageKind::CancelOpt => CancelOpt {
                request_id: one(fields, "requestID")?,
                opt_id: one(fields, "optID")?,
                ven_id: one(fields, "venID")?,
            }
            .into(),
            MessageKind::CanceledOpt => CanceledOpt {
                ei_response: self.response()?,
                opt_id: opt(fields, "optID")?,
            }
            .into(),
            other => return Err(format!("{other} is of another service")),
        })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn of_reports(&self, kind: MessageKind) -> Result<Message, String> {
        let fields = self.fields;
        let ven_id = opt(fields, "venID")?;
        Ok(match kind {
            MessageKind::RegisterReport => RegisterReport {
                request_id: one(fields, "requestID")?,
                reports: many::<String>(fields, "offers")?
                    .iter()
                    .map(|specifier| offers::find(specifier, self.offers).cloned())
                    .collect::<Result<_, _>>()?,
                ven_id,
                report_request_id: opt(fields, "answers")?,
            }
            .into(),
            MessageKind::RegisteredReport => RegisteredReport {
                ei_response: self.response()?,
                report_requests: requests(self.parts)?,
                ven_id,
            }
            .into(),
            MessageKind::CreateReport => CreateReport {
                request_id: one(fields, "requestID")?,
                report_requests: some(requests(self.parts)?)?,
                ven_id,
            }
            .into(),
            MessageKind::CreatedReport => CreatedReport {
                ei_response: self.response()?,
                pending_reports: self.pending()?,
                ven_id,
            }
            .into(),
            MessageKind::UpdateReport => UpdateReport {
                request_id: one(fields, "requestID")?,
                reports: self
                    .parts
                    .iter()
                    .map(|(_, fields)| report(fields, self.offers, self.now))
                    .collect::<Result<_, _>>()?,
                ven_id,
            }
            .into(),
            MessageKind::UpdatedReport => UpdatedReport {
                ei_response: self.response()?,
                cancel_report: match self.parts {
                    [] => None,
                    [(_, cancel), ..] => Some(cancelled(cancel, ven_id.clone())?),
                },
                ven_id,
            }
            .into(),
            MessageKind::CancelReport => cancelled(fields, ven_id)?.into(),
            MessageKind::CanceledReport => CanceledReport {
                ei_response: self.response()?,
                pending_reports: self.pending()?,
                ven_id,
            }
            .into(),
            other => return Err(format!("{other} is of another service")),
        })
    }

    fn response(&self) -> Result<EiResponse, String> {
        let code = one::<u16>(self.fields, "code")?;
        Ok(EiResponse {
            response_code: ResponseCode::new(code).map_err(|error| error.to_string())?,
            response_description: None,
            request_id: opt(self.fields, "requestID")?.unwrap_or_default(),
        })
    }

    fn vtn_id<T: FromStr>(&self) -> Result<T, String> {
        match opt(self.fields, "vtnID")? {
            Some(vtn_id) => Ok(vtn_id),
            None => parsed("vtnID", offers::VTN_ID),
        }
    }

    fn pending(&self) -> Result<PendingReports, String> {
        Ok(PendingReports {
            report_request_ids: many(self.fields, "pending")?,
        })
    }
}

fn cancelled(
    fields: &Fields,
    ven_id: Option<oadr_core::value::VenId>,
) -> Result<CancelReport, String> {
    Ok(CancelReport {
        request_id: one(fields, "requestID")?,
        report_request_ids: some(many(fields, "cancels")?)?,
        report_to_follow: opt(fields, "toFollow")?.unwrap_or(false),
        ven_id,
    })
}

fn request(fields: &Fields) -> Result<ReportRequest, String> {
    let payload = |r_id| SpecifierPayload {
        r_id,
        item_base: None,
        reading_type: ReadingType::NotApplicable,
    };
    let payloads = many(fields, "rID")?.into_iter().map(payload).collect();
    Ok(ReportRequest {
        report_request_id: one(fields, "id")?,
        specifier: ReportSpecifier {
            report_specifier_id: one(fields, "of")?,
            granularity: one(fields, "granularity")?,
            report_back: one(fields, "back")?,
            interval: match fields.contains_key("from") {
                true => Some(period(fields)?),
                false => None,
            },
            payloads: some(payloads)?,
        },
    })
}

fn period(fields: &Fields) -> Result<Properties, String> {
    Ok(Properties::new(one(fields, "from")?, one(fields, "for")?))
}

/// So many intervals, one after the other, each with a value for every data point.
fn report(fields: &Fields, offers: &[Report], now: DateTime) -> Result<Report, String> {
    let specifier: String = one(fields, "of")?;
    let length: Option<Duration> = opt(fields, "each")?;
    let start = opt::<DateTime>(fields, "from")?.unwrap_or(now);
    let r_ids = many(fields, "rID")?;
    let mut intervals = Vec::new();
    let mut begins = start;
    for number in 0..one::<usize>(fields, "intervals")? {
        let payloads = r_ids.iter().map(|r_id: &oadr_core::value::RId| {
            StreamPayload::Report(ReportPayload {
                r_id: r_id.clone(),
                confidence: None,
                accuracy: None,
                payload: offers::value(r_id, begins),
                data_quality: None,
            })
        });
        intervals.push(Interval {
            start: Some(begins),
            duration: length,
            uid: Text::new(number.to_string()).ok(),
            payloads: some(payloads.collect())?,
        });
        begins = length.unwrap_or(Duration::minutes(1)).after(begins);
    }
    Ok(Report {
        start: Some(start),
        duration: None,
        intervals: Some(some(intervals)?),
        ei_report_id: None,
        descriptions: Vec::new(),
        report_request_id: one(fields, "id")?,
        report_name: offers::find(&specifier, offers).ok().and_then(offers::name),
        report_specifier_id: parsed("of", &specifier)?,
        created: now,
    })
}

fn one<T: FromStr>(fields: &Fields, name: &str) -> Result<T, String> {
    parsed(name, fields.get(name).map_or("", String::as_str))
}

fn opt<T: FromStr>(fields: &Fields, name: &str) -> Result<Option<T>, String> {
    match fields.get(name).map_or("", String::as_str) {
        "" => Ok(None),
        text => parsed(name, text).map(Some),
    }
}

fn many<T: FromStr>(fields: &Fields, name: &str) -> Result<Vec<T>, String> {
    let text = fields.get(name).map_or("", String::as_str);
    let values = text.split(',').filter(|value| !value.is_empty());
    values.map(|value| parsed(name, value)).collect()
}

fn some<T>(list: Vec<T>) -> Result<NonEmpty<T>, String> {
    list.try_into()
        .map_err(|_| "nothing of what is needed".to_owned())
}

fn parsed<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}={text:?}"))
}
