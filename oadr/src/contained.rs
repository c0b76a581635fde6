//! Calling an application's handlers: each in a task of its own and with a limit, so that one that is
//! slow or panics harms nobody else.
//!
//! Knows nothing of what they are called for.

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::logging;

/// Why a handler was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mishap {
    #[error("the handler took longer than {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("the handler panicked: {0}")]
    Panicked(String),
    #[error("the handler failed: {0}")]
    Failed(String),
    #[error("the handler was stopped with its runtime")]
    Stopped,
}

/// Lets a call run in a task of its own. It ends with the limit, and with this future.
pub(crate) async fn contain<T: Send + 'static>(
    limit: Duration,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, Mishap> {
    // The set takes the task with it when it is dropped.
    let mut task = JoinSet::new();
    task.spawn(call);
    match tokio::time::timeout(limit, task.join_next()).await {
        Ok(Some(Ok(value))) => Ok(value),
        Ok(Some(Err(error))) => Err(match error.try_into_panic() {
            Ok(panic) => Mishap::Panicked(logging::cut(said(&*panic)).to_owned()),
            Err(_) => Mishap::Stopped,
        }),
        Ok(None) => Err(Mishap::Stopped),
        Err(_) => Err(Mishap::TimedOut(limit)),
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let fixed = panic.downcast_ref::<&str>().copied();
    let made = panic.downcast_ref::<String>().map(String::as_str);
    fixed.or(made).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Says when it is dropped.
    struct Dropped(Option<oneshot::Sender<()>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }

    #[tokio::test]
    async fn a_call_that_is_too_slow_ends_with_its_limit() {
        let (tell, told) = oneshot::channel();
        let dropped = Dropped(Some(tell));
        let call = async move {
            let _dropped = dropped;
            std::future::pending::<()>().await;
        };
        let limit = Duration::from_millis(20);
        assert_eq!(contain(limit, call).await, Err(Mishap::TimedOut(limit)));
        let patience = Duration::from_secs(20);
        let told = tokio::time::timeout(patience, told).await;
        told.expect("it is dropped").unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_mishap_with_its_words() {
        async fn fail(text: Option<String>) {
            match text {
                Some(text) => panic!("{text}"),
                None => panic!("fixed"),
            }
        }
        let limit = Duration::from_secs(60);
        let long = "é".repeat(1000);
        let mishap = contain(limit, fail(Some(long.clone()))).await.unwrap_err();
        let Mishap::Panicked(words) = &mishap else {
            panic!("{mishap}");
        };
        assert!(words.len() <= 200 && long.starts_with(words), "{words}");
        let fixed = contain(limit, fail(None)).await;
        assert_eq!(fixed, Err(Mishap::Panicked("fixed".to_owned())));
    }
}
