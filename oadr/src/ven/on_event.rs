//! Asking a command whether to take part in an event.
//!
//! Knows nothing of what is done with the answer. The command gets the event as JSON on its standard
//! input and says `optIn` or `optOut` on its standard output, perhaps followed by a response code.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use oadr_core::payload::ResponseCode;
use oadr_core::value::OptType;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::logging;

/// The longest output that is read, in bytes.
const LONGEST_OUTPUT: u64 = 4096;

/// A command to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnEvent {
    /// For `sh -c`.
    pub command: String,
    /// How long it may take; then it is killed, with all that it started.
    pub timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum OnEventError {
    #[error("the command cannot be run: {0}")]
    Io(#[from] std::io::Error),
    #[error("the command took longer than {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("the command failed ({0})")]
    Failed(ExitStatus),
    #[error("the command said neither optIn nor optOut, with or without a response code: {0:?}")]
    NoAnswer(String),
}

impl OnEvent {
    /// Asks. Whatever way this ends, the command has ended too.
    pub(super) async fn ask(
        &self,
        event: &Value,
    ) -> Result<(OptType, Option<ResponseCode>), OnEventError> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(&self.command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = Group(child.id());
        let said = tokio::time::timeout(self.timeout, talk(&mut child, event)).await;
        drop(group);
        let _ = child.kill().await;
        let (said, status) = said.map_err(|_| OnEventError::TimedOut(self.timeout))??;
        if !status.success() {
            return Err(OnEventError::Failed(status));
        }
        read(&said).ok_or_else(|| OnEventError::NoAnswer(logging::cut(&said).to_owned()))
    }
}

async fn talk(child: &mut Child, event: &Value) -> Result<(String, ExitStatus), OnEventError> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A command that does not care what the event is closes its input early.
            let _ = stdin.write_all(format!("{event}\n").as_bytes()).await;
        }
    };
    let read = async move {
        let mut said = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(LONGEST_OUTPUT).read_to_end(&mut said).await?;
        }
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&said).into_owned())
    };
    let ((), said) = tokio::join!(write, read);
    Ok((said?, child.wait().await?))
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

/// A process group that ends with this value.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0 else {
            return;
        };
        // The library offers no signals for groups; the shell does. Mostly there is nobody left.
        let killed = std::process::Command::new("sh")
            .args(["-c", "kill -s KILL -- \"-$0\" 2>&-"])
            .arg(id.to_string())
            .status();
        if let Err(error) = killed {
            tracing::warn!(%error, "cannot end what a command left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    async fn ask(command: &str) -> Result<(OptType, Option<ResponseCode>), OnEventError> {
        let on_event = OnEvent {
            command: command.to_owned(),
            timeout: Duration::from_secs(20),
        };
        on_event.ask(&json!({"event_id": "Event1"})).await
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
    async fn a_command_that_takes_too_long_is_killed_with_its_children() {
        let temp = crate::temp_dir::TempDir::new("on-event").unwrap();
        let child = temp.path().join("child");
        let on_event = OnEvent {
            command: format!("sleep 1000 & echo $! > {}; wait", child.display()),
            timeout: Duration::from_millis(500),
        };
        let begin = Instant::now();
        let error = on_event.ask(&json!({})).await.unwrap_err();
        assert!(matches!(error, OnEventError::TimedOut(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(20));
        let id = std::fs::read_to_string(&child).unwrap();
        let stat = format!("/proc/{}/stat", id.trim());
        // Gone, or dead and waiting for whoever inherited it.
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        while lives() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the child lives");
            tokio::task::yield_now().await;
        }
    }
}
