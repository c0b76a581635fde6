//! The schema check of libxml2, in a process of its own.

use std::io::Write as _;

use crate::failure::Failure;
use crate::oracle::Oracle;
use crate::peers::Peers;

/// A running validator of the 2.0b schema.
#[derive(Debug)]
pub struct Validator(Oracle);

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
        Oracle::start("the validator", peers.script("schema.py")).map(Self)
    }

    /// Validates one document.
    ///
    /// # Errors
    ///
    /// When the validator died.
    pub fn validate(&self, document: &[u8]) -> Result<Verdict, Failure> {
        let verdict = self.0.ask(|stdin| {
            writeln!(stdin, "{}", document.len())?;
            stdin.write_all(document)
        })?;
        if verdict["valid"] == true {
            return Ok(Verdict::Valid);
        }
        let error = verdict["error"].as_str();
        let error = error.map_or_else(|| verdict.to_string(), str::to_owned);
        Ok(Verdict::Invalid(error))
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
