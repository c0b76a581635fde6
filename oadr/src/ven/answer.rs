//! What a handler says to an event.
//!
//! Knows nothing of how it is asked, nor of what is said if it has no answer.

use std::fmt::Display;

use oadr_core::payload::ResponseCode;
use oadr_core::value::OptType;

use crate::logging;

/// A handler's answer: an opt, with a response code if 200 is not the right one, or that there is
/// none.
///
/// Made of an [`OptType`], of an [`OptType`] and a [`ResponseCode`], or of a `Result` of either: an
/// error is logged and the VEN's [default](super::Ven::opt) is the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(pub(super) Result<(OptType, Option<ResponseCode>), String>);

impl From<OptType> for Answer {
    fn from(opt: OptType) -> Self {
        Self(Ok((opt, None)))
    }
}

impl From<(OptType, ResponseCode)> for Answer {
    fn from((opt, code): (OptType, ResponseCode)) -> Self {
        Self(Ok((opt, Some(code))))
    }
}

impl<A: Into<Self>, E: Display> From<Result<A, E>> for Answer {
    fn from(result: Result<A, E>) -> Self {
        match result {
            Ok(answer) => answer.into(),
            Err(error) => Self(Err(logging::cut(&error.to_string()).to_owned())),
        }
    }
}
