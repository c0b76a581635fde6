//! The path to a refusal: the elements around it, found by reading the document once more.
//!
//! Knows nothing of why it was refused. The way to an error may be slow, the way of a good message not.

use quick_xml::events::Event;

use super::error::DecodeError;
use super::reader::Refusal;

impl DecodeError {
    /// Adds to a refusal the path of the elements around it; `base` bytes were cut off in front.
    #[cold]
    pub(super) fn locate(input: &str, base: usize, refusal: Refusal) -> Self {
        const LONGEST: usize = 512;
        let mut xml = quick_xml::Reader::from_str(input);
        let mut path: Vec<&str> = Vec::new();
        loop {
            let offset = usize::try_from(xml.buffer_position()).unwrap_or(usize::MAX);
            if offset >= refusal.offset {
                break;
            }
            match xml.read_event() {
                Ok(Event::Start(start)) => {
                    let tag = input.get(offset..).unwrap_or_default();
                    let name = tag.strip_prefix('<').unwrap_or(tag);
                    let length = start.name().into_inner().len();
                    path.push(name.get(..length).unwrap_or_default());
                }
                Ok(Event::End(_)) => {
                    path.pop();
                }
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let mut joined = String::new();
        for name in path {
            if joined.len().saturating_add(name.len()) > LONGEST {
                joined.push_str("/…");
                break;
            }
            if !joined.is_empty() {
                joined.push('/');
            }
            joined.push_str(name);
        }
        Self {
            kind: refusal.kind,
            path: joined.into(),
            offset: base.saturating_add(refusal.offset),
        }
    }
}
