//! Servers that are compared: each on the first processor, its load on the second, in rounds that
//! alternate.
//!
//! Knows nothing of what the load is made of.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use crate::vens::Outcome;

/// How long the load of a round lasts.
pub(crate) const ROUND: Duration = Duration::from_secs(3);

/// The processor of the servers, and that of the load.
pub(crate) const PROCESSORS: [&str; 2] = ["0", "1"];

const ROUNDS: usize = 5;

/// A server under load.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    process: u32,
    /// What this benchmark is called with, after the address, to put its load on the server.
    pub(crate) load: OsString,
    /// Requests per second, one figure a round.
    rates: Vec<f64>,
    /// Requests per second of processor time.
    efforts: Vec<f64>,
}

impl Contestant {
    /// The server of this process, at this address.
    pub(crate) fn new(
        name: &'static str,
        (address, process): (SocketAddr, u32),
        load: impl Into<OsString>,
    ) -> Self {
        Self {
            name,
            address,
            process,
            load: load.into(),
            rates: Vec::new(),
            efforts: Vec::new(),
        }
    }

    /// The load, which prints how many requests it made in a second.
    fn round(&mut self, own: &Path) -> Outcome<()> {
        let before = processor_time(self.process)?;
        let output = pinned(own, PROCESSORS[1])
            .arg("load")
            .arg(self.address.to_string())
            .arg(&self.load)
            .stderr(Stdio::inherit())
            .output()?;
        let spent = processor_time(self.process)? - before;
        let rate: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        self.rates.push(rate);
        self.efforts.push(rate * ROUND.as_secs_f64() / spent);
        Ok(())
    }
}

/// All rounds, and then the first contestant's figures, and those of the others with the ratios to the
/// first one; `what` names the requests.
pub(crate) fn compare(what: &str, mut contestants: Vec<Contestant>) -> Outcome<()> {
    let own = env::current_exe()?;
    for _ in 0..ROUNDS {
        for contestant in &mut contestants {
            contestant.round(&own)?;
        }
    }
    print(what, &contestants);
    Ok(())
}

/// A command for `program` on one processor.
pub(crate) fn pinned(program: &Path, processor: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

fn print(what: &str, contestants: &[Contestant]) {
    type Figures = fn(&Contestant) -> &[f64];
    let kinds: [(&str, Figures); 2] = [
        ("per second", |contestant| &contestant.rates),
        ("per second of its processor time", |contestant| {
            &contestant.efforts
        }),
    ];
    let Some((ours, others)) = contestants.split_first() else {
        return;
    };
    for (kind, figures) in kinds {
        println!("{what} {kind}, medians of {ROUNDS} rounds:");
        println!(
            "{:<11}{:>9.0}",
            ours.name,
            sorted(figures(ours))[ROUNDS / 2]
        );
        for other in others {
            let pairs = figures(ours).iter().zip(figures(other));
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratios = sorted(&ratios);
            println!(
                "{:<11}{:>9.0}; oadr does {:.2} times as many (from {:.2} to {:.2})",
                other.name,
                sorted(figures(other))[ROUNDS / 2],
                ratios[ROUNDS / 2],
                ratios[0],
                ratios[ROUNDS - 1]
            );
        }
    }
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The processor time that a process has taken so far, in seconds.
fn processor_time(process: u32) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold blanks; after it come the state and ten figures before these two.
    let after_name = text.rsplit_once(')').ok_or("no process")?.1;
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    let ticks: f64 = fields.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    // Linux counts hundredths of a second here, on every architecture.
    Ok(ticks / 100.0)
}
