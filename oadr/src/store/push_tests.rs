//! What is known of pushes survives the process that sent them.

use oadr_core::machine::{Decision, Step};
use oadr_core::payload::{CreatePartyRegistration, Message, Profile, Transport};
use oadr_core::value::{NonEmpty, ProfileName, RequestId, Text, TransportName};
use oadr_core::vtn::{
    self, Claim, Command, Context, Effect, Input, Push, PushFailure, PushFault, PushOutcome, Reply,
};
use oadr_core::{BareJid, Peer};

use super::tests::{context, env};
use super::*;
use crate::store::Commit;
use crate::temp_dir::TempDir;

/// One VEN's partition in a store that is opened anew after every commit.
struct Rig {
    temp: TempDir,
    key: Option<Key>,
    at: Loaded<Vtn>,
    context: Context,
}

impl Rig {
    fn open(&self) -> Store {
        Store::open(&self.temp.path().join("vtn.db")).unwrap()
    }

    async fn commit(&mut self, draw: u8, decision: Decision<Vtn>) -> Reply {
        let next = decision.next(&self.at);
        let commit = Commit::new(self.key, &decision, &next, env(draw).now, None).unwrap();
        let (key, proof) = self.open().commit(commit).await.unwrap();
        self.key = Some(key);
        self.at = self.open().load(key).await.unwrap().unwrap();
        assert_eq!(self.at, next);
        decision.release(proof)
    }

    async fn hears(&mut self, draw: u8, input: Input) -> Reply {
        match vtn::decide(&self.at, &self.context, env(draw), &input, &[]) {
            Step::Decided(decision) => self.commit(draw, decision).await,
            Step::Ask(question) => panic!("{question:?}"),
        }
    }

    async fn push(&mut self, draw: u8) -> Box<Push> {
        match self.hears(draw, Input::Deadline).await {
            Reply::Push(push) => push,
            other @ (Reply::Message(_) | Reply::Empty | Reply::Forbidden) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_account_and_the_pushes_to_it_survive() {
    let account: BareJid = "pump1@vtn.example".parse().unwrap();
    let mut rig = Rig {
        temp: TempDir::new("store").unwrap(),
        key: None,
        at: Loaded::absent(),
        context: context(),
    };
    rig.context.profiles = NonEmpty::one(Profile {
        name: ProfileName::B,
        transports: NonEmpty::one(Transport {
            name: TransportName::Xmpp,
        }),
    });
    let enrol = Command::Enrol {
        ven_name: Text::new("Pump1").unwrap(),
        ven_id: None,
        groups: Vec::new(),
        resources: Vec::new(),
        certificates: Vec::new(),
        signatures: None,
        jid: Some(account.clone()),
    };
    let enrolled = vtn::command(&rig.at, &rig.context, env(1), &enrol).unwrap();
    rig.commit(1, enrolled).await;
    let claims = rig.open().contents(env(1).now).await.unwrap().claims;
    assert_eq!(claims, [(Claim::Jid(account.clone()), rig.key.unwrap())]);

    let message = Message::from(CreatePartyRegistration {
        request_id: RequestId::new("r1").unwrap(),
        registration_id: None,
        ven_id: None,
        profile_name: ProfileName::B,
        transport_name: TransportName::Xmpp,
        transport_address: None,
        report_only: false,
        xml_signature: false,
        ven_name: Text::new("Pump1").ok(),
        http_pull_model: None,
    });
    let registers = Input::Message {
        peer: Peer::Jid(account.with_resource("client").unwrap()),
        profile: oadr_core::Profile::B,
        message,
        signature: None,
    };
    rig.hears(2, registers).await;
    let push = rig.push(3).await;
    let status = rig.at.state.push_status().unwrap();
    assert_eq!(status.under_way, Some((push.message.kind(), env(3).now)));

    // What failed for good is a letter in the row and an effect in the outbox.
    let failure = PushFailure {
        fault: PushFault::AddressRefused,
        detail: Text::new("not there").unwrap(),
        retry_after: Some(chrono::TimeDelta::milliseconds(2_500)),
    };
    let failed = Input::Pushed {
        push: push.id,
        outcome: PushOutcome::Failed(failure.clone()),
    };
    rig.hears(4, failed).await;
    let [letter] = rig.at.state.push_status().unwrap().dead_letters else {
        panic!("it is given up");
    };
    assert_eq!((letter.id, &letter.failure), (1, &failure));
    let outbox = rig.open().outbox(100).await.unwrap();
    let told = outbox.iter().filter(|pending| {
        matches!(&pending.effect, Effect::PushGivenUp { failure: why, .. } if *why == failure)
    });
    assert_eq!(told.count(), 1);

    let retry = Command::RetryPush {
        dead_letter: Some(1),
    };
    let retried = vtn::command(&rig.at, &rig.context, env(5), &retry).unwrap();
    rig.commit(5, retried).await;
    let again = rig.push(6).await;
    assert_ne!(again.id, push.id);
    assert_eq!(again.message.kind(), push.message.kind());
}
