//! Each dialogue, and for which part our machines can play it; they play it over each transport.
//!
//! Knows nothing of what is said.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::{Message, Report};
use oadr_core::value::DateTime;

use crate::script::{NOON, Party, Script};
use crate::transport::Transport;
use crate::{device, harness, offers};

/// A test for each part of a dialogue that our machines can play.
macro_rules! dialogues {
    ($($name:ident $file:literal [$($part:ident)*];)*) => {
        const PLAYED: &[&str] = &[$($file),*];

        $(mod $name {
            $(dialogues!(@part $part $file);)*
        })*
    };
    (@part ven $file:literal) => {
        dialogues!(@over Ven $file
            with_our_ven_as_the_device
            with_our_ven_as_the_device_over_http_push
            with_our_ven_as_the_device_over_xmpp);
    };
    (@part vtn $file:literal) => {
        dialogues!(@over Vtn $file
            with_our_vtn_as_the_harness
            with_our_vtn_as_the_harness_over_http_push
            with_our_vtn_as_the_harness_over_xmpp);
    };
    (@over $ours:ident $file:literal $pull:ident $push:ident $xmpp:ident) => {
        #[test]
        fn $pull() {
            let ours = crate::script::Party::$ours;
            crate::play::play($file, ours, crate::transport::Transport::HttpPull);
        }

        #[test]
        fn $push() {
            let ours = crate::script::Party::$ours;
            crate::play::play($file, ours, crate::transport::Transport::HttpPush);
        }

        #[test]
        fn $xmpp() {
            let ours = crate::script::Party::$ours;
            crate::play::play($file, ours, crate::transport::Transport::Xmpp);
        }
    };
}

dialogues! {
    n1_0010 "N1_0010" [vtn];
    n1_0015 "N1_0015" [vtn];
    n1_0020 "N1_0020" [ven vtn];
    n1_0025 "N1_0025" [ven vtn];
    n1_0030 "N1_0030" [ven vtn];
    n1_0040 "N1_0040" [ven vtn];
    n1_0050 "N1_0050" [ven vtn];
    n1_0060 "N1_0060" [ven vtn];
    n1_0065 "N1_0065" [ven vtn];
    n1_0070 "N1_0070" [vtn];
    n1_0070_ven "N1_0070_ven" [ven];
    n1_0080 "N1_0080" [vtn];
    p1_2010 "P1_2010" [ven vtn];
    p1_2015 "P1_2015" [ven vtn];
    p1_2020 "P1_2020" [ven vtn];
    p1_2030 "P1_2030" [ven vtn];
    p1_2040 "P1_2040" [ven vtn];
    p1_2050 "P1_2050" [vtn];
    r1_3010 "R1_3010" [ven vtn];
    r1_3020 "R1_3020" [ven vtn];
    r1_3025 "R1_3025" [ven vtn];
    r1_3027 "R1_3027" [ven vtn];
    r1_3030 "R1_3030" [ven vtn];
    r1_3040 "R1_3040" [ven vtn];
    r1_3045 "R1_3045" [ven vtn];
    r1_3050 "R1_3050" [ven vtn];
    r1_3060 "R1_3060" [ven vtn];
    r1_3070 "R1_3070" [vtn];
    r1_3080 "R1_3080" [vtn];
    r1_3090 "R1_3090" [vtn];
    r1_3100 "R1_3100" [vtn];
    r1_3120 "R1_3120" [vtn];
    r1_3130 "R1_3130" [ven vtn];
    r1_3140 "R1_3140" [ven vtn];
    r1_3150 "R1_3150" [ven vtn];
    r1_3160 "R1_3160" [ven vtn];
    r1_3170 "R1_3170" [ven vtn];
    r1_3180 "R1_3180" [ven vtn];
    r1_3190 "R1_3190" [vtn];
    r1_3190_ven "R1_3190_ven" [ven];
}

#[test]
fn every_dialogue_is_played() {
    let written: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let played: BTreeSet<_> = PLAYED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(written, played);
}

/// Plays a dialogue and what comes before it, with our machine as this party, over this transport.
fn play(name: &str, ours: Party, transport: Transport) {
    let mut scripts = vec![read(name)];
    while let Some(before) = scripts[0].after.clone() {
        scripts.insert(0, read(&before));
    }
    let other = |script: &Script| script.only.is_some_and(|only| only != ours);
    assert!(!scripts.iter().any(other), "{name} is for the other party");
    let offers = offers::all(NOON.parse().unwrap());
    let number = transport.number(name);
    if let Err(error) = play_all(scripts, ours, transport, &offers) {
        panic!("{number} over {transport:?}: {error}");
    }
}

/// Plays these, one after the other, with a VEN that offers these reports.
pub(crate) fn play_all(
    scripts: Vec<Script>,
    ours: Party,
    transport: Transport,
    offers: &[Report],
) -> Result<(), String> {
    let scripts: Vec<_> = if transport.is_pushed() {
        let pushed = scripts.into_iter().map(Script::pushed);
        pushed.collect::<Result<_, _>>()?
    } else {
        scripts
    };
    match ours {
        Party::Ven => device::play(&scripts, transport, offers),
        Party::Vtn => harness::play(&scripts, transport, offers),
    }
}

fn read(name: &str) -> Script {
    let text = written(name);
    Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A dialogue as it is written.
pub(crate) fn written(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dialogues")
}

/// A message as it arrives.
pub(crate) fn over_the_wire(message: &Message) -> Result<Message, String> {
    let decoded = decode(&encode(message), &DecodeOptions::default());
    let decoded = decoded.map_err(|error| error.to_string())?;
    if decoded.message == *message {
        Ok(decoded.message)
    } else {
        Err(format!("{message:?} arrives as {:?}", decoded.message))
    }
}

/// Numbers that are as good as drawn, the same in every run.
pub(crate) fn entropy(draw: u64) -> [u8; 32] {
    let mut draws = conformance::seed::Draws::of(draw);
    let mut entropy = [0; 32];
    for bytes in entropy.chunks_exact_mut(8) {
        bytes.copy_from_slice(&draws.next_number().to_be_bytes());
    }
    entropy
}

/// The time of day.
pub(crate) fn clock(at: DateTime) -> impl core::fmt::Display {
    at.format("%H:%M:%S%.f")
}
