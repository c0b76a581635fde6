//! Python's signxml and lxml, and OpenLEADR's use of them, in a process of their own.

use std::io::Write as _;

use serde_json::Value;

use crate::failure::Failure;
use crate::oracle::Oracle;
use crate::peers::Peers;

/// The running process; what it can be asked is at the head of `peers/signatures.py`.
#[derive(Debug)]
pub struct Signxml(Oracle);

impl Signxml {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When Python cannot be started.
    pub fn start(peers: &Peers) -> Result<Self, Failure> {
        Oracle::start("signxml", peers.script("signatures.py")).map(Self)
    }

    /// Asks it for something; gives its answer.
    ///
    /// # Errors
    ///
    /// When it died, or says that something is wrong.
    pub fn ask(&self, task: &Value) -> Result<Value, Failure> {
        let answer = self.0.ask(|stdin| writeln!(stdin, "{task}"))?;
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
