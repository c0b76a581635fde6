//! The README's secure VTN with two VENs, exactly as it is printed.
//!
//! The commands name fixed ports. So the test runs itself once more where those are nobody else's: in a
//! network of its own.

use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use conformance::folder::Folder;
use conformance::process::{Mark, Process};
use conformance::program;
use conformance::wait;
use serde_json::Value;

const TEST: &str = "five_commands::the_secure_vtn_of_the_readme_works_as_printed";

/// Set in the run that has a network of its own.
const INSIDE: &str = "OADR_OWN_NETWORK";

const SECTION: &str = "## A secure VTN with two VENs";

#[test]
fn the_secure_vtn_of_the_readme_works_as_printed() {
    let commands = printed();
    let [pki, vtn, enrol, first, second, event] = &commands[..] else {
        panic!("five commands and an event: {commands:?}");
    };
    if env::var_os(INSIDE).is_none() {
        run_inside();
        return;
    }
    let place = Place::new();
    place.run(pki);
    let vtn = place.start("oadr vtn", vtn);
    let listening = vtn.wait_for("listening").unwrap();
    let url = listening["vtn"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{listening}");
    place.run(enrol);
    let vens = [
        place.start("oadr ven house", first),
        place.start("oadr ven plant", second),
    ];
    for (ven, name) in vens.iter().zip(["house", "plant"]) {
        let registered = ven.wait_for("registered").unwrap();
        assert!(registered["ven_id"].is_string(), "{registered}");
        let shown = place.json(&format!("oadr vens show {name}"));
        assert_eq!(shown["status"], "registered", "{shown}");
        assert_eq!(
            shown["certificates"].as_array().unwrap().len(),
            1,
            "{shown}"
        );
    }
    place.run(event);
    for ven in &vens {
        let received = ven.wait_for("event_received").unwrap();
        let opted = ven.wait_after(Mark::START, "opt_sent", |_| true).unwrap();
        assert_eq!(opted["event_id"], received["event_id"], "{opted}");
    }
    wait::until("both answers at the VTN", wait::PATIENCE, || {
        let list = place.json("oadr event list");
        let event = &list["events"][0];
        (event["deliveries"]["answered"] == 2).then_some(())
    })
    .unwrap();

    // What makes it secure: nobody comes in without a certificate, nor without a signature.
    let stranger =
        "oadr ven --vtn https://localhost:8080 --name house --data stranger --tls-ca pki/ca.pem";
    let unsigned = "oadr ven --vtn https://localhost:8080 --name plant --data unsigned \
                    --tls-certificate pki/plant.pem --tls-ca pki/ca.pem --signatures off";
    for (name, line, reason) in [
        ("stranger", stranger, "it wants a certificate"),
        ("unsigned", unsigned, "403 Forbidden"),
    ] {
        let ven = place.start(name, line);
        wait::until("a refusal", wait::PATIENCE, || {
            let said = ven.failure("").to_string();
            said.contains(reason).then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}\n{}", ven.failure(reason)));
        let registered = |line: &Value| line["happening"] == "registered";
        let happenings = ven.happenings();
        assert!(!happenings.iter().any(registered), "{happenings:?}");
    }
}

/// The commands of the section, in order: lines that are set off, joined where they are continued.
fn printed() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split(SECTION).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut commands: Vec<String> = Vec::new();
    let mut continued = false;
    for line in section.lines() {
        let Some(code) = line.strip_prefix("    ") else {
            continue;
        };
        if continued {
            let last = commands.last_mut().unwrap();
            last.push('\n');
            last.push_str(code);
        } else if code.starts_with("oadr ") {
            commands.push(code.to_owned());
        } else {
            continue;
        }
        continued = code.ends_with('\\');
    }
    commands
}

/// Runs this test in a network of its own, where that can be had.
fn run_inside() {
    let unshare = [&["-n"][..], &["-rn"]].into_iter().find(|options| {
        let tried = Command::new("unshare")
            .args(*options)
            .args(["ip", "link", "set", "lo", "up"])
            .output();
        tried.is_ok_and(|tried| tried.status.success())
    });
    let Some(options) = unshare else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {TEST} (no network of its own can be had with unshare and ip)"
        );
        return;
    };
    let done = Command::new("unshare")
        .args(options)
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(INSIDE, "1")
        // Nothing is built there.
        .env(program::VARIABLE, program::binary().unwrap())
        .output()
        .unwrap();
    let text = text_of(&done);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
}

/// An empty folder, and a PATH with the program.
struct Place {
    folder: Folder,
    path: String,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new("five").unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        symlink(program::binary().unwrap(), programs.join("oadr")).unwrap();
        let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap());
        Self { folder, path }
    }

    /// A shell with the line as it is printed.
    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec {line}")])
            .current_dir(self.folder.path());
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"OADR_") {
                shell.env_remove(name);
            }
        }
        shell.env("PATH", &self.path);
        shell
    }

    fn start(&self, name: &str, line: &str) -> Process {
        Process::start(name, self.shell(line)).unwrap()
    }

    fn run(&self, line: &str) -> Output {
        let done = self.shell(line).output().unwrap();
        assert!(done.status.success(), "{line}\n{}", text_of(&done));
        done
    }

    fn json(&self, line: &str) -> Value {
        let done = self.run(&format!("{line} --json"));
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

fn text_of(done: &Output) -> String {
    let text = [&done.stdout[..], &done.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}
