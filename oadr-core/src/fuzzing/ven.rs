//! The VEN before any VTN: answers that fit and others, pushes, failures, commands, restarts, clocks that
//! jump.
//!
//! Knows nothing of the machine but its host in memory, which checks every decision on the way.

use std::collections::{BTreeSet, VecDeque};

use chrono::TimeDelta;

use super::draft::{EVENT_IDS, around, draft, span, target};
use super::listener::Listener;
use super::opt::{RESOURCES, opt_id, terms};
use super::{entropy, numbers, over_the_wire, ven_reports};
use crate::memory::VenHost;
use crate::payload::arbitrary::{Arbitrary, Draws};
use crate::payload::{
    ActivePeriod, CancelPartyRegistration, CreatedOpt, CreatedPartyRegistration, DistributeEvent,
    EiEvent, EiResponse, Event, EventDescriptor, EventSignals, Message, MessageKind, Profile,
    Properties, RegisteredReport, RequestReregistration, Response, ResponseCode, Tolerance,
    Transport,
};
use crate::value::{
    DateTime, Duration, EventId, EventStatus, NonEmpty, OptType, ProfileName, RegistrationId,
    RequestId, ResourceId, ResponseRequired, SignalName, Text, TransportName, VenId, VtnId,
};
use crate::ven::{
    Command, Contact, Context, Exchange, Failure, OptDraft, OptPolicy, Outgoing, PushReply,
    Registration, Run,
};

/// A VEN that owes more than this does not send what it owes.
const MOST_OWED: usize = 128;

/// Lives through what the bytes say.
///
/// # Panics
/// A decision is unsound (see the module), a second request goes out before the first is done with,
/// a deadline that has come comes again, debts pile up, or the application is told nonsense.
pub fn ven(bytes: &[u8]) {
    let numbers = numbers(bytes);
    let mut draws = Draws::new(&numbers);
    let mut world = World::new(&mut draws);
    while !draws.is_exhausted() {
        let outgoing = world.happen(&mut draws);
        world.check(outgoing);
    }
}

struct World {
    host: VenHost,
    now: DateTime,
    inputs: u64,
    under_way: Option<(Exchange, MessageKind)>,
    /// Requests of which nobody will ever hear again, or all of a sudden.
    past: VecDeque<Exchange>,
    listener: Listener,
}

impl World {
    fn new(draws: &mut Draws<'_>) -> Self {
        let ven_id = || VenId::new("ven-1").unwrap_or_default();
        let ven_id = draws.flip().then(ven_id);
        let vtn_id = draws.flip().then(vtn_id);
        let mode = draws.below(8);
        let mut context = Context {
            ven_id,
            vtn_id,
            report_only: mode == 1,
            reports: match draws.below(4) {
                0 => Vec::new(),
                1 => Arbitrary::arbitrary(draws),
                _ => vec![ven_reports::offer(draws), ven_reports::offer(draws)],
            },
            resources: RESOURCES
                .iter()
                .filter_map(|id| ResourceId::new(id).ok())
                .collect(),
            report_jitter: if draws.flip() { 10 } else { 0 },
            signals: if draws.below(4) == 1 {
                vec![SignalName::Simple]
            } else {
                Vec::new()
            },
            opt: match draws.below(4) {
                0 => OptPolicy::Always(OptType::OptOut),
                1 => OptPolicy::Ask,
                _ => OptPolicy::Always(OptType::OptIn),
            },
            ..Context::new(Text::new("house").unwrap_or_default())
        };
        reach(&mut context, mode);
        let mut host = VenHost::new(context);
        let mut moods = draws.number();
        host.on_event(move |_| {
            moods = moods.rotate_right(1);
            match moods % 4 {
                0 => (OptType::OptOut, None),
                1 => (OptType::OptOut, Some(ResponseCode::DEPLOYMENT_ERROR)),
                _ => (OptType::OptIn, None),
            }
        });
        host.on_readings(ven_reports::measure(draws));
        let mut world = Self {
            host,
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            inputs: 0,
            under_way: None,
            past: VecDeque::new(),
            listener: Listener::default(),
        };
        let outgoing = world.start();
        world.check(outgoing);
        world
    }

    fn happen(&mut self, draws: &mut Draws<'_>) -> Option<Outgoing> {
        match draws.below(16) {
            0 => self.start(),
            1 => self.command(draws),
            2 => {
                // Clocks are set back, too.
                let seconds = i64::try_from(draws.below(4_000)).unwrap_or_default();
                self.now += TimeDelta::seconds(seconds - 400);
                self.wake()
            }
            3 => {
                // News of a request that is done with.
                let exchange = self.past.front().copied()?;
                let message = self.any_answer(draws);
                let entropy = entropy(&mut self.inputs);
                self.host.replied(exchange, message, self.now, entropy)
            }
            4 => {
                let failure = failure(draws);
                let (exchange, _) = self.take_under_way()?;
                let entropy = entropy(&mut self.inputs);
                self.host.failed(exchange, failure, self.now, entropy)
            }
            14 if !Contact::of(self.host.context()).is_pull() => {
                let message = self.push(draws);
                let entropy = entropy(&mut self.inputs);
                let (reply, outgoing) = self.host.pushed(message, self.now, entropy);
                match reply {
                    PushReply::Message(reply) => drop(over_the_wire(&reply)),
                    PushReply::Empty => {}
                }
                outgoing
            }
            15 if !Contact::of(self.host.context()).is_pull() => {
                let entropy = entropy(&mut self.inputs);
                self.host.connected(self.now, entropy)
            }
            _ => match self.under_way {
                Some((exchange, kind)) => {
                    let message = match draws.below(8) {
                        0 => self.any_answer(draws),
                        _ => self.fitting_answer(kind, draws),
                    };
                    self.take_under_way();
                    let entropy = entropy(&mut self.inputs);
                    self.host.replied(exchange, message, self.now, entropy)
                }
                None => {
                    let deadline = self.host.next_deadline()?;
                    let year = TimeDelta::days(366);
                    self.now = self.now.max(deadline.min(self.now + year));
                    self.wake()
                }
            },
        }
    }

    /// What holds after each of them.
    fn check(&mut self, outgoing: Option<Outgoing>) {
        if let Some(outgoing) = outgoing {
            assert!(
                self.under_way.is_none(),
                "{outgoing:?} overtakes {:?}",
                self.under_way
            );
            over_the_wire(&outgoing.message);
            self.under_way = Some((outgoing.exchange, outgoing.message.kind()));
        }
        assert_eq!(self.host.state().is_waiting(), self.under_way.is_some());
        let next = self.host.next_deadline();
        assert!(
            next.is_none_or(|next| next > self.now),
            "what is due is done: {next:?} at {:?}",
            self.now
        );
        let state = self.host.state();
        assert!(state.owed().count() < MOST_OWED, "debts pile up");
        match state.registration() {
            Registration::None | Registration::Leaving(_) => {
                assert_eq!(state.events().count(), 0);
                assert!(state.owed().count() <= 1);
            }
            Registration::Wanted | Registration::Registered(_) => {}
        }
        let running: BTreeSet<EventId> = state
            .events()
            .filter(|event| matches!(event.run(), Run::Running(_)))
            .inspect(|event| assert_eq!(event.stance().opt, OptType::OptIn))
            .map(|event| event.event_id().clone())
            .collect();
        for (_, effect) in self.host.take_effects() {
            self.listener.hear(&effect);
        }
        assert!(
            running.is_subset(self.listener.running()),
            "what runs was told"
        );
    }

    fn start(&mut self) -> Option<Outgoing> {
        self.under_way = None;
        // Whoever waited for these is gone with the process, and their numbers come again.
        self.past.clear();
        let entropy = entropy(&mut self.inputs);
        self.host.start(self.now, entropy)
    }

    fn wake(&mut self) -> Option<Outgoing> {
        let entropy = entropy(&mut self.inputs);
        self.host.wake(self.now, entropy)
    }

    /// The request under way is done with, one way or the other.
    fn take_under_way(&mut self) -> Option<(Exchange, MessageKind)> {
        let taken = self.under_way.take();
        self.past.extend(taken.map(|(exchange, _)| exchange));
        while self.past.len() > 3 {
            self.past.pop_front();
        }
        taken
    }

    fn command(&mut self, draws: &mut Draws<'_>) -> Option<Outgoing> {
        let change_opt = |opt, draws: &mut Draws<'_>| Command::ChangeOpt {
            event_id: event_id(draws),
            opt,
        };
        let command = match draws.below(8) {
            0 => Command::Register,
            1 => Command::RequestEvents,
            2 => change_opt(OptType::OptOut, draws),
            3 => change_opt(OptType::OptIn, draws),
            4 => {
                let mut context = self.host.context().clone();
                context.version += 1;
                context.opt = OptPolicy::Always(OptType::arbitrary(draws));
                let mode = draws.below(4);
                context.report_only = mode == 1;
                reach(&mut context, mode);
                if draws.below(4) == 1 {
                    context.reports = vec![ven_reports::offer(draws)];
                }
                self.host.configure(context);
                return self.wake();
            }
            5 => Command::CreateOpt(Box::new(OptDraft {
                opt_id: draws.flip().then(|| opt_id(draws)),
                terms: terms(self.now, draws),
            })),
            6 => Command::CancelOpt {
                opt_id: opt_id(draws),
            },
            _ => Command::CancelRegistration,
        };
        let entropy = entropy(&mut self.inputs);
        // Refused or not, it must not break anything.
        self.host
            .command(&command, self.now, entropy)
            .unwrap_or_default()
    }

    fn any_answer(&self, draws: &mut Draws<'_>) -> Option<Message> {
        match draws.below(8) {
            0 => None,
            1 => Some(
                RequestReregistration {
                    ven_id: VenId::new("ven-1").unwrap_or_default(),
                }
                .into(),
            ),
            2 => Some(
                CancelPartyRegistration {
                    request_id: RequestId::default(),
                    registration_id: RegistrationId::new("reg-1").unwrap_or_default(),
                    ven_id: None,
                }
                .into(),
            ),
            3 => Some(response(ResponseCode::arbitrary(draws)).into()),
            4 => Some(response(ResponseCode::NOT_REGISTERED).into()),
            5 => Some(self.list(draws).into()),
            _ => {
                let kind = draws.pick(MessageKind::ALL).unwrap_or(MessageKind::Poll);
                Some(Message::arbitrary(kind, draws))
            }
        }
    }

    fn push(&self, draws: &mut Draws<'_>) -> Message {
        match draws.below(8) {
            0..=2 => self.list(draws).into(),
            3..=5 => ven_reports::operation(self.host.context(), self.now, draws),
            _ => {
                let unexpected = response(ResponseCode::OK).into();
                self.any_answer(draws).unwrap_or(unexpected)
            }
        }
    }

    fn fitting_answer(&self, kind: MessageKind, draws: &mut Draws<'_>) -> Option<Message> {
        use MessageKind as K;
        Some(match kind {
            K::QueryRegistration => created(draws.flip().then_some("1")).into(),
            K::CreatePartyRegistration => created(draws.pick(&["1", "1", "2"])).into(),
            K::RegisterReport => RegisteredReport {
                ei_response: EiResponse::ok(RequestId::default()),
                report_requests: ven_reports::requests(self.host.context(), self.now, draws),
                ven_id: None,
            }
            .into(),
            K::RequestEvent => self.list(draws).into(),
            K::Poll => match draws.below(8) {
                0 | 1 => response(ResponseCode::OK).into(),
                2..=4 => ven_reports::operation(self.host.context(), self.now, draws),
                _ => self.list(draws).into(),
            },
            K::CreateOpt => CreatedOpt {
                ei_response: EiResponse::ok(RequestId::default()),
                opt_id: opt_id(draws),
            }
            .into(),
            K::UpdateReport => ven_reports::acknowledgement(draws),
            K::CreatedPartyRegistration
            | K::CancelPartyRegistration
            | K::CanceledPartyRegistration
            | K::RequestReregistration
            | K::Response
            | K::DistributeEvent
            | K::CreatedEvent
            | K::CreatedOpt
            | K::CancelOpt
            | K::CanceledOpt
            | K::RegisteredReport
            | K::CreateReport
            | K::CreatedReport
            | K::UpdatedReport
            | K::CancelReport
            | K::CanceledReport => response(ResponseCode::OK).into(),
        })
    }

    fn list(&self, draws: &mut Draws<'_>) -> DistributeEvent {
        let events = (0..draws.below(4)).map(|_| self.event(draws)).collect();
        DistributeEvent {
            ei_response: Some(EiResponse::ok(RequestId::default())),
            request_id: RequestId::new("list").unwrap_or_default(),
            vtn_id: vtn_id(),
            events,
        }
    }

    /// An event of one of few IDs, around now; some are legal.
    fn event(&self, draws: &mut Draws<'_>) -> Event {
        let draft = draft(self.now, draws);
        let mut signals = draft.signals;
        for (n, signal) in signals.iter_mut().enumerate() {
            signal.signal_id = crate::value::SignalId::new(n.to_string()).unwrap_or_default();
        }
        let start = around(self.now, draws);
        // The sum of the first signal's intervals makes an event legal more often than not.
        let sum = signals.first().map(|signal| {
            let lengths = signal.intervals.iter().filter_map(|i| i.duration);
            let end = lengths.fold(start, |end, length| length.after(end));
            Duration::from_time_delta(end - start)
        });
        let ei_event = EiEvent {
            descriptor: EventDescriptor {
                event_id: event_id(draws),
                modification_number: u32::arbitrary(draws),
                modification_date_time: None,
                modification_reason: None,
                priority: draft.priority,
                market_context: draft.market_context,
                created: self.now,
                event_status: match draws.below(8) {
                    0 => EventStatus::Cancelled,
                    1 => EventStatus::arbitrary(draws),
                    _ => EventStatus::Far,
                },
                test_event: None,
                vtn_comment: None,
            },
            active_period: ActivePeriod(Properties {
                tolerance: draws.flip().then(|| Tolerance {
                    start_after: Some(span(draws)),
                }),
                notification: draft.notification,
                ramp_up: draft.ramp_up,
                recovery: draft.recovery,
                ..Properties::new(start, sum.unwrap_or(Duration::ZERO))
            }),
            signals: EventSignals {
                signals: match NonEmpty::try_from(signals) {
                    Ok(signals) => signals,
                    Err(_) => Arbitrary::arbitrary(draws),
                },
                baseline: None,
            },
            target: target(draws).unwrap_or_default(),
        };
        Event {
            ei_event,
            response_required: ResponseRequired::arbitrary(draws),
        }
    }
}

/// Mostly it polls.
fn reach(context: &mut Context, mode: usize) {
    let address = (mode == 2).then(|| Text::new("https://ven.example"));
    context.transport_address = address.and_then(Result::ok);
    context.transport = if mode == 3 {
        TransportName::Xmpp
    } else {
        TransportName::SimpleHttp
    };
}

fn vtn_id() -> VtnId {
    VtnId::new("VTN").unwrap_or_default()
}

fn event_id(draws: &mut Draws<'_>) -> EventId {
    EventId::new(draws.pick(EVENT_IDS).unwrap_or_default()).unwrap_or_default()
}

fn response(code: ResponseCode) -> Response {
    Response {
        ei_response: EiResponse::new(code, "", RequestId::default()),
        ven_id: None,
    }
}

fn created(number: Option<&str>) -> CreatedPartyRegistration {
    CreatedPartyRegistration {
        ei_response: EiResponse::ok(RequestId::default()),
        registration_id: number.and_then(|n| RegistrationId::new(format!("reg-{n}")).ok()),
        ven_id: number.and_then(|n| VenId::new(format!("ven-{n}")).ok()),
        vtn_id: vtn_id(),
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
}

fn failure(draws: &mut Draws<'_>) -> Failure {
    match draws.below(5) {
        0 => Failure::Unreachable,
        1 => Failure::Refused,
        2 => Failure::Broken,
        3 => Failure::Busy { retry_after: None },
        _ => Failure::Busy {
            retry_after: TimeDelta::try_seconds(i64::try_from(draws.number()).unwrap_or(i64::MAX)),
        },
    }
}
