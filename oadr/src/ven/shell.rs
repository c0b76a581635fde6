//! Shell commands: what is written to one, what it says, and that nothing is left of it.
//!
//! Knows nothing of what commands are for, nor of how long they may take.

use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Runs a command, with a line on its standard input; the answer is the beginning of what it prints,
/// at most so many bytes, and how it ended. When this ends or is dropped, the command has ended too,
/// with all that it started.
pub(super) async fn run(
    command: &str,
    line: &str,
    longest: u64,
) -> io::Result<(String, ExitStatus)> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = Group(child.id());
    let said = talk(&mut child, line, longest).await;
    group.end().await;
    let _ = child.kill().await;
    said
}

async fn talk(child: &mut Child, line: &str, longest: u64) -> io::Result<(String, ExitStatus)> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A command that does not care what it is told closes its input early.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
    };
    let read = async move {
        let mut said = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(longest).read_to_end(&mut said).await?;
        }
        Ok::<_, io::Error>(String::from_utf8_lossy(&said).into_owned())
    };
    let ((), said) = tokio::join!(write, read);
    Ok((said?, child.wait().await?))
}

/// A process group that ends with this value.
struct Group(Option<u32>);

impl Group {
    /// Ends it, and holds up nobody else on this thread meanwhile: sources may be asked every second.
    async fn end(mut self) {
        if let Some(id) = self.0 {
            let killed = Command::from(kill(id)).status().await;
            self.0 = None;
            tell(killed);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            tell(kill(id).status());
        }
    }
}

/// The library offers no signals for groups; the shell does. Mostly there is nobody left.
fn kill(id: u32) -> std::process::Command {
    let mut kill = std::process::Command::new("sh");
    kill.args(["-c", "kill -s KILL -- \"-$0\" 2>&-"])
        .arg(id.to_string());
    kill
}

fn tell(killed: io::Result<ExitStatus>) {
    if let Err(error) = killed {
        tracing::warn!(%error, "cannot end what a command left behind");
    }
}
