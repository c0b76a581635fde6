//! The schema check of libxml2, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::failure::Failure;
use crate::peers::Peers;

/// A running validator of the 2.0b schema.
#[derive(Debug)]
pub struct Validator {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

/// What libxml2 says of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Well-formed, and valid by the schema.
    Valid,
    /// Not well-formed, or not valid; with libxml2's words.
    Invalid(String),
}

impl Validator {
    /// Starts the validator.
    ///
    /// # Errors
    ///
    /// When Python cannot be started.
    pub fn start(peers: &Peers) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot start the validator", &error);
        let mut command: Command = peers.script("schema.py");
        // Its stderr is the test's: there is nothing on it unless the validator itself is broken.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                child,
                pipes: Mutex::new((stdin, BufReader::new(stdout))),
            }),
            _ => Err(Failure::new("the validator has no pipes")),
        }
    }

    /// Validates one document.
    ///
    /// # Errors
    ///
    /// When the validator died.
    pub fn validate(&self, document: &[u8]) -> Result<Verdict, Failure> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, stdout) = &mut *pipes;
        let mut line = String::new();
        let asked = writeln!(stdin, "{}", document.len())
            .and_then(|()| stdin.write_all(document))
            .and_then(|()| stdin.flush())
            .and_then(|()| stdout.read_line(&mut line));
        asked.map_err(|error| Failure::io("the validator died", &error))?;
        let verdict: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("the validator said {line:?}: {error}")))?;
        if verdict["valid"] == true {
            return Ok(Verdict::Valid);
        }
        let error = verdict["error"].as_str().unwrap_or(&line);
        Ok(Verdict::Invalid(error.to_owned()))
    }

    /// Fails, with the document, unless it is valid; `what` names it.
    ///
    /// # Errors
    ///
    /// When it is invalid or the validator died.
    pub fn require(&self, what: &str, document: &[u8]) -> Result<(), Failure> {
        match self.validate(document)? {
            Verdict::Valid => Ok(()),
            Verdict::Invalid(error) => {
                let text = String::from_utf8_lossy(document);
                Err(Failure::new(format!(
                    "{what} is not valid by the schema: {error}\n{text}"
                )))
            }
        }
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
