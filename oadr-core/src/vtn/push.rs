//! Pushes: what goes to a VEN that does not poll, over HTTP or XMPP, one after the other.
//!
//! Knows nothing of how a push travels, and nothing of what it is about: that is what a poll would get.
//!
//! A deadline wakes the partition, [`decide`](super::decide) picks the message and commits that it is on
//! its way; the transport's result is the next input. While one is on its way no other is sent.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::payload::{Message, MessageKind};
use crate::value::{DateTime, EventId, ServiceName, Text};
use crate::{Jid, Profile, Signature};

/// Names a push of one partition.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct PushId(pub u64);

/// A message to be pushed; its outcome is the next input, [`Input::Pushed`](super::Input::Pushed).
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// Names it.
    pub id: PushId,
    /// Where it goes.
    pub to: PushAddress,
    /// The service that it belongs to.
    pub service: ServiceName,
    /// The message.
    pub message: Box<Message>,
}

/// Where a VEN wants to be pushed to (`oadrTransportAddress`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAddress {
    /// A base URL as the VEN gave it: nobody has looked at it yet.
    Http(Text),
    /// The session that it registered with.
    Xmpp(Jid),
}

/// How a push went.
#[derive(Debug, Clone, PartialEq)]
pub enum PushOutcome {
    /// The VEN replied (spec §1.4).
    Replied {
        /// The profile of the reply.
        profile: Profile,
        /// The reply.
        message: Box<Message>,
        /// What a verified signature proved of it.
        signature: Option<Signature>,
    },
    /// An acknowledgement without a message: any HTTP 2xx without a body (quirk Q19), an empty IQ result.
    Acknowledged,
    /// It failed.
    Failed(PushFailure),
}

/// Why a push failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFailure {
    /// In short.
    pub fault: PushFault,
    /// In words, bounded by whoever made it.
    pub detail: Text,
    /// How long the VEN wants to be left alone, if it says so.
    pub retry_after: Option<TimeDelta>,
}

/// Why a push failed, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFault {
    /// We may not connect to the address that the VEN gave: trying again does not help.
    AddressRefused,
    /// Nobody could be reached, or the connection broke.
    Unreachable,
    /// The XMPP server says that the VEN is not there.
    Offline,
    /// There was no answer in time, or the process ended before one came.
    TimedOut,
    /// TLS failed, or whoever answered is not the VEN, or did not sign.
    Untrusted,
    /// HTTP 3xx: redirects are not followed.
    Redirected,
    /// HTTP 4xx, or a stanza error.
    Refused,
    /// HTTP 503.
    Busy,
    /// Another HTTP 5xx.
    Broken,
    /// The answer was not understood.
    Unreadable,
    /// The answer is an OpenADR refusal: the VEN does not know its registration, or the venID (463, 452).
    NotRegistered,
}

/// How pushes are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushTerms {
    /// How long a push may be on its way: longer than the transport waits. After that it has failed,
    /// whatever became of the process that sent it.
    pub lease: TimeDelta,
    /// How long a message is tried before it becomes a [`DeadLetter`].
    pub give_up_after: TimeDelta,
}

impl Default for PushTerms {
    /// 30 s and 24 h.
    fn default() -> Self {
        Self {
            lease: TimeDelta::seconds(30),
            give_up_after: TimeDelta::hours(24),
        }
    }
}

/// A message that could not be pushed and is not tried any more: until the VEN is heard of again, or an
/// operator wants it tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it within the VEN.
    pub id: u64,
    /// Which message.
    pub kind: MessageKind,
    /// The events that it was about, if it was about events.
    pub event_ids: Vec<EventId>,
    /// When it was first tried.
    pub since: DateTime,
    /// When it was last tried.
    pub last: DateTime,
    /// How often.
    pub attempts: u32,
    /// Why it failed the last time.
    pub failure: PushFailure,
}

/// How pushes to a VEN go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus<'a> {
    /// What is on its way, since when.
    pub under_way: Option<(MessageKind, DateTime)>,
    /// Failures in a row.
    pub failures: u32,
    /// Since when what failed is tried: the oldest of it.
    pub failing_since: Option<DateTime>,
    /// The last of them.
    pub last_failure: Option<&'a PushFailure>,
    /// Nothing is tried before.
    pub not_before: Option<DateTime>,
    /// Since when the VEN polls although it is pushed to: its push path is probably blocked.
    pub polls_since: Option<DateTime>,
    /// What was given up.
    pub dead_letters: &'a [DeadLetter],
}
