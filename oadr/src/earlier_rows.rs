//! For tests: rows of databases as an earlier version wrote them, and whether all of one is understood.
//!
//! Knows nothing of what the rows are about. Those in `tests/upgrade` were collected from a VTN and a VEN
//! of that version that lived through lost messages and crashes: every member, and every value of an
//! enumeration, that came up is in one of them.

use serde::Serialize;
use serde_json::Value;

/// That this was read from this document, and nothing that the document says is lost.
pub(crate) fn assert_understood(read: &impl Serialize, document: &str) {
    let read = serde_json::to_value(read).unwrap();
    let document = serde_json::from_str(document).unwrap();
    assert!(says(&read, &document), "{document} was read as {read}");
}

/// Whether one document says all that an earlier one does; it may say more.
fn says(now: &Value, earlier: &Value) -> bool {
    match (now, earlier) {
        (Value::Object(now), Value::Object(earlier)) => earlier
            .iter()
            .all(|(name, value)| says(now.get(name).unwrap_or(&Value::Null), value)),
        (Value::Array(now), Value::Array(earlier)) => {
            now.len() == earlier.len()
                && now
                    .iter()
                    .zip(earlier)
                    .all(|(now, earlier)| says(now, earlier))
        }
        (now, earlier) => now == earlier,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_lost_or_changed_is_found() {
        let earlier = json!({"a": [{"b": 1, "c": null}], "d": "x"});
        assert!(says(&json!({"a": [{"b": 1, "n": 2}], "d": "x"}), &earlier));
        for worse in [
            json!({"a": [{"b": 1}]}),
            json!({"a": [{"b": 2}], "d": "x"}),
            json!({"a": [], "d": "x"}),
            json!({"a": [{"b": 1, "c": 0}], "d": "x"}),
        ] {
            assert!(!says(&worse, &earlier), "{worse}");
        }
    }
}
