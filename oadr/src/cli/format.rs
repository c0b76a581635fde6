//! Answers of the operator API for people: tables and lists of values.
//!
//! Knows nothing of what is in them.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

/// Prints a text. Nobody reading it is no failure.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads this");
    }
}

/// Prints JSON, indented.
pub(super) fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

/// Columns as wide as they need to be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Names and values, one pair a line; pairs without a value are left out.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let told: Vec<_> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let width = told.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in told {
        let _ = writeln!(out, "{name:width$}  {value}");
    }
    out
}

/// A value in a cell: texts as they are (without what would move the cursor), lists with commas.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}={}", cell(value)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A member in a cell.
pub(super) fn member(object: &Value, path: &str) -> String {
    object.pointer(path).map(cell).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_align_and_nothing_moves_the_cursor() {
        let event = json!({"id": "é\u{1b}[2J", "n": 1, "list": ["a", "b"], "none": null});
        let row = ["/id", "/n", "/list", "/none", "/else"].map(|path| member(&event, path));
        assert_eq!(row, ["é[2J", "1", "a, b", "", ""]);
        let rows = [
            vec!["long one".to_owned(), "x".to_owned()],
            vec!["é".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            table(&["A", "B"], &rows),
            "A         B\nlong one  x\né         y\n"
        );
        assert_eq!(
            pairs(&[
                ("a", "1".into()),
                ("none", String::new()),
                ("long", "2".into())
            ]),
            "a     1\nlong  2\n"
        );
    }
}
