//! A dialogue as it is written down: who says what, when, with which fields.
//!
//! Knows nothing of machines, nor of which fields a message has.
//!
//! ```text
//! # R1_3020: a periodic report.
//! after N1_0020
//! VEN   oadrPoll           venID=$ven
//! VTN!  oadrCreateReport   requestID=$ask
//!       request   id=$r of=STATUS granularity=PT1M back=PT1M from=12:00 for=PT2M rID=STATUS
//! 12:01
//! VEN   oadrUpdateReport   requestID=$data venID=$ven
//!       report    id=$r of=STATUS intervals=1 from=12:00 each=PT1M rID=STATUS
//! ```
//!
//! The two speak in turns: a request of the VEN, the VTN's reply. `!` marks what somebody told the
//! party to say; the rest follows from the protocol. A `$name` is whatever it first stands for and that
//! from then on; `-` is nothing, `*` anything. A line with a time holds the dialogue until then. Fields
//! that are not written may be anything, parts (`request`, `report`, …) that are not written must not be
//! there. Polls that are answered with nothing new are not written.
//!
//! So it is said where the VEN polls. Where it is pushed to, the same is said without the polls: what
//! would answer one the VTN says by itself, and what the VEN would post then is its direct reply, which
//! nobody answers (spec §1.4). See [`Script::pushed`].

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use oadr_core::payload::MessageKind;
use oadr_core::value::{DateTime, Duration};

/// When dialogues begin; times of day in them are of this day.
pub(crate) const NOON: &str = "2026-01-05T12:00:00Z";

#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The dialogue that comes before, if any.
    pub(crate) after: Option<String>,
    /// Whose part our machine can play: the other one's makes it say what it would not.
    pub(crate) only: Option<Party>,
    /// The venID that VTN and VEN agreed on beforehand, if they did.
    pub(crate) agreed: Option<String>,
    /// Whether the VEN has a certificate.
    pub(crate) certificate: bool,
    /// Whether more is said after the last line.
    pub(crate) goes_on: bool,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Nothing is said before this.
    At(DateTime),
    /// The VEN loses its memory.
    Forgets,
    /// A request of the VEN, or the VTN's reply.
    Says(Line),
    /// The VTN says it by itself.
    Pushes(Line),
    /// The VTN has nothing to say by itself, where it would answer a poll like that.
    Quiet(Line),
    /// The VEN's direct reply to what was pushed; `None`: an acknowledgement.
    Answers(Line),
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) party: Party,
    /// Because somebody told it to.
    pub(crate) told: bool,
    /// `None`: an empty reply.
    pub(crate) said: Option<Said>,
    /// The fields that are to be other than they are written.
    pub(crate) differs: Vec<String>,
    /// The line as it was written.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Ven,
    Vtn,
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) kind: MessageKind,
    pub(crate) fields: Fields,
    /// What there can be several of, each with its name.
    pub(crate) parts: Vec<(String, Fields)>,
}

/// Names and values; lists have commas.
pub(crate) type Fields = BTreeMap<String, String>;

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self {
            after: None,
            only: None,
            agreed: None,
            certificate: false,
            goes_on: false,
            steps: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim_end();
            if !line.trim().is_empty() {
                script
                    .take(line)
                    .map_err(|error| format!("line {}: {error}: {line}", number + 1))?;
            }
        }
        Ok(script)
    }

    /// The same dialogue with a VEN that is pushed to.
    pub(crate) fn pushed(mut self) -> Result<Self, String> {
        let mut written = core::mem::take(&mut self.steps).into_iter();
        while let Some(step) = written.next() {
            let Step::Says(line) = step else {
                self.steps.push(step);
                continue;
            };
            if line.kind() != Some(MessageKind::Poll) {
                self.steps.push(Step::Says(line));
                continue;
            }
            let mut next = |party| match written.next() {
                Some(Step::Says(line)) if line.party == party => Ok(line),
                _ => Err(format!("a poll without what belongs to it: {}", line.text)),
            };
            let said = next(Party::Vtn)?;
            match said.kind() {
                Some(MessageKind::Response) => self.steps.push(Step::Quiet(said)),
                Some(MessageKind::DistributeEvent) => {
                    let acknowledged = Line {
                        party: Party::Ven,
                        told: false,
                        said: None,
                        differs: Vec::new(),
                        text: said.text.clone(),
                    };
                    self.steps.push(Step::Pushes(said));
                    self.steps.push(Step::Answers(acknowledged));
                }
                Some(_) => {
                    self.steps.push(Step::Pushes(said));
                    self.steps.push(Step::Answers(next(Party::Ven)?));
                    next(Party::Vtn)?;
                }
                None => return Err(format!("nothing answers a poll: {}", said.text)),
            }
        }
        Ok(self)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        match first {
            _ if line.starts_with(' ') => {
                let Some(Step::Says(Line {
                    said: Some(said),
                    text,
                    ..
                })) = self.steps.last_mut()
                else {
                    return Err("a part of no message".to_owned());
                };
                text.push('\n');
                text.push_str(line);
                said.parts.push((first.to_owned(), fields(words)?));
            }
            "after" => self.after = words.next().map(str::to_owned),
            "agreed" => self.agreed = words.next().map(str::to_owned),
            "certificate" => self.certificate = true,
            "only" => self.only = Some(party(words.next().unwrap_or_default())?),
            "forgets" => self.steps.push(Step::Forgets),
            _ if first.starts_with(|c: char| c.is_ascii_digit()) => {
                let at = clock(first).ok_or("no time")?;
                self.steps.push(Step::At(at));
            }
            _ => {
                let told = first.ends_with('!');
                let said = match words.next() {
                    Some("nothing") => None,
                    Some(name) => Some(Said {
                        kind: *MessageKind::ALL
                            .iter()
                            .find(|kind| kind.name() == name)
                            .ok_or("no such message")?,
                        fields: fields(words)?,
                        parts: Vec::new(),
                    }),
                    None => return Err("says what?".to_owned()),
                };
                self.steps.push(Step::Says(Line {
                    party: party(first.trim_end_matches('!'))?,
                    told,
                    said,
                    differs: Vec::new(),
                    text: line.to_owned(),
                }));
            }
        }
        Ok(())
    }
}

impl Line {
    fn kind(&self) -> Option<MessageKind> {
        self.said.as_ref().map(|said| said.kind)
    }
}

fn party(word: &str) -> Result<Party, String> {
    match word {
        "VEN" => Ok(Party::Ven),
        "VTN" => Ok(Party::Vtn),
        _ => Err(format!("who is {word}?")),
    }
}

fn fields<'t>(words: impl Iterator<Item = &'t str>) -> Result<Fields, String> {
    words
        .map(|word| match word.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None if word.parse::<u16>().is_ok() => Ok(("code".to_owned(), word.to_owned())),
            None => Err(format!("{word} is no field")),
        })
        .collect()
}

/// A time of day on the day of the dialogues.
fn clock(text: &str) -> Option<DateTime> {
    let is_clock = text.bytes().all(|b| b.is_ascii_digit() || b == b':') && text.contains(':');
    let whole = match text.len() {
        5 => format!("2026-01-05T{text}:00Z"),
        8 => format!("2026-01-05T{text}Z"),
        _ => return None,
    };
    is_clock.then(|| whole.parse().ok())?
}

/// An instant in words.
pub(crate) fn instant(at: DateTime) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What the names in a dialogue stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    known: BTreeMap<String, String>,
}

impl Names {
    /// Whether a message is what the script says; names met for the first time get their meaning.
    pub(crate) fn check(
        &mut self,
        wanted: &Said,
        said: &Said,
        differs: &[String],
    ) -> Result<(), String> {
        if wanted.kind != said.kind {
            return Err(format!("{} instead of {}", said.kind, wanted.kind));
        }
        self.check_fields("", &wanted.fields, &said.fields, differs)?;
        let names = |parts: &[(String, Fields)]| -> Vec<String> {
            parts.iter().map(|(name, _)| name.clone()).collect()
        };
        if names(&wanted.parts) != names(&said.parts) {
            return Err(format!("parts {:?}", names(&said.parts)));
        }
        for ((name, wanted), (_, said)) in wanted.parts.iter().zip(&said.parts) {
            self.check_fields(name, wanted, said, differs)?;
        }
        Ok(())
    }

    fn check_fields(
        &mut self,
        part: &str,
        wanted: &Fields,
        said: &Fields,
        differs: &[String],
    ) -> Result<(), String> {
        for (name, wanted) in wanted {
            let said = said.get(name).map_or("", String::as_str);
            if self.check_value(wanted, said) == differs.contains(name) {
                let wanted = self.meaning(wanted);
                return Err(format!("{part} {name} is {said:?} instead of {wanted:?}"));
            }
        }
        Ok(())
    }

    fn check_value(&mut self, wanted: &str, said: &str) -> bool {
        if wanted.contains(',') || said.contains(',') {
            let (wanted, said): (Vec<_>, Vec<_>) =
                (wanted.split(',').collect(), said.split(',').collect());
            return wanted.len() == said.len()
                && wanted
                    .iter()
                    .zip(said)
                    .all(|(wanted, said)| self.check_value(wanted, said));
        }
        match wanted {
            "-" => said.is_empty(),
            "*" => !said.is_empty(),
            _ => match wanted.strip_prefix('$') {
                Some(name) => {
                    let known = self.known.entry(name.to_owned());
                    !said.is_empty() && known.or_insert_with(|| said.to_owned()) == said
                }
                None => same(&literal(wanted), said),
            },
        }
    }

    /// A message with what its names stand for; new ones are made up.
    pub(crate) fn resolve(&mut self, wanted: &Said) -> Said {
        let mut said = wanted.clone();
        let parts = said.parts.iter_mut().map(|(_, fields)| fields);
        for fields in core::iter::once(&mut said.fields).chain(parts) {
            for value in fields.values_mut() {
                let values: Vec<_> = value.split(',').map(|each| self.meaning(each)).collect();
                *value = values.join(",");
            }
        }
        said
    }

    fn meaning(&mut self, value: &str) -> String {
        match (value, value.strip_prefix('$')) {
            ("-", _) => String::new(),
            ("*", _) => "something".to_owned(),
            (_, Some(name)) => {
                let known = self.known.entry(name.to_owned());
                known.or_insert_with(|| format!("x-{name}")).clone()
            }
            (_, None) => literal(value),
        }
    }

    /// What a name stands for, once it does.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }
}

fn literal(value: &str) -> String {
    clock(value).map_or_else(|| value.to_owned(), instant)
}

/// Whether two values are one, as written or as durations.
fn same(wanted: &str, said: &str) -> bool {
    let length = |text: &str| -> Option<TimeDelta> {
        let noon = NOON.parse().ok()?;
        let length: Duration = text.parse().ok()?;
        Some(length.span_from(noon))
    };
    wanted == said || (length(wanted).is_some() && length(wanted) == length(said))
}
