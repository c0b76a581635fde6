//! Where values come from: an application's callbacks, asked for one value or for a span of them.
//!
//! Knows nothing of when they are asked, nor of what becomes of what they say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oadr_core::value::{DateTime, OptType};
use oadr_core::ven::{KnownEvent, Run, State};

use super::measurement::{Measurement, Sample, Series};
use crate::contained::{Mishap, contain};
use crate::ven::event::Event;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Incremental = Arc<dyn Fn(Moment) -> Boxed<Sample> + Send + Sync>;
type Full = Arc<dyn Fn(Span) -> Boxed<Series> + Send + Sync>;

/// The moment that a value is wanted for.
#[derive(Debug, Clone)]
pub struct Moment {
    pub(super) time: DateTime,
    pub(super) state: Arc<State>,
}

impl Moment {
    /// The time that the value will have; it is now, or was just before.
    #[must_use]
    pub fn time(&self) -> DateTime {
        self.time
    }

    /// What the VEN remembers: its registration, its events and its answers to them.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The events that run and that the VEN takes part in.
    pub fn running(&self) -> impl Iterator<Item = Event> {
        let runs = |event: &&KnownEvent| match event.run() {
            Run::Running(_) => event.stance().opt == OptType::OptIn,
            Run::Waiting | Run::Over => false,
        };
        self.state.events().filter(runs).map(Event::from)
    }
}

/// The span of time that values are wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The first instant.
    pub from: DateTime,
    /// The end; it does not belong to the span.
    pub to: DateTime,
    /// The time between two values, the first one at `from`; `None` for every value there is.
    pub every: Option<TimeDelta>,
}

/// The callbacks of a data point.
#[derive(Clone, Default)]
pub(super) struct Sources {
    incremental: Option<Incremental>,
    full: Option<Full>,
}

impl Sources {
    pub(super) fn set_incremental<F, Fut>(&mut self, source: F)
    where
        F: Fn(Moment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Sample>> + Send + 'static,
    {
        self.incremental = Some(Arc::new(move |moment| {
            let asked = source(moment);
            Box::pin(async { asked.await.into() })
        }));
    }

    pub(super) fn set_full<F, Fut>(&mut self, source: F)
    where
        F: Fn(Span) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Series>> + Send + 'static,
    {
        self.full = Some(Arc::new(move |span| {
            let asked = source(span);
            Box::pin(async { asked.await.into() })
        }));
    }

    pub(super) fn has_incremental(&self) -> bool {
        self.incremental.is_some()
    }

    pub(super) fn has_full(&self) -> bool {
        self.full.is_some()
    }

    /// Asks for the value of a moment; `None` if there is nobody to ask.
    pub(super) async fn sample(
        &self,
        moment: Moment,
        limit: Duration,
    ) -> Option<Result<Measurement, Mishap>> {
        let source = Arc::clone(self.incremental.as_ref()?);
        let called = contain(limit, async move { source(moment).await }).await;
        Some(called.and_then(|Sample(said)| said.map_err(Mishap::Failed)))
    }

    /// Asks for the values of a span, in any order; `None` if there is nobody to ask.
    pub(super) async fn series(
        &self,
        span: Span,
        limit: Duration,
    ) -> Option<Result<Vec<(DateTime, Measurement)>, Mishap>> {
        let source = Arc::clone(self.full.as_ref()?);
        let called = contain(limit, async move { source(span).await }).await;
        Some(called.and_then(|Series(said)| said.map_err(Mishap::Failed)))
    }
}
