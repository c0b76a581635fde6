//! Peers that send what they should not, against the real program: each kind of bad input gets its
//! status, its code or the end of its connection, and an honest VEN does not notice.
//!
//! The kinds are functions of a `Target`, so that they can come one by one and all at once; but for what
//! is done to signatures, which is tried on a `Court` each.

mod addressing;
mod documents;
mod floods;
mod forge;
mod forged;
mod identities;
mod replayed;
mod shares;
mod signed;
mod slowness;
mod target;
mod wire;
mod wrapped;

use std::thread;

use target::{Target, besieged};

/// What each kind of bad input does.
type Attack = fn(&Target);

#[test]
fn everything_at_once_harms_nobody_else() {
    let attacks: [Attack; 18] = [
        documents::malformed,
        documents::truncated,
        documents::wrong_encoding,
        documents::fifty_megabytes,
        documents::gzip_bomb,
        documents::deeply_nested,
        documents::doctype_and_entities,
        documents::twenty_thousand_attributes,
        addressing::wrong_service,
        addressing::wrong_ids,
        addressing::unknown_method,
        addressing::wrong_content_type,
        slowness::slow_header,
        slowness::slow_body,
        slowness::half_open,
        slowness::takes_no_replies,
        floods::some_idle_connections,
        floods::pipelined_garbage,
    ];
    besieged("everything", |target| {
        thread::scope(|scope| {
            for attack in attacks {
                scope.spawn(move || attack(target));
            }
        });
    });
}
