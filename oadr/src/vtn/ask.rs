//! What the application is asked while a message is decided on, and what it said so far.
//!
//! Knows nothing of how handlers are called. Nobody is asked the same twice for one message: a
//! decision that comes to nothing is made again with the answers that are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use oadr_core::value::VenId;
use oadr_core::vtn::{
    Answer, Assignment, Claim, Command, Input, JidChange, OptDecision, PollAnswer, Question,
    RegistrationAnswer, RegistrationRequest, SignatureChange, State, claims_of,
};
use oadr_core::{BareJid, CertificateId, Peer};
use tokio::time::Instant;

use super::application::NoAnswer;
use super::directory::Listed;
use super::host::{CommandFailure, Failure, Host};
use super::registration_info::RegistrationInfo;
use super::{Event, PollItem, register_report};
use crate::clock;
use crate::log_ration::Subject;
use crate::store::Audit;

/// Whose message it is, and the answers so far.
pub(super) struct Asked {
    /// Where its partition is found. None, if the directory does not know the sender: it is nobody.
    claims: Vec<Claim>,
    answers: Vec<Answer>,
    listed: Option<Arc<Listed>>,
}

/// Who made an event that a poll was answered with, and who changed a VEN's membership, in the audit.
const ON_POLL: &str = "on_poll";
const DIRECTORY: &str = "directory";

impl Asked {
    /// Asks the directory for the sender, if there is a directory.
    pub(super) async fn about(host: &Host, input: &Input) -> Result<Self, Failure> {
        let mut asked = Self {
            claims: claims_of(input),
            answers: Vec::new(),
            listed: None,
        };
        if let Some(directory) = &host.application.directory
            && let Input::Message { peer, message, .. } = input
        {
            let limit = host.application.limit;
            let claims = &asked.claims;
            asked.listed = directory.sender(peer, message, claims, limit).await?;
            match &asked.listed {
                Some(listed) => keep_listed(host, peer, listed).await?,
                None => asked.claims.clear(),
            }
        }
        Ok(asked)
    }

    pub(super) fn claims(&self) -> &[Claim] {
        &self.claims
    }

    pub(super) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// Asks the application and keeps its answer.
    pub(super) async fn ask(&mut self, host: &Host, question: Question) -> Result<(), Failure> {
        let answer = match question {
            Question::Register(request) => Answer::Register(self.register(host, request).await?),
            Question::Query(query) => Answer::Query(match &host.application.query_registration {
                Some(handler) => {
                    let name = "on_query_registration";
                    host.application.ask(name, handler, *query).await?
                }
                None => None,
            }),
            Question::Poll(ven_id) => Answer::Poll(match &host.application.poll {
                Some(handler) => {
                    let asked = host.application.ask("on_poll", handler, ven_id.clone());
                    match asked.await? {
                        None => PollAnswer::Nothing,
                        Some(PollItem::RequestReregistration) => PollAnswer::RequestReregistration,
                        Some(PollItem::CancelPartyRegistration) => PollAnswer::Remove,
                        Some(PollItem::Event(event)) => {
                            add(host, *event, &ven_id).await;
                            PollAnswer::Nothing
                        }
                    }
                }
                None => PollAnswer::Nothing,
            }),
            Question::Reports(offered) => {
                Answer::Reports(register_report::ask(host, *offered).await?)
            }
            Question::CreateOpt(opt) => Answer::CreateOpt(match &host.application.create_opt {
                Some(handler) => {
                    let asked = host.application.ask("on_create_opt", handler, *opt);
                    asked.await?
                }
                None => OptDecision::Accept,
            }),
            other => {
                tracing::error!(question = ?other, "asked what nobody can answer");
                return Err(Failure::Contended);
            }
        };
        self.answers.push(answer);
        Ok(())
    }

    async fn register(
        &mut self,
        host: &Host,
        request: Box<RegistrationRequest>,
    ) -> Result<RegistrationAnswer, NoAnswer> {
        let application = &host.application;
        if application.directory.is_some() && self.listed.is_none() {
            return Ok(RegistrationAnswer::Refuse);
        }
        let answer = match &application.create_party_registration {
            Some(handler) => {
                let name = "on_create_party_registration";
                let info = RegistrationInfo(request);
                application.ask(name, handler, info).await?
            }
            None if self.listed.is_some() => RegistrationAnswer::accept(),
            None => RegistrationAnswer::Refuse,
        };
        Ok(match answer {
            RegistrationAnswer::Refuse => RegistrationAnswer::Refuse,
            RegistrationAnswer::Accept {
                ven_id,
                registration_id,
            } => {
                let listed = self.listed.as_deref();
                let ven_id = ven_id.or_else(|| listed.map(|listed| listed.ven_id.clone()));
                // Its partition may be another than the one that its name leads to.
                if let Some(ven_id) = &ven_id
                    && self
                        .claims
                        .iter()
                        .all(|claim| !matches!(claim, Claim::Certificate(_) | Claim::Jid(_)))
                {
                    self.claims.insert(0, Claim::VenId(ven_id.clone()));
                }
                RegistrationAnswer::Accept {
                    registration_id: registration_id
                        .or_else(|| listed.and_then(|listed| listed.registration_id.clone())),
                    ven_id,
                }
            }
        })
    }
}

/// Sees to it that a VEN has the groups, resources, certificates and account that the directory gives it.
async fn keep_listed(host: &Host, peer: &Peer, listed: &Listed) -> Result<(), Failure> {
    let claim = Claim::VenId(listed.ven_id.clone());
    let Some(slot) = host.registry.find(&[claim]) else {
        return Ok(());
    };
    let has_them = slot.current().is_some_and(|at| {
        let state = &at.state;
        are_the_same(state.groups(), &listed.groups)
            && are_the_same(state.resources(), &listed.resources)
            && has_certificates(state, peer, listed)
            && account(peer, listed).is_none_or(|account| state.jid() == Some(account))
            && listed
                .signatures
                .is_none_or(|policy| state.signatures() == Some(policy))
    });
    if has_them {
        return Ok(());
    }
    let certificates = match peer {
        _ if !listed.certificates.is_empty() => Assignment::Exactly(listed.certificates.clone()),
        // By which it was found: the directory knows it, although it does not say.
        Peer::Certificate(hash) => Assignment::Change {
            add: vec![CertificateId::Hash(*hash)],
            remove: Vec::new(),
        },
        Peer::Unproven | _ => Assignment::default(),
    };
    let command = Command::Assign {
        groups: Assignment::Exactly(listed.groups.clone()),
        resources: Assignment::Exactly(listed.resources.clone()),
        certificates,
        signatures: listed
            .signatures
            .map_or(SignatureChange::Keep, SignatureChange::Own),
        jid: account(peer, listed)
            .map_or(JidChange::Keep, |account| JidChange::Is(account.clone())),
    };
    let audit = Audit {
        at: clock::now(),
        who: DIRECTORY.to_owned(),
        what: "modify",
        subject: listed.ven_id.to_string(),
        detail: None,
    };
    match host.command(Some(slot), &command, audit).await {
        // One that is just leaving has no use for them.
        Ok(()) | Err(CommandFailure::Refused(_)) => Ok(()),
        Err(CommandFailure::Failed(failure)) => Err(failure),
    }
}

/// Whether a VEN has the certificates that the directory gives it, and no others.
fn has_certificates(state: &State, peer: &Peer, listed: &Listed) -> bool {
    let has = |hash| state.has_certificate(hash);
    if listed.certificates.is_empty() {
        return match peer {
            Peer::Certificate(hash) => has(hash),
            Peer::Unproven | _ => true,
        };
    }
    // What the directory says in part may be known in whole.
    let fingerprints = |ids: &mut dyn Iterator<Item = CertificateId>| -> BTreeSet<_> {
        ids.map(|id| id.fingerprint()).collect()
    };
    let wanted = &mut listed.certificates.iter().copied();
    fingerprints(&mut state.certificates()) == fingerprints(wanted)
        && listed.certificates.iter().all(|id| match id {
            CertificateId::Hash(hash) => has(hash),
            CertificateId::Fingerprint(_) => true,
        })
}

/// The XMPP account that the directory gives a VEN, or by which the VEN was found.
fn account<'a>(peer: &'a Peer, listed: &'a Listed) -> Option<&'a BareJid> {
    listed.jid.as_ref().or(match peer {
        Peer::Jid(jid) => Some(jid.account()),
        Peer::Unproven | Peer::Certificate(_) | _ => None,
    })
}

/// Whether both name the same, in whatever order.
fn are_the_same<T: Ord>(some: &[T], others: &[T]) -> bool {
    some == others || some.iter().collect::<BTreeSet<_>>() == others.iter().collect::<BTreeSet<_>>()
}

/// Makes an event that a poll was answered with; the poll that is being decided on brings it. One that
/// cannot be made is the application's slip, not the VEN's: it is told, and the poll goes on without.
async fn add(host: &Host, event: Event, ven_id: &VenId) {
    if let Err(error) = host.add_event(event, Some(ven_id), ON_POLL).await
        && host.ration.admits(Subject::Unanswered, Instant::now())
    {
        tracing::error!(%ven_id, %error, "on_poll gave an event that cannot be made");
    }
}
