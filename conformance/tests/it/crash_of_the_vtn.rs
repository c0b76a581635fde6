//! `kill -9` of the VTN at random moments, while VENs poll and report and an operator works.
//!
//! What somebody was told must still be so: the operator's events after a 2xx, the VENs' answers
//! after an oadrResponse, their readings after an oadrUpdatedReport. What nobody was told may have happened or not, and is settled by asking
//! again.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use conformance::folder::Folder;
use conformance::http::Base;
use conformance::peers::Peers;
use conformance::process::{self, Process};
use conformance::program::{self, Vtn};
use conformance::seed::Draws;
use conformance::tap::Tap;
use conformance::wait;
use serde_json::Value;

use crate::busy_ven::BusyVen;
use crate::counter::Counter;
use crate::given_answers::{GivenAnswers, require_nothing_asked_twice};
use crate::readings::Sent;
use crate::working_operator::Operator;
use crate::{operator, readings, wire};

const KILLS: usize = 100;

/// The most that the operator has done for sure before the VTN's end is drawn near.
const OPERATIONS: u64 = 3;

/// How long after that the end comes at the latest.
const LAST_MOMENT: Duration = Duration::from_millis(80);

/// The names of the VENs that are `oadr ven`, and what they answer.
const VENS: [(&str, &str, &str); 2] = [("Ven1", "in", "optIn"), ("Ven2", "out", "optOut")];

/// How many there are beside them that hardly rest, so that the VTN dies in the middle of something.
const BUSY: usize = 48;

/// How many more report with every poll.
const REPORTING: usize = 4;

/// How long each of those rests between two polls.
const REST: Duration = Duration::from_millis(100);

/// Asks for everything that is offered: of `oadr ven` two values every other second.
const POLICY: [&str; 2] = [
    "--report-policy",
    "all:report=TELEMETRY_USAGE,granularity=PT1S,back=PT2S",
];

#[test]
fn kill_9_of_the_vtn_loses_nothing_that_was_acknowledged() {
    let name = "kill_9_of_the_vtn_loses_nothing_that_was_acknowledged";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let mut draws = Draws::announced_or(name, 1);
    let data = Folder::new("vtn").unwrap();
    let mut vtn = Vtn::start_with(data.path(), &POLICY).unwrap();
    let tap = Tap::start(vtn.endpoint.address).unwrap();
    let folders: Vec<Folder> = VENS.iter().map(|_| Folder::new("ven").unwrap()).collect();
    let counters = VENS.map(|(name, _, _)| Counter::new(&format!("{name}Power")));
    let mut vens = start_vens(&tap.through(&vtn.url), &folders, &counters);
    let base = Base {
        address: tap.address(),
        ..vtn.endpoint.clone()
    };
    let busy: Vec<(BusyVen, &str)> = (0..BUSY)
        .map(|n| {
            let opt = ["optIn", "optOut"][n % 2];
            (BusyVen::start(&base, &format!("Busy{n}"), opt, REST), opt)
        })
        .collect();
    let reporting: Vec<BusyVen> = (0..REPORTING)
        .map(|n| {
            BusyVen::start_reporting(&base, &format!("Reporting{n}"), &format!("Busy{n}"), REST)
        })
        .collect();
    let mut opts: Vec<(String, &str)> = vens
        .iter()
        .map(ven_id)
        .zip(VENS.map(|(_, _, opt)| opt))
        .collect();
    opts.extend(busy.iter().map(|(ven, opt)| (ven.ven_id.clone(), *opt)));

    let names = VENS.iter().map(|(name, _, _)| (*name).to_owned());
    let names = names.chain((0..BUSY).map(|n| format!("Busy{n}")));
    let mut operator = Operator::new(names.collect());
    let mut read = 0;
    for kill in 0..KILLS {
        for _ in 0..draws.below(OPERATIONS + 1) {
            operator.work(&vtn, &mut draws).unwrap();
        }
        let moment = draws.span(Duration::ZERO, LAST_MOMENT);
        let id = vtn.process.id();
        let killer = thread::spawn(move || {
            thread::sleep(moment);
            process::signal(id, "KILL")
        });
        // Works until the VTN is gone.
        while operator.work(&vtn, &mut draws).is_ok() {}
        killer.join().unwrap().unwrap();
        vtn.process.wait_exit(wait::PATIENCE).unwrap();

        let exchanges = tap.exchanges_after(read);
        read += exchanges.len();
        let answers = GivenAnswers::read(&exchanges);
        vtn = Vtn::start_with(data.path(), &POLICY)
            .unwrap_or_else(|failure| panic!("kill {kill}: {failure}"));
        // The VENs are back at once: what they do meanwhile only adds answers.
        tap.redirect(vtn.endpoint.address);
        operator.check(&vtn, kill);
        answers.check(&vtn, &tap, read, kill);
        operator.settle(&vtn);
    }

    operator.check(&vtn, KILLS);
    for (id, state) in &operator.told {
        wait_for_answers(&vtn, id, state.cancelled, &opts);
    }
    let busy = busy.into_iter().map(|(ven, _)| ven).chain(reporting);
    let answered: usize = busy.map(BusyVen::stop).sum();
    for (ven, counter) in vens.iter_mut().zip(&counters) {
        counter.wait_until_stored(&vtn);
        assert!(
            ven.terminate().unwrap().success(),
            "{}",
            ven.failure("SIGTERM")
        );
    }
    let exchanges = tap.exchanges();
    let sent = Sent::read(&exchanges);
    let stored = readings::stored(&vtn, "");
    sent.require_kept(&stored);
    for counter in &counters {
        counter.require_each_once(&stored, &sent.placeholders);
    }
    let answers = GivenAnswers::read(&exchanges);
    answers.check(&vtn, &tap, exchanges.len(), KILLS);
    require_nothing_asked_twice(&exchanges);
    assert!(
        vens.iter().all(received_once),
        "{:#?}",
        vens[0].happenings()
    );
    assert_eq!(operator::vens(&vtn).len(), opts.len() + REPORTING);
    assert_eq!(
        wire::requests(&exchanges, "oadrCreatePartyRegistration"),
        opts.len() + REPORTING
    );
    wire::require_valid(&peers, &exchanges);
    let cut = exchanges.iter().filter(|exchange| exchange.reply.is_none());
    println!(
        "{KILLS} kills, {} VENs: {} events, {} answered by a VEN, {answered} answers of the busy, \
         {} operations cut, {} exchanges, {} without a reply, {} readings, {} of them placeholders",
        opts.len(),
        operator.told.len(),
        answers.acknowledged(),
        operator.cut,
        exchanges.len(),
        cut.count(),
        stored.len(),
        sent.placeholders.len(),
    );
}

fn start_vens(url: &str, folders: &[Folder], counters: &[Counter]) -> Vec<Process> {
    let vens = VENS.iter().zip(folders).zip(counters);
    let vens = vens.map(|(((name, opt, _), folder), counter)| {
        let options = ["--opt", opt, "--report", &counter.report()];
        program::ven(url, name, folder.path(), &options).unwrap()
    });
    vens.collect()
}

fn ven_id(ven: &Process) -> String {
    ven.wait_for("registered").unwrap()["ven_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Whether no event came to this VEN as a new one twice.
fn received_once(ven: &Process) -> bool {
    let mut seen = BTreeSet::new();
    ven.happenings()
        .iter()
        .filter(|line| line["happening"] == "event_received")
        .all(|line| seen.insert(line["event_id"].to_string()))
}

/// Waits until every VEN has answered the event: with its own opt if the event takes place. A
/// cancelled one is answered by every VEN that has ever seen it; that answer says whether the VEN
/// can stop (rule 36), not what it thought of the event.
fn wait_for_answers(vtn: &Vtn, id: &str, cancelled: bool, opts: &[(String, &str)]) {
    let is_answered = |shown: &Value, ven_id: &str, opt: &str| {
        operator::answer(shown, ven_id).map_or(cancelled, |answer| {
            answer.delivery == "answered" && (cancelled || answer.opt.as_deref() == Some(opt))
        })
    };
    let what = format!("every VEN's answer to {id}");
    wait::until(&what, wait::PATIENCE, || {
        let shown = operator::show(vtn, id);
        let mut opts = opts.iter();
        opts.all(|(ven_id, opt)| is_answered(&shown, ven_id, opt))
            .then_some(())
    })
    .unwrap_or_else(|failure| panic!("{failure}\n{:#}", operator::show(vtn, id)));
}
