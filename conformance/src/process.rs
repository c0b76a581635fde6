//! A child process that tells what happens in JSON lines on stdout and takes commands on stdin.
//!
//! It never outlives its handle, and what it wrote to stderr is part of every failure's text.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::Failure;
use crate::wait;

/// Lines of stderr that are kept for a failure's text.
const KEPT_LINES: usize = 200;

/// How long the rest of the output of a child that has ended may take to come: a child of its own may keep
/// the pipes open for longer.
const REST: Duration = Duration::from_secs(5);

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Arc<Output>,
}

/// A place in a process's output; what comes after it is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(usize);

impl Mark {
    /// Before everything.
    pub const START: Self = Self(0);
}

#[derive(Debug, Default)]
struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    happenings: Vec<Value>,
    log: VecDeque<String>,
    closed: bool,
    log_closed: bool,
}

impl Process {
    /// Starts `command`; `name` stands for it in failures.
    ///
    /// # Errors
    ///
    /// When the command cannot be started.
    pub fn start(name: impl Into<String>, mut command: Command) -> Result<Self, Failure> {
        let name = name.into();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::io(&format!("cannot start {name} ({command:?})"), &error))?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            let output = Arc::clone(&output);
            thread::spawn(move || output.read_happenings(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            let output = Arc::clone(&output);
            thread::spawn(move || output.read_log(stderr));
        }
        let stdin = child.stdin.take();
        Ok(Self {
            name,
            child,
            stdin,
            output,
        })
    }

    /// The process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that has happened so far, in order.
    #[must_use]
    pub fn happenings(&self) -> Vec<Value> {
        self.output.said().happenings.clone()
    }

    /// The last lines that it wrote to stderr.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.output.said().log.iter().cloned().collect()
    }

    /// The end of the output as it is now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.output.said().happenings.len())
    }

    /// The first happening so called, from the start of the process.
    ///
    /// # Errors
    ///
    /// When it does not come in time or the process ends first.
    pub fn wait_for(&self, happening: &str) -> Result<Value, Failure> {
        self.wait_after(Mark::START, happening, |_| true)
    }

    /// The first happening after `mark` that is so called and fits.
    ///
    /// # Errors
    ///
    /// When it does not come in time or the process ends first.
    pub fn wait_after(
        &self,
        mark: Mark,
        happening: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let found = |said: &Said| {
            let mut new = said.happenings.iter().skip(mark.0);
            new.find(|line| line["happening"] == happening && fits(line))
                .cloned()
        };
        let end = Instant::now() + wait::PATIENCE;
        let mut said = self.output.said();
        loop {
            if let Some(line) = found(&said) {
                return Ok(line);
            }
            let left = end.saturating_duration_since(Instant::now());
            if said.closed || left.is_zero() {
                drop(said);
                return Err(self.failure(&format!("no such happening: {happening}")));
            }
            (said, _) = self
                .output
                .changed
                .wait_timeout(said, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends one command.
    ///
    /// # Errors
    ///
    /// When the process no longer reads.
    pub fn send(&mut self, command: &Value) -> Result<(), Failure> {
        let line = format!("{command}\n");
        let written = match &mut self.stdin {
            Some(stdin) => stdin
                .write_all(line.as_bytes())
                .and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|error| self.failure(&format!("cannot send {command}: {error}")))
    }

    /// Kills the process at once (SIGKILL) and waits for its end.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(|error| Failure::io(&format!("cannot kill {}", self.name), &error))
    }

    /// Asks the process to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus, Failure> {
        signal(self.id(), "TERM")?;
        self.wait_exit(wait::PATIENCE)
    }

    /// Waits until the process has ended by itself and what it wrote is there.
    ///
    /// # Errors
    ///
    /// When it has not within `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.output.wait_for_rest();
                    return Ok(status);
                }
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                Ok(None) => return Err(self.failure(&format!("still running after {limit:?}"))),
                Err(error) => return Err(Failure::io(&self.name, &error)),
            }
        }
    }

    /// A failure with everything known about this process.
    #[must_use]
    pub fn failure(&self, what: &str) -> Failure {
        let said = self.output.said();
        let mut text = format!("{}: {what}", self.name);
        if said.closed {
            text.push_str(" (its stdout is closed)");
        }
        text.push_str("\n--- happenings\n");
        for line in &said.happenings {
            text.push_str(&format!("{line}\n"));
        }
        text.push_str("--- stderr\n");
        for line in &said.log {
            text.push_str(line);
            text.push('\n');
        }
        Failure::new(text)
    }
}

/// Sends a signal, e.g. `KILL`, to a process that the caller started.
///
/// # Errors
///
/// When the process is gone.
pub fn signal(id: u32, name: &str) -> Result<(), Failure> {
    // The shell's own kill: there need not be a program of that name.
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {id}")])
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("kill -{name} {id}: {status}"))),
        Err(error) => Err(Failure::io("sh", &error)),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.failure("as the test failed"));
        }
    }
}

impl Output {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_happenings(&self, stdout: impl Read) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let happening = serde_json::from_str(&line)
                .unwrap_or_else(|_| serde_json::json!({ "happening": "no JSON", "line": line }));
            self.said().happenings.push(happening);
            self.changed.notify_all();
        }
        self.said().closed = true;
        self.changed.notify_all();
    }

    fn read_log(&self, stderr: impl Read) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut said = self.said();
            if said.log.len() == KEPT_LINES {
                said.log.pop_front();
            }
            said.log.push_back(line);
        }
        self.said().log_closed = true;
        self.changed.notify_all();
    }

    /// Waits until both pipes are read to their ends.
    fn wait_for_rest(&self) {
        let is_open = |said: &mut Said| !(said.closed && said.log_closed);
        let rest = self.changed.wait_timeout_while(self.said(), REST, is_open);
        drop(rest.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("shell", command).unwrap()
    }

    #[test]
    fn happenings_come_in_order_and_after_a_mark() {
        let mut process = shell(
            r#"echo '{"happening":"one","n":1}'; read line; echo "{\"happening\":\"one\",\"n\":$line}""#,
        );
        assert_eq!(process.wait_for("one").unwrap()["n"], 1);
        let mark = process.mark();
        process.send(&serde_json::json!(2)).unwrap();
        assert_eq!(process.wait_after(mark, "one", |_| true).unwrap()["n"], 2);
        assert!(process.wait_exit(wait::PATIENCE).unwrap().success());
    }

    #[test]
    fn a_failure_shows_what_the_process_said() {
        let process = shell(r#"echo '{"happening":"one"}'; echo 'the cause' >&2; exit 3"#);
        let failure = process.wait_for("two").unwrap_err().to_string();
        assert!(failure.contains("no such happening: two"), "{failure}");
        assert!(failure.contains(r#"{"happening":"one"}"#), "{failure}");
        wait::until("its stderr", wait::PATIENCE, || {
            process
                .failure("")
                .to_string()
                .contains("the cause")
                .then_some(())
        })
        .unwrap();
    }

    #[test]
    fn what_a_process_said_last_is_there_once_it_has_ended() {
        let mut process = shell("seq -f 'line %g' 100000 >&2; echo 'the end' >&2");
        assert!(process.wait_exit(wait::PATIENCE).unwrap().success());
        assert_eq!(process.log().last().unwrap(), "the end");
    }

    #[test]
    fn a_process_dies_with_its_handle() {
        let process = shell("echo '{\"happening\":\"up\"}'; exec sleep 1000");
        process.wait_for("up").unwrap();
        let entry = format!("/proc/{}", process.id());
        drop(process);
        assert!(!std::path::Path::new(&entry).exists());
    }
}
