//! Tables and other text on standard output.

use std::fmt;
use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::printable::{printable, printable_json};

/// Rows of cells under a heading; columns are as wide as their widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const COLUMNS: usize>(heading: [&str; COLUMNS]) -> Self {
        Self { rows: vec![heading.map(String::from).to_vec()] }
    }

    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| printable(&cell)).to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.rows[0].len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Prints to standard output.
///
/// # Errors
/// Standard output is closed or does not take the text.
pub(crate) fn print(text: impl fmt::Display) -> Result<()> {
    let mut output = std::io::stdout().lock();
    write!(output, "{text}").and_then(|()| output.flush()).map_err(|error| Error::output(&error))
}

/// Prints a report for machines, as JSON.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(report: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(report).expect("a report is plain data");
    print(format_args!("{}\n", printable_json(&text)))
}

/// Prints names, each with `end` after it: for a program as they are, for a person as they can be shown.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_names<'a>(names: impl IntoIterator<Item = &'a String>, end: char) -> Result<()> {
    let is_seen = std::io::stdout().is_terminal();
    let shown = |name: &String| if is_seen { printable(name) } else { name.clone() };
    print(names.into_iter().map(|name| format!("{}{end}", shown(name))).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["row", "µs", "result"]);
        table.row(["a longer\x1bname".into(), "1".into(), "met".into()]);
        assert_eq!(table.to_string(), "row                 µs  result\na longer\\u{1b}name  1   met\n");
    }
}
