//! Aligned columns of text for people.
//!
//! Knows nothing of what is in them. A character counts as one column; letters of double width shift
//! what follows.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use super::api_error::Error;

/// Between columns.
const GAP: usize = 2;

/// No column is cut to less.
const NARROWEST: usize = 8;

/// In place of an empty cell, so that columns can be counted.
const EMPTY: &str = "-";

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a line of titles.
    pub(crate) fn new<const N: usize>(titles: [&str; N]) -> Self {
        let mut table = Self::default();
        table.row(titles.map(str::to_owned));
        table
    }

    /// Adds a line.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.columns = self.columns.max(N);
        let cells = cells.into_iter().map(|cell| match printable(&cell) {
            blank if blank.trim().is_empty() => EMPTY.to_owned(),
            text => text.into_owned(),
        });
        self.rows.push(cells.collect());
    }

    /// The lines; no longer than `width` characters if there is one, as far as cells can be cut.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let mut widths = vec![0; self.columns];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if let Some(width) = width {
            narrow(&mut widths, width);
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let cell = cut(cell, *width);
                line.push_str(&cell);
                let blanks = width.saturating_sub(cell.chars().count()) + GAP;
                line.extend(std::iter::repeat_n(' ', blanks));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Takes from the widest columns until the line fits, or nothing more can be taken.
fn narrow(widths: &mut [usize], width: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) | None => return,
        }
    }
}

fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    if cell.chars().count() <= width {
        return cell.into();
    }
    let mut short: String = cell.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short.into()
}

/// A text from elsewhere on one line, and without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // The marks that turn the direction of writing can make a text look like another.
    let is_odd =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_odd) {
        return text.into();
    }
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            odd if is_odd(odd) => '\u{FFFD}',
            plain => plain,
        })
        .collect()
}

/// How many characters a line of the terminal has, if there is one and it says so.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Writes an answer to stdout.
///
/// # Errors
/// The disk is full, or the like; a reader who has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Error::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["VEN", "COMMENT", "CODE"]);
        table.row(["house".into(), "a rather long remark".into(), "200".into()]);
        table.row(["barn".into(), " ".into(), String::new()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        let expected = "\
VEN    COMMENT               CODE
house  a rather long remark  200
barn   -                     -
";
        assert_eq!(table().render(None), expected);
        assert_eq!(table().render(Some(80)), expected);
    }

    #[test]
    fn only_wide_cells_are_cut_and_only_if_needed() {
        let expected = "\
VEN    COMMENT     CODE
house  a rather …  200
barn   -           -
";
        assert_eq!(table().render(Some(23)), expected);
        let least = table().render(Some(1));
        assert!(least.contains("house  a rathe…  200\n"), "{least}");
    }

    #[test]
    fn characters_count_and_not_bytes() {
        let mut table = Table::new(["A", "B"]);
        table.row(["Zürich".into(), "1".into()]);
        table.row(["Bern".into(), "2".into()]);
        assert_eq!(table.render(None), "A       B\nZürich  1\nBern    2\n");
    }

    #[test]
    fn what_a_ven_calls_itself_cannot_steer_the_terminal() {
        let mut table = Table::default();
        table.row(["\u{1b}[2J\u{9b}31m\nx\u{202e}".into()]);
        assert_eq!(table.render(None), "\u{FFFD}[2J\u{FFFD}31m x\u{FFFD}\n");
    }
}
