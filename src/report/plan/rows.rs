//! Rows that would change, for people.

use std::fmt::Write;

use super::words;
use crate::deploy::{Emitted, ViewRows};
use crate::json::to_string;
use crate::report::terminal::{Style, escape};

/// Documents shown of each view.
const MOST: usize = 10;

/// The rows that would change in a database, a line feed at the end.
#[must_use]
pub fn report(database: &str, views: &[ViewRows], style: Style) -> String {
    let mut text = String::new();
    for view in views {
        let name = format!("{database}/{}/{}", words::name(&view.design), view.view);
        let name = style.strong(&escape(&name));
        if let Some(failure) = &view.failure {
            let _ = writeln!(text, "{name}: rows cannot be compared: {}", escape(failure));
            continue;
        }
        let count = words::count_documents(view.documents as u64);
        let _ = writeln!(text, "{name}: rows of {} of {count} change", view.changed.len());
        for change in view.changed.iter().take(MOST) {
            let _ = writeln!(text, "  {}", escape(&change.id));
            let mut line = |sign: char, row: &Emitted| {
                let row = format!("{} → {}", to_string(&row.key), to_string(&row.value));
                let line = format!("{sign} {}", escape(&row));
                let line = if sign == '-' { style.bad(&line) } else { style.good(&line) };
                let _ = writeln!(text, "    {line}");
            };
            change.removed.iter().for_each(|row| line('-', row));
            change.added.iter().for_each(|row| line('+', row));
        }
        if view.changed.len() > MOST {
            let _ = writeln!(text, "  … and {} more", view.changed.len() - MOST);
        }
    }
    text
}
