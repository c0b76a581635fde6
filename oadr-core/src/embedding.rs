//! For whoever embeds the core with a store and a transport of their own: the contract, step by step.
//!
//! A chapter, no code; who is content with a host in memory takes [`memory`](crate::memory) and is
//! done. The examples `blocking` and `week` show that on sockets and in virtual time.
//!
//! # What there is
//!
//! A machine is a pure function. Of the VTN there is one **partition** for each VEN: a
//! [`State`](crate::vtn::State) and a [`Version`], under a key of the host's. A VEN has one partition
//! towards its VTN. No input ever concerns two.
//!
//! ```text
//! bytes → decode → input ─┐
//!                         ├─ find and load the partition
//!      ┌──────────────────┤
//!      │   decide(state, context, time and entropy, input, answers so far)
//!      │        │ Ask: answer the question, decide again
//!      │        │ Decided
//!      │   commit: changes, facts, effects and claims in one transaction
//!      │        │ conflict: load again, decide again
//!      │        │ committed
//!      └── release: only now is there a reply → encode → bytes
//! ```
//!
//! # Find
//!
//! [`claims_of`](crate::vtn::claims_of) tells by which names to look for the partition of a message,
//! most telling first: a certificate that the transport proved, else the venID in the message, else
//! the venName. What nobody holds is decided on [`Loaded::absent`]; most of that is refused and leaves
//! no trace.
//!
//! # Ask and decide
//!
//! `decide` cannot fail and does nothing. Where the reply depends on the application it returns
//! [`Step::Ask`]: answer, and call it again with the same values and that answer beside those before.
//! After a conflict the same question comes again, so an answer must not be an action. A question that
//! takes too long is the host's to give up: nothing has happened yet, and the peer may be told to come
//! again (503).
//!
//! What a decision may know besides its partition is in the **context**: configuration, and of the
//! events those that match this VEN. It is a snapshot with a version that goes up with every change;
//! the version is written into the changes, so that any decision can be made again later.
//!
//! [`Env`] brings the time and 32 random bytes that no other input gets. Same partition, context,
//! environment, input and answers: same step.
//!
//! # Commit
//!
//! A [`Decision`] holds what must be in one transaction:
//!
//! * **changes**: what happened. [`Decision::next`] applies them; the result is the row to store, under
//!   the version that it carries, if the row still has the version of [`Decision::base`]. Who prefers a
//!   log stores the changes instead: [`Role::apply`] in order makes the same row.
//! * **facts**: rows for people and other programs, upserted by their key; no decision reads them.
//! * **effects**: what handlers are to be told. They go into an outbox and are taken out once they were
//!   delivered: at least once, each under the partition's key, the new version and its index, by which
//!   its receiver recognises it.
//! * **claims**: names that no two partitions may hold. One that is to be taken and is held by another
//!   partition makes the commit a conflict: load its owner and decide again on that.
//!
//! # Release
//!
//! There is no way to the reply without [`Committed`], and only the store makes one. So nothing is
//! answered that a crash could undo. A decision with nothing to write, such as that on an idle poll
//! (99 of 100 are), gives its reply by [`Decision::release_unwritten`] without a transaction.
//!
//! # Deadlines
//!
//! Waiting is a deadline in the state: [`Role::next_deadline`] is the earliest. Index it beside the row,
//! and when it has come let the machine decide on [`Input::Deadline`](crate::vtn::Input::Deadline). A
//! deadline that is late does no harm: a message that comes first finds what was due.
//!
//! # A host
//!
//! All of it, with a store that is a few maps; a database has tables in their place, and one
//! transaction around `commit`.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use oadr_core::machine::{Committed, Decision, Env, Loaded, Role as _, Step, Version};
//! use oadr_core::value::DateTime;
//! use oadr_core::vtn::{
//!     Answer, Claim, Context, Input, Question, RegistrationAnswer, Reply, Vtn, claims_of, decide,
//! };
//!
//! #[derive(Default)]
//! struct Store {
//!     /// Version, state as JSON and deadline by key.
//!     partitions: BTreeMap<u64, (u64, String, Option<DateTime>)>,
//!     claims: BTreeMap<Claim, u64>,
//!     /// By partition, version and index.
//!     outbox: BTreeMap<(u64, u64, usize), String>,
//! }
//!
//! enum Conflict {
//!     /// Somebody else was faster.
//!     Changed,
//!     /// This partition holds a claim that the decision wants.
//!     Taken(u64),
//! }
//!
//! impl Store {
//!     fn find(&self, input: &Input) -> Option<u64> {
//!         claims_of(input).iter().find_map(|claim| self.claims.get(claim).copied())
//!     }
//!
//!     fn load(&self, key: u64) -> serde_json::Result<Loaded<Vtn>> {
//!         match self.partitions.get(&key) {
//!             Some((version, row, _)) => Ok(Loaded {
//!                 version: Version(*version),
//!                 state: serde_json::from_str(row)?,
//!             }),
//!             None => Ok(Loaded::absent()),
//!         }
//!     }
//!
//!     fn commit(
//!         &mut self,
//!         key: u64,
//!         at: &Loaded<Vtn>,
//!         decision: &Decision<Vtn>,
//!     ) -> serde_json::Result<Result<Committed, Conflict>> {
//!         // BEGIN
//!         let version = self.partitions.get(&key).map_or(0, |(version, ..)| *version);
//!         if Version(version) != decision.base() {
//!             return Ok(Err(Conflict::Changed));
//!         }
//!         for claim in &decision.claims().take {
//!             if let Some(owner) = self.claims.get(claim).filter(|owner| **owner != key) {
//!                 return Ok(Err(Conflict::Taken(*owner)));
//!             }
//!         }
//!         let next = decision.next(at);
//!         for claim in &decision.claims().drop {
//!             self.claims.remove(claim);
//!         }
//!         for claim in &decision.claims().take {
//!             self.claims.insert(claim.clone(), key);
//!         }
//!         for (index, effect) in decision.effects().iter().enumerate() {
//!             let row = serde_json::to_string(effect)?;
//!             self.outbox.insert((key, next.version.0, index), row);
//!         }
//!         // Facts would be upserted here.
//!         if next.state.is_forgotten() {
//!             self.partitions.remove(&key);
//!         } else {
//!             let deadline = Vtn::next_deadline(&next.state);
//!             let row = serde_json::to_string(&next.state)?;
//!             self.partitions.insert(key, (next.version.0, row, deadline));
//!         }
//!         // COMMIT, and only when the disk has it:
//!         Ok(Ok(Committed::by_store()))
//!     }
//! }
//!
//! /// What the application says to a question; `None` where it has nothing to say.
//! fn ask(question: &Question) -> Option<Answer> {
//!     match question {
//!         Question::Register(request) => Some(Answer::Register(match &request.message.ven_name {
//!             Some(name) if name.as_str() == "house" => RegistrationAnswer::accept(),
//!             _ => RegistrationAnswer::Refuse,
//!         })),
//!         _ => None,
//!     }
//! }
//!
//! /// The reply to an input; `None` where the peer had better come again later.
//! fn handle(
//!     store: &mut Store,
//!     context: &Context,
//!     env: Env,
//!     input: &Input,
//! ) -> serde_json::Result<Option<Reply>> {
//!     let mut key = store.find(input);
//!     // Conflicts are rare, and each lets somebody else get on.
//!     for _ in 0..8 {
//!         // A key that nobody has: a partition is made by the first decision that writes to it.
//!         let own = key.unwrap_or_else(|| store.partitions.keys().max().map_or(0, |key| key + 1));
//!         let at = store.load(own)?;
//!         let mut answers = Vec::new();
//!         let decision = loop {
//!             match decide(&at, context, env, input, &answers) {
//!                 Step::Decided(decision) => break decision,
//!                 Step::Ask(question) => match ask(&question) {
//!                     Some(answer) => answers.push(answer),
//!                     None => return Ok(None),
//!                 },
//!             }
//!         };
//!         let decision = match decision.release_unwritten() {
//!             Ok(reply) => return Ok(Some(reply)),
//!             Err(decision) => decision,
//!         };
//!         match store.commit(own, &at, &decision)? {
//!             Ok(proof) => return Ok(Some(decision.release(proof))),
//!             Err(Conflict::Changed) => {}
//!             Err(Conflict::Taken(owner)) => key = Some(owner),
//!         }
//!     }
//!     Ok(None)
//! }
//! #
//! # use oadr_core::payload::{CreatePartyRegistration, Message, Poll, Profile as Offered, Transport};
//! # use oadr_core::value::{Duration, NonEmpty, OptType, ProfileName, RequestId, Text, TransportName, VtnId};
//! # use oadr_core::vtn::{Admission, Asks, PushTerms, UnregisteredPoll};
//! # use oadr_core::{Peer, Profile, SignaturePolicy};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let context = Context {
//! #     version: 1,
//! #     vtn_id: VtnId::new("VTN")?,
//! #     profiles: NonEmpty::one(Offered {
//! #         name: ProfileName::B,
//! #         transports: NonEmpty::one(Transport { name: TransportName::SimpleHttp }),
//! #     }),
//! #     poll_frequency: Duration::seconds(10),
//! #     resend_after: chrono::TimeDelta::seconds(5),
//! #     admission: Admission::Ask,
//! #     asks: Asks::default(),
//! #     http_push: true,
//! #     push: PushTerms::default(),
//! #     unregistered_poll: UnregisteredPoll::NotRegistered,
//! #     opt_precedence: OptType::OptOut,
//! #     campaigns: Vec::new(),
//! #     report_policies: Default::default(),
//! #     signatures: SignaturePolicy::Optional,
//! #     signature_window: chrono::TimeDelta::seconds(60),
//! # };
//! # let create = |name: &str| CreatePartyRegistration {
//! #     request_id: RequestId::default(),
//! #     registration_id: None,
//! #     ven_id: None,
//! #     profile_name: ProfileName::B,
//! #     transport_name: TransportName::SimpleHttp,
//! #     transport_address: None,
//! #     report_only: false,
//! #     xml_signature: false,
//! #     ven_name: Text::new(name).ok(),
//! #     http_pull_model: Some(true),
//! # };
//! # let message = |message: Message| Input::Message { peer: Peer::Unproven, profile: Profile::B, message, signature: None };
//! # let env = |n| Env { now: DateTime::UNIX_EPOCH, entropy: [n; 32] };
//!
//! let mut store = Store::default();
//! let stranger = message(create("villa").into());
//! handle(&mut store, &context, env(1), &stranger)?;
//! assert!(store.partitions.is_empty(), "who is refused leaves no trace");
//!
//! let create = message(create("house").into());
//! let Some(Reply::Message(reply)) = handle(&mut store, &context, env(2), &create)? else {
//!     panic!("a registration is answered");
//! };
//! let Message::CreatedPartyRegistration(created) = *reply else {
//!     panic!("{reply:?}");
//! };
//! assert_eq!((store.partitions.len(), store.claims.len()), (1, 2));
//! assert_eq!(store.outbox.len(), 1, "the application is to hear of it");
//!
//! // The first poll brings our metadata, so it is written down; the second one finds nothing.
//! let poll = message(Poll { ven_id: created.ven_id.expect("an ID") }.into());
//! handle(&mut store, &context, env(3), &poll)?;
//! let before = store.partitions.clone();
//! handle(&mut store, &context, env(4), &poll)?;
//! assert_eq!(store.partitions, before);
//! # Ok(())
//! # }
//! ```
//!
//! # Commands and campaigns
//!
//! What an operator does to one VEN is [`command`](crate::vtn::command): a decision like any other,
//! except that it can be refused. What goes to many VENs is a [`Campaign`](crate::vtn::Campaign): the
//! host stores it once and puts it into the context of each VEN that it
//! [matches](crate::vtn::Campaign::matches), until it [closes](crate::vtn::Campaign::closes). The VEN's
//! next poll finds it there; nothing has to be written for that beforehand.
//!
//! # Pushes
//!
//! A VEN that registered to be pushed to gets by push what a poll would give it, one message after the
//! other. It starts with [`Input::Deadline`](crate::vtn::Input::Deadline), and ends with the outcome:
//!
//! * When the deadline of its partition has come, the decision on it may reply
//!   [`Reply::Push`](crate::vtn::Reply::Push). That the push is on its way was committed with it. The
//!   host sends it, encoded and signed as the VEN's policy says, and waits no longer than the lease of
//!   [`PushTerms`](crate::vtn::PushTerms).
//! * What came of it is the next input, [`Input::Pushed`](crate::vtn::Input::Pushed) with the
//!   [`PushId`](crate::vtn::PushId), decided on the same partition: a message as it was verified, an
//!   acknowledgement, or how it failed. The decision may reply the next push.
//! * What failed comes again with a later deadline, made anew. Given up, it is a
//!   [`DeadLetter`](crate::vtn::DeadLetter) until the VEN is heard of or an operator wants it tried.
//! * A host that dies with a push on its way need do nothing: when the lease is over the push has failed,
//!   and an outcome that comes later than that, or twice, changes nothing.
//!
//! New campaigns are nothing that a partition's deadline could know. So a host lets the machine decide on
//! `Input::Deadline` for the registered VENs that are pushed to at its start, when campaigns change, and
//! for the one VEN after each of its commits. Where nothing is to be pushed, that writes nothing. A
//! message from a VEN is never answered with a push.
//!
//! # The VEN
//!
//! [`ven::decide`](crate::ven::decide) has the same shape. Its reply is a [`Next`](crate::ven::Next):
//! a request to send, if there is one, and when to say [`Input::Wake`](crate::ven::Input::Wake). How the
//! request went is the next input, under the [`Exchange`](crate::ven::Exchange) that names it. A process
//! that starts says [`Input::Started`](crate::ven::Input::Started) first. Not all of a VEN's changes
//! are worth a disk: [`Role::is_durable`] and with it [`Decision::needs_commit`] know which. The row to
//! load after a crash is that of the last commit; what was not worth one may be lost.
//!
//! When a report is due, [`Question::Readings`](crate::ven::Question::Readings) asks for the readings of
//! a stretch of time. The machine keeps none: what a host has to sample says
//! [`State::samplings`](crate::ven::State::samplings), and from when on it has to keep that
//! [`State::needed_since`](crate::ven::State::needed_since). Who needs long for an answer says
//! [`Input::Meanwhile`](crate::ven::Input::Meanwhile) when an event has something to tell, decides on
//! the same input again and gives the same answers; after one to
//! [`Question::Opt`](crate::ven::Question::Opt) with a later time, so that the event is known from then
//! on, and the same randomness. A command asks nothing: if a report is due, the deadline after it has
//! come already.
//!
//! A VEN that is pushed to says so in its [`Context`](crate::ven::Context), by its transport and address,
//! and never polls. What arrives for it is [`Input::Pushed`](crate::ven::Input::Pushed), at any time, also
//! while a request of its own is under way: what is said to it is
//! [`Next::reply`](crate::ven::Next::reply), for the connection that brought it, and there may be a
//! request to send beside it as with any input. From whom it takes pushes, the host has to know by the
//! transport. The decision is released like any other, so a VTN hears nothing that a crash could undo;
//! one that did not hear pushes again and is told the same. When a connection is there again, the host
//! says [`Input::Connected`](crate::ven::Input::Connected), and the VEN asks for what it missed. It may
//! come under another address or over another transport: it registers again by itself, and keeps what it
//! has.
//!
//! [`Committed`]: crate::machine::Committed
//! [`Decision`]: crate::machine::Decision
//! [`Decision::base`]: crate::machine::Decision::base
//! [`Decision::needs_commit`]: crate::machine::Decision::needs_commit
//! [`Decision::next`]: crate::machine::Decision::next
//! [`Decision::release_unwritten`]: crate::machine::Decision::release_unwritten
//! [`Env`]: crate::machine::Env
//! [`Loaded::absent`]: crate::machine::Loaded::absent
//! [`Role::apply`]: crate::machine::Role::apply
//! [`Role::is_durable`]: crate::machine::Role::is_durable
//! [`Role::next_deadline`]: crate::machine::Role::next_deadline
//! [`Step::Ask`]: crate::machine::Step::Ask
//! [`Version`]: crate::machine::Version
