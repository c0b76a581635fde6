//! The transports that a dialogue is played over, and what of it is different then.
//!
//! Knows nothing of bytes: over all of them the same messages travel, encoded.

use oadr_core::payload::{Message, Profile, Transport as OfferedTransport};
use oadr_core::value::{NonEmpty, ProfileName, Text, TransportName};
use oadr_core::{BareJid, CertificateHash, Jid, Peer};

/// Where a VEN of the dialogues listens; nobody connects there.
const URL: &str = "https://device.example/";

/// Its account and session.
const JID: &str = "device@xmpp.example/client";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// The VEN polls.
    HttpPull,
    /// The VTN connects to the VEN.
    HttpPush,
    /// Both speak when they like (rule 507).
    Xmpp,
}

impl Transport {
    /// Whether the VTN says by itself what else it would say when it is polled.
    pub(crate) fn is_pushed(self) -> bool {
        match self {
            Self::HttpPull => false,
            Self::HttpPush | Self::Xmpp => true,
        }
    }

    /// What a dialogue is called over this transport: `N1_0020` is `N0_5020` where it is pushed
    /// (spec §7.1), which are the tests for XMPP too.
    pub(crate) fn number(self, name: &str) -> String {
        let pushed = || {
            let (area, number) = name.split_once("1_")?;
            let (number, rest) = number.split_at_checked(4)?;
            let number: u32 = number.parse().ok()?;
            Some(format!("{area}0_{}{rest}", number + 5000))
        };
        let pushed = self.is_pushed().then(pushed).flatten();
        pushed.unwrap_or_else(|| name.to_owned())
    }

    /// Who the VEN is to the VTN, with or without a certificate.
    pub(crate) fn peer(self, certificate: bool) -> Result<Peer, String> {
        Ok(match self {
            Self::HttpPull | Self::HttpPush if certificate => {
                Peer::Certificate(CertificateHash([7; 32]))
            }
            Self::HttpPull | Self::HttpPush => Peer::Unproven,
            Self::Xmpp => Peer::Jid(JID.parse::<Jid>().map_err(|error| error.to_string())?),
        })
    }

    /// Its XMPP account, if it has one.
    pub(crate) fn account(self) -> Option<BareJid> {
        match self {
            Self::HttpPull | Self::HttpPush => None,
            Self::Xmpp => JID.parse().ok().map(|jid: Jid| jid.account().clone()),
        }
    }

    pub(crate) fn name(self) -> TransportName {
        match self {
            Self::HttpPull | Self::HttpPush => TransportName::SimpleHttp,
            Self::Xmpp => TransportName::Xmpp,
        }
    }

    /// Where the VEN is pushed to.
    pub(crate) fn address(self) -> Option<Text> {
        match self {
            Self::HttpPull => None,
            Self::HttpPush => Text::new(URL).ok(),
            Self::Xmpp => Text::new(JID).ok(),
        }
    }

    /// A VTN with all of them.
    pub(crate) fn profiles() -> NonEmpty<Profile> {
        let http = OfferedTransport {
            name: TransportName::SimpleHttp,
        };
        let mut transports = NonEmpty::one(http);
        transports.push(OfferedTransport {
            name: TransportName::Xmpp,
        });
        NonEmpty::one(Profile {
            name: ProfileName::B,
            transports,
        })
    }

    /// A registration says how the VEN is reached.
    pub(crate) fn registers(self, message: &mut Message) {
        if let Message::CreatePartyRegistration(registration) = message {
            registration.transport_name = self.name();
            registration.transport_address = self.address();
            registration.http_pull_model = match self {
                Self::HttpPull => Some(true),
                Self::HttpPush => Some(false),
                Self::Xmpp => None,
            };
        }
    }
}

#[test]
fn spec_7_1_pushed_dialogues_have_numbers_of_their_own() {
    for (pull, push) in [
        ("N1_0020", "N0_5020"),
        ("N1_0070_ven", "N0_5070_ven"),
        ("P1_2015", "P0_7015"),
        ("R1_3190", "R0_8190"),
    ] {
        assert_eq!(Transport::HttpPull.number(pull), pull);
        assert_eq!(Transport::HttpPush.number(pull), push);
        assert_eq!(Transport::Xmpp.number(pull), push);
    }
}
