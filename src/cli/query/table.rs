//! An answer for people to read.

use crate::json::{self, Value};
use crate::report::human::plural;
use crate::report::terminal::escape;

/// The answer in columns.
pub(in crate::cli) fn table(body: &str) -> String {
    let answer = json::parse_str(body).unwrap_or_default();
    let rows = answer.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<&str> = ["id", "key", "value", "doc", "error", "reason"]
        .into_iter()
        .filter(|column| rows.iter().any(|row| row.get(column).is_some()))
        .collect();
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().map(|column| (*column).to_owned()).collect()];
    for row in &rows {
        lines.push(
            columns
                .iter()
                .map(|column| match row.get(column) {
                    Some(Value::String(text)) if *column == "id" => escape(text),
                    Some(value) => escape(&json::to_string(value)),
                    None => String::new(),
                })
                .collect(),
        );
    }
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    let range = match (answer.get("total_rows"), answer.get("offset")) {
        (Some(total), Some(offset)) => format!(" of {total}, offset {offset}"),
        _ => String::new(),
    };
    text + &plural(rows.len(), "row") + &range + "\n"
}
