//! `oadr demo`: a VTN and two VENs in one process, talking HTTP, and what happens to an event and to the
//! loads.
//!
//! Knows nothing that a user of the library could not do.

mod meters;
mod steps;
mod timeline;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, SubsecRound as _, TimeDelta};
use clap::Args;
use hyper::Method;
use oadr_core::value::{self, OptType};
use oadr_core::vtn::Admission;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::cli::{ApiClient, Exit};
use crate::temp_dir::TempDir;
use crate::ven::{self, Ven};
use crate::{clock, vtn};
use meters::Meters;
use steps::{Step, Steps};
use timeline::Timeline;

/// See a VTN and two VENs at work, on this machine.
///
/// Starts a VTN on SQLite and two VENs in one process, creates an event of two short intervals
/// through the operator API and shows what becomes of it: one VEN opts in, the other opts out. Both
/// report the power of a simulated load, which falls where the event is taken part in.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after one event: with status 0 if every step was seen, otherwise with status 1 and what
    /// was missing. Otherwise an event follows now and then until Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// The VEN that takes part, and the one that does not.
const WILLING: &str = "Heater1";
const UNWILLING: &str = "Pump2";

/// How long everything may take with `--once`.
const LIMIT: Duration = Duration::from_secs(50);

/// How far ahead an event is made, and how long each of its intervals lasts, in seconds.
const AHEAD: i64 = 4;
const INTERVAL: i64 = 4;

/// How long after an event the next one follows.
const BREAK: Duration = Duration::from_secs(20);

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut exit = Exit::new()?;
    let folder = TempDir::new("demo")?;
    let mut timeline = Timeline::new();
    let mut demo = Demo::start(&folder, &mut timeline).await?;
    let shown = tokio::select! {
        shown = demo.show(args.once, &mut timeline) => Some(shown),
        () = exit.wanted() => None,
    };
    demo.stop().await;
    let Some(shown) = shown else {
        timeline.close("stopped");
        // Half a demonstration shows nothing; an endless one is over whenever it is stopped.
        return Ok(if args.once {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    };
    let missing = shown?;
    if missing.is_empty() {
        timeline.close("every step was seen");
        return Ok(ExitCode::SUCCESS);
    }
    for step in &missing {
        timeline.close(&format!("not seen: {step}"));
    }
    Ok(ExitCode::FAILURE)
}

/// The three at work.
struct Demo {
    vtn: vtn::Running,
    vens: Vec<ven::Running>,
    api: ApiClient,
    meters: Meters,
    of_vtn: broadcast::Receiver<Arc<vtn::Happening>>,
    of_vens: mpsc::UnboundedReceiver<(&'static str, ven::Happening)>,
}

impl Demo {
    async fn start(folder: &TempDir, timeline: &mut Timeline) -> Result<Self, Box<dyn Error>> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let vtn = vtn::start(vtn::Config {
            listen: any,
            api: any,
            data: folder.path().join("vtn"),
            vtn_id: None,
            poll_interval: value::Duration::seconds(1),
            admission: Admission::Open,
            ..vtn::Config::default()
        })
        .await?;
        timeline.say("VTN", &format!("serves VENs at {}", vtn.vtn_url()));
        timeline.say("VTN", &format!("serves operators at {}", vtn.api_url()));
        let api: ApiClient = vtn.api_url().parse()?;
        let api = api.with_token(&vtn.api_token_file())?;
        meters::want(&api).await?;
        timeline.say("operator", "wants to know each second what the loads take");
        let of_vtn = vtn.happenings();
        let (tell, of_vens) = mpsc::unbounded_channel();
        let mut vens = Vec::new();
        for (name, opt) in [(WILLING, OptType::OptIn), (UNWILLING, OptType::OptOut)] {
            let tell = tell.clone();
            let ven = Ven::new(name, &vtn.vtn_url(), folder.path().join(name))?
                .opt(opt)
                .report(meters::report(name)?)
                .on_happening(move |happening| {
                    // Whoever listened has gone when the demo ends.
                    let _ = tell.send((name, happening));
                    async {}
                });
            vens.push(ven.start().await?);
        }
        Ok(Self {
            vtn,
            vens,
            api,
            meters: Meters::default(),
            of_vtn,
            of_vens,
        })
    }

    /// Shows one event, or one after the other; the answer is what was missing of the one.
    async fn show(
        &mut self,
        once: bool,
        timeline: &mut Timeline,
    ) -> Result<Vec<Step>, Box<dyn Error>> {
        let end = Instant::now() + LIMIT;
        let mut steps = Steps::new(WILLING, UNWILLING);
        self.follow(&mut steps, timeline, end, Steps::all_ready)
            .await?;
        let mut number = 0;
        loop {
            number += 1;
            let id = format!("Event{number}");
            self.create(&id, timeline).await?;
            let end = if once { end } else { Instant::now() + LIMIT };
            self.follow(&mut steps, timeline, end, Steps::all_seen)
                .await?;
            let path = format!("/events/{id}");
            let event: Value = self.api.call(Method::GET, &path, None).await?.read()?;
            let status = event.get("status").and_then(Value::as_str).unwrap_or("?");
            timeline.say(
                "operator",
                &format!("{id} is {status}: {}", answers(&event)),
            );
            steps.shown(&event);
            if once {
                return Ok(steps.missing());
            }
            let pause = Instant::now() + BREAK;
            self.follow(&mut steps, timeline, pause, |_| false).await?;
            steps.next_event();
        }
    }

    /// Prints what happens until it is enough, or time is up.
    async fn follow(
        &mut self,
        steps: &mut Steps,
        timeline: &mut Timeline,
        end: Instant,
        is_enough: fn(&Steps) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        while !is_enough(steps) {
            tokio::select! {
                () = tokio::time::sleep_until(end) => break,
                happening = self.of_vtn.recv() => {
                    if let Ok(happening) = happening {
                        timeline.at_vtn(&happening.effect);
                        if let vtn::Effect::ReportReceived { ven_id, .. } = &happening.effect
                            && let Some(load) = self.meters.read(&self.api, ven_id).await?
                        {
                            steps.metered(&timeline.name(ven_id), load);
                            timeline.metered(ven_id, load);
                        }
                    }
                }
                Some((name, happening)) = self.of_vens.recv() => {
                    steps.at_ven(name, &happening.effect);
                    timeline.at_ven(name, &happening.effect);
                }
            }
        }
        Ok(())
    }

    async fn create(&self, id: &str, timeline: &mut Timeline) -> Result<(), Box<dyn Error>> {
        let start = clock::now().trunc_subsecs(0) + TimeDelta::seconds(AHEAD);
        let length = format!("PT{INTERVAL}S");
        let event = json!({
            "event_id": id,
            "dtstart": start.to_rfc3339_opts(SecondsFormat::Secs, true),
            "market_context": "http://example.com/demo",
            "signals": [{
                "signal_name": "SIMPLE",
                "signal_type": "level",
                "intervals": [
                    {"duration": &length, "payload": 1},
                    {"duration": &length, "payload": 2},
                ],
            }],
        });
        self.api.call(Method::POST, "/events", Some(&event)).await?;
        timeline.say(
            "operator",
            &format!("creates {id}: starts in {AHEAD} s, level 1 for {INTERVAL} s, then level 2 for {INTERVAL} s"),
        );
        Ok(())
    }

    async fn stop(self) {
        for ven in self.vens {
            ven.stop().await;
        }
        self.vtn.stop().await;
    }
}

/// What the operator API says of each VEN's answer.
fn answers(event: &Value) -> String {
    let vens = event.get("vens").and_then(Value::as_array);
    let text = |ven: &Value, name: &str| {
        let value = ven.get(name).and_then(Value::as_str);
        value.unwrap_or("no answer").to_owned()
    };
    let answers = vens.into_iter().flatten();
    let answers = answers.map(|ven| format!("{} {}", text(ven, "ven_name"), text(ven, "opt")));
    answers.collect::<Vec<_>>().join(", ")
}
