//! The application's handlers: who is asked, and who is told.
//!
//! Knows nothing of what is done with what they say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oadr_core::payload::ResponseCode;
use oadr_core::value::OptType;

use super::answer::Answer;
use super::event::Event;
use super::happening::Happening;
use crate::contained::{Mishap, contain};
use crate::logging;

/// How long a question may take, unless said otherwise.
const QUESTION_LIMIT: Duration = Duration::from_secs(4);

/// How long a callback may take, unless said otherwise.
const CALLBACK_LIMIT: Duration = Duration::from_secs(60);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Asked whether to take part in an event.
type Question = Arc<dyn Fn(Event) -> Boxed<Answer> + Send + Sync>;

/// Told what happened; `None` where it does not listen.
type Callback = Arc<dyn Fn(&Happening) -> Option<Boxed<()>> + Send + Sync>;

/// What an application wants to be asked and told.
#[derive(Clone)]
pub(super) struct Handlers {
    question: Option<Question>,
    callbacks: Vec<Callback>,
    pub(super) question_limit: Duration,
    pub(super) callback_limit: Duration,
}

impl Handlers {
    pub(super) fn none() -> Self {
        Self {
            question: None,
            callbacks: Vec::new(),
            question_limit: QUESTION_LIMIT,
            callback_limit: CALLBACK_LIMIT,
        }
    }

    /// Has events asked about; a handler that was set before is forgotten.
    pub(super) fn set_question<F, Fut>(&mut self, handler: F)
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Answer>> + Send + 'static,
    {
        self.question = Some(Arc::new(move |event| {
            let asked = handler(event);
            Box::pin(async { asked.await.into() })
        }));
    }

    /// Adds a callback for what `of` makes of a happening.
    pub(super) fn add_callback<T, F, Fut>(
        &mut self,
        of: impl Fn(&Happening) -> Option<T> + Send + Sync + 'static,
        callback: F,
    ) where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.callbacks.push(Arc::new(move |happening| {
            let told = callback(of(happening)?);
            Some(Box::pin(told))
        }));
    }

    /// Whether somebody is asked about events.
    pub(super) fn has_question(&self) -> bool {
        self.question.is_some()
    }

    /// Asks whether to take part in an event; `None` if there is nobody to ask.
    pub(super) async fn ask(
        &self,
        event: Event,
    ) -> Option<Result<(OptType, Option<ResponseCode>), Mishap>> {
        let question = Arc::clone(self.question.as_ref()?);
        let call = async move { question(event).await };
        Some(match contain(self.question_limit, call).await {
            Ok(Answer(Ok(answer))) => Ok(answer),
            Ok(Answer(Err(why))) => Err(Mishap::Failed(why)),
            Err(mishap) => Err(mishap),
        })
    }

    /// Tells everybody who listens, one after the other.
    pub(super) async fn tell(&self, happening: &Arc<Happening>) {
        for callback in &self.callbacks {
            let (callback, told) = (Arc::clone(callback), Arc::clone(happening));
            let call = async move {
                if let Some(call) = callback(&told) {
                    call.await;
                }
            };
            if let Err(mishap) = contain(self.callback_limit, call).await {
                let id = happening.id();
                let effect = logging::Kind(&happening.effect);
                tracing::warn!(%id, %effect, %mishap, "not everybody was told");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use oadr_core::value::VenId;
    use oadr_core::ven::Effect;

    use super::*;

    fn happening() -> Arc<Happening> {
        Arc::new(Happening {
            version: 1,
            position: 0,
            time: crate::clock::now(),
            ven_id: None,
            effect: Effect::RegistrationCancelled {
                ven_id: VenId::new("Ven1").unwrap(),
            },
        })
    }

    #[tokio::test]
    async fn a_callback_that_panics_keeps_none_from_the_others() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut handlers = Handlers::none();
        let listen = |happening: &Happening| Some(happening.id());
        // Neither before it has a future nor within it.
        handlers.add_callback(listen, |_| -> std::future::Ready<()> { panic!("at once") });
        handlers.add_callback(listen, async |_| panic!("later"));
        handlers.add_callback(|_| None::<()>, async |()| panic!("not for it"));
        let list = Arc::clone(&heard);
        handlers.add_callback(listen, move |id| {
            list.lock().unwrap().push(id.to_string());
            async {}
        });
        handlers.tell(&happening()).await;
        assert_eq!(*heard.lock().unwrap(), ["1-0"]);
    }
}
