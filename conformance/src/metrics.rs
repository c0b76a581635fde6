//! Figures as the client library of Prometheus reads them.
//!
//! It does not know which figures there are.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use crate::failure::Failure;
use crate::peers::Peers;

/// The samples of one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples(Vec<Sample>);

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Samples {
    /// Reads the text of `/metrics`.
    ///
    /// # Errors
    ///
    /// When it is not what the text format or its conventions say.
    pub fn read(peers: &Peers, text: &[u8]) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot read the metrics", &error);
        let mut reader = peers
            .script("metrics.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = reader.stdin.take() {
            stdin.write_all(text).map_err(failed)?;
        }
        let output = reader.wait_with_output().map_err(failed)?;
        let wrong = |what: &str| {
            let text = String::from_utf8_lossy(text);
            Failure::new(format!("these are no metrics: {what}\n{text}"))
        };
        if !output.status.success() {
            return Err(wrong(&String::from_utf8_lossy(&output.stderr)));
        }
        let samples: Vec<(String, BTreeMap<String, String>, f64)> =
            serde_json::from_slice(&output.stdout).map_err(|error| wrong(&error.to_string()))?;
        let samples = samples.into_iter().map(|(name, labels, value)| Sample {
            name,
            labels,
            value,
        });
        Ok(Self(samples.collect()))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Sample] {
        &self.0
    }

    /// The figure of this name and exactly these labels.
    #[must_use]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |sample: &&Sample| {
            let mut wanted = labels.iter();
            sample.name == name
                && sample.labels.len() == labels.len()
                && wanted.all(|(label, value)| {
                    sample
                        .labels
                        .get(*label)
                        .is_some_and(|found| found == value)
                })
        };
        self.0.iter().find(fits).map(|sample| sample.value)
    }
}
