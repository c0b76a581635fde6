//! Our VEN in the device's place: the script is the VTN.
//!
//! Knows nothing of what is said; it hears, compares and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use oadr_core::memory::VenHost;
use oadr_core::opt::{OptPeriod, OptSubject, OptTerms};
use oadr_core::payload::{EiResponse, Message, MessageKind, Poll, Report, Response};
use oadr_core::value::{DateTime, OptId, RequestId, Text, VenId};
use oadr_core::ven::{Command, Context, Exchange, OptDraft, Outgoing, PushReply};

use crate::made::made;
use crate::offers;
use crate::play::{clock, entropy, over_the_wire};
use crate::said::said;
use crate::script::{Line, NOON, Names, Party, Said, Script, Step};
use crate::transport::Transport;

/// How long after its time a message may come: reports are put off a little, polls come every ten
/// seconds.
const WITHIN: TimeDelta = TimeDelta::seconds(60);

/// So long after the end nothing but polls may be heard.
const QUIET: TimeDelta = TimeDelta::minutes(30);

struct Device {
    ven: VenHost,
    now: DateTime,
    names: Names,
    /// What the VEN wants sent.
    sending: Option<Outgoing>,
    /// The request that is to be answered.
    asked: Option<Exchange>,
    /// What it said to what was pushed.
    answer: Option<PushReply>,
    transport: Transport,
    draws: u64,
    noon: DateTime,
    /// The same time for what is measured: milliseconds since noon.
    time: Arc<AtomicI64>,
}

/// Plays these scripts, one after the other, over this transport, with a VEN that offers these reports.
pub(crate) fn play(
    scripts: &[Script],
    transport: Transport,
    offers: &[Report],
) -> Result<(), String> {
    let noon: DateTime = NOON.parse().map_err(|_| "noon".to_owned())?;
    let agreed = scripts.iter().find_map(|script| script.agreed.clone());
    let time = Arc::new(AtomicI64::new(0));
    let mut device = Device {
        ven: new_ven(agreed.as_deref(), transport, noon, offers, &time)?,
        now: noon - TimeDelta::minutes(5),
        names: Names::default(),
        sending: None,
        asked: None,
        answer: None,
        transport,
        draws: 0,
        noon,
        time: Arc::clone(&time),
    };
    device.start();
    for (place, script) in scripts.iter().enumerate() {
        if place + 1 == scripts.len() && place > 0 {
            device.idle_until(noon)?;
        }
        for step in &script.steps {
            match step {
                Step::At(at) => device.idle_until(*at)?,
                Step::Forgets => {
                    device.ven = new_ven(agreed.as_deref(), transport, noon, offers, &time)?;
                    device.start();
                }
                Step::Says(line) => {
                    let done = device.says(line);
                    device.played(line, done)?;
                }
                Step::Pushes(line) => {
                    let done = device.pushes(line);
                    device.played(line, done)?;
                }
                Step::Quiet(_) => {}
                Step::Answers(line) => {
                    let done = device.answers(line);
                    device.played(line, done)?;
                }
            }
        }
    }
    if scripts.iter().any(|script| script.goes_on) {
        return Ok(());
    }
    device.idle_until(device.now + QUIET)
}

/// A VEN that offers this and measures by this clock.
fn new_ven(
    agreed: Option<&str>,
    transport: Transport,
    noon: DateTime,
    offers: &[Report],
    time: &Arc<AtomicI64>,
) -> Result<VenHost, String> {
    let ven_id = agreed.map(VenId::new).transpose();
    let mut ven = VenHost::new(Context {
        ven_id: ven_id.map_err(|error| error.to_string())?,
        reports: offers.to_vec(),
        resources: crate::offers::resources(),
        transport: transport.name(),
        transport_address: transport.address(),
        ..Context::new(Text::new(offers::VEN_NAME).map_err(|error| error.to_string())?)
    });
    let time = Arc::clone(time);
    ven.on_readings(move |question| {
        let now = noon + TimeDelta::milliseconds(time.load(Ordering::Relaxed));
        crate::offers::readings(question, now)
    });
    Ok(ven)
}

impl Device {
    fn entropy(&mut self) -> [u8; 32] {
        // Whatever happens is preceded by this.
        let since = self.now - self.noon;
        self.time.store(since.num_milliseconds(), Ordering::Relaxed);
        self.draws += 1;
        entropy(self.draws)
    }

    fn start(&mut self) {
        let entropy = self.entropy();
        self.sending = self.ven.start(self.now, entropy);
    }

    /// Where a dialogue went wrong.
    fn played(&self, line: &Line, done: Result<(), String>) -> Result<(), String> {
        done.map_err(|error| format!("at {}: {error}\n{}", clock(self.now), line.text))
    }

    /// Something is pushed to the VEN, whatever else it is about to say.
    fn pushes(&mut self, line: &Line) -> Result<(), String> {
        let said = line.said.as_ref().ok_or("nothing is pushed")?;
        let pushed = self.names.resolve(said);
        let pushed = over_the_wire(&made(&pushed, &[], self.now)?)?;
        self.now += TimeDelta::milliseconds(20);
        let entropy = self.entropy();
        let (answer, sending) = self.ven.pushed(pushed, self.now, entropy);
        self.answer = Some(answer);
        self.sending = self.sending.take().or(sending);
        Ok(())
    }

    /// What the VEN said to that.
    fn answers(&mut self, line: &Line) -> Result<(), String> {
        match (&line.said, self.answer.take()) {
            (_, None) => Err("nothing was pushed".to_owned()),
            (None, Some(PushReply::Empty)) => Ok(()),
            (None, Some(PushReply::Message(reply))) => Err(format!("{:#?}", said(&reply))),
            (Some(_), Some(PushReply::Empty)) => Err("the answer is empty".to_owned()),
            (Some(wanted), Some(PushReply::Message(reply))) => {
                let heard = said(&over_the_wire(&reply)?);
                self.names
                    .check(wanted, &heard, &line.differs)
                    .map_err(|error| format!("{error}, in {heard:#?}"))
            }
        }
    }

    fn says(&mut self, line: &Line) -> Result<(), String> {
        match (line.party, &line.said) {
            (Party::Ven, None) => Err("a VEN has no empty requests".to_owned()),
            (Party::Ven, Some(wanted)) => {
                if line.told {
                    self.command(wanted)?;
                }
                let until = self.now + WITHIN;
                loop {
                    let Some(outgoing) = self.next(until) else {
                        return Err("nothing is said".to_owned());
                    };
                    let heard = said(&over_the_wire(&outgoing.message)?);
                    if heard.kind == MessageKind::Poll && wanted.kind != MessageKind::Poll {
                        self.idle(&outgoing)?;
                        continue;
                    }
                    self.asked = Some(outgoing.exchange);
                    return self
                        .names
                        .check(wanted, &heard, &line.differs)
                        .map_err(|error| format!("{error}, in {heard:#?}"));
                }
            }
            (Party::Vtn, reply) => {
                let asked = self.asked.take().ok_or("nothing was asked")?;
                let reply = match reply {
                    None => None,
                    Some(reply) => {
                        let reply = self.names.resolve(reply);
                        Some(over_the_wire(&made(&reply, &[], self.now)?)?)
                    }
                };
                self.answer(asked, reply);
                Ok(())
            }
        }
    }

    fn answer(&mut self, asked: Exchange, reply: Option<Message>) {
        self.now += TimeDelta::milliseconds(20);
        let entropy = self.entropy();
        self.sending = self.ven.replied(asked, reply, self.now, entropy);
    }

    /// What is said next, before then.
    fn next(&mut self, until: DateTime) -> Option<Outgoing> {
        loop {
            if let Some(outgoing) = self.sending.take() {
                return Some(outgoing);
            }
            let due = self.ven.next_deadline().filter(|due| *due < until);
            self.now = self.now.max(due.unwrap_or(until));
            due?;
            let entropy = self.entropy();
            self.sending = self.ven.wake(self.now, entropy);
        }
    }

    /// Nothing but polls until then, to which there is nothing new.
    fn idle_until(&mut self, until: DateTime) -> Result<(), String> {
        while let Some(outgoing) = self.next(until) {
            if outgoing.message.kind() != MessageKind::Poll {
                let heard = said(&outgoing.message);
                return Err(format!(
                    "at {}: nobody asked for {heard:#?}",
                    clock(self.now)
                ));
            }
            self.idle(&outgoing)?;
        }
        Ok(())
    }

    fn idle(&mut self, poll: &Outgoing) -> Result<(), String> {
        let Message::Poll(Poll { ven_id }) = &*poll.message else {
            return Err("not a poll".to_owned());
        };
        if self.transport.is_pushed() {
            return Err("a VEN that is pushed to polls".to_owned());
        }
        let reply = Response {
            ei_response: EiResponse::ok(RequestId::default()),
            ven_id: Some(ven_id.clone()),
        };
        self.answer(poll.exchange, Some(reply.into()));
        Ok(())
    }

    /// Somebody tells the VEN to say this.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn command(&mut self, wanted: &Said) -> Result<(), String> {
        let command = match wanted.kind {
            MessageKind::CancelPartyRegistration => Command::CancelRegistration,
            MessageKind::CreatePartyRegistration => Command::Register,
            MessageKind::RequestEvent => Command::RequestEvents,
            MessageKind::CreateOpt => Command::CreateOpt(Box::new(self.opt(wanted)?)),
            MessageKind::CancelOpt => Command::CancelOpt {
                opt_id: self.opt_id(wanted)?,
            },
            other => return Err(format!("a VEN cannot be told to say {other}")),
        };
        let entropy = self.entropy();
        let sending = self
            .ven
            .command(&command, self.now, entropy)
            .map_err(|error| error.to_string())?;
        self.sending = self.sending.take().or(sending);
        Ok(())
    }

    /// The opt that the VEN is told to say. The message's own ID is the VEN's to give.
    fn opt(&mut self, wanted: &Said) -> Result<OptDraft, String> {
        let mut wanted = wanted.clone();
        wanted.fields.remove("requestID");
        let Message::CreateOpt(opt) = made(&self.names.resolve(&wanted), &[], self.now)? else {
            return Err("not an opt".to_owned());
        };
        let available = opt.availability.unwrap_or_default().available;
        let classes = opt.device_class.unwrap_or_default();
        Ok(OptDraft {
            opt_id: Some(opt.opt_id),
            terms: OptTerms {
                opt_type: opt.opt_type,
                reason: opt.opt_reason,
                subject: OptSubject::Schedule {
                    market_context: opt.market_context,
                    periods: available.iter().map(OptPeriod::from).collect(),
                },
                resources: opt.target.resource_ids,
                device_classes: classes.end_device_assets,
            },
        })
    }

    fn opt_id(&self, wanted: &Said) -> Result<OptId, String> {
        let written = wanted.fields.get("optID").map_or("", String::as_str);
        let meant = match written.strip_prefix('$') {
            Some(name) => self.names.get(name).ok_or("no such opt")?,
            None => written,
        };
        meant.parse().map_err(|_| meant.to_owned())
    }
}
