//! The program as a child process.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::served::within;
use crate::token;

/// A running child; killed if the test ends before it.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a child said that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oadr"));
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    // Whatever the environment of the tests is.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"OADR_") {
            command.env_remove(name);
        }
    }
    // As an operator has it in the environment.
    let api = args.iter().skip_while(|arg| **arg != "--api").nth(1);
    if let Some(token) = api.and_then(|api| token::of(api)) {
        command.env("OADR_TOKEN", token);
    }
    command
}

/// Runs the program to its end.
pub(crate) async fn run(args: &[&str]) -> Ended {
    end(command(args)).await
}

/// Runs the program to its end, in a folder.
pub(crate) async fn run_in(folder: &Path, args: &[&str]) -> Ended {
    let mut command = command(args);
    command.current_dir(folder);
    end(command).await
}

async fn end(mut command: Command) -> Ended {
    let what = format!("{command:?}");
    let output = within(&what, command.output()).await.unwrap();
    Ended {
        status: output.status,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::of(command(args))
    }

    /// In a folder.
    pub(crate) fn start_in(folder: &Path, args: &[&str]) -> Self {
        let mut command = command(args);
        command.current_dir(folder);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line so called.
    pub(crate) async fn next(&mut self, happening: &str) -> Value {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["happening"] == happening {
                    return Some(line);
                }
            }
            None
        };
        match within(happening, found).await {
            Some(line) => line,
            None => {
                let mut log = String::new();
                let mut err = self.child.stderr.take().unwrap();
                err.read_to_string(&mut log).await.unwrap();
                panic!("ended before {happening}: {log}");
            }
        }
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s TERM \"$0\"", &id])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        within("the end", self.child.wait()).await.unwrap()
    }

    /// Kills it on the spot.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// How long the demo may take: longer than it gives itself, so that it says what it waited for.
pub(crate) const DEMO: Duration = Duration::from_secs(120);

/// Runs the demo to its end.
pub(crate) async fn demo() -> Ended {
    let output = command(&["demo", "--once"]).output();
    let output = tokio::time::timeout(DEMO, output).await;
    let output = output.expect("the demo ends in time").unwrap();
    Ended {
        status: output.status,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
