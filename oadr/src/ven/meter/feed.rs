//! A file with Green Button data: one Atom feed, read anew each time it is asked for.
//!
//! Knows nothing of what is in the feed, nor of who writes it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use oadr_core::codec::DecodeError;
use oadr_core::payload::GreenButton;
use oadr_core::value::{DateTime, Duration};

use crate::ven::reporting::{Measurement, Span};

/// A file with a Green Button feed as the source of a
/// [data point](crate::ven::Point::green_button), for [`Point::full`](crate::ven::Point::full). The
/// feed stands for all of the time that it is asked for.
#[derive(Debug, Clone)]
pub struct GreenButtonFile {
    path: PathBuf,
}

/// Why a file has no feed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct GreenButtonFileError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("longer than {} bytes", GreenButton::MAX_BYTES)]
    TooLong,
    #[error(transparent)]
    Feed(#[from] DecodeError),
}

impl GreenButtonFile {
    /// The file at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The feed, for a span.
    ///
    /// # Errors
    /// The file cannot be read, or there is something else in it; the error says where.
    pub async fn recall(
        &self,
        span: Span,
    ) -> Result<Vec<(DateTime, Measurement)>, GreenButtonFileError> {
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || read(&path)).await;
        let done = done.unwrap_or_else(|error| Err(io::Error::other(error).into()));
        let feed = done.map_err(|fault| GreenButtonFileError {
            path: self.path.clone(),
            fault,
        })?;
        let length = Duration::from_time_delta(span.to - span.from);
        Ok(vec![(span.from, Measurement::new(feed).lasting(length))])
    }
}

fn read(path: &Path) -> Result<GreenButton, Fault> {
    let most = GreenButton::MAX_BYTES as u64;
    let mut text = String::new();
    let file = File::open(path)?;
    file.take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() > GreenButton::MAX_BYTES {
        return Err(Fault::TooLong);
    }
    Ok(GreenButton::new(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    fn span() -> Span {
        Span {
            from: "2026-01-31T12:00:00Z".parse().unwrap(),
            to: "2026-01-31T14:00:00Z".parse().unwrap(),
            every: None,
        }
    }

    #[tokio::test]
    async fn a_feed_stands_for_the_time_that_is_asked_for() {
        let folder = TempDir::new("feed").unwrap();
        let path = folder.path().join("feed.xml");
        let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id></feed>"#;
        std::fs::write(&path, format!("<?xml version=\"1.0\"?>\n{feed}\n")).unwrap();
        let values = GreenButtonFile::new(path).recall(span()).await.unwrap();
        let feed = GreenButton::new(feed).unwrap();
        let wanted = Measurement::new(feed).lasting(Duration::hours(2));
        assert_eq!(values, [(span().from, wanted)]);
    }

    #[tokio::test]
    async fn a_file_without_a_feed_says_its_name_and_what_is_wrong() {
        let folder = TempDir::new("feed").unwrap();
        let path = folder.path().join("feed.xml");
        for (text, said) in [
            ("<feed/>".to_owned(), "feed"),
            ("x".repeat(2 << 20), "longer"),
        ] {
            std::fs::write(&path, text).unwrap();
            let file = GreenButtonFile::new(&path);
            let error = file.recall(span()).await.unwrap_err().to_string();
            assert!(error.contains("feed.xml: "), "{error}");
            assert!(error.contains(said), "{error}");
        }
    }
}
