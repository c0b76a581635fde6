//! A file that somebody else appends to: its last line is the value, all of it the history.
//!
//! Knows nothing of who writes it. It may be cut short, replaced or away for a while.

use std::fs::{File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use oadr_core::value::{DataQuality, DateTime};

use super::said::{self, NotAValue};
use crate::ven::reporting::{Measurement, Moment, Span};

/// How far back the last line is looked for, in bytes.
const TAIL: u64 = 64 << 10;

/// The longest line, in bytes.
const LONGEST_LINE: u64 = 4096;

/// The most values of a span; those after them are asked for with the next.
const MOST: usize = 100_000;

/// A file as the source of a data point, for [`Point::incremental`](crate::ven::Point::incremental) and
/// [`Point::full`](crate::ven::Point::full).
///
/// Each line is a value, as a [command](super::MeterCommand) would print it, perhaps with its time and a
/// comma before it. Only whole lines count, and for a span only those with a time, which are in its order.
#[derive(Debug, Clone)]
pub struct MeterFile {
    path: PathBuf,
    stale: Option<TimeDelta>,
    place: Arc<Mutex<Place>>,
}

/// How far the file was read, and what was said last.
#[derive(Debug, Default)]
struct Place {
    /// Device and number of the file.
    file: Option<(u64, u64)>,
    offset: u64,
    last: Option<(Option<DateTime>, Measurement)>,
}

/// Why a file has no value.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct MeterFileError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("there is no whole line yet")]
    Empty,
    #[error("its last line: {0}")]
    Said(#[from] NotAValue),
}

impl MeterFile {
    /// The file at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            stale: None,
            place: Arc::default(),
        }
    }

    /// From which age on its last line is no present value any more, but the last known one (of bad
    /// quality); for lines with a time. Default: never.
    #[must_use]
    pub fn stale_after(mut self, age: TimeDelta) -> Self {
        self.stale = Some(age);
        self
    }

    /// The value of the last line.
    ///
    /// # Errors
    /// There is none.
    pub async fn measure(&self, moment: Moment) -> Result<Measurement, MeterFileError> {
        self.in_background(move |file| file.last_line(moment.time()))
            .await
    }

    /// The values of all lines of a span.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn recall(&self, span: Span) -> Result<Vec<(DateTime, Measurement)>, MeterFileError> {
        self.in_background(move |file| file.lines(span.from, span.to))
            .await
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, MeterFileError> {
        let file = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&file)).await;
        let done = done.unwrap_or_else(|error| Err(io::Error::other(error).into()));
        done.map_err(|fault| MeterFileError {
            path: self.path.clone(),
            fault,
        })
    }

    fn last_line(&self, now: DateTime) -> Result<Measurement, Fault> {
        let mut file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.file != Some(identity(&metadata)) || metadata.len() < place.offset {
            // Another file, or one that was begun anew.
            *place = Place {
                file: Some(identity(&metadata)),
                ..Place::default()
            };
        }
        place.read(&mut file, metadata.len())?;
        let (time, measurement) = place.last.clone().ok_or(Fault::Empty)?;
        let is_stale = |age: TimeDelta| time.is_some_and(|time| now - time > age);
        Ok(if self.stale.is_some_and(is_stale) {
            measurement.quality(DataQuality::BadLastKnownValue)
        } else {
            measurement
        })
    }

    fn lines(&self, from: DateTime, to: DateTime) -> Result<Vec<(DateTime, Measurement)>, Fault> {
        let mut reader = BufReader::new(File::open(&self.path)?);
        let mut values = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut piece = reader.by_ref().take(LONGEST_LINE);
            let read = piece.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(values);
            }
            // What is not a whole line, or none of ours, is passed over.
            let text = line
                .strip_suffix(b"\n")
                .and_then(|text| str::from_utf8(text).ok());
            if let Some(Ok((Some(time), value))) = text.map(said::line)
                && from <= time
                && time < to
            {
                values.push((time, value));
                if values.len() >= MOST {
                    return Ok(values);
                }
            }
        }
    }
}

impl Place {
    /// Reads what was added, and keeps its last whole line.
    fn read(&mut self, file: &mut File, length: u64) -> Result<(), Fault> {
        let begin = self.offset.max(length.saturating_sub(TAIL));
        let skipped = begin > self.offset;
        file.seek(SeekFrom::Start(begin))?;
        let mut added = Vec::new();
        file.take(length.saturating_sub(begin))
            .read_to_end(&mut added)?;
        let Some(end) = added.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        let whole = added.get(..end).unwrap_or_default();
        let mut lines = whole.split(|byte| *byte == b'\n');
        if skipped {
            // The rest of a line whose beginning was not read.
            lines.next();
        }
        let last = lines.rfind(|line| !line.trim_ascii().is_empty());
        let done = u64::try_from(end).unwrap_or(u64::MAX).saturating_add(1);
        self.offset = begin.saturating_add(done);
        if let Some(line) = last {
            // What is wrong with a line does not make the one before it the last.
            self.last = None;
            self.last = Some(said::line(&String::from_utf8_lossy(line))?);
        }
        Ok(())
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::*;
    use crate::temp_dir::TempDir;

    fn now() -> DateTime {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn append(path: &Path, text: &str) {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn said(file: &MeterFile) -> f64 {
        let measurement = file.last_line(now()).unwrap();
        measurement.plain().unwrap()
    }

    fn fault(file: &MeterFile) -> String {
        file.last_line(now()).unwrap_err().to_string()
    }

    #[test]
    fn the_last_whole_line_counts() {
        let temp = TempDir::new("meter").unwrap();
        let path = temp.path().join("meter.csv");
        let file = MeterFile::new(&path);
        assert!(file.last_line(now()).is_err());
        append(&path, "1\n2");
        assert_eq!(said(&file), 1.0);
        append(&path, "5\n\n");
        assert_eq!(said(&file), 25.0);
        // Nothing new is the same again.
        assert_eq!(said(&file), 25.0);
        append(&path, "2026-01-31T11:59:00Z,7\n");
        assert_eq!(said(&file), 7.0);
        append(&path, "?\n");
        assert!(
            fault(&file).contains("neither a number"),
            "{}",
            fault(&file)
        );
        append(&path, "8\n");
        assert_eq!(said(&file), 8.0);
    }

    #[test]
    fn a_file_that_is_cut_short_or_replaced_is_begun_anew() {
        let temp = TempDir::new("meter").unwrap();
        let path = temp.path().join("meter.csv");
        let file = MeterFile::new(&path);
        append(&path, "1\n2\n3\n");
        assert_eq!(said(&file), 3.0);
        std::fs::write(&path, "4\n").unwrap();
        assert_eq!(said(&file), 4.0);
        // Rotated: for a moment there is none, then an empty one.
        std::fs::rename(&path, temp.path().join("meter.csv.1")).unwrap();
        assert!(fault(&file).contains("No such file"), "{}", fault(&file));
        append(&path, "");
        assert!(fault(&file).contains("no whole line"), "{}", fault(&file));
        // As long as the old one was, and yet not the same.
        append(&path, "5\n");
        assert_eq!(said(&file), 5.0);
    }

    #[test]
    fn only_the_end_of_a_long_file_is_read() {
        let temp = TempDir::new("meter").unwrap();
        let path = temp.path().join("meter.csv");
        let line = "2026-01-31T11:59:00Z,9\n";
        append(&path, &line.repeat(10_000));
        append(&path, &"x".repeat(70_000));
        let file = MeterFile::new(&path);
        assert!(fault(&file).contains("no whole line"), "{}", fault(&file));
        append(&path, "\n");
        assert!(fault(&file).contains("no whole line"), "{}", fault(&file));
        append(&path, "6\n");
        assert_eq!(said(&file), 6.0);
    }

    #[test]
    fn an_old_line_is_only_the_last_known_value() {
        let temp = TempDir::new("meter").unwrap();
        let path = temp.path().join("meter.csv");
        let file = MeterFile::new(&path).stale_after(TimeDelta::minutes(5));
        append(&path, "2026-01-31T11:55:00Z,7\n");
        assert_eq!(said(&file), 7.0);
        let later = now() + TimeDelta::seconds(1);
        let old = Measurement::new(7.0).quality(DataQuality::BadLastKnownValue);
        assert_eq!(file.last_line(later).unwrap(), old);
    }

    #[test]
    fn a_span_has_all_lines_with_a_time_in_it() {
        let temp = TempDir::new("meter").unwrap();
        let path = temp.path().join("meter.csv");
        append(
            &path,
            "time,value\n2026-01-31T10:00:00Z,1\n2026-01-31T11:00:00Z,2\n17\n\
             2026-01-31T11:30:00Z,3\n2026-01-31T12:00:00Z,4\n2026-01-31T11:45:00Z,5",
        );
        let file = MeterFile::new(&path);
        let values = file.lines(now() - TimeDelta::hours(1), now()).unwrap();
        let values: Vec<_> = values
            .iter()
            .filter_map(|(_, value)| value.plain())
            .collect();
        assert_eq!(values, [2.0, 3.0]);
    }
}
