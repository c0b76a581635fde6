//! Something for `oadr ven` to measure: a command whose every value is one more than the last.
//!
//! So each value has a name of its own, and what was taken is known without asking the VEN.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use conformance::folder::Folder;
use conformance::program::Vtn;
use conformance::wait;

use crate::readings::{self, Key, Readings};

/// A data point, with the folder of the command behind it.
#[derive(Debug)]
pub(crate) struct Counter {
    r_id: String,
    folder: Folder,
}

impl Counter {
    /// A data point of this rID, which has not counted yet.
    pub(crate) fn new(r_id: &str) -> Self {
        let folder = Folder::new("counter").unwrap();
        // The rename keeps half a file from being read. It comes last and is the only other program: who
        // is killed for having been slow has most likely not counted, so that no number is lost.
        let script = "cd \"${0%/*}\" && read -r n <taken && n=$((n + 1)) && echo $n >next && \
            echo $n && exec mv next taken\n";
        fs::write(folder.path().join("count"), script).unwrap();
        fs::write(folder.path().join("taken"), "0\n").unwrap();
        Self {
            r_id: r_id.to_owned(),
            folder,
        }
    }

    /// What `--report` says of it: power, once a second.
    pub(crate) fn report(&self) -> String {
        format!(
            "{} resource=Meter1 unit=powerReal:W min=PT1S source=command:sh {}",
            self.r_id,
            self.file("count").display()
        )
    }

    /// The last value that was taken; before the first one it is 0.
    pub(crate) fn taken(&self) -> u32 {
        let text = fs::read_to_string(self.file("taken")).unwrap();
        text.trim().parse().unwrap()
    }

    /// Waits until the VTN has what was taken by now.
    pub(crate) fn wait_until_stored(&self, vtn: &Vtn) {
        let taken = f64::from(self.taken());
        let what = format!("{taken} of {}", self.r_id);
        wait::until(&what, wait::PATIENCE, || {
            let stored = readings::stored(vtn, &format!("r_id={}", self.r_id));
            stored
                .values()
                .flatten()
                .any(|value| *value >= taken)
                .then_some(())
        })
        .unwrap_or_else(|failure| panic!("{}", vtn.process.failure(&failure.to_string())));
    }

    /// Fails unless `stored` has one reading of it for every second, and every value from the first on
    /// once and in order. `placeholders` stand for no value.
    pub(crate) fn require_each_once(&self, stored: &Readings, placeholders: &BTreeSet<Key>) {
        let missing = self.require_none_twice(stored, placeholders);
        assert_eq!(missing, 0, "not every value: {stored:#?}");
    }

    /// The same, but values may be missing; returns how many are.
    pub(crate) fn require_none_twice(
        &self,
        stored: &Readings,
        placeholders: &BTreeSet<Key>,
    ) -> usize {
        let own: Vec<_> = stored
            .iter()
            .filter(|(key, _)| key.r_id == self.r_id)
            .collect();
        // By request and time: there is one request.
        let times: Vec<i64> = own.iter().map(|(key, _)| key.start).collect();
        let is_next = |pair: &[i64]| pair[1] - pair[0] == 1000;
        assert!(times.windows(2).all(is_next), "not every second: {times:?}");
        let values = own.iter().filter(|(key, _)| !placeholders.contains(key));
        let values: Vec<f64> = values.map(|(_, value)| value.unwrap()).collect();
        assert!(
            values.is_sorted_by(|a, b| a < b),
            "out of order: {values:?}"
        );
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            panic!("no value of {}: {own:?}", self.r_id);
        };
        // Counts are whole.
        (last - first) as usize + 1 - values.len()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
