//! Our VTN in the harness's place: the script is the VEN.
//!
//! Knows nothing of what is said; it speaks, hears and compares.

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use oadr_core::memory::{VtnConfig, VtnHost};
use oadr_core::payload::{MessageKind, Report};
use oadr_core::value::{DateTime, Text, VenId, VtnId};
use oadr_core::vtn::{Command, Push, PushAddress, PushOutcome, Reply, ReportPolicy, WantedReport};
use oadr_core::{Peer, Profile};

use crate::made::{made, requests};
use crate::offers;
use crate::play::{clock, entropy, over_the_wire};
use crate::said::said;
use crate::script::{Fields, Line, NOON, Names, Party, Said, Script, Step};
use crate::transport::Transport;

/// How long it takes a VEN to say what is next.
const PAUSE: TimeDelta = TimeDelta::seconds(1);

/// The same where the VEN does not wait for its next poll.
const AT_ONCE: TimeDelta = TimeDelta::milliseconds(20);

/// How long after its time something may be pushed: a registration holds pushes back a little.
const WITHIN: TimeDelta = TimeDelta::seconds(5);

/// So long after the end there is still nothing to say.
const QUIET: TimeDelta = TimeDelta::minutes(30);

struct Harness {
    vtn: VtnHost,
    transport: Transport,
    /// What the VEN offers.
    offers: Vec<Report>,
    /// Who the VEN can prove to be.
    peer: Peer,
    now: DateTime,
    names: Names,
    /// What was answered last.
    reply: Option<Reply>,
    /// What was pushed and is not answered: the VEN takes its time, until the script has come to it.
    pushed: VecDeque<(u64, Push)>,
    /// What was sent for each request: values.
    reported: BTreeMap<String, usize>,
    draws: u64,
}

/// Plays these scripts, one after the other, over this transport, with a VEN that offers these reports.
pub(crate) fn play(
    scripts: &[Script],
    transport: Transport,
    offers: &[Report],
) -> Result<(), String> {
    let noon: DateTime = NOON.parse().map_err(|_| "noon".to_owned())?;
    let vtn_id = VtnId::new(offers::VTN_ID).map_err(|error| error.to_string())?;
    let mut harness = Harness {
        vtn: VtnHost::new(VtnConfig {
            profiles: Transport::profiles(),
            ..VtnConfig::new(vtn_id)
        }),
        transport,
        offers: offers.to_vec(),
        peer: transport.peer(scripts.iter().any(|script| script.certificate))?,
        now: noon - TimeDelta::minutes(5),
        names: Names::default(),
        reply: None,
        pushed: VecDeque::new(),
        reported: BTreeMap::new(),
        draws: 0,
    };
    if let Some(agreed) = scripts.iter().find_map(|script| script.agreed.as_ref()) {
        harness.enrol(agreed)?;
    }
    for (place, script) in scripts.iter().enumerate() {
        if place + 1 == scripts.len() && place > 0 {
            harness.wait_until(noon);
        }
        let mut steps = script.steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::At(at) => harness.wait_until(*at),
                Step::Forgets => {}
                Step::Says(line) => {
                    let reply = match steps.peek() {
                        Some(Step::Says(reply)) => Some(reply),
                        Some(
                            Step::At(_)
                            | Step::Forgets
                            | Step::Pushes(_)
                            | Step::Quiet(_)
                            | Step::Answers(_),
                        )
                        | None => None,
                    };
                    let done = harness.says(line, reply);
                    harness.played(line, done)?;
                }
                Step::Pushes(line) => {
                    let done = harness.pushes(line);
                    harness.played(line, done)?;
                }
                Step::Quiet(line) => {
                    harness.wait_until(harness.now + PAUSE);
                    let done = harness.is_quiet();
                    harness.played(line, done)?;
                }
                Step::Answers(line) => {
                    let done = harness.answers(line);
                    harness.played(line, done)?;
                }
            }
        }
    }
    if scripts.iter().any(|script| script.goes_on) {
        return Ok(());
    }
    harness.wait_until(harness.now + QUIET);
    harness.ends()
}

impl Harness {
    fn entropy(&mut self) -> [u8; 32] {
        self.draws += 1;
        entropy(self.draws)
    }

    fn enrol(&mut self, ven_id: &str) -> Result<(), String> {
        let enrol = Command::Enrol {
            ven_name: Text::new(offers::VEN_NAME).map_err(|error| error.to_string())?,
            ven_id: Some(VenId::new(ven_id).map_err(|error| error.to_string())?),
            groups: Vec::new(),
            resources: Vec::new(),
            certificates: Vec::new(),
            signatures: None,
            jid: self.transport.account(),
        };
        let entropy = self.entropy();
        let done = self.vtn.command(None, &enrol, self.now, entropy);
        done.map_err(|error| error.to_string())
    }

    /// Where a dialogue went wrong.
    fn played(&self, line: &Line, done: Result<(), String>) -> Result<(), String> {
        done.map_err(|error| format!("at {}: {error}\n{}", clock(self.now), line.text))
    }

    fn wait_until(&mut self, until: DateTime) {
        while self.wakes(until) {}
        self.now = self.now.max(until);
    }

    /// Whether there was a deadline before then, which has come now.
    fn wakes(&mut self, until: DateTime) -> bool {
        let Some(due) = self.vtn.next_deadline().filter(|due| *due <= until) else {
            return false;
        };
        self.now = self.now.max(due);
        let entropy = self.entropy();
        self.pushed.extend(self.vtn.wake(self.now, entropy));
        true
    }

    /// The VTN says it by itself.
    fn pushes(&mut self, line: &Line) -> Result<(), String> {
        let wanted = line.said.as_ref().ok_or("nothing is pushed")?;
        if line.told {
            self.wait_until(self.now + PAUSE);
            self.command(wanted)?;
        }
        let until = self.now + WITHIN;
        while self.pushed.is_empty() {
            if !self.wakes(until) {
                return Err("nothing is pushed".to_owned());
            }
        }
        let (_, push) = self.pushed.front().ok_or("nothing is pushed")?;
        if self.transport.address() != Some(address(&push.to)?) {
            return Err(format!("pushed to {:?}", push.to));
        }
        let heard = said(&over_the_wire(&push.message)?);
        self.names
            .check(wanted, &heard, &line.differs)
            .map_err(|error| format!("{error}, in {heard:#?}"))
    }

    /// The VEN's direct reply to what was pushed.
    fn answers(&mut self, line: &Line) -> Result<(), String> {
        let (ven, push) = self.pushed.pop_front().ok_or("nothing was pushed")?;
        if !self.pushed.is_empty() {
            return Err(format!("two pushes at once: {:?}", self.pushed));
        }
        let outcome = match &line.said {
            None => PushOutcome::Acknowledged,
            Some(said) => {
                let reply = self.names.resolve(said);
                let reply = over_the_wire(&made(&reply, &self.offers, self.now)?)?;
                PushOutcome::Replied {
                    profile: Profile::B,
                    message: Box::new(reply),
                    signature: None,
                }
            }
        };
        let entropy = self.entropy();
        let next = self.vtn.pushed(ven, push.id, outcome, self.now, entropy);
        self.pushed.extend(next.map(|push| (ven, push)));
        Ok(())
    }

    fn says(&mut self, line: &Line, reply: Option<&Line>) -> Result<(), String> {
        match (line.party, &line.said) {
            (Party::Ven, None) => Err("a VEN has no empty requests".to_owned()),
            (Party::Ven, Some(request)) => {
                if self.transport.is_pushed() {
                    // It is faster than what may be pushed meanwhile.
                    self.now += AT_ONCE;
                } else {
                    self.wait_until(self.now + PAUSE);
                }
                if let Some(Line {
                    told: true,
                    said: Some(reply),
                    ..
                }) = reply
                {
                    self.command(reply)?;
                }
                let request = self.names.resolve(request);
                let mut message = made(&request, &self.offers, self.now)?;
                self.transport.registers(&mut message);
                let message = over_the_wire(&message)?;
                let entropy = self.entropy();
                let reply =
                    self.vtn
                        .handle(self.peer.clone(), Profile::B, message, self.now, entropy);
                self.reply = Some(reply);
                if request.kind == MessageKind::UpdateReport {
                    self.count(&request)?;
                }
                Ok(())
            }
            (Party::Vtn, wanted) => match (wanted, self.reply.take()) {
                (_, None) => Err("nothing was asked".to_owned()),
                (None, Some(Reply::Empty)) => Ok(()),
                (None, Some(Reply::Message(reply))) => Err(format!("{:#?}", said(&reply))),
                (Some(_), Some(Reply::Empty)) => Err("the reply is empty".to_owned()),
                (_, Some(Reply::Push(_))) => Err("a push answers nothing".to_owned()),
                (_, Some(Reply::Forbidden)) => Err("the request is forbidden".to_owned()),
                (Some(wanted), Some(Reply::Message(reply))) => {
                    let heard = said(&over_the_wire(&reply)?);
                    self.names
                        .check(wanted, &heard, &line.differs)
                        .map_err(|error| format!("{error}, in {heard:#?}"))
                }
            },
        }
    }

    /// Data that were taken are there, each once; data that were refused are not.
    fn count(&mut self, update: &Said) -> Result<(), String> {
        let taken = match &self.reply {
            Some(Reply::Message(reply)) => reply
                .ei_response()
                .is_some_and(|response| response.response_code.is_success()),
            Some(Reply::Empty | Reply::Push(_) | Reply::Forbidden) | None => false,
        };
        let Some((key, _)) = self.vtn.ven(offers::VEN_NAME) else {
            return if taken {
                Err("data of nobody were taken".to_owned())
            } else {
                Ok(())
            };
        };
        for (_, report) in &update.parts {
            let field = |name: &str| report.get(name).map_or("", String::as_str);
            let id = field("id").parse().map_err(|_| "id".to_owned())?;
            let intervals: usize = field("intervals").parse().unwrap_or(0);
            let count = self.reported.entry(field("id").to_owned()).or_default();
            if taken {
                *count += intervals * field("rID").split(',').count();
            }
            let kept = self.vtn.readings(key, &id).count();
            if kept != *count {
                return Err(format!("{kept} values of {id} are kept, {count} were sent"));
            }
        }
        Ok(())
    }

    /// Nothing is pushed that the script has not come to.
    fn is_quiet(&self) -> Result<(), String> {
        match self.pushed.front() {
            None => Ok(()),
            Some((_, push)) => Err(format!("there is more to say: {:#?}", push.message)),
        }
    }

    /// There is nothing left to say.
    fn ends(&mut self) -> Result<(), String> {
        if self.transport.is_pushed() {
            return self.is_quiet();
        }
        let Some((_, ven)) = self.vtn.ven(offers::VEN_NAME) else {
            return Ok(());
        };
        let Some(ven_id) = ven
            .ven_id()
            .filter(|_| ven.registration().is_some())
            .cloned()
        else {
            return Ok(());
        };
        let poll = oadr_core::payload::Poll { ven_id }.into();
        let entropy = self.entropy();
        match self
            .vtn
            .handle(self.peer.clone(), Profile::B, poll, self.now, entropy)
        {
            Reply::Message(reply) if reply.kind() == MessageKind::Response => Ok(()),
            other @ (Reply::Message(_) | Reply::Empty | Reply::Push(_) | Reply::Forbidden) => {
                Err(format!("there is more to say: {other:#?}"))
            }
        }
    }

    /// An operator wants the VTN to say this.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named is refused, whatever it is"
    )]
    fn command(&mut self, wanted: &Said) -> Result<(), String> {
        let mut commands = Vec::new();
        match wanted.kind {
            MessageKind::CancelPartyRegistration => commands.push(Command::Remove),
            MessageKind::RequestReregistration => commands.push(Command::RequestReregistration),
            MessageKind::RegisteredReport => {
                let policies: Result<Vec<_>, _> = wanted
                    .parts
                    .iter()
                    .map(|(_, fields)| policy(fields, &self.offers))
                    .collect();
                self.vtn.set_report_policies(policies?);
            }
            MessageKind::CreateReport => {
                // The requests' IDs are whoever requests to give, the message's is not.
                let mut asked = wanted.clone();
                asked.fields.clear();
                let asked = self.names.resolve(&asked);
                for request in requests(&asked.parts)? {
                    let specifier = &request.specifier;
                    let is_metadata = specifier.report_specifier_id.as_str() == "METADATA";
                    let r_ids = specifier
                        .payloads
                        .iter()
                        .map(|payload| payload.r_id.clone());
                    let interval = specifier.interval.as_ref();
                    commands.push(Command::RequestReport {
                        report_request_id: request.report_request_id,
                        wanted: WantedReport {
                            report_specifier_id: specifier.report_specifier_id.clone(),
                            r_ids: r_ids.filter(|_| !is_metadata).collect(),
                            granularity: specifier.granularity,
                            report_back: specifier.report_back,
                            start: interval.map(|interval| interval.start),
                            duration: interval
                                .map_or(oadr_core::value::Duration::ZERO, |interval| {
                                    interval.duration
                                }),
                        },
                    });
                }
            }
            MessageKind::CancelReport => self.cancels(&wanted.fields, &mut commands)?,
            MessageKind::UpdatedReport => {
                for (_, cancel) in &wanted.parts {
                    self.cancels(cancel, &mut commands)?;
                }
            }
            other => return Err(format!("a VTN cannot be told to say {other}")),
        }
        let (key, _) = match self.vtn.ven(offers::VEN_NAME) {
            Some(ven) => ven,
            None if commands.is_empty() => return Ok(()),
            None => return Err("the VTN knows no such VEN".to_owned()),
        };
        for command in commands {
            let entropy = self.entropy();
            self.vtn
                .command(Some(key), &command, self.now, entropy)
                .map_err(|error| format!("{command:?}: {error}"))?;
        }
        Ok(())
    }

    fn cancels(&mut self, fields: &Fields, commands: &mut Vec<Command>) -> Result<(), String> {
        let cancelled = fields.get("cancels").map_or("", String::as_str);
        for id in cancelled.split(',') {
            let id = id.strip_prefix('$').and_then(|name| self.names.get(name));
            let id = id.ok_or("a report that nobody asked for")?;
            commands.push(Command::CancelReport {
                report_request_id: id.parse().map_err(|_| "id".to_owned())?,
                report_to_follow: fields.get("toFollow").is_some_and(|word| word == "true"),
            });
        }
        Ok(())
    }
}

fn address(to: &PushAddress) -> Result<Text, String> {
    match to {
        PushAddress::Http(url) => Ok(url.clone()),
        PushAddress::Xmpp(jid) => Text::new(jid.to_string()).map_err(|error| error.to_string()),
    }
}

/// A policy that makes such a request of whoever offers it.
fn policy(fields: &Fields, offers: &[Report]) -> Result<ReportPolicy, String> {
    let length = |name: &str| {
        let text = fields.get(name).map_or("PT0S", String::as_str);
        text.parse().map_err(|_| format!("{name}={text}"))
    };
    let specifier = fields.get("of").map_or("", String::as_str);
    Ok(ReportPolicy {
        name: Text::new(specifier).map_err(|error| error.to_string())?,
        vens: Vec::new(),
        groups: Vec::new(),
        report_name: crate::offers::name(crate::offers::find(specifier, offers)?),
        measurement: None,
        resource: None,
        granularity: length("granularity")?,
        report_back: length("back")?,
        duration: length("for")?,
    })
}
