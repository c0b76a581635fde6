//! The files that the program is installed with: they name what there is, and systemd accepts them.
//!
//! What no test here does is to boot the unit and to build the container.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use conformance::folder::Folder;
use conformance::program;

/// The highest exposure that `systemd-analyze security` may find, in tenths: 100 is a bare service.
const EXPOSURE: &str = "15";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn dist(name: &str) -> String {
    fs::read_to_string(repository().join("oadr/dist").join(name)).unwrap()
}

/// The values of a key of the unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let pairs = unit.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(found, _)| *found == key)
        .map(|(_, value)| value)
        .collect()
}

/// What a command says of itself.
fn help(command: &str) -> String {
    let mut oadr = Command::new(program::binary().unwrap());
    let output = oadr.args([command, "--help"]).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Fails unless the words are a command of the program with options of its.
fn require_command(words: &[&str]) {
    let (command, options) = words.split_first().unwrap();
    let help = help(command);
    for option in options.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{option} ")), "{option}: {help}");
    }
}

#[test]
fn the_unit_starts_the_program_that_there_is() {
    let unit = dist("oadr-vtn.service");
    let start = values(&unit, "ExecStart");
    let words: Vec<&str> = start[0].split(' ').collect();
    assert_eq!(
        words,
        [
            "/usr/bin/oadr",
            "vtn",
            "--data",
            "/var/lib/oadr-vtn",
            "$OADR_ARGS"
        ]
    );
    require_command(&words[1..4]);
    // The folder is the one that systemd makes, for the user that it makes.
    assert_eq!(values(&unit, "StateDirectory"), ["oadr-vtn"]);
    let user = values(&unit, "User")[0];
    let users = dist("oadr.sysusers.conf");
    assert!(users.starts_with(&format!("u {user} ")), "{users}");
    // The program says when it is ready, and is given the time to stop that it may take.
    assert_eq!(values(&unit, "Type"), ["notify"]);
    let limit: u32 = values(&unit, "TimeoutStopSec")[0].parse().unwrap();
    assert!(help("vtn").contains("30 seconds at most") && limit > 30);
}

#[test]
fn systemd_accepts_the_unit_and_finds_it_closed() {
    let name = "systemd_accepts_the_unit_and_finds_it_closed";
    let Some(unit) = Installed::new(name, &dist("oadr-vtn.service")) else {
        return;
    };
    let verified = unit.analyze(&["verify", "--man=no"]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(verified.stderr.is_empty(), "{verified:?}");
    let threshold = format!("--threshold={EXPOSURE}");
    let rated = unit.analyze(&["security", "--no-pager", "--offline=true", &threshold]);
    assert!(rated.status.success(), "{rated:?}");

    // It can say no.
    let slip = dist("oadr-vtn.service").replace("PrivateTmp=yes", "PrivateTemp=yes");
    let verified = Installed::new(name, &slip).unwrap();
    let verified = verified.analyze(&["verify", "--man=no"]);
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(said.contains("PrivateTemp"), "{verified:?}");
    let open = dist("oadr-vtn.service").replace("ProtectSystem=strict", "");
    let open = open
        .replace("SystemCallFilter=", "#")
        .replace("CapabilityBoundingSet=", "#");
    let rated = Installed::new(name, &open).unwrap();
    let rated = rated.analyze(&["security", "--no-pager", "--offline=true", &threshold]);
    assert!(!rated.status.success(), "{rated:?}");
}

#[test]
fn the_container_is_built_from_what_there_is() {
    let file = dist("Containerfile");
    let file = file.replace("\\\n", " ");
    let lines: Vec<(&str, &str)> = file
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let all = |name: &str| -> Vec<&str> {
        let named = lines.iter().filter(|(found, _)| *found == name);
        named.map(|(_, rest)| *rest).collect()
    };
    let mut copied = BTreeSet::new();
    for copy in all("COPY") {
        let words: Vec<&str> = copy.split(' ').collect();
        if words[0] == "--from=build" {
            assert_eq!(words[1..], ["/src/target/release/oadr", "/usr/bin/oadr"]);
            continue;
        }
        for source in &words[..words.len() - 1] {
            assert!(repository().join(source).exists(), "{source}");
            copied.insert((*source).to_owned());
        }
    }
    // Cargo wants every member to be there.
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = workspace.lines().find(|line| line.starts_with("members"));
    for member in members.unwrap().split('"').skip(1).step_by(2) {
        assert!(copied.contains(member), "{member}");
    }
    let rust = workspace
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap();
    let image = format!("rust:{}-", rust.trim_matches('"'));
    assert!(all("FROM")[0].contains(&image), "{image}");

    let list = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap() };
    assert_eq!(list(all("ENTRYPOINT")[0]), ["oadr"]);
    let command = list(all("CMD")[0]);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    require_command(&words);
    let (_, health) = all("HEALTHCHECK")[0].split_once("CMD ").unwrap();
    let health = list(health);
    assert_eq!(health[0], "oadr");
    require_command(&[&health[1]]);
    // Not root, and the data where the volume is.
    assert_eq!(all("USER"), ["10001:10001"]);
    assert_eq!(all("VOLUME")[0], words[2]);
    assert_eq!(all("ENV")[0], format!("OADR_DATA={}", words[2]));
    assert!(help("backup").contains("OADR_DATA"));
}

/// A unit whose program is the one under test, so that systemd finds it.
struct Installed {
    folder: Folder,
}

impl Installed {
    fn new(test: &str, unit: &str) -> Option<Self> {
        if Command::new("systemd-analyze")
            .arg("--version")
            .output()
            .is_err()
        {
            // Not eprintln: the test runner would swallow that.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {test} (there is no systemd-analyze here)"
            );
            return None;
        }
        let folder = Folder::new("unit").unwrap();
        let binary = fs::canonicalize(program::binary().unwrap()).unwrap();
        let unit = unit.replace("/usr/bin/oadr ", &format!("{} ", binary.display()));
        fs::write(folder.path().join("oadr-vtn.service"), unit).unwrap();
        Some(Self { folder })
    }

    fn analyze(&self, args: &[&str]) -> Output {
        Command::new("systemd-analyze")
            .args(args)
            .arg(self.folder.path().join("oadr-vtn.service"))
            .output()
            .unwrap()
    }
}
