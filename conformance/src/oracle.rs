//! A process that knows better: it is asked, and answers each question with a line of JSON.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::failure::Failure;

/// The process. Its stderr is the test's: there is nothing on it unless the process itself is broken.
#[derive(Debug)]
pub(crate) struct Oracle {
    name: &'static str,
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Oracle {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::io(&format!("cannot start {name}"), &error))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                name,
                child,
                pipes: Mutex::new((stdin, BufReader::new(stdout))),
            }),
            _ => Err(Failure::new(format!("{name} has no pipes"))),
        }
    }

    /// Writes a question and reads the answer.
    ///
    /// # Errors
    ///
    /// When it died, or said something else than JSON.
    pub(crate) fn ask(
        &self,
        question: impl FnOnce(&mut ChildStdin) -> io::Result<()>,
    ) -> Result<Value, Failure> {
        let name = self.name;
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, stdout) = &mut *pipes;
        let mut line = String::new();
        question(stdin)
            .and_then(|()| stdin.flush())
            .and_then(|()| stdout.read_line(&mut line))
            .map_err(|error| Failure::io(&format!("{name} died"), &error))?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("{name} said {line:?}: {error}")))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
