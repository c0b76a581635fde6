//! Drawn documents, damaged a little: libxml2 and our decoder must agree on what is left.
//!
//! What the schema allows is accepted and survives; what it forbids is refused, or accepted with
//! the departure noted. Never in silence.

use std::collections::BTreeMap;

use conformance::peers::Peers;
use conformance::schema::{Validator, Verdict};
use conformance::seed;
use oadr_core::codec::{DecodeOptions, decode, encode};
use oadr_core::payload::arbitrary::Draws;
use oadr_core::payload::{Message, MessageKind};

const DAMAGED: usize = 400;

/// Texts of every type of the schema, in forms that are right somewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "x",
    "-1",
    "0",
    "00",
    "+7",
    "1.5",
    "1e3",
    "NaN",
    "INF",
    "-0",
    "4294967295",
    "4294967296",
    "101",
    "200",
    "20",
    "2000",
    "true",
    "TRUE",
    "1",
    "P",
    "PT",
    "P1D",
    "PT60M",
    "-PT1S",
    "P1W",
    "1W",
    "PT0.5S",
    "P1Y2M",
    "P1DT",
    "PTS",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T24:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00.123456789Z",
    "2026-01-01T00:00:00+01:00",
    "-2026-01-01T00:00:00Z",
    " 2026-01-01T00:00:00Z\n",
    "optIn",
    "optin",
    "cancelled",
    "canceled",
    "always",
    "never",
    "SIMPLE",
    "simple",
    "x-own",
    "x-",
    "x- a",
    "level",
    "x-loadControlSetpoint",
    "x-level",
    "2.0b",
    "2.0a",
    "simpleHttp",
    "simpleHTTP",
    "EUR",
    "eur",
    "kWh",
    "Wh",
    "none",
    "M",
    "RealPower",
    "http://example.com/a b",
    "%%",
    "\u{e9}",
    "&amp;&lt;",
    "a  b",
    "<!-- c -->5",
    "<![CDATA[7]]>",
];

#[test]
fn libxml2_and_the_decoder_agree_on_damaged_documents() {
    let name = "libxml2_and_the_decoder_agree_on_damaged_documents";
    let Some(peers) = Peers::or_skip(name) else {
        return;
    };
    let validator = Validator::start(&peers).unwrap();
    let mut source = seed::Draws::announced_or(name, 1);
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut objections: BTreeMap<String, String> = BTreeMap::new();
    for &kind in MessageKind::ALL {
        for _ in 0..DAMAGED {
            let length = source.below(300);
            let numbers: Vec<u64> = (0..length).map(|_| source.next_number()).collect();
            let document = encode(&Message::arbitrary(kind, &mut Draws::new(&numbers)));
            let mut tree = Node::read(&document);
            let damage = tree.damage(&mut source);
            let damaged = tree.write();
            match judge(&validator, &damaged) {
                Ok(outcome) => *tally.entry(outcome).or_default() += 1,
                Err(objection) if is_known(&damage, &objection) => {
                    *tally.entry("known").or_default() += 1
                }
                // One of a kind is enough to look at.
                Err(objection) => {
                    let text = String::from_utf8_lossy(&damaged);
                    objections
                        .entry(damage)
                        .or_insert(format!("{kind}: {objection}\n  {text}"));
                }
            }
        }
    }
    println!("{tally:?}");
    for (damage, objection) in &objections {
        println!("{damage}\n  {objection}");
    }
    assert!(objections.is_empty(), "{} objections", objections.len());
    let all = DAMAGED * MessageKind::ALL.len();
    for outcome in ["valid, survives", "invalid, refused"] {
        let share = tally.get(outcome).copied().unwrap_or_default();
        assert!(share > all / 20, "only {share} of {all}: {outcome}");
    }
}

/// Where we and libxml2 differ, knowingly.
fn is_known(damage: &str, objection: &str) -> bool {
    let has = |text: &str, parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if objection.contains("accepted in silence") {
        // What Atom's schema says of a feed is between the two parties: it is carried as it is.
        let of_a_feed = has(objection, &["Element '{http://www.w3.org/2005/Atom}feed'"]);
        // To libxml2 blanks belong to NaN and INF, to the schema they do not.
        let of_floats = has(objection, &["'xs:float'", "'NaN", "'INF", "'-INF"]);
        of_a_feed || of_floats && has(damage, &["has a comment"])
    } else {
        // No event was before the year 0.
        objection.contains("valid, but refused") && damage.contains("\"-2026")
    }
}

fn judge(validator: &Validator, document: &[u8]) -> Result<&'static str, String> {
    let options = DecodeOptions::default();
    match (
        validator.validate(document).unwrap(),
        decode(document, &options),
    ) {
        (Verdict::Valid, Ok(decoded)) => {
            let written = encode(&decoded.message);
            if let Verdict::Invalid(error) = validator.validate(&written).unwrap() {
                return Err(format!("is written as an invalid document: {error}"));
            }
            let again = decode(&written, &options).map_err(|error| error.to_string())?;
            if again.message == decoded.message {
                Ok("valid, survives")
            } else {
                Err(format!(
                    "{:?} is read back as {:?}",
                    decoded.message, again.message
                ))
            }
        }
        (Verdict::Valid, Err(error)) => Err(format!("is valid, but refused: {error}")),
        (Verdict::Invalid(_), Err(_)) => Ok("invalid, refused"),
        (Verdict::Invalid(_), Ok(decoded)) if !decoded.drifts.is_empty() => Ok("invalid, noted"),
        (Verdict::Invalid(error), Ok(_)) => Err(format!("is accepted in silence: {error}")),
    }
}

/// An element of a document in our canonical form: it has either elements or text.
#[derive(Debug, Clone, Default)]
struct Node {
    name: String,
    attributes: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn read(document: &[u8]) -> Self {
        let text = std::str::from_utf8(document).unwrap();
        let mut open = vec![Node::default()];
        for piece in text.split('<').skip(1) {
            let (tag, content) = piece.split_once('>').unwrap();
            if tag.starts_with('?') {
                continue;
            }
            if tag.starts_with('/') {
                let node = open.pop().unwrap();
                open.last_mut().unwrap().children.push(node);
                continue;
            }
            let (inner, empty) = tag
                .strip_suffix('/')
                .map_or((tag, false), |inner| (inner, true));
            let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
            let node = Node {
                name: name.to_owned(),
                attributes: attributes.to_owned(),
                text: content.to_owned(),
                children: Vec::new(),
            };
            if empty {
                open.last_mut().unwrap().children.push(node);
            } else {
                open.push(node);
            }
        }
        assert_eq!(open.len(), 1, "{text}");
        open.pop().unwrap().children.pop().unwrap()
    }

    fn write(&self) -> Vec<u8> {
        let mut text = String::new();
        self.write_to(&mut text);
        text.into_bytes()
    }

    fn write_to(&self, text: &mut String) {
        let Self {
            name,
            attributes,
            text: own,
            children,
        } = self;
        text.push_str(&format!("<{name} {attributes}>{own}"));
        for child in children {
            child.write_to(text);
        }
        text.push_str(&format!("</{name}>"));
    }

    /// Does one thing to one element within, and says what.
    fn damage(&mut self, source: &mut seed::Draws) -> String {
        let names: Vec<String> = self.names();
        let mut at = self;
        // Down to a parent; the wrapper itself stays.
        while at.children.iter().any(Self::is_parent) {
            let inner = at
                .children
                .iter()
                .any(|child| child.name.ends_with("oadrSignedObject"));
            if !inner && source.below(5) == 0 {
                break;
            }
            let parents: Vec<usize> = (0..at.children.len())
                .filter(|i| at.children[*i].is_parent())
                .collect();
            let chosen = parents[source.below(parents.len() as u64) as usize];
            at = &mut at.children[chosen];
        }
        let count = at.children.len() as u64;
        if count == 0 {
            return "nothing".to_owned();
        }
        let index = source.below(count) as usize;
        let name = at.children[index].name.clone();
        let what = match source.below(8) {
            0 => {
                at.children.remove(index);
                "is gone"
            }
            1 => {
                let copy = at.children[index].clone();
                at.children.insert(index, copy);
                "is there twice"
            }
            2 => {
                let other = source.below(count) as usize;
                at.children.swap(index, other);
                "has changed places"
            }
            3 => {
                at.children[index].name = names[source.below(names.len() as u64) as usize].clone();
                "has another name"
            }
            4 => {
                at.children[index]
                    .text
                    .push_str(" \n<!-- not there --><?not there?>");
                "has a comment"
            }
            _ => {
                let leaf = &mut at.children[index];
                let text = TEXTS[source.below(TEXTS.len() as u64) as usize];
                leaf.text = text.to_owned();
                return format!("{name} has the text {text:?}");
            }
        };
        format!("{name} {what}")
    }

    /// Whether something within can be damaged. A feed of Green Button data is carried as it is: what its
    /// own schema says of it is between the two parties.
    fn is_parent(&self) -> bool {
        !self.children.is_empty() && !self.name.ends_with("feed")
    }

    fn names(&self) -> Vec<String> {
        let below = self.children.iter().flat_map(Self::names);
        std::iter::once(self.name.clone()).chain(below).collect()
    }
}
