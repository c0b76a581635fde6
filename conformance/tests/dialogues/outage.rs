//! Twenty VENs that measure every second for an hour, in virtual time, while the VTN is killed and
//! restarted, VENs are, and messages are lost: every sample arrives once, in order.
//!
//! Knows nothing of how that is done. What a process that dies had not committed is lost to it; what was
//! sampled is not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use conformance::seed::Draws;
use oadr_core::memory::{KeptReading, VenHost, VtnConfig, VtnHost};
use oadr_core::payload::{Interval, Message, Report, StreamPayload};
use oadr_core::reading::{Reading, ReadingPayload};
use oadr_core::value::{
    DataQuality, DateTime, Duration, RId, ReportRequestId, ReportSpecifierId, Text, VtnId,
};
use oadr_core::ven::{Context, Effect, Failure, Outgoing, ReadingsQuestion, Window};
use oadr_core::vtn::{Command, Reply, ReportProgress, WantedReport};
use oadr_core::{Peer, Profile};

use crate::offers;
use crate::play::over_the_wire;
use crate::script::NOON;

const VENS: usize = 20;
const SAMPLES: i64 = 3_600;

/// One second, the grid of the samples.
const TICK: TimeDelta = TimeDelta::seconds(1);

/// What was measured when.
type Samples = BTreeMap<DateTime, u32>;

struct World {
    vtn: VtnHost,
    sites: Vec<Site>,
    now: DateTime,
    draws: Draws,
    /// Whether anything goes wrong.
    storm: bool,
    /// When the VTN is there again.
    vtn_down: Option<DateTime>,
    /// What went wrong.
    damage: Damage,
}

#[derive(Debug, Default)]
struct Damage {
    vtn_kills: u32,
    ven_kills: u32,
    requests_lost: u32,
    replies_lost: u32,
    repeats: u32,
}

struct Site {
    name: String,
    number: u32,
    ven: VenHost,
    sending: Option<Outgoing>,
    /// When the process is there again.
    down: Option<DateTime>,
    /// What was sampled and is still kept, on a disk.
    kept: Arc<Mutex<Samples>>,
    /// All that was ever sampled.
    sampled: Samples,
    /// What the VTN acknowledged to have taken, whether or not the VEN heard that.
    taken: BTreeMap<DateTime, Option<u32>>,
    completed: bool,
}

#[test]
fn every_sample_of_20_vens_arrives_once_and_in_order_through_an_hour_of_outages() {
    let name = "every_sample_of_20_vens_arrives_once_and_in_order_through_an_hour_of_outages";
    let mut world = World::new(Draws::announced_or(name, 20_260_105));
    world.run(60);
    let start = world.now + TimeDelta::seconds(60);
    let request_id: ReportRequestId = "hour".parse().unwrap();
    world.request(&request_id, start);
    world.storm = true;
    world.run(SAMPLES + 120);
    world.storm = false;
    for _ in 0..60 {
        if world.sites.iter().all(|site| site.completed) {
            break;
        }
        world.run(30);
    }
    println!("{:?}", world.damage);
    let lost = world.damage.requests_lost + world.damage.replies_lost;
    assert!(world.damage.vtn_kills > 10 && world.damage.ven_kills > 10 && lost > 100);
    assert!(world.damage.repeats > 0, "nothing was ever said twice");
    for site in &world.sites {
        world.check(site, &request_id, start);
    }
}

impl World {
    fn new(draws: Draws) -> Self {
        let now: DateTime = NOON.parse().unwrap();
        Self {
            vtn: VtnHost::new(VtnConfig::new(VtnId::new("Vtn").unwrap())),
            sites: (0..VENS).map(|n| Site::new(n, now)).collect(),
            now,
            draws,
            storm: false,
            vtn_down: None,
            damage: Damage::default(),
        }
    }

    /// Asks every VEN for an hour of samples.
    fn request(&mut self, report_request_id: &ReportRequestId, start: DateTime) {
        let command = Command::RequestReport {
            report_request_id: report_request_id.clone(),
            wanted: WantedReport {
                report_specifier_id: ReportSpecifierId::new(offers::USAGE).unwrap(),
                r_ids: vec![RId::new("POWER").unwrap()],
                granularity: Duration::seconds(1),
                report_back: Duration::seconds(30),
                start: Some(start),
                duration: Duration::hours(1),
            },
        };
        for n in 0..VENS {
            let (key, _) = self.vtn.ven(&self.sites[n].name).unwrap();
            let entropy = self.entropy();
            let done = self.vtn.command(Some(key), &command, self.now, entropy);
            done.unwrap();
        }
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += TICK;
            self.vtn_lives();
            for n in 0..VENS {
                self.site_lives(n);
            }
        }
    }

    fn vtn_lives(&mut self) {
        if self.vtn_down.is_some_and(|until| until <= self.now) {
            self.vtn_down = None;
        }
        if self.one_in(400) {
            self.kill_vtn(180);
        }
        if self.vtn_down.is_none() {
            let entropy = self.entropy();
            self.vtn.wake(self.now, entropy);
        }
    }

    fn kill_vtn(&mut self, most: u64) {
        self.damage.vtn_kills += 1;
        self.vtn_down = Some(self.later(most));
    }

    fn kill_ven(&mut self, n: usize) {
        self.damage.ven_kills += 1;
        let until = self.later(20);
        self.sites[n].down = Some(until);
        self.sites[n].sending = None;
    }

    fn site_lives(&mut self, n: usize) {
        if let Some(until) = self.sites[n].down {
            if self.now < until {
                return;
            }
            self.start(n);
        }
        let (now, entropy) = (self.now, self.entropy());
        let site = &mut self.sites[n];
        site.sample(now);
        if site.sending.is_none() && site.ven.next_deadline().is_some_and(|due| due <= now) {
            site.sending = site.ven.wake(now, entropy);
        }
        // A VEN that catches up says one thing after the other.
        let mut at = now;
        while let Some(outgoing) = self.sites[n].sending.take() {
            at += TimeDelta::milliseconds(5);
            assert!(
                at < now + TICK,
                "{} never comes to rest",
                self.sites[n].name
            );
            self.travel(n, &outgoing, at);
        }
        self.sites[n].hear();
        if self.one_in(2_000) {
            self.kill_ven(n);
        }
    }

    fn start(&mut self, n: usize) {
        let entropy = self.entropy();
        let site = &mut self.sites[n];
        site.down = None;
        site.sending = site.ven.start(self.now, entropy);
    }

    fn travel(&mut self, n: usize, outgoing: &Outgoing, at: DateTime) {
        let request_lost = self.one_in(12);
        let reply_lost = self.one_in(12);
        let vtn_dies = self.one_in(1_500);
        let ven_dies = self.one_in(300);
        let mut reply = None;
        if request_lost {
            self.damage.requests_lost += 1;
        } else if self.vtn_down.is_none() {
            reply = Some(self.ask_vtn(n, &outgoing.message, at));
        }
        if vtn_dies {
            self.kill_vtn(30);
        }
        if reply.is_some() && (reply_lost || vtn_dies) {
            self.damage.replies_lost += 1;
            reply = None;
        }
        if ven_dies {
            self.kill_ven(n);
            return;
        }
        let entropy = self.entropy();
        let site = &mut self.sites[n];
        let exchange = outgoing.exchange;
        site.sending = match reply {
            Some(reply) => site.ven.replied(exchange, reply, at, entropy),
            None => site.ven.failed(exchange, Failure::Unreachable, at, entropy),
        };
    }

    fn ask_vtn(&mut self, n: usize, message: &Message, at: DateTime) -> Option<Message> {
        let entropy = self.entropy();
        let request = over_the_wire(message).unwrap();
        let reply = self
            .vtn
            .handle(Peer::Unproven, Profile::B, request.clone(), at, entropy);
        let reply = match reply {
            Reply::Message(reply) => Some(over_the_wire(&reply).unwrap()),
            Reply::Empty | Reply::Push(_) | Reply::Forbidden => None,
        };
        if let Message::UpdateReport(update) = &request {
            let code = reply.as_ref().and_then(Message::ei_response);
            assert!(code.unwrap().response_code.is_success(), "{reply:?}");
            for report in &update.reports {
                let repeats = self.sites[n].take(values(report));
                self.damage.repeats += u32::from(repeats);
            }
        }
        reply
    }

    /// What the VTN keeps is what was sampled, each once.
    fn check(&self, site: &Site, request_id: &ReportRequestId, start: DateTime) {
        let (key, state) = self.vtn.ven(&site.name).unwrap();
        assert!(site.completed, "{}: the hour is not over", site.name);
        let progress = &state.report_request(request_id).unwrap().progress;
        assert!(
            matches!(progress, ReportProgress::Over { .. }),
            "{progress:?}"
        );
        let grid: Vec<_> = (0..SAMPLES)
            .map(|second| start + TimeDelta::seconds(second))
            .collect();
        let kept: Vec<_> = self.vtn.readings(key, request_id).collect();
        let starts: Vec<_> = kept.iter().map(|kept| kept.reading.start).collect();
        assert_eq!(starts, grid, "{}: something is missing or twice", site.name);
        let mut missed = 0;
        for kept in kept {
            assert_eq!(
                kept.earlier,
                [],
                "{}: {kept:?} was another value",
                site.name
            );
            match site.sampled.get(&kept.reading.start) {
                Some(value) => assert_eq!(value_of(kept), Some(*value), "{}", site.name),
                None => {
                    assert_eq!(value_of(kept), None, "{}: made up", site.name);
                    missed += 1;
                }
            }
        }
        // Only what nobody sampled, since the process was down, is not there.
        assert!(
            missed < SAMPLES / 4,
            "{}: {missed} never sampled",
            site.name
        );
        assert!(
            site.kept.lock().unwrap().is_empty(),
            "{}: what was acknowledged is kept on",
            site.name
        );
    }

    fn entropy(&mut self) -> [u8; 32] {
        let mut entropy = [0; 32];
        for bytes in entropy.chunks_exact_mut(8) {
            bytes.copy_from_slice(&self.draws.next_number().to_be_bytes());
        }
        entropy
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.draws.below(many) == 0 && self.storm
    }

    fn later(&mut self, most: u64) -> DateTime {
        let seconds = i64::try_from(self.draws.below(most)).unwrap() + 1;
        self.now + TimeDelta::seconds(seconds)
    }
}

impl Site {
    fn new(n: usize, now: DateTime) -> Self {
        let name = format!("site-{n}");
        let mut usage = offers::offer(offers::USAGE, now).unwrap();
        for description in &mut usage.descriptions {
            description.sampling_rate.as_mut().unwrap().min_period = Duration::seconds(1);
        }
        let mut ven = VenHost::new(Context {
            reports: vec![usage],
            report_jitter: 20,
            ..Context::new(Text::new(&name).unwrap())
        });
        let kept = Arc::new(Mutex::new(Samples::new()));
        let disk = Arc::clone(&kept);
        ven.on_readings(move |question| readings(question, &disk.lock().unwrap()));
        Self {
            name,
            number: u32::try_from(n).unwrap(),
            ven,
            sending: None,
            down: Some(now),
            kept,
            sampled: Samples::new(),
            taken: BTreeMap::new(),
            completed: false,
        }
    }

    /// Samples what is to be sampled now.
    fn sample(&mut self, now: DateTime) {
        let mut kept = self.kept.lock().unwrap();
        for sampling in self.ven.state().samplings(self.ven.context()) {
            let since = now - sampling.from;
            let on_grid = since.num_milliseconds() % sampling.every.num_milliseconds() == 0;
            let is_due = now >= sampling.from && sampling.until.is_none_or(|until| now < until);
            if on_grid && is_due {
                // Another value each time, and at each site.
                let value = u32::try_from(now.timestamp() % 1_000_000).unwrap() * 32;
                let value = value + self.number;
                kept.insert(now, value);
                self.sampled.insert(now, value);
            }
        }
    }

    /// What happened; and what is not needed any more goes.
    fn hear(&mut self) {
        for (_, effect) in self.ven.take_effects() {
            let gone = matches!(
                effect,
                Effect::ReportRefused { .. } | Effect::ReportCancelled { .. }
            );
            assert!(!gone, "{}: {effect:?}", self.name);
            self.completed |= matches!(effect, Effect::ReportCompleted { .. });
        }
        let specifier = ReportSpecifierId::new(offers::USAGE).unwrap();
        let r_id = RId::new("POWER").unwrap();
        let needed = self.ven.state().needed_since(&specifier, &r_id);
        let mut kept = self.kept.lock().unwrap();
        kept.retain(|at, _| needed.is_some_and(|since| *at >= since));
    }

    /// The VTN took these; whether it had all of them before.
    fn take(&mut self, readings: Vec<(DateTime, Option<u32>)>) -> bool {
        let mut repeats = false;
        for (at, value) in readings {
            let last = self.taken.last_key_value().map(|(at, _)| *at);
            if last.is_none_or(|last| at > last) {
                assert!(
                    last.is_none_or(|last| at == last + TICK),
                    "{}: after {last:?} comes {at}",
                    self.name
                );
                self.taken.insert(at, value);
            } else {
                assert_eq!(self.taken.get(&at), Some(&value), "{} at {at}", self.name);
                repeats = true;
            }
        }
        repeats
    }
}

/// What is kept of the window.
fn readings(question: &ReadingsQuestion, kept: &BTreeMap<DateTime, u32>) -> Vec<Reading> {
    let Window::Sampled { from, to, every } = question.window else {
        panic!("{question:?}")
    };
    assert_eq!(every, TICK);
    let reading = |(at, value): (&DateTime, &u32)| {
        Reading::number(question.r_ids[0].clone(), *at, f64::from(*value))
    };
    kept.range(from..to).map(reading).collect()
}

/// What a report says, interval by interval; no value where it says that there is none.
fn values(report: &Report) -> Vec<(DateTime, Option<u32>)> {
    let intervals = report.intervals.as_ref().unwrap();
    let value = |interval: &Interval| {
        let [StreamPayload::Report(payload)] = &interval.payloads[..] else {
            panic!("{interval:?}")
        };
        let value = number(
            &payload.payload.clone().into(),
            payload.data_quality.as_ref(),
        );
        (interval.start.unwrap(), value)
    };
    intervals.iter().map(value).collect()
}

fn value_of(kept: &KeptReading) -> Option<u32> {
    number(&kept.reading.payload, kept.reading.quality.as_ref())
}

/// The number, unless its quality is bad (rule 318).
fn number(payload: &ReadingPayload, quality: Option<&DataQuality>) -> Option<u32> {
    let is_bad = quality.is_some_and(|quality| quality.as_str().starts_with("Quality Bad"));
    match payload {
        ReadingPayload::Float(value) => Some(value.get() as u32).filter(|_| !is_bad),
        ReadingPayload::ResourceStatus(_) | ReadingPayload::GreenButton(_) => panic!("no number"),
    }
}
