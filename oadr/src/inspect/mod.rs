//! Looks into a document: what it says, how it departs from the schema, what its signature is worth.
//!
//! Knows nothing of peers and of what was sent before: what is judged is one document by itself.

mod body;
mod drift;
mod place;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
mod verdict;

use std::fmt::Write as _;

use oadr_core::codec::{
    DecodeError, DecodeErrorKind, DecodeOptions, Decoded, Drifts, Leniency, decode,
};
use oadr_core::payload::Message;
use oadr_core::value::DateTime;
use oadr_core::ven::illogical;
use serde_json::{Value, json};

use body::Body;
use place::Place;
use tree::{Node, relative, time};
pub(crate) use verdict::{Judge, Verdict};

use crate::cli::printable;

/// What was found in a document.
#[derive(Debug)]
pub(crate) struct Inspection {
    head: Option<String>,
    notes: Vec<&'static str>,
    bytes: usize,
    reading: Reading,
    /// What contradicts itself, event by event.
    faults: Vec<Fault>,
    signature: Verdict,
    /// The moment it was judged as of.
    at: DateTime,
}

/// What came of reading it.
#[derive(Debug)]
enum Reading {
    /// It is a message.
    Strict(Understood),
    /// It is none for a strict reader; a lenient one may make something of it.
    Refused {
        why: String,
        path: String,
        place: Place,
        lenient: Option<Understood>,
    },
}

#[derive(Debug)]
struct Understood {
    message: Message,
    drifts: Vec<Drift>,
    /// How many there are; not all of them are kept.
    drift_count: usize,
}

#[derive(Debug)]
struct Drift {
    what: &'static str,
    place: Place,
}

#[derive(Debug)]
struct Fault {
    event_id: String,
    code: u16,
    what: &'static str,
}

/// Looks into a document, or an HTTP message with one, as of a moment.
pub(crate) fn inspect(octets: &[u8], judge: &Judge, at: DateTime) -> Inspection {
    let body = body::of(octets);
    let reading = read(octets, &body);
    let faults = match &reading {
        Reading::Strict(understood) => faults(&understood.message),
        Reading::Refused { lenient, .. } => lenient
            .as_ref()
            .map(|understood| faults(&understood.message))
            .unwrap_or_default(),
    };
    Inspection {
        signature: judge.judge(body.octets, at),
        bytes: body.octets.len(),
        head: body.head,
        notes: body.notes,
        reading,
        faults,
        at,
    }
}

fn read(octets: &[u8], body: &Body<'_>) -> Reading {
    let understood = |decoded: Decoded| {
        let Decoded {
            message, drifts, ..
        } = decoded;
        Understood {
            message,
            drift_count: drifts.count(),
            drifts: told(&drifts, octets, body.offset),
        }
    };
    let options = |leniency| DecodeOptions {
        leniency,
        ..DecodeOptions::default()
    };
    match decode(body.octets, &options(Leniency::Strict)) {
        Ok(decoded) => Reading::Strict(understood(decoded)),
        Err(DecodeError { kind, path, offset }) => Reading::Refused {
            why: advised(&kind, body),
            path: path.into(),
            place: Place::at(octets, body.offset.saturating_add(offset)),
            lenient: decode(body.octets, &options(Leniency::Lenient))
                .ok()
                .map(understood),
        },
    }
}

/// What is wrong, and what it may be instead.
fn advised(kind: &DecodeErrorKind, body: &Body<'_>) -> String {
    if body.octets.is_empty() {
        return "there is no document: nothing is in it".to_owned();
    }
    kind.to_string()
}

fn told(drifts: &Drifts, octets: &[u8], offset: usize) -> Vec<Drift> {
    let drifts = drifts.kept().iter().map(|one| Drift {
        what: drift::words(one.kind),
        place: Place::at(octets, offset.saturating_add(one.offset)),
    });
    drifts.collect()
}

fn faults(message: &Message) -> Vec<Fault> {
    let Message::DistributeEvent(message) = message else {
        return Vec::new();
    };
    let faults = message.events.iter().filter_map(|event| {
        let (code, what) = illogical(&event.ei_event)?;
        Some(Fault {
            event_id: event.ei_event.descriptor.event_id.to_string(),
            code: code.get(),
            what,
        })
    });
    faults.collect()
}

impl Inspection {
    /// Whether it is a message that nothing is wrong with; it need not be signed.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.reading, Reading::Strict(_))
            && self.faults.is_empty()
            && !self.signature.is_wrong()
    }

    pub(crate) fn to_json(&self) -> Value {
        let (message, error) = match &self.reading {
            Reading::Strict(understood) => (understood.to_json(), Value::Null),
            Reading::Refused {
                why,
                path,
                place,
                lenient,
            } => {
                let message = lenient.as_ref().map(Understood::to_json);
                let error = json!({
                    "what": why,
                    "path": path,
                    "place": place,
                    "lenient_reader_understands": message.is_some(),
                });
                (message.unwrap_or_default(), error)
            }
        };
        let faults = self.faults.iter().map(
            |fault| json!({ "event_id": fault.event_id, "code": fault.code, "what": fault.what }),
        );
        json!({
            "good": self.is_good(),
            "at": self.at,
            "http": self.head,
            "notes": self.notes,
            "bytes": self.bytes,
            "error": error,
            "message": message,
            "faults": faults.collect::<Vec<_>>(),
            "signature": self.signature,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(head) = &self.head {
            let _ = writeln!(out, "HTTP: {}", printable(head));
        }
        for note in &self.notes {
            let _ = writeln!(out, "Note: {note}");
        }
        match &self.reading {
            Reading::Strict(understood) => self.tell(understood, &mut out),
            Reading::Refused {
                why,
                path,
                place,
                lenient,
            } => {
                out.push_str("Not a valid OpenADR 2.0b message\n");
                let _ = writeln!(out, "  {}", printable(why));
                let _ = writeln!(
                    out,
                    "  line {}, column {} (byte {})",
                    place.line, place.column, place.offset
                );
                if !path.is_empty() {
                    let _ = writeln!(out, "  in {}", printable(path));
                }
                out.push_str(&place.drawn());
                match lenient {
                    Some(understood) => {
                        out.push_str("A lenient reader makes this of it:\n\n");
                        self.tell(understood, &mut out);
                    }
                    None => out.push_str("A lenient reader makes nothing of it, either.\n"),
                }
            }
        }
        for fault in &self.faults {
            let _ = writeln!(
                out,
                "\nEvent {} contradicts itself: {}; a VEN answers {}",
                printable(&fault.event_id),
                fault.what,
                fault.code
            );
        }
        out.push('\n');
        self.tell_signature(&mut out);
        out
    }

    fn tell(&self, understood: &Understood, out: &mut String) {
        let kind = understood.message.kind();
        let service = kind
            .service()
            .map_or("any service".to_owned(), |service| service.to_string());
        let _ = writeln!(out, "{kind} ({service}), {} bytes", self.bytes);
        let events = summary::of(&understood.message, self.at);
        if !events.is_empty() {
            let _ = writeln!(out, "\n{events}");
        }
        out.push_str(&Node::of(&understood.message).to_text(self.at));
        if understood.drift_count > 0 {
            let count = understood.drift_count;
            let _ = writeln!(out, "\nIt is not to the letter of the schema ({count}):");
            for drift in &understood.drifts {
                let place = &drift.place;
                let _ = writeln!(
                    out,
                    "  line {}, column {}: {}",
                    place.line, place.column, drift.what
                );
            }
            let more = count.saturating_sub(understood.drifts.len());
            if more > 0 {
                let _ = writeln!(out, "  and {more} more");
            }
        }
    }

    fn tell_signature(&self, out: &mut String) {
        let (signer, findings) = match &self.signature {
            Verdict::None => {
                out.push_str("Signature: none\n");
                return;
            }
            Verdict::Valid(valid) => {
                let made = valid.timestamp;
                let _ = writeln!(
                    out,
                    "Signature: valid, made {} ({})",
                    time(made),
                    relative(made, self.at)
                );
                (Some(&valid.signer), &valid.findings)
            }
            Verdict::Wrong(wrong) => {
                let reason = printable(&wrong.reason);
                let _ = writeln!(out, "Signature: wrong ({}): {reason}", wrong.code);
                if let Some(then) = wrong.valid_at {
                    let then = time(then);
                    let _ = writeln!(
                        out,
                        "  Nothing else is wrong with it: it was judged as of {}, and is valid with --at {then}",
                        time(self.at)
                    );
                }
                (wrong.signer.as_ref(), &wrong.findings)
            }
        };
        if let Some(signer) = signer {
            let _ = writeln!(
                out,
                "  by {}, issued by {}\n  fingerprint {}, SHA-256 {}\n  valid until {}",
                printable(&signer.subject),
                printable(&signer.issuer),
                signer.fingerprint,
                signer.hash,
                time(signer.not_after),
            );
            out.push_str(match signer.expected {
                Some(true) => "  which is the certificate that was expected\n",
                Some(false) => "  which is not the certificate that was expected\n",
                None => {
                    "  This certificate came with the message: by itself it does not prove who that is. \
                     --signer says whose it should be.\n"
                }
            });
            match &signer.chain {
                Some(chain) if chain.trusted => out.push_str("  It leads to the CA.\n"),
                Some(chain) => {
                    let reason = chain.reason.as_deref().unwrap_or_default();
                    let _ = writeln!(out, "  It does not lead to the CA: {}", printable(reason));
                }
                None => {}
            }
        }
        for finding in findings {
            let _ = writeln!(out, "  {}: {}", finding.severity, printable(&finding.text));
            if let Some(advice) = finding.advice {
                let _ = writeln!(out, "        {advice}");
            }
        }
    }
}

impl Understood {
    fn to_json(&self) -> Value {
        let kind = self.message.kind();
        let drifts = self
            .drifts
            .iter()
            .map(|drift| json!({ "what": drift.what, "place": drift.place }));
        json!({
            "kind": kind.name(),
            "service": kind.service().map(|service| service.to_string()),
            "body": Node::of(&self.message).to_json(),
            "drifts": drifts.collect::<Vec<_>>(),
            "drift_count": self.drift_count,
        })
    }
}
