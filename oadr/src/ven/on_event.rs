//! Asking a command whether to take part in an event.
//!
//! Knows nothing of what is done with the answer, nor of how long it may take. The command gets the event as JSON on its standard
//! input and says `optIn` or `optOut` on its standard output, perhaps followed by a response code.

use std::process::ExitStatus;

use oadr_core::payload::ResponseCode;
use oadr_core::value::OptType;

use super::answer::Answer;
use super::event::Event;
use super::shell;
use crate::logging;

/// The longest output that is read, in bytes.
const LONGEST_OUTPUT: u64 = 4096;

/// A command to ask, for [`Ven::on_event`](super::Ven::on_event).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnEvent {
    /// For `sh -c`.
    pub command: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnEventError {
    /// The operating system does not run it.
    #[error("the command cannot be run: {0}")]
    Io(#[from] std::io::Error),
    /// It ended with a status that says so.
    #[error("the command failed ({0})")]
    Failed(ExitStatus),
    /// Its output is something else.
    #[error("the command said neither optIn nor optOut, with or without a response code: {0:?}")]
    NoAnswer(String),
}

impl OnEvent {
    /// Asks. When this ends or is dropped, the command has ended too, with all that it started.
    ///
    /// # Errors
    /// There is no answer: see [`OnEventError`].
    pub async fn ask(&self, event: &Event) -> Result<Answer, OnEventError> {
        let (opt, code) = self.ask_about(&event.to_json().to_string()).await?;
        Ok(Answer(Ok((opt, code))))
    }

    async fn ask_about(
        &self,
        event: &str,
    ) -> Result<(OptType, Option<ResponseCode>), OnEventError> {
        let (said, status) = shell::run(&self.command, event, LONGEST_OUTPUT).await?;
        if !status.success() {
            return Err(OnEventError::Failed(status));
        }
        read(&said).ok_or_else(|| OnEventError::NoAnswer(logging::cut(&said).to_owned()))
    }
}

/// `optIn`, `optOut 460` and the like.
fn read(said: &str) -> Option<(OptType, Option<ResponseCode>)> {
    let mut words = said.split_ascii_whitespace();
    let opt = words.next()?.parse().ok()?;
    let code = match words.next() {
        Some(code) => Some(ResponseCode::new(code.parse().ok()?).ok()?),
        None => None,
    };
    words.next().is_none().then_some((opt, code))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    async fn ask(command: &str) -> Result<(OptType, Option<ResponseCode>), OnEventError> {
        let on_event = OnEvent {
            command: command.to_owned(),
        };
        on_event.ask_about(r#"{"event_id":"Event1"}"#).await
    }

    #[tokio::test]
    async fn the_command_reads_the_event_and_answers() {
        let by_event = r#"grep -q '"event_id":"Event1"' && echo optOut 460"#;
        let code = ResponseCode::SIGNAL_NOT_SUPPORTED;
        assert_eq!(ask(by_event).await.unwrap(), (OptType::OptOut, Some(code)));
        assert_eq!(ask("echo optIn").await.unwrap(), (OptType::OptIn, None));
    }

    #[tokio::test]
    async fn anything_else_is_no_answer() {
        for bad in [
            "true",
            "echo yes",
            "echo optIn 1234",
            "echo optIn 200 x",
            "echo 200",
        ] {
            let error = ask(bad).await.unwrap_err();
            assert!(matches!(error, OnEventError::NoAnswer(_)), "{bad}: {error}");
        }
        let failed = ask("echo optIn; exit 3").await.unwrap_err();
        assert!(matches!(failed, OnEventError::Failed(_)), "{failed}");
        let flood = ask("yes").await.unwrap_err();
        assert!(
            matches!(flood, OnEventError::NoAnswer(_) | OnEventError::Failed(_)),
            "{flood}"
        );
    }

    #[tokio::test]
    async fn a_command_that_is_waited_for_no_longer_is_killed_with_its_children() {
        let temp = crate::temp_dir::TempDir::new("on-event").unwrap();
        let child = temp.path().join("child");
        let on_event = OnEvent {
            command: format!("sleep 1000 & echo $! > {}; wait", child.display()),
        };
        let begin = Instant::now();
        let mut asked = Box::pin(on_event.ask_about("{}"));
        let id = loop {
            assert!(begin.elapsed() < Duration::from_secs(20), "no child");
            let a_moment = Duration::from_millis(20);
            let answer = tokio::time::timeout(a_moment, &mut asked).await;
            assert!(answer.is_err(), "{answer:?}");
            match std::fs::read_to_string(&child) {
                Ok(id) if id.ends_with('\n') => break id,
                Ok(_) | Err(_) => {}
            }
        };
        drop(asked);
        let stat = format!("/proc/{}/stat", id.trim());
        // Gone, or dead and waiting for whoever inherited it.
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        while lives() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the child lives");
            tokio::task::yield_now().await;
        }
    }
}
