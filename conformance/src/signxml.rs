//! Python's signxml and lxml, and OpenLEADR's use of them, in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::failure::Failure;
use crate::peers::Peers;

/// A running process that answers line by line; what it can be asked is at the head of
/// `peers/signatures.py`.
#[derive(Debug)]
pub struct Signxml {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Signxml {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When Python cannot be started.
    pub fn start(peers: &Peers) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot start signxml", &error);
        let mut child = peers
            .script("signatures.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                child,
                pipes: Mutex::new((stdin, BufReader::new(stdout))),
            }),
            _ => Err(Failure::new("signxml has no pipes")),
        }
    }

    /// Asks it for something; gives its answer.
    ///
    /// # Errors
    ///
    /// When it died, or says that something is wrong.
    pub fn ask(&self, task: &Value) -> Result<Value, Failure> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, stdout) = &mut *pipes;
        let mut line = String::new();
        let asked = writeln!(stdin, "{task}")
            .and_then(|()| stdin.flush())
            .and_then(|()| stdout.read_line(&mut line));
        asked.map_err(|error| Failure::io("signxml died", &error))?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("signxml said {line:?}: {error}")))?;
        match answer["error"].as_str() {
            Some(error) => Err(Failure::new(error)),
            None => Ok(answer),
        }
    }

    /// Asks it for a text.
    ///
    /// # Errors
    ///
    /// As with [`ask`](Self::ask).
    pub fn text(&self, task: &Value, member: &str) -> Result<String, Failure> {
        let answer = self.ask(task)?;
        let text = answer[member].as_str();
        text.map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("signxml gave no {member}")))
    }
}

impl Drop for Signxml {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
