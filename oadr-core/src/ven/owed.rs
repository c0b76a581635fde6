//! What a VEN owes its VTN: messages that go out again and again until they are acknowledged.
//!
//! Knows nothing of when they are sent.

use serde::{Deserialize, Serialize};

use super::{Context, State};
use crate::payload::{
    CancelOpt, CancelPartyRegistration, CanceledPartyRegistration, CanceledReport, CreatedEvent,
    CreatedReport, EiRequestEvent, EventResponse, Message, RegisterReport, RegisteredReport,
    RequestEvent, Response, UpdateReport, UpdatedReport,
};
use crate::value::{EventId, OptId, ReportRequestId, RequestId, ServiceName};

/// A message that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owed {
    /// Registers again, under the IDs of the registration.
    Reregistration {
        /// Its requestID.
        request_id: RequestId,
    },
    /// Offers the reports of the context at the time of sending (rule 301).
    RegisterReport {
        /// Its requestID.
        request_id: RequestId,
        /// The request for METADATA behind it (rule 311).
        report_request_id: Option<ReportRequestId>,
    },
    /// Asks for all events (rule 405).
    RequestEvent {
        /// Its requestID.
        request_id: RequestId,
    },
    /// Ends the registration.
    CancelPartyRegistration(CancelPartyRegistration),
    /// Answers the end of the registration.
    CanceledPartyRegistration(CanceledPartyRegistration),
    /// Answers events.
    CreatedEvent(CreatedEvent),
    /// Answers `oadrRequestReregistration`.
    Response(Response),
    /// Answers the VTN's offers.
    RegisteredReport(RegisteredReport),
    /// Answers requests for reports.
    CreatedReport(CreatedReport),
    /// Answers the end of reports.
    CanceledReport(CanceledReport),
    /// Answers data.
    UpdatedReport(UpdatedReport),
    /// Corrects data that the VTN has (rule 346).
    UpdateReport(Box<UpdateReport>),
    /// Opts in or out.
    CreateOpt {
        /// The opt's number.
        number: u64,
        /// Its requestID.
        request_id: RequestId,
    },
    /// Withdraws opt schedules.
    CancelOpt {
        /// All those of this ID.
        opt_id: OptId,
        /// Its requestID.
        request_id: RequestId,
    },
}

impl Owed {
    /// The events that it answers.
    pub(super) fn event_ids(&self) -> impl Iterator<Item = &EventId> {
        let responses = self.event_responses();
        responses.map(|response| &response.qualified_event_id.event_id)
    }

    /// What it says of events.
    pub(super) fn event_responses(&self) -> impl Iterator<Item = &EventResponse> {
        let responses = match self {
            Self::CreatedEvent(message) => message.created.event_responses.as_ref(),
            Self::Reregistration { .. }
            | Self::RegisterReport { .. }
            | Self::RequestEvent { .. }
            | Self::CancelPartyRegistration(_)
            | Self::CanceledPartyRegistration(_)
            | Self::Response(_)
            | Self::RegisteredReport(_)
            | Self::CreatedReport(_)
            | Self::CanceledReport(_)
            | Self::UpdatedReport(_)
            | Self::UpdateReport(_)
            | Self::CreateOpt { .. }
            | Self::CancelOpt { .. } => None,
        };
        responses.into_iter().flat_map(|all| &all.responses)
    }

    /// The message and where it goes; `None` if it has lost its sense.
    pub(super) fn message(
        &self,
        state: &State,
        context: &Context,
    ) -> Option<(ServiceName, Message)> {
        let registered = state.registered();
        let message = match self {
            Self::Reregistration { request_id } => {
                let registered = registered?;
                let ids = Some((&registered.ven_id, &registered.registration_id));
                super::registration::create(context, request_id.clone(), ids).into()
            }
            Self::RegisterReport {
                request_id,
                report_request_id,
            } => RegisterReport {
                request_id: request_id.clone(),
                reports: context.reports.clone(),
                ven_id: Some(registered?.ven_id.clone()),
                report_request_id: report_request_id.clone(),
            }
            .into(),
            Self::RequestEvent { request_id } => RequestEvent {
                request: EiRequestEvent {
                    request_id: request_id.clone(),
                    ven_id: registered?.ven_id.clone(),
                    reply_limit: None,
                },
            }
            .into(),
            Self::CancelPartyRegistration(message) => message.clone().into(),
            Self::CanceledPartyRegistration(message) => message.clone().into(),
            Self::CreatedEvent(message) => message.clone().into(),
            Self::Response(message) => message.clone().into(),
            Self::RegisteredReport(message) => message.clone().into(),
            Self::CreatedReport(message) => message.clone().into(),
            Self::CanceledReport(message) => message.clone().into(),
            Self::UpdatedReport(message) => message.clone().into(),
            Self::UpdateReport(message) => (**message).clone().into(),
            Self::CreateOpt { number, request_id } => {
                super::opt::message(state, *number, request_id)?.into()
            }
            Self::CancelOpt { opt_id, request_id } => CancelOpt {
                request_id: request_id.clone(),
                opt_id: opt_id.clone(),
                ven_id: registered?.ven_id.clone(),
            }
            .into(),
        };
        // The only operation that an oadrResponse answers is of EiRegisterParty.
        let service = Message::kind(&message).service();
        Some((service.unwrap_or(ServiceName::EiRegisterParty), message))
    }
}
