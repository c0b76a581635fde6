//! The system calls of a program under test, in the order in which they happened.
//!
//! Seen by strace: what the kernel was asked for, whatever the program believes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::wait;

/// How much of the data of each call is kept, in bytes: a page of a database and more.
const KEPT: &str = "70000";

/// A trace that is being written.
#[derive(Debug, Clone)]
pub struct Trace(PathBuf);

/// A system call that has come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, such as `fdatasync`.
    pub name: String,
    /// The file or socket that it was about, as the kernel names it.
    pub on: String,
    /// All its arguments, bytes that are no ASCII as `\` and an octal number.
    pub arguments: String,
    /// What it returned.
    pub result: i64,
    /// Its place among the beginnings and ends of all calls: when it began, and when it was over.
    pub began: usize,
    /// See `began`.
    pub ended: usize,
}

impl Trace {
    /// A command that runs `program` under strace, to be completed with arguments, and the trace of
    /// these calls, which it writes to `file`. `None` if there is no strace; then a line on stderr
    /// says that `test` is skipped.
    #[must_use]
    pub fn or_skip(
        test: &str,
        program: &Path,
        calls: &[&str],
        file: PathBuf,
    ) -> Option<(Command, Self)> {
        let version = Command::new("strace")
            .arg("-V")
            .stdout(Stdio::null())
            .status();
        if !version.is_ok_and(|status| status.success()) {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {test} (there is no strace; conformance/run installs it)"
            );
            return None;
        }
        let mut command = Command::new("strace");
        command
            // `-D`: the program stays the child of whoever starts the command, and strace ends with it.
            .args(["-D", "-f", "-y", "-s", KEPT, "-e"])
            .arg(format!("trace={}", calls.join(",")))
            .arg("-o")
            .arg(&file)
            .arg(program);
        Some((command, Self(file)))
    }

    /// The calls of the process of this ID, which has ended, in the order in which they came back.
    ///
    /// # Errors
    ///
    /// When the trace cannot be read, or strace does not come to its end.
    pub fn calls(&self, process: u32) -> Result<Vec<Call>, Failure> {
        let thread = process.to_string();
        let is_end = |line: &str| {
            let rest = line.strip_prefix(&thread).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with("+++ "))
        };
        let text = wait::until("the end of the trace", wait::PATIENCE, || {
            let text = String::from_utf8_lossy(&fs::read(&self.0).ok()?).into_owned();
            text.lines().any(is_end).then_some(text)
        })?;
        Ok(parse(&text))
    }
}

/// Each line begins with the thread. A call that others come in between of is told in two lines.
fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: Vec<(&str, usize, &str)> = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let line = line.trim_start();
        if let Some(beginning) = line.strip_suffix(" <unfinished ...>") {
            unfinished.push((thread, place, beginning));
        } else if let Some((_, end)) = line
            .strip_prefix("<... ")
            .and_then(|resumed| resumed.split_once(" resumed>"))
        {
            if let Some(at) = unfinished.iter().position(|(other, _, _)| *other == thread) {
                let (_, began, beginning) = unfinished.remove(at);
                calls.extend(call(&format!("{beginning}{end}"), began, place));
            }
        } else {
            calls.extend(call(line, place, place));
        }
    }
    calls
}

/// `name(FD<what>, …) = result …`; `None` for what is no call, or one that never came back.
fn call(line: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") ").map_or_else(
        // strace pads short lines so that the results stand in a column.
        || rest.rsplit_once(')'),
        Some,
    )?;
    let result = result.trim_start().strip_prefix('=')?.trim_start();
    let (_, on) = arguments.split_once('<')?;
    Some(Call {
        name: name.to_owned(),
        on: on.split_once('>')?.0.to_owned(),
        arguments: arguments.to_owned(),
        result: result.split(' ').next()?.parse().ok()?,
        began,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_in_one_line_or_in_two() {
        let calls = parse(
            "10 read(3<socket:[7]>, \"a) = 1 b\", 9) = 9\n\
             11 fdatasync(9</tmp/a b.db-wal> <unfinished ...>\n\
             10 write(3<socket:[7]>, \"x\"..., 1) = -1 EPIPE (Broken pipe)\n\
             11 <... fdatasync resumed>)           = 0\n\
             12 read(4<pipe:[1]>,  <unfinished ...>\n\
             10 +++ killed by SIGKILL +++\n",
        );
        let told: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    call.name.as_str(),
                    call.on.as_str(),
                    call.result,
                    call.began,
                    call.ended,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("read", "socket:[7]", 9, 0, 0),
                ("write", "socket:[7]", -1, 2, 2),
                ("fdatasync", "/tmp/a b.db-wal", 0, 1, 3),
            ]
        );
        assert!(calls[0].arguments.contains("a) = 1 b"));
    }
}
