//! What the VTN says by itself, on its way to the host, and what is said to it on its way back.
//!
//! Knows nothing of how either travels.

use std::time::Duration;

use oadr_core::payload::Message;
use oadr_core::ven::PushReply;
use tokio::sync::{mpsc, oneshot};

/// How many messages may wait for the host: it works off one after the other, and may ask the application
/// meanwhile. A VTN pushes one at a time.
const MOST: usize = 16;

/// How long a message may take: whoever pushes waits ten seconds as a rule, and hears before that it is to
/// come again. It is worked off all the same, and its repetition is none the worse for it.
const PATIENCE: Duration = Duration::from_secs(8);

/// A message, and where to say what is said to it once that is committed.
pub(in crate::ven) struct Push {
    pub(in crate::ven) message: Box<Message>,
    pub(in crate::ven) reply: oneshot::Sender<PushReply>,
}

/// Where pushes are handed in.
#[derive(Debug, Clone)]
pub(super) struct Pushes(mpsc::Sender<Push>);

/// A message that was not worked off: too many wait, the VEN stops, or nothing can be written. Its sender is
/// asked to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting, or the VEN stops, or it cannot write")]
pub(super) struct NotTaken;

impl Pushes {
    /// The two ends.
    pub(super) fn new() -> (Self, mpsc::Receiver<Push>) {
        let (pushes, to_do) = mpsc::channel(MOST);
        (Self(pushes), to_do)
    }

    /// Has a message worked off; what is said to it is committed when this returns.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub(super) async fn take(&self, message: Message) -> Result<PushReply, NotTaken> {
        let (reply, replied) = oneshot::channel();
        let message = Box::new(message);
        let push = Push { message, reply };
        self.0.try_send(push).map_err(|_| NotTaken)?;
        let replied = tokio::time::timeout(PATIENCE, replied).await;
        replied.map_err(|_| NotTaken)?.map_err(|_| NotTaken)
    }
}

#[cfg(test)]
mod tests {
    use oadr_core::payload::Poll;
    use oadr_core::value::VenId;

    use super::*;

    fn message() -> Message {
        let ven_id = VenId::new("Ven1").unwrap();
        Poll { ven_id }.into()
    }

    #[tokio::test]
    async fn a_message_that_nobody_works_off_is_not_taken() {
        let (pushes, mut to_do) = Pushes::new();
        let ((), taken) = tokio::join!(async { drop(to_do.recv().await) }, pushes.take(message()),);
        assert_eq!(taken, Err(NotTaken));
        drop(to_do);
        assert_eq!(pushes.take(message()).await, Err(NotTaken));
    }

    #[tokio::test]
    async fn no_more_than_a_few_messages_wait() {
        let (pushes, mut to_do) = Pushes::new();
        let waiting: Vec<_> = (0..MOST)
            .map(|_| {
                let pushes = pushes.clone();
                tokio::spawn(async move { pushes.take(message()).await })
            })
            .collect();
        while to_do.len() < MOST {
            tokio::task::yield_now().await;
        }
        assert_eq!(pushes.take(message()).await, Err(NotTaken));
        while let Ok(push) = to_do.try_recv() {
            push.reply.send(PushReply::Empty).unwrap();
        }
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(PushReply::Empty));
        }
    }
}
