//! The tokens of the operator APIs that tests have started.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

static KNOWN: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Remembers the token of an API.
pub(crate) fn learn(api: &str, file: &Path) {
    let token = fs::read_to_string(file).unwrap().trim_end().to_owned();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(api.to_owned(), token);
}

/// The token of an API.
pub(crate) fn of(api: &str) -> Option<String> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get(api).cloned()
}
